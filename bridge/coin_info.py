"""Reads debtor info documents (CoinInfo). Only what the service uses is validated; the rest is tolerated."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from bridge.messages.moments import parse_moment
from pipelines.texts import plain_name

CONTENT_TYPE = "application/vnd.swaptacular.coin-info+json"
MAX_BODY_BYTES = 2**20

_VERSION = r"(?:-v[1-9][0-9]{0,5})?\Z"
_SWPT_URI = re.compile(r"swpt:([0-9]{1,20})")


class InvalidDocument(Exception):
    """The document cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Peg:
    """One token of the currency is worth `exchange_rate` tokens of the peg currency."""

    debtor_info_locator: str
    debtor_id: int
    exchange_rate: float


@dataclass(frozen=True, slots=True)
class CoinInfo:
    """What a document says. `will_not_change_until` is in UTC.

    `name` and `abbreviation` are made harmless (see plain_name), and None where nothing is left of them.
    """

    debtor_info_locator: str
    debtor_id: int
    peg: Peg | None
    will_not_change_until: datetime | None
    name: str | None = None
    abbreviation: str | None = None


class _ShortLink(Struct, forbid_unknown_fields=True):
    uri: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\A[^\x00-\x1f\x7f-\x9f]*\Z")]


class _DebtorIdentity(Struct):
    type: Annotated[str, Meta(pattern=r"\ADebtorIdentity" + _VERSION)]
    uri: Annotated[str, Meta(max_length=100)]


class _Peg(Struct):
    type: Annotated[str, Meta(pattern=r"\APeg" + _VERSION)]
    exchange_rate: Annotated[float, Meta(ge=0)] = msgspec.field(name="exchangeRate")
    debtor_identity: _DebtorIdentity = msgspec.field(name="debtorIdentity")
    latest_debtor_info: _ShortLink = msgspec.field(name="latestDebtorInfo")


class _Document(Struct):
    type: Annotated[str, Meta(pattern=r"\ACoinInfo" + _VERSION)]
    latest_debtor_info: _ShortLink = msgspec.field(name="latestDebtorInfo")
    debtor_identity: _DebtorIdentity = msgspec.field(name="debtorIdentity")
    will_not_change_until: Annotated[str, Meta(max_length=100)] | UnsetType = msgspec.field(
        name="willNotChangeUntil", default=UNSET
    )
    peg: _Peg | UnsetType = UNSET


class _Names(Struct):
    """Only people need them, so whatever is there makes no document invalid."""

    debtor_name: Any = msgspec.field(name="debtorName", default=None)
    unit: Any = None


_decode = msgspec.json.Decoder(_Document).decode
_decode_names = msgspec.json.Decoder(_Names).decode


def parse_coin_info(body: bytes, max_bytes: int = MAX_BODY_BYTES) -> CoinInfo:
    """Reads a document. Raises InvalidDocument, and nothing else, whatever the bytes are."""
    if len(body) > max_bytes:
        raise InvalidDocument(f"larger than {max_bytes} bytes")
    try:
        document = _read(body, body.decode("utf-8"))
        until = document.will_not_change_until
        names = _read_names(body)
        return CoinInfo(
            debtor_info_locator=document.latest_debtor_info.uri,
            debtor_id=parse_debtor_uri(document.debtor_identity.uri),
            peg=None if isinstance(document.peg, UnsetType) else _read_peg(document.peg),
            will_not_change_until=None if isinstance(until, UnsetType) else parse_moment(until),
            name=plain_name(names.debtor_name),
            abbreviation=plain_name(names.unit),
        )
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidDocument(f"{type(error).__name__}: {error}"[:300]) from None


def _read(body: bytes, text: str) -> _Document:
    try:
        return _decode(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        # It stumbles over half a surrogate pair, too, which a summary cut off in an emoji ends with. In texts that are
        # not used, this does no harm.
        document = msgspec.convert(json.loads(text, parse_float=_finite, parse_constant=_finite), _Document)
    # Half a pair in a text that is used raises UnicodeEncodeError, a ValueError.
    document.latest_debtor_info.uri.encode()
    if not isinstance(document.peg, UnsetType):
        document.peg.latest_debtor_info.uri.encode()
    return document


def _read_names(body: bytes) -> _Names:
    try:
        return _decode_names(body)
    except (msgspec.MsgspecError, RecursionError):
        # Half a surrogate pair, as above, or in their place something that nobody can read.
        try:
            document = json.loads(body)
            return _Names(document.get("debtorName"), document.get("unit"))
        except (ValueError, RecursionError):
            return _Names()


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError("a number out of range")
    return number


def parse_debtor_uri(uri: str) -> int:
    """The debtor ID of a `swpt:` URI: a decimal unsigned 64-bit two's complement. Raises ValueError."""
    match = _SWPT_URI.fullmatch(uri)
    number = int(match[1]) if match else 2**64
    if number >= 2**64:
        raise ValueError("not the swpt: URI of a debtor")
    return number - 2**64 if number >= 2**63 else number


def _read_peg(peg: _Peg) -> Peg | None:
    if not peg.debtor_identity.uri.startswith("swpt:"):
        # Pegged to something that is no Swaptacular currency, such as gold: legal, and no peg for us.
        return None
    return Peg(
        debtor_info_locator=peg.latest_debtor_info.uri,
        debtor_id=parse_debtor_uri(peg.debtor_identity.uri),
        exchange_rate=peg.exchange_rate,
    )

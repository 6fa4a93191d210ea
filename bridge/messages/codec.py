"""JSON to messages and back. Pure functions, no I/O.

Nearly every message takes the fast path: one typed decode in C. What that decoder would read differently than the
protocol demands (escapes, odd but legal moments, whole numbers written as floats) goes through `_read_carefully`,
which decides alone whether such a message is good.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

import msgspec
from msgspec import inspect

from bridge.messages.catalogue import STRUCTS
from bridge.messages.moments import format_moment, parse_moment
from bridge.messages.names import CONSUMED_TYPES
from bridge.messages.types import MAX_INT64, MIN_INT64, WireMessage
from bridge.wire.ports import JSON_CONTENT_TYPE, Delivery


class BadMessage(Exception):
    """The message is unusable as it is; `reason` says why, without the content of the message."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Message:
    """A checked message. `key` is its sharding key."""

    type: str
    key: int | str
    fields: WireMessage

    def inbox_json(self) -> bytes:
        """The message in normal form, fit for a PostgreSQL jsonb column: only known fields, moments in UTC."""
        return _encode_json(self.fields)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How the fields of one message type are read."""

    decoder: msgspec.json.Decoder[WireMessage]
    integers: tuple[str, ...]
    moments: tuple[str, ...]
    # (name, must be ASCII, most bytes in UTF-8 or None)
    texts: tuple[tuple[str, bool, int | None], ...]
    # Nothing but numbers without fractions, texts, and moments which are never missing.
    is_plain: bool


def decode(delivery: Delivery, types: Collection[str] = CONSUMED_TYPES) -> Message:
    """Checks and reads a delivered message of one of the `types`. Raises BadMessage, and nothing else."""
    if delivery.content_type != JSON_CONTENT_TYPE:
        raise BadMessage("content type is not application/json")
    type_name = delivery.type
    if type_name is None or type_name not in types or type_name not in _PLANS:
        raise BadMessage("unknown message type")
    plan = _PLANS[type_name]
    body = delivery.body
    try:
        fields = _read_fast(plan, body) or _read_carefully(plan, STRUCTS[type_name], body)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        # All failures of decoding, parsing and validating are of these classes.
        raise BadMessage(f"{type(error).__name__}: {error}"[:300]) from None
    return Message(type_name, fields.sharding_key, fields)


def build(type_name: str, fields: Mapping[str, object]) -> WireMessage:
    """Makes a checked message out of field values (numbers, strings, datetimes; `type` is added).

    Accepts what PostgreSQL's jsonb makes of a message as well. Raises ValueError when the message would be invalid.
    """
    plan = _PLANS[type_name]
    values = dict(fields)
    values["type"] = type_name
    for name in plan.integers:
        value = values.get(name)
        if isinstance(value, float) and value.is_integer() and MIN_INT64 <= value < MAX_INT64 + 1:
            values[name] = int(value)
    return _convert(plan, STRUCTS[type_name], values)


def encode(type_name: str, fields: Mapping[str, object]) -> bytes:
    """The message as it goes over the wire. Raises ValueError when it would be invalid."""
    return encode_message(build(type_name, fields))


def encode_message(message: WireMessage) -> bytes:
    """Compact JSON; floats with a point or an exponent, moments in UTC, non-ASCII characters literally."""
    plan = _PLANS[type(message).__name__]
    if plan.is_plain:
        values = msgspec.structs.asdict(message)
        for name in plan.moments:
            values[name] = format_moment(values[name])
        return _encode_json(values)
    return _WIRE_ENCODER.encode(msgspec.to_builtins(message, builtin_types=(datetime, date))).encode()


def _plan_for(struct: type[WireMessage]) -> _Plan:
    integers: list[str] = []
    moments: list[str] = []
    texts: list[tuple[str, bool, int | None]] = []
    is_plain = True
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    for item in info.fields:
        parts = item.type.types if isinstance(item.type, inspect.UnionType) else (item.type,)
        is_plain &= item.required and len(parts) == 1
        for part in parts:
            extra: dict[str, Any] = {}
            kind = part
            if isinstance(kind, inspect.Metadata):
                extra, kind = kind.extra or {}, kind.type
            if isinstance(kind, inspect.IntType):
                integers.append(item.name)
            elif isinstance(kind, inspect.DateTimeType):
                moments.append(item.name)
            elif isinstance(kind, inspect.StrType):
                texts.append((item.name, bool(extra.get("ascii")), extra.get("utf8")))
            elif not isinstance(kind, inspect.LiteralType | inspect.BoolType):
                is_plain = False
    return _Plan(msgspec.json.Decoder(struct), tuple(integers), tuple(moments), tuple(texts), is_plain)


# More than six digits of a second, which the fast decoder would round, and a small t between day and time, which only
# it would accept. (Expressions that begin with one character are found several times faster than others.)
_LONG_FRACTION = re.compile(rb'\.[0-9]{7,}["Zz+-]')
_SMALL_SEPARATOR = re.compile(rb"-[0-9][0-9]t")


def _read_fast(plan: _Plan, body: bytes) -> WireMessage | None:
    """None when the message needs a careful look (which does not mean that it is bad)."""
    # ASCII without \u escapes means: no U+0000, no surrogates, byte limits equal character limits.
    # A small z at the end of a moment is another thing that only the fast decoder would accept. Looking for a single
    # byte first takes a tenth of the time.
    if not body.isascii() or (b"\\" in body and b"\\u" in body) or (b"z" in body and b'z"' in body):
        return None
    if _LONG_FRACTION.search(body) or _SMALL_SEPARATOR.search(body):
        return None
    try:
        message = plan.decoder.decode(body)
    except msgspec.ValidationError:
        return None
    for name in plan.moments:
        moment = getattr(message, name)
        if moment is not None and moment.tzinfo is not UTC:
            return None
    return message


def _read_carefully(plan: _Plan, struct: type[WireMessage], body: bytes) -> WireMessage:
    body.decode("utf-8")  # fields that nobody knows must be valid UTF-8, too
    values = _decode_any(body)
    if not isinstance(values, dict):
        raise ValueError("not an object")
    for name in plan.moments:
        value = values.get(name)
        if isinstance(value, str):
            values[name] = parse_moment(value)
    return _convert(plan, struct, values)


def _convert(plan: _Plan, struct: type[WireMessage], values: dict[str, Any]) -> WireMessage:
    for name in plan.moments:
        value = values.get(name)
        if isinstance(value, datetime):
            values[name] = (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    try:
        message = msgspec.convert(values, struct)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    for name, must_be_ascii, byte_limit in plan.texts:
        text = getattr(message, name)
        if not isinstance(text, str):
            continue
        if "\0" in text:
            raise ValueError(f"{name} contains U+0000")
        if must_be_ascii and not text.isascii():
            raise ValueError(f"{name} is not ASCII")
        size = len(text.encode("utf-8"))  # raises UnicodeEncodeError, a ValueError, for lone surrogates
        if byte_limit is not None and size > byte_limit:
            raise ValueError(f"{name} is longer than {byte_limit} bytes")
    return message


def _read_number(text: str) -> int | float:
    """A number with a point or an exponent: an integer when it is one, digit for digit, and 64 bits hold it.

    Whatever a float had to round stays a float, so that it is no integer: IDs and amounts must not change.
    """
    number = float(text)
    if not isfinite(number):
        raise ValueError("number out of range")
    try:
        is_exact = number.is_integer() and MIN_INT64 <= number < MAX_INT64 + 1 and Decimal(text) == number
    except InvalidOperation:  # an exponent of dozens of digits
        is_exact = False
    return int(number) if is_exact else number


def _jsonable(value: object) -> str:
    if isinstance(value, datetime):
        return format_moment(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"cannot write a {type(value).__name__}")


_PLANS = {name: _plan_for(struct) for name, struct in STRUCTS.items()}
_WIRE_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_jsonable)
_encode_json = msgspec.json.Encoder().encode
_decode_any = msgspec.json.Decoder(float_hook=_read_number).decode

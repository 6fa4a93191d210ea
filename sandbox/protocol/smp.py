"""The messages between the sandbox's peers and the service, as typed records, and their JSON form.

Moments are aware datetimes in UTC, amounts are tokens. The service has a codec of its own; the two are
written apart on purpose, so that a misreading on one side does not hide in the other.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Amount = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Seconds = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Ascii30 = Annotated[str, Meta(max_length=30, pattern=r"^[\x01-\x7f]*$")]
Ascii100 = Annotated[str, Meta(max_length=100, pattern=r"^[\x01-\x7f]*$")]
Coordinator = Annotated[str, Meta(min_length=1, max_length=30, pattern=r"^[\x01-\x7f]*$")]
NoteFormat = Annotated[str, Meta(max_length=8, pattern=r"^[0-9A-Za-z.-]*$")]
Note = Annotated[str, Meta(max_length=500)]
Moment = Annotated[datetime, Meta(tz=True)]

M = TypeVar("M", bound="Message")

MAX_NOTE_BYTES = 500
MAX_CONFIG_DATA_BYTES = 2000


class MalformedMessageError(ValueError):
    """The message breaks the protocol: it belongs into the dead-letter queue and gets no answer."""


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="type"):
    """A message about one account; `type` in the JSON form is the class name."""

    debtor_id: Int64
    creditor_id: Int64
    ts: Moment

    def __post_init__(self) -> None:
        for name in _MOMENTS[type(self)]:
            moment: datetime = getattr(self, name)
            if moment.tzinfo is not UTC:
                msgspec.structs.force_setattr(self, name, _in_utc(moment))


class ConfigureAccount(Message, frozen=True, kw_only=True):
    seqnum: Int32
    negligible_amount: float
    config_data: Annotated[str, Meta(max_length=MAX_CONFIG_DATA_BYTES)]
    config_flags: Int32


class PrepareTransfer(Message, frozen=True, kw_only=True):
    coordinator_type: Coordinator
    coordinator_id: Int64
    coordinator_request_id: Int64
    min_locked_amount: Amount
    max_locked_amount: Amount
    recipient: Ascii100
    final_interest_rate_ts: Moment
    max_commit_delay: Seconds


class FinalizeTransfer(Message, frozen=True, kw_only=True):
    transfer_id: Int64
    coordinator_type: Coordinator
    coordinator_id: Int64
    coordinator_request_id: Int64
    committed_amount: Amount
    transfer_note_format: NoteFormat
    transfer_note: Note


class RejectedConfig(Message, frozen=True, kw_only=True):
    config_ts: Moment
    config_seqnum: Int32
    config_flags: Int32
    config_data: str
    negligible_amount: float
    rejection_code: Ascii30


class AccountUpdate(Message, frozen=True, kw_only=True):
    creation_date: date
    last_change_ts: Moment
    last_change_seqnum: Int32
    principal: Int64
    interest: float
    interest_rate: float
    last_interest_rate_change_ts: Moment
    last_config_ts: Moment
    last_config_seqnum: Int32
    negligible_amount: float
    config_flags: Int32
    config_data: str
    account_id: Ascii100
    debtor_info_iri: str
    debtor_info_content_type: str
    debtor_info_sha256: str
    last_transfer_number: Amount
    last_transfer_committed_at: Moment
    demurrage_rate: float
    commit_period: Seconds
    transfer_note_max_bytes: Seconds
    ttl: Seconds


class AccountPurge(Message, frozen=True, kw_only=True):
    creation_date: date


class AccountTransfer(Message, frozen=True, kw_only=True):
    creation_date: date
    transfer_number: Amount
    coordinator_type: Coordinator
    sender: Ascii100
    recipient: Ascii100
    acquired_amount: Int64
    transfer_note_format: NoteFormat
    transfer_note: Note
    committed_at: Moment
    principal: Int64
    previous_transfer_number: Amount


class RejectedTransfer(Message, frozen=True, kw_only=True):
    coordinator_type: Coordinator
    coordinator_id: Int64
    coordinator_request_id: Int64
    status_code: Ascii30
    total_locked_amount: Amount


class PreparedTransfer(Message, frozen=True, kw_only=True):
    transfer_id: Int64
    coordinator_type: Coordinator
    coordinator_id: Int64
    coordinator_request_id: Int64
    locked_amount: Amount
    recipient: Ascii100
    prepared_at: Moment
    demurrage_rate: float
    deadline: Moment
    final_interest_rate_ts: Moment


class FinalizedTransfer(Message, frozen=True, kw_only=True):
    transfer_id: Int64
    coordinator_type: Coordinator
    coordinator_id: Int64
    coordinator_request_id: Int64
    committed_amount: Amount
    status_code: Ascii30
    total_locked_amount: Amount
    prepared_at: Moment


class UpdatedLedger(Message, frozen=True, kw_only=True):
    update_id: Int64
    account_id: Ascii100
    creation_date: date
    principal: Int64
    last_transfer_number: Amount


class UpdatedPolicy(Message, frozen=True, kw_only=True):
    update_id: Int64
    policy_name: str | None
    min_principal: Int64
    max_principal: Int64
    peg_exchange_rate: float | None
    peg_debtor_id: Int64 | None


class UpdatedFlags(Message, frozen=True, kw_only=True):
    update_id: Int64
    config_flags: Int32


Request = ConfigureAccount | PrepareTransfer | FinalizeTransfer
Reply = RejectedTransfer | PreparedTransfer | FinalizedTransfer
AccountNews = RejectedConfig | AccountUpdate | AccountPurge | AccountTransfer
Notification = UpdatedLedger | UpdatedPolicy | UpdatedFlags


def decode(decoder: msgspec.json.Decoder[M], body: bytes, expected_type: str | None) -> M:
    """Reads one message; its `type` must be the one of the delivery. Raises `MalformedMessageError`."""
    try:
        message = decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedMessageError(str(error)) from error
    if type(message).__name__ != expected_type:
        raise MalformedMessageError(f"the body is a {type(message).__name__}, the delivery says {expected_type}")
    return message


def encode(message: Message) -> bytes:
    """The compact JSON form: moments always end in `+00:00`, floats always look like floats."""
    kind = type(message)
    body = msgspec.structs.asdict(message)
    for name in _MOMENTS[kind]:
        # In JSON a moment in UTC ends with Z.
        body[name] = _ENCODE(body[name])[1:-2].decode() + "+00:00"
    body["type"] = kind.__name__
    return _ENCODE(body)


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("moment outside of the calendar") from error


def _moment_fields(kind: type[Message]) -> tuple[str, ...]:
    return tuple(name for name in kind.__struct_fields__ if kind.__annotations__.get(name) == "Moment" or name == "ts")


_ENCODE = msgspec.json.Encoder().encode
_MOMENTS: dict[type[Message], tuple[str, ...]] = {kind: _moment_fields(kind) for kind in Message.__subclasses__()}

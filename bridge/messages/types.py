"""What the message types of this package are made of: scalar types with their limits, and the common base.

The types themselves are in `bridge.messages.smp` (protocol messages and notifications) and
`bridge.messages.internal` (worker to worker). Field order is the order on the wire. IDs and amounts are signed 64-bit
integers, amounts in the smallest unit of the currency; delays in seconds; rates in percent per year; moments are
timezone-aware.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

MOST_BYTES = 64 * 1024
"""Nobody has a reason to send larger ones: it is several times what the limits below allow."""
LARGEST_BYTES = 20 * 1024
"""No message within the limits below is larger, even if every character is escaped."""

MIN_INT64 = -(2**63)
MAX_INT64 = 2**63 - 1


class WireMessage(Struct, frozen=True, kw_only=True):
    """One message. `sharding_field` names the field whose hash decides which shard the message belongs to."""

    sharding_field: ClassVar[str]

    @property
    def sharding_key(self) -> int | str:
        key: int | str = getattr(self, self.sharding_field)
        return key


Int16 = Annotated[int, Meta(ge=-(2**15), le=2**15 - 1)]
Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Int64 = Annotated[int, Meta(ge=MIN_INT64, le=MAX_INT64)]
UInt15 = Annotated[int, Meta(ge=0, le=2**15 - 1)]
UInt31 = Annotated[int, Meta(ge=0, le=2**31 - 1)]
UInt63 = Annotated[int, Meta(ge=0, le=MAX_INT64)]
Positive63 = Annotated[int, Meta(ge=1, le=MAX_INT64)]
NoteMaxBytes = Annotated[int, Meta(ge=0, le=500)]

NonNegativeFloat = Annotated[float, Meta(ge=0)]
InterestRate = Annotated[float, Meta(ge=-100)]
DemurrageRate = Annotated[float, Meta(ge=-100, le=0)]

# `tz=True` sends a moment without UTC offset through the codec's careful path, which reads it as UTC.
Moment = Annotated[datetime, Meta(tz=True)]

# Lengths are enforced by the decoder; the codec enforces `extra`: plain ASCII, or a limit in UTF-8 bytes.
AccountId = Annotated[str, Meta(max_length=100, extra={"ascii": True})]
KnownAccountId = Annotated[str, Meta(min_length=1, max_length=100, extra={"ascii": True})]
ContentType = Annotated[str, Meta(max_length=100, extra={"ascii": True})]
StatusCode = Annotated[str, Meta(max_length=30, extra={"ascii": True})]
CoordinatorType = Annotated[str, Meta(min_length=1, max_length=30, extra={"ascii": True})]
ConfigData = Annotated[str, Meta(max_length=2000, extra={"utf8": 2000})]
TransferNote = Annotated[str, Meta(max_length=500, extra={"utf8": 500})]
TransferNoteFormat = Annotated[str, Meta(pattern=r"\A[0-9A-Za-z.-]{0,8}\Z", extra={"ascii": True})]
Sha256 = Annotated[str, Meta(pattern=r"\A(?:[0-9A-F]{64}|[0-9a-f]{64})?\Z", extra={"ascii": True})]
DebtorInfoIri = Annotated[str, Meta(max_length=200)]
Iri = Annotated[str, Meta(min_length=1, max_length=200)]
CurrencyName = Annotated[str, Meta(min_length=1, max_length=40)]

"""The messages that workers send each other."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal

from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import force_setattr

from bridge.messages.types import (
    MAX_INT64,
    AccountId,
    CurrencyName,
    Int32,
    Int64,
    Iri,
    KnownAccountId,
    Moment,
    NonNegativeFloat,
    UInt15,
    UInt63,
    WireMessage,
)

OfferAmount = Annotated[int, Meta(ge=-MAX_INT64, le=MAX_INT64)]
TransferKind = Annotated[int, Meta(ge=0, le=3)]
SENDING, DISPATCHING, MOVING = range(3)
OptionalIri = Annotated[str, Meta(max_length=200)] | None


def _refuse_debtor_zero(debtor_id: int) -> None:
    # Exactly seven types refuse it; all others accept it.
    if debtor_id == 0:
        raise ValueError("debtor_id is zero")


def _settle_transfer_kind(message: TriggerTransfer | AccountIdRequest | AccountIdResponse) -> None:
    """A later release says `transfer_kind` instead of `is_dispatching`; either will do, if they do not contradict.

    From then on the kind is there only where the other one can not say it: in what moves a surplus.
    """
    if message.transfer_kind is UNSET:
        if message.is_dispatching is UNSET:
            raise ValueError("neither is_dispatching nor transfer_kind")
        return
    if message.transfer_kind not in (SENDING, DISPATCHING, MOVING):
        raise ValueError("unknown transfer_kind")
    is_dispatching = message.transfer_kind == DISPATCHING
    if message.is_dispatching not in (UNSET, is_dispatching):
        raise ValueError("is_dispatching contradicts transfer_kind")
    force_setattr(message, "is_dispatching", is_dispatching)
    if message.transfer_kind != MOVING:
        force_setattr(message, "transfer_kind", UNSET)


class FetchDebtorInfo(WireMessage, frozen=True, kw_only=True):
    """Schedules the HTTP fetch of a debtor info document. An empty `forced_iri` counts as null."""

    sharding_field: ClassVar[str] = "iri"

    type: Literal["FetchDebtorInfo"]
    iri: Iri
    debtor_id: Int64
    is_locator_fetch: bool
    is_discovery_fetch: bool
    forced_iri: OptionalIri = None
    recursion_level: UInt15
    ts: Moment

    def __post_init__(self) -> None:
        if self.forced_iri == "":
            force_setattr(self, "forced_iri", None)


class StoreDocument(WireMessage, frozen=True, kw_only=True):
    """Stores the parsed content of a fetched document. The three peg fields are null together.

    `name` and `abbreviation` are ours: shards of other releases never get it, since who fetches a document also stores
    it.
    """

    sharding_field: ClassVar[str] = "debtor_info_locator"

    type: Literal["StoreDocument"]
    debtor_info_locator: Iri
    debtor_id: Int64
    peg_debtor_info_locator: Iri | None = None
    peg_debtor_id: Int64 | None = None
    peg_exchange_rate: NonNegativeFloat | None = None
    will_not_change_until: Moment | None = None
    name: CurrencyName | UnsetType = UNSET
    abbreviation: CurrencyName | UnsetType = UNSET
    ts: Moment

    def __post_init__(self) -> None:
        absent = (self.peg_debtor_info_locator is None, self.peg_debtor_id is None, self.peg_exchange_rate is None)
        if len(set(absent)) > 1:
            raise ValueError("only some of the three peg fields are null")


class DiscoverDebtor(WireMessage, frozen=True, kw_only=True):
    """Starts or refreshes the confirmation of a debtor."""

    sharding_field: ClassVar[str] = "debtor_id"

    type: Literal["DiscoverDebtor"]
    debtor_id: Int64
    iri: Iri
    force_locator_refetch: bool
    ts: Moment


class ConfirmDebtor(WireMessage, frozen=True, kw_only=True):
    """A fetched document shows that the debtor claims this locator."""

    sharding_field: ClassVar[str] = "debtor_id"

    type: Literal["ConfirmDebtor"]
    debtor_id: Int64
    debtor_info_locator: Iri
    ts: Moment


class ActivateCollector(WireMessage, frozen=True, kw_only=True):
    """A collector account exists and has an account ID."""

    sharding_field: ClassVar[str] = "creditor_id"

    type: Literal["ActivateCollector"]
    debtor_id: Int64
    creditor_id: Int64
    account_id: KnownAccountId
    ts: Moment


class CandidateOffer(WireMessage, frozen=True, kw_only=True):
    """A possible offer found in a turn; a positive amount wants to buy."""

    sharding_field: ClassVar[str] = "creditor_id"

    type: Literal["CandidateOffer"]
    turn_id: Int32
    debtor_id: Int64
    creditor_id: Int64
    amount: OfferAmount
    account_creation_date: date
    last_transfer_number: UInt63
    ts: Moment

    def __post_init__(self) -> None:
        if self.amount == 0:
            raise ValueError("amount is zero")


class NeededCollector(WireMessage, frozen=True, kw_only=True):
    """Somebody wants to trade a currency that has no collector account."""

    sharding_field: ClassVar[str] = "debtor_id"

    type: Literal["NeededCollector"]
    debtor_id: Int64
    ts: Moment

    def __post_init__(self) -> None:
        _refuse_debtor_zero(self.debtor_id)


class ReviseAccountLock(WireMessage, frozen=True, kw_only=True):
    """The turn's result is known: commit, dismiss or keep the account lock."""

    sharding_field: ClassVar[str] = "creditor_id"

    type: Literal["ReviseAccountLock"]
    creditor_id: Int64
    debtor_id: Int64
    turn_id: Int32
    ts: Moment

    def __post_init__(self) -> None:
        _refuse_debtor_zero(self.debtor_id)


class TriggerTransfer(WireMessage, frozen=True, kw_only=True):
    """The time for a transfer attempt has come; with `unpaid`, an expected payment will never come."""

    sharding_field: ClassVar[str] = "collector_id"

    type: Literal["TriggerTransfer"]
    collector_id: Int64
    turn_id: Int32
    debtor_id: Int64
    creditor_id: Int64
    is_dispatching: bool | UnsetType = UNSET
    transfer_kind: TransferKind | UnsetType = UNSET
    unpaid: Literal["collecting", "sending"] | UnsetType = UNSET
    ts: Moment

    def __post_init__(self) -> None:
        _refuse_debtor_zero(self.debtor_id)
        _settle_transfer_kind(self)


class AccountIdRequest(WireMessage, frozen=True, kw_only=True):
    """Asks the creditor's shard for the creditor's account ID."""

    sharding_field: ClassVar[str] = "creditor_id"

    type: Literal["AccountIdRequest"]
    collector_id: Int64
    turn_id: Int32
    debtor_id: Int64
    creditor_id: Int64
    is_dispatching: bool | UnsetType = UNSET
    transfer_kind: TransferKind | UnsetType = UNSET
    ts: Moment

    def __post_init__(self) -> None:
        _refuse_debtor_zero(self.debtor_id)
        _settle_transfer_kind(self)


class AccountIdResponse(WireMessage, frozen=True, kw_only=True):
    """The answer: "" means unknown; `account_id_version` grows with time."""

    sharding_field: ClassVar[str] = "collector_id"

    type: Literal["AccountIdResponse"]
    collector_id: Int64
    turn_id: Int32
    debtor_id: Int64
    creditor_id: Int64
    is_dispatching: bool | UnsetType = UNSET
    transfer_kind: TransferKind | UnsetType = UNSET
    account_id: AccountId
    account_id_version: Int64
    ts: Moment

    def __post_init__(self) -> None:
        _refuse_debtor_zero(self.debtor_id)
        _settle_transfer_kind(self)


class StartSending(WireMessage, frozen=True, kw_only=True):
    """Everything was collected: start the transfers between collectors."""

    sharding_field: ClassVar[str] = "collector_id"

    type: Literal["StartSending"]
    collector_id: Int64
    turn_id: Int32
    debtor_id: Int64
    ts: Moment

    def __post_init__(self) -> None:
        _refuse_debtor_zero(self.debtor_id)


class StartDispatching(WireMessage, frozen=True, kw_only=True):
    """Everything was sent and received: start the transfers to the buyers."""

    sharding_field: ClassVar[str] = "collector_id"

    type: Literal["StartDispatching"]
    collector_id: Int64
    turn_id: Int32
    debtor_id: Int64
    ts: Moment

    def __post_init__(self) -> None:
        _refuse_debtor_zero(self.debtor_id)

"""The messages exchanged with accounting authorities, and the notifications of the creditors agent."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal

from bridge.messages.types import (
    AccountId,
    ConfigData,
    ContentType,
    CoordinatorType,
    DebtorInfoIri,
    DemurrageRate,
    Int32,
    Int64,
    InterestRate,
    Moment,
    NonNegativeFloat,
    NoteMaxBytes,
    Positive63,
    Sha256,
    StatusCode,
    TransferNote,
    TransferNoteFormat,
    UInt31,
    UInt63,
    WireMessage,
)


class CreditorMessage(WireMessage, frozen=True, kw_only=True):
    """A message about one account; sharded by the account's creditor."""

    sharding_field: ClassVar[str] = "creditor_id"


class ConfigureAccount(CreditorMessage, frozen=True, kw_only=True):
    """Creates or re-configures an account."""

    type: Literal["ConfigureAccount"]
    creditor_id: Int64
    debtor_id: Int64
    ts: Moment
    seqnum: Int32
    negligible_amount: NonNegativeFloat
    config_data: ConfigData
    config_flags: Int32


class PrepareTransfer(CreditorMessage, frozen=True, kw_only=True):
    """Asks the authority to lock an amount on the creditor's account."""

    type: Literal["PrepareTransfer"]
    creditor_id: Int64
    debtor_id: Int64
    coordinator_type: CoordinatorType
    coordinator_id: Int64
    coordinator_request_id: Int64
    min_locked_amount: UInt63
    max_locked_amount: UInt63
    recipient: AccountId
    final_interest_rate_ts: Moment
    max_commit_delay: UInt31
    ts: Moment

    def __post_init__(self) -> None:
        if self.max_locked_amount < self.min_locked_amount:
            raise ValueError("max_locked_amount is below min_locked_amount")


class FinalizeTransfer(CreditorMessage, frozen=True, kw_only=True):
    """Commits a prepared transfer, or dismisses it with amount 0."""

    type: Literal["FinalizeTransfer"]
    creditor_id: Int64
    debtor_id: Int64
    transfer_id: Int64
    coordinator_type: CoordinatorType
    coordinator_id: Int64
    coordinator_request_id: Int64
    committed_amount: UInt63
    transfer_note_format: TransferNoteFormat
    transfer_note: TransferNote
    ts: Moment


class RejectedConfig(CreditorMessage, frozen=True, kw_only=True):
    """The authority refuses a ConfigureAccount."""

    type: Literal["RejectedConfig"]
    debtor_id: Int64
    creditor_id: Int64
    config_ts: Moment
    config_seqnum: Int32
    config_flags: Int32
    config_data: ConfigData
    negligible_amount: NonNegativeFloat
    rejection_code: StatusCode
    ts: Moment


class AccountUpdate(CreditorMessage, frozen=True, kw_only=True):
    """The state of an account, also sent as its heartbeat."""

    type: Literal["AccountUpdate"]
    debtor_id: Int64
    creditor_id: Int64
    creation_date: date
    last_change_ts: Moment
    last_change_seqnum: Int32
    principal: Int64
    interest: float
    interest_rate: InterestRate
    last_interest_rate_change_ts: Moment
    last_config_ts: Moment
    last_config_seqnum: Int32
    negligible_amount: NonNegativeFloat
    config_flags: Int32
    config_data: ConfigData
    account_id: AccountId
    debtor_info_iri: DebtorInfoIri
    debtor_info_content_type: ContentType
    debtor_info_sha256: Sha256
    last_transfer_number: UInt63
    last_transfer_committed_at: Moment
    demurrage_rate: DemurrageRate
    commit_period: UInt31
    transfer_note_max_bytes: NoteMaxBytes
    ts: Moment
    ttl: UInt31


class AccountPurge(CreditorMessage, frozen=True, kw_only=True):
    """An account created on `creation_date` or before is gone."""

    type: Literal["AccountPurge"]
    debtor_id: Int64
    creditor_id: Int64
    creation_date: date
    ts: Moment


class AccountTransfer(CreditorMessage, frozen=True, kw_only=True):
    """A committed transfer as the affected account sees it; a negative amount is outgoing."""

    type: Literal["AccountTransfer"]
    debtor_id: Int64
    creditor_id: Int64
    creation_date: date
    transfer_number: Positive63
    coordinator_type: CoordinatorType
    sender: AccountId
    recipient: AccountId
    acquired_amount: Int64
    transfer_note_format: TransferNoteFormat
    transfer_note: TransferNote
    committed_at: Moment
    principal: Int64
    ts: Moment
    previous_transfer_number: UInt63

    def __post_init__(self) -> None:
        if self.acquired_amount == 0:
            raise ValueError("acquired_amount is zero")
        if self.transfer_number <= self.previous_transfer_number:
            raise ValueError("transfer_number is not above previous_transfer_number")


class RejectedTransfer(CreditorMessage, frozen=True, kw_only=True):
    """The authority refuses a PrepareTransfer of this service."""

    type: Literal["RejectedTransfer"]
    debtor_id: Int64
    creditor_id: Int64
    coordinator_type: Literal["agent"]
    coordinator_id: Int64
    coordinator_request_id: Int64
    status_code: StatusCode
    total_locked_amount: UInt63
    ts: Moment

    def __post_init__(self) -> None:
        if self.status_code == "OK":
            raise ValueError("status_code of a rejection is OK")


class PreparedTransfer(CreditorMessage, frozen=True, kw_only=True):
    """The authority has locked an amount for this service."""

    type: Literal["PreparedTransfer"]
    debtor_id: Int64
    creditor_id: Int64
    transfer_id: Int64
    coordinator_type: Literal["agent"]
    coordinator_id: Int64
    coordinator_request_id: Int64
    locked_amount: UInt63
    recipient: AccountId
    prepared_at: Moment
    demurrage_rate: DemurrageRate
    deadline: Moment
    final_interest_rate_ts: Moment
    ts: Moment


class FinalizedTransfer(CreditorMessage, frozen=True, kw_only=True):
    """The end of a prepared transfer: committed, dismissed or failed."""

    type: Literal["FinalizedTransfer"]
    debtor_id: Int64
    creditor_id: Int64
    transfer_id: Int64
    coordinator_type: Literal["agent"]
    coordinator_id: Int64
    coordinator_request_id: Int64
    committed_amount: UInt63
    status_code: StatusCode
    total_locked_amount: UInt63
    prepared_at: Moment
    ts: Moment

    def __post_init__(self) -> None:
        if self.committed_amount and self.status_code != "OK":
            raise ValueError("committed_amount of a failed transfer is not zero")


class UpdatedLedger(CreditorMessage, frozen=True, kw_only=True):
    """The customer's ledger changed. `account_id` "" marks a known ID as obsolete."""

    type: Literal["UpdatedLedger"]
    debtor_id: Int64
    creditor_id: Int64
    update_id: Positive63
    account_id: AccountId
    creation_date: date
    principal: Int64
    last_transfer_number: UInt63
    ts: Moment


class UpdatedPolicy(CreditorMessage, frozen=True, kw_only=True):
    """The customer's trading policy changed. `policy_name` null: does not trade."""

    type: Literal["UpdatedPolicy"]
    debtor_id: Int64
    creditor_id: Int64
    update_id: Positive63
    policy_name: str | None = None
    min_principal: Int64
    max_principal: Int64
    peg_exchange_rate: NonNegativeFloat | None = None
    peg_debtor_id: Int64 | None = None
    ts: Moment

    def __post_init__(self) -> None:
        if self.max_principal < self.min_principal:
            raise ValueError("max_principal is below min_principal")
        if (self.peg_exchange_rate is None) != (self.peg_debtor_id is None):
            raise ValueError("only one of the two peg fields is null")


class UpdatedFlags(CreditorMessage, frozen=True, kw_only=True):
    """The customer's account flags changed; bit 0 is "scheduled for deletion"."""

    type: Literal["UpdatedFlags"]
    debtor_id: Int64
    creditor_id: Int64
    update_id: Positive63
    config_flags: Int32
    ts: Moment

"""What the authority remembers: accounts, prepared transfers, money on its way, and one record per currency."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from sandbox.authority.interest import accumulated_interest, floor_balance
from sandbox.authority.root_config import RootConfig
from sandbox.protocol.identity import ROOT_CREDITOR_ID

T0 = datetime(1970, 1, 1, tzinfo=UTC)
SCHEDULED_FOR_DELETION = 1

AccountKey = tuple[int, int]


@dataclass(slots=True)
class PreparedTransfer:
    """A lock on the sender's money that waits for its FinalizeTransfer. All amounts in tokens."""

    transfer_id: int
    coordinator_type: str
    coordinator_id: int
    coordinator_request_id: int
    locked_amount: int
    recipient: str
    recipient_id: int
    prepared_at: datetime
    demurrage_rate: float
    deadline: datetime
    final_interest_rate_ts: datetime
    reminded_at: datetime


@dataclass(slots=True)
class Credit:
    """Committed money which the recipient does not have yet."""

    debtor_id: int
    recipient_id: int
    amount: int
    coordinator_type: str
    sender: str
    recipient: str
    transfer_note_format: str
    transfer_note: str
    committed_at: datetime
    due_at: datetime


@dataclass(slots=True)
class Account:
    """One account of one currency. Interest is as of `last_change_ts` and not in `principal`."""

    debtor_id: int
    creditor_id: int
    creation_date: date
    account_id: str
    last_change_ts: datetime
    last_transfer_id: int
    principal: int = 0
    interest: float = 0.0
    interest_rate: float = 0.0
    previous_interest_rate: float = 0.0
    last_interest_rate_change_ts: datetime = T0
    last_change_seqnum: int = 0
    last_config_ts: datetime = T0
    last_config_seqnum: int = 0
    negligible_amount: float = 0.0
    config_flags: int = 0
    config_data: str = ""
    debtor_info_iri: str = ""
    debtor_info_content_type: str = ""
    debtor_info_sha256: str = ""
    last_transfer_number: int = 0
    last_transfer_committed_at: datetime = T0
    total_locked_amount: int = 0
    deleted: bool = False
    identity_hidden: bool = False
    last_capitalised_at: datetime = T0
    last_deletion_try_at: datetime = T0
    last_update_sent_at: datetime = T0
    transfers: dict[int, PreparedTransfer] = field(default_factory=dict)

    @property
    def key(self) -> AccountKey:
        return (self.debtor_id, self.creditor_id)

    @property
    def is_root(self) -> bool:
        return self.creditor_id == ROOT_CREDITOR_ID

    @property
    def is_scheduled_for_deletion(self) -> bool:
        return bool(self.config_flags & SCHEDULED_FOR_DELETION)

    def accumulated(self, now: datetime) -> float:
        """Interest outside the principal at `now`; the root account bears none."""
        if self.creditor_id == ROOT_CREDITOR_ID:
            return 0.0
        if self.interest_rate == 0.0:
            return self.interest
        seconds = (now - self.last_change_ts).total_seconds()
        return accumulated_interest(self.principal, self.interest, self.interest_rate, seconds)

    def balance_floor(self, now: datetime) -> int:
        """Principal and interest at `now`, rounded down to whole tokens."""
        return floor_balance(self.principal, self.accumulated(now))


@dataclass(slots=True)
class Currency:
    """The sums whose total must stay zero, and the settings its debtor gave it.

    `capitalised` is the interest that has become principal (less what demurrage took), `returned` what deleted
    accounts gave back: both moved between the root and other accounts, so they explain how circulation changes.
    """

    debtor_id: int
    config: RootConfig
    principals: int = 0
    in_flight: int = 0
    capitalised: int = 0
    returned: int = 0

"""One customer's account as a creditors agent sees it: the server's data, and a ledger made of AccountTransfers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from sandbox.protocol import smp
from sandbox.protocol.identity import is_later_seqnum

T0 = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Ledger:
    """What is known of one account. `update_id` grows by one with every ledger change; amounts are tokens."""

    debtor_id: int
    creditor_id: int
    update_id: int
    account_id: str = ""
    creation_date: date = date(1970, 1, 1)
    principal: int = 0
    last_transfer_number: int = 0
    changed_at: datetime = T0
    server: smp.AccountUpdate | None = None
    pending: dict[tuple[date, int], smp.AccountTransfer] = field(default_factory=dict)

    def apply_update(self, update: smp.AccountUpdate, now: datetime) -> bool:
        """Takes an AccountUpdate in. Returns whether the ledger changed, so that others must be told."""
        if now - update.ts > timedelta(seconds=update.ttl) or not self._is_news(update):
            return False
        self.server = update
        if update.creation_date > self.creation_date:
            self.creation_date = update.creation_date
            self.account_id = update.account_id
            self._set(0, 0, 1, now)
            return True
        if update.account_id != self.account_id:
            self.account_id = update.account_id
            self._set(self.principal, self.last_transfer_number, 1, now)
            return True
        return False

    def apply_transfer(self, transfer: smp.AccountTransfer, now: datetime) -> bool:
        """Appends an AccountTransfer and its stored successors, or stores it. Returns whether the ledger changed.

        Stored, too, is a transfer of an account whose first AccountUpdate has not come yet.
        """
        place = (transfer.creation_date, transfer.transfer_number)
        if place <= (self.creation_date, self.last_transfer_number):
            return False
        self.pending[transfer.creation_date, transfer.previous_transfer_number] = transfer
        return self.append_stored(now)

    def append_stored(self, now: datetime) -> bool:
        """Appends the stored transfers that follow the last known one. Returns whether the ledger changed."""
        appended = 0
        last = None
        number = self.last_transfer_number
        while (transfer := self.pending.pop((self.creation_date, number), None)) is not None:
            last, number, appended = transfer, transfer.transfer_number, appended + 1
        for place in [known for known in self.pending if known < (self.creation_date, number)]:
            del self.pending[place]
        if last is None:
            return False
        self._set(last.principal, last.transfer_number, appended, now)
        return True

    def repair(self, now: datetime, *, correction_delay: timedelta, gap_delay: timedelta) -> bool:
        """Makes up for negligible and lost transfers. Returns whether the ledger changed."""
        if self.pending:
            place = min(self.pending)
            first = self.pending[place]
            if first.creation_date == self.creation_date and now - first.committed_at > gap_delay:
                del self.pending[place]
                self._set(first.principal, first.transfer_number, 1, now)
                self.append_stored(now)
                return True
        server = self.server
        if server is None or server.creation_date != self.creation_date:
            return False
        behind = server.last_transfer_number > self.last_transfer_number
        if behind and now - server.last_transfer_committed_at > gap_delay:
            self._set(server.principal, server.last_transfer_number, 1, now)
            self.append_stored(now)
            return True
        if (
            server.last_transfer_number == self.last_transfer_number
            and server.principal != self.principal
            and now - self.changed_at > correction_delay
        ):
            self._set(server.principal, self.last_transfer_number, 1, now)
            return True
        return False

    def notification(self, now: datetime) -> smp.UpdatedLedger:
        """The ledger as it stands, for the trade service."""
        return smp.UpdatedLedger(
            debtor_id=self.debtor_id,
            creditor_id=self.creditor_id,
            update_id=self.update_id,
            account_id=self.account_id,
            creation_date=self.creation_date,
            principal=self.principal,
            last_transfer_number=self.last_transfer_number,
            ts=now,
        )

    def _is_news(self, update: smp.AccountUpdate) -> bool:
        known = self.server
        if known is None:
            return True
        if update.creation_date != known.creation_date:
            return update.creation_date > known.creation_date
        if update.last_change_ts != known.last_change_ts:
            return update.last_change_ts > known.last_change_ts
        return is_later_seqnum(update.last_change_seqnum, known.last_change_seqnum)

    def _set(self, principal: int, last_transfer_number: int, steps: int, now: datetime) -> None:
        self.principal = principal
        self.last_transfer_number = last_transfer_number
        self.update_id += steps
        self.changed_at = now

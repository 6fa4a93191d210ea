"""Other coordinators, who lock the money of customers and collectors for a while, and sometimes pay it to somebody."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sandbox.authority import Authority
from sandbox.authority.gateway import Gateway
from sandbox.authority.state import Account, PreparedTransfer

_SPANS = tuple(timedelta(minutes=m) for m in (1, 10, 60, 60, 1440))


@dataclass(slots=True)
class ForeignTransfers:
    """`floors` is what the owners of accounts wanted to keep: what they pay elsewhere they do not keep."""

    authority: Authority
    customers: list[int]
    floors: dict[tuple[int, int], int]
    dice: random.Random
    counts: Counter[str]
    _open: list[tuple[datetime, Account, PreparedTransfer]] = field(default_factory=list)

    def lock(self, now: datetime) -> bool:
        """Locks all or a part of the free money of some account. Returns whether there was any."""
        accounts = [a for a in self.authority.books.accounts.values() if not (a.is_root or a.deleted) and _free(a, now)]
        if not accounts:
            return False
        # Collectors have money for a short time only.
        collectors = [account for account in accounts if Gateway().is_collector(account.creditor_id)]
        account = self.dice.choice(collectors or accounts)
        payee = self.dice.choice([customer for customer in self.customers if customer != account.creditor_id])
        amount = max(1, _free(account, now) // self.dice.choice((1, 1, 2, 10)))
        transfer = self.authority.lock(account.debtor_id, account.creditor_id, payee, amount)
        if transfer is None:
            return False
        self._open.append((now + self.dice.random() * self.dice.choice(_SPANS), account, transfer))
        self.counts["F18 locked by others" if account not in collectors else "F18 collector locked by others"] += 1
        return True

    def end_due(self, now: datetime | None) -> bool:
        """Ends those whose time has come (None: all). Returns whether there were any."""
        due = [entry for entry in self._open if now is None or entry[0] <= now]
        self._open = [entry for entry in self._open if entry not in due]
        for _, account, transfer in due:
            amount = 0
            key = (account.creditor_id, account.debtor_id)
            if key in self.floors and self.dice.random() < 0.3:
                amount = transfer.locked_amount
            before = account.principal
            self.authority.end_lock(account.debtor_id, account.creditor_id, transfer, amount)
            if amount:
                self.floors[key] -= before - account.principal
        return bool(due)


def _free(account: Account, now: datetime) -> int:
    return max(0, account.balance_floor(now) - account.total_locked_amount)

"""What the solver arranged, and what was paid of it: nothing twice, nothing more, nobody who was not asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg

from sandbox import smp

PaymentKey = tuple[str, int, int, int, int]
"""(kind, turn_id, debtor_id, payer, payee)"""

_ARRANGED = """
select 'collecting', turn_id, debtor_id, creditor_id, collector_id, amount from solver.collector_collecting
union all
select 'sending', turn_id, debtor_id, from_collector_id, to_collector_id, amount from solver.collector_sending
union all
select 'dispatching', turn_id, debtor_id, collector_id, creditor_id, amount from solver.collector_dispatching
order by 1, 2, 3, 4, 5
"""

# Kind by the first label of the note; then whether the first ID is the payer's.
_KINDS = {"Buyer": ("collecting", False), "From": ("sending", True), "Seller": ("dispatching", True)}


class Violation(AssertionError):
    """An invariant does not hold."""


@dataclass(slots=True)
class Payments:
    """The money of all turns so far, in tokens."""

    arranged: dict[PaymentKey, int] = field(default_factory=dict)
    paid: dict[PaymentKey, int] = field(default_factory=dict)
    paid_at: dict[PaymentKey, datetime] = field(default_factory=dict)
    started: dict[int, datetime] = field(default_factory=dict)
    """When the collection of each turn began."""
    solved: set[int] = field(default_factory=set)

    def learn(self, solver: psycopg.Connection[Any]) -> None:
        """Reads what the solver arranged, while its tables still have it."""
        rows = solver.execute("select turn_id, collection_started_at from solver.turn where phase = 3").fetchall()
        new = {turn_id for turn_id, _ in rows} - self.solved
        if not new:
            return
        self.started |= dict(rows)
        for kind, turn_id, debtor_id, payer, payee, amount in solver.execute(_ARRANGED).fetchall():
            if turn_id in new and payer != payee:
                self.arranged[kind, turn_id, debtor_id, payer, payee] = amount
        self.solved |= new

    def see(self, messages: Iterable[smp.Message]) -> None:
        """Takes note of the payers' AccountTransfers. Raises `Violation`."""
        for message in messages:
            if (
                isinstance(message, smp.AccountTransfer)
                and message.coordinator_type == "agent"
                and message.acquired_amount < 0
            ):
                key = _key(message)
                if key[0] == "sending" and key[1] == 0:
                    # What was left on a collector that is being removed.
                    continue
                amount = -message.acquired_amount
                if key in self.paid:
                    raise Violation(f"paid twice: {key}, {self.paid[key]} and {amount}")
                if amount > self.arranged.get(key, 0):
                    raise Violation(f"paid {amount}, arranged {self.arranged.get(key)}: {key}")
                self.paid[key] = amount
                self.paid_at[key] = message.committed_at


def _key(transfer: smp.AccountTransfer) -> PaymentKey:
    session, first, second = transfer.transfer_note.splitlines()
    label, _, first_id = first.partition(": ")
    kind, pays_first = _KINDS[label]
    ids = [int(text, 16) for text in (first_id, second.partition(": ")[2])]
    payer, payee = ids if pays_first else reversed(ids)
    if payer != transfer.creditor_id:
        raise Violation(f"{transfer.creditor_id} paid, but the note says {transfer.transfer_note!r}")
    return kind, int(session.partition(": ")[2]), transfer.debtor_id, payer, payee

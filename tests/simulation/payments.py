"""What the solver arranged, and what was paid of it: nothing twice, nothing more, nobody who was not asked.

Every amount that a collector commits is reckoned once more, from the payments that reached it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg

from sandbox.authority.gateway import Gateway
from sandbox.protocol import smp
from tests.simulation.amounts import Till, amount_to_pay, is_delay, nominal_amount, seconds_to_reckon_with
from tests.simulation.interest import Interest
from tests.simulation.violation import Violation

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
_GATEWAY = Gateway()


@dataclass(slots=True)
class Payments:
    """The money of all turns so far, in tokens. Turn 0 is no turn: it moves the rest of a collector that is removed."""

    amount_cut: float
    arranged: dict[PaymentKey, int] = field(default_factory=dict)
    paid: dict[PaymentKey, int] = field(default_factory=dict)
    paid_at: dict[PaymentKey, datetime] = field(default_factory=dict)
    received: dict[PaymentKey, int] = field(default_factory=dict)
    """What has reached the collectors."""
    refused: set[PaymentKey] = field(default_factory=set)
    """Sellers' commits that the authority did not execute: these are missing for good."""
    started: dict[int, datetime] = field(default_factory=dict)
    """When the collection of each turn began."""
    refunds: dict[PaymentKey, int] = field(default_factory=dict)
    """What goes back because it came in for a lost turn."""
    reckoned: int = 0
    """How many commits of collectors were reckoned once more."""
    interest: Interest = field(default_factory=Interest, repr=False)
    _requests: dict[tuple[int, int], smp.PrepareTransfer] = field(default_factory=dict, repr=False)
    _commits: dict[tuple[int, int], PaymentKey] = field(default_factory=dict, repr=False)
    _running: dict[PaymentKey, int] = field(default_factory=dict, repr=False)
    """The transfer that was committed for each payment, until the authority has refused it."""
    _over: set[tuple[int, int, int]] = field(default_factory=set, repr=False)
    """Commits that were refused: (creditor, debtor, transfer)."""
    _begun: set[tuple[str, int, int, int]] = field(default_factory=set, repr=False)
    """What the collectors have begun to do: (kind, turn_id, debtor_id, collector)."""
    _balances: Counter[tuple[int, int, int]] = field(default_factory=Counter, repr=False)

    def learn(self, solver: psycopg.Connection[Any]) -> None:
        """Reads what the solver arranged, while its tables still have it."""
        rows = solver.execute("select turn_id, collection_started_at from solver.turn where phase = 3").fetchall()
        new = {turn_id for turn_id, moment in rows if self.started.get(turn_id) != moment}
        if not new:
            return
        self.started |= dict(rows)
        # A turn that is solved once more has another result, and nobody may have acted on the first one.
        self.arranged = {key: amount for key, amount in self.arranged.items() if key[1] not in new}
        for kind, turn_id, debtor_id, payer, payee, amount in solver.execute(_ARRANGED).fetchall():
            if turn_id in new and payer != payee:
                self.arranged[kind, turn_id, debtor_id, payer, payee] = amount

    def expect_refund(self, turn_id: int, debtor_id: int, collector_id: int, payer: int, amount: int) -> None:
        """An operator has a payment paid back. Raises `Violation` if nobody made it, or it goes back already."""
        kinds = ("collecting", "sending")
        paid = [self.paid.get((kind, turn_id, debtor_id, payer, collector_id)) for kind in kinds]
        key = ("dispatching", turn_id, debtor_id, collector_id, payer)
        if amount not in paid or key in self.refunds or key in self.arranged:
            raise Violation(f"{amount} go back, paid was {paid}: {key}")
        self.refunds[key] = amount

    @property
    def missing(self) -> set[PaymentKey]:
        """What sellers have not paid."""
        return {key for key in self.arranged.keys() - self.paid.keys() if key[0] == "collecting"}

    # What the authority hears

    def hear(self, request: smp.Request) -> None:
        """Takes note of a message to the authority. Raises `Violation` when a payment has a wrong amount."""
        if isinstance(request, smp.PrepareTransfer):
            if request.coordinator_type == "agent":
                self._requests[request.coordinator_id, request.coordinator_request_id] = request
        elif isinstance(request, smp.FinalizeTransfer) and request.committed_amount > 0:
            key = payment_key(request.transfer_note, request.debtor_id, request.creditor_id)
            self._commits[request.coordinator_id, request.coordinator_request_id] = key
            if key[1] == 0:
                return
            if (request.creditor_id, request.debtor_id, request.transfer_id) not in self._over:
                running = self._running.setdefault(key, request.transfer_id)
                if running != request.transfer_id:
                    raise Violation(f"commits transfer {request.transfer_id} beside {running}: {key}")
            wanted = self._wanted(key, self._requests[request.coordinator_id, request.coordinator_request_id])
            if request.committed_amount not in wanted:
                raise Violation(f"commits {request.committed_amount}, not {sorted(wanted)}: {key}, {self._till(key)}")

    def till(self, turn_id: int, debtor_id: int, collector_id: int) -> Till:
        """What the collector has to do with in this turn and currency, as far as its money has arrived by now."""
        sums: Counter[str] = Counter()
        for (kind, turn, debtor, payer, payee), amount in self.arranged.items():
            if (turn, debtor) == (turn_id, debtor_id) and collector_id in (payer, payee):
                # Single tokens would not survive the cut: a collector never pays them.
                counts = kind == "collecting" or amount > 1
                sums["receiving" if kind == "sending" and payee == collector_id else kind] += amount * counts
        for (kind, turn, debtor, _, payee), amount in self.received.items():
            if (turn, debtor, payee) == (turn_id, debtor_id, collector_id):
                sums["received " + kind] += amount
        return Till(
            sums["collecting"],
            sums["sending"],
            sums["receiving"],
            sums["dispatching"],
            sums["received collecting"],
            sums["received sending"],
        )

    def nominal(self, key: PaymentKey) -> float:
        """A collector's payment before demurrage and cut, with what has arrived by now."""
        kind, amount, till = key[0], self.arranged[key], self._till(key)
        if kind == "sending":
            return nominal_amount(amount, till.available_to_send, till.to_send)
        return nominal_amount(amount, till.available_to_dispatch, till.to_dispatch)

    def _till(self, key: PaymentKey) -> Till:
        _, turn_id, debtor_id, payer, _ = key
        return self.till(turn_id, debtor_id, payer)

    def _wanted(self, key: PaymentKey, request: smp.PrepareTransfer) -> set[int]:
        """The amounts that may be committed: one, unless the shard learned of a new interest rate at that moment."""
        if key in self.refunds:
            # Negative interest may have taken some.
            return set(range(1, self.refunds[key] + 1)) if self.interest.is_borne else {self.refunds[key]}
        if key not in self.arranged:
            return set()
        if key[0] == "collecting":
            return {self.arranged[key]}
        if request.max_locked_amount or not is_delay(request.max_commit_delay):
            raise Violation(f"an odd request of a collector: {request}")
        self.reckoned += 1
        nominal = self.nominal(key)
        if nominal < 1:
            return set()
        self._begun.add(key[:4])
        started = self.started[key[1]]
        seconds = seconds_to_reckon_with(started, request.ts, request.max_commit_delay)
        rates = self.interest.rates(request, started)
        return {amount_to_pay(nominal, rate, seconds, self.amount_cut) for rate in rates}

    # What the authority says

    def see(self, messages: Iterable[smp.Message]) -> None:
        """Takes note of the authority's messages. Raises `Violation`."""
        for message in messages:
            if isinstance(message, smp.AccountTransfer) and message.coordinator_type == "agent":
                self._see_transfer(message)
            elif isinstance(message, smp.FinalizedTransfer) and message.coordinator_type == "agent":
                self._see_result(message)
            elif isinstance(message, smp.AccountUpdate) and _GATEWAY.is_collector(message.creditor_id):
                self.interest.hear(message)

    def _see_result(self, message: smp.FinalizedTransfer) -> None:
        key = self._commits.get((message.coordinator_id, message.coordinator_request_id))
        if key is None or message.status_code == "OK":
            return
        self._over.add((message.creditor_id, message.debtor_id, message.transfer_id))
        if self._running.get(key) == message.transfer_id:
            del self._running[key]
        if key[0] == "collecting":
            self.refused.add(key)

    def _see_transfer(self, message: smp.AccountTransfer) -> None:
        pays = message.acquired_amount < 0
        key = payment_key(message.transfer_note, message.debtor_id, message.creditor_id, pays=pays)
        kind, turn_id, debtor_id, payer, payee = key
        if turn_id == 0:
            return
        if pays:
            self._pay(key, -message.acquired_amount, message.committed_at)
        if kind != ("dispatching" if not pays else "collecting"):
            # Nobody pays for another turn, nor for another currency.
            collector_id = payer if pays else payee
            for turn in (turn_id, 0):
                self._balances[turn, debtor_id, collector_id] += message.acquired_amount
                if self._balances[turn, debtor_id, collector_id] < 0:
                    raise Violation(f"collector {collector_id} paid more than it received in turn {turn_id}: {key}")
        if not pays and kind != "dispatching":
            self._receive(key, message.acquired_amount)

    def _pay(self, key: PaymentKey, amount: int, committed_at: datetime) -> None:
        if key in self.paid:
            raise Violation(f"paid twice: {key}, {self.paid[key]} and {amount}")
        if amount > self.arranged.get(key, self.refunds.get(key, 0)):
            raise Violation(f"paid {amount}, arranged {self.arranged.get(key)}: {key}")
        self.paid[key] = amount
        self.paid_at[key] = committed_at

    def _receive(self, key: PaymentKey, amount: int) -> None:
        kind, turn_id, debtor_id, _, payee = key
        if self.paid.get(key) != amount or key in self.received:
            raise Violation(f"{payee} received {amount}, but {self.paid.get(key)} was paid: {key}")
        self.received[key] = amount
        # Sellers pay before anybody is paid, other collectors before the buyers are.
        later = ("sending", "dispatching") if kind == "collecting" else ("dispatching",)
        if any((step, turn_id, debtor_id, payee) in self._begun for step in later):
            raise Violation(f"{payee} did not wait for {amount}: {key}")


def payment_key(note: str, debtor_id: int, account: int, *, pays: bool = True) -> PaymentKey:
    """What the note of a payment says, which must be about the account that pays or is paid."""
    session, first, second = note.splitlines()
    label, _, first_id = first.partition(": ")
    kind, pays_first = _KINDS[label]
    ids = [int(text, 16) for text in (first_id, second.partition(": ")[2])]
    payer, payee = ids if pays_first else reversed(ids)
    if account != (payer if pays else payee):
        raise Violation(f"{account} {'paid' if pays else 'was paid'}, but the note says {note!r}")
    return kind, int(session.partition(": ")[2]), debtor_id, payer, payee

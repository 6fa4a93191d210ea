"""Who decides what the service leaves to people, knowing what the accounting authority knows."""

from __future__ import annotations

from tests.simulation.payments import PaymentKey
from tests.step_backs.town import WORKERS, Town

_HELD = """
select collector_id, turn_id, debtor_id, creditor_id, is_dispatching from worker.transfer_attempt
where held_at is not null
"""
_ASKED = """
select collector_id, turn_id, debtor_id, creditor_id, is_dispatching from worker.held_transfers() where state = 'yours'
"""
_EXPECTED = "select kind, collector_id, turn_id, debtor_id, other_id from worker.list_expected_payments()"
_DECIDE_EXPECTED = "select worker.decide_expected_payment(%s, %s, %s, %s, %s, %s, 'operator')"
_DECIDE = "select worker.decide_transfer(%s, %s, %s, %s, %s, %s, 'operator')"
_LOST = """
select turn_id, debtor_id, collector_id, other_id, amount from worker.lost_payments()
where refunded_at is null and paid_out = 0
"""
_UNEXPLAINED = """
select debtor_id, collector_id, unexplained from worker.unexplained_balances() where settled_at is null
"""
# Of turns that are not known here; they are listed as lost as soon as a later one is.
_WAITING = """
select debtor_id, collector_id, sum(amount)::bigint from worker.early_arrival
where kind <> 'paid' and refunded_at is null and amount is not null
group by debtor_id, collector_id
"""
_LEFT = """
select what, count from (
  values
    ('unreleased locks', (select count(*) from worker.account_lock where released_at is null)),
    ('attempts', (select count(*) from worker.transfer_attempt)),
    ('dispatching statuses', (select count(*) from worker.dispatching_status)),
    ('open step backs', (select count(*) from worker.step_back where ended_at is null)),
    ('accounts to be compared', (select count(*) from worker.account_at_step_back where concluded_at is null)),
    ('set aside', (select count(*) from worker.set_aside))
) as l (what, count)
where count > 0
"""


class Operator:
    """Looks after what happens since the databases came back. `seen`: payments that were in doubt."""

    def __init__(self, town: Town, first_turn: int) -> None:
        self._town = town
        self._first_turn = first_turn
        self.seen: set[tuple[object, ...]] = set()
        self.decided = 0
        self.received = 0
        self.refunded = 0

    def look(self) -> bool:
        """Takes note of payments in doubt."""
        for worker in WORKERS:
            self.seen |= set(self._town.query(worker, _HELD))
        return True

    def work(self, *, is_late: bool) -> None:
        """Does what has to be done by hand. Late nothing comes any more that has not come."""
        self.look()
        for worker in WORKERS:
            for row in self._town.query(worker, _ASKED):
                decision = "paid" if self._town.ledger.paid.get(_key(row)) else "try again"
                self._town.query(worker, _DECIDE, *row, decision)
                self.decided += 1
            for row in self._town.query(worker, _EXPECTED):
                kind, collector_id, turn_id, debtor_id, other_id = row
                amounts = self._town.ledger.paid.get((kind, turn_id, debtor_id, other_id, collector_id))
                # What has not come may still be on its way.
                if amounts or is_late:
                    self._town.query(worker, _DECIDE_EXPECTED, *row, bool(amounts))
                    self.received += 1
            for turn_id in sorted({row[0] for row in self._town.query(worker, _LOST)}):
                rows = self._town.query(worker, "select worker.refund_lost_payments(%s, 'operator')", turn_id)
                self.refunded += rows[0][0]

    def look_for_leftovers(self) -> dict[str, int]:
        """What is not finished in the workers' databases."""
        self.look()
        found: dict[str, int] = {}
        for worker in WORKERS:
            for what, count in self._town.query(worker, _LEFT):
                found[what] = found.get(what, 0) + count
        return found

    def settle_unexplained(self) -> dict[tuple[int, int], int]:
        """Tokens that are on the list of what nothing explains, by currency and collector. They leave it, and stay."""
        found: dict[tuple[int, int], int] = {}
        for worker in WORKERS:
            for debtor_id, collector_id, tokens in self._town.query(worker, _UNEXPLAINED):
                found[debtor_id, collector_id] = tokens
                self._town.query(worker, "select worker.settle_unexplained(%s, %s)", debtor_id, collector_id)
        return found

    def waiting(self) -> dict[tuple[int, int], int]:
        """Tokens that came in for turns whose results are not known, by currency and collector."""
        rows = [row for worker in WORKERS for row in self._town.query(worker, _WAITING)]
        return {(debtor_id, collector_id): tokens for debtor_id, collector_id, tokens in rows}

    def lost_turns(self) -> set[int]:
        """Those that the solver closed by force, and those whose result some shard never got."""
        town, first = self._town, self._first_turn
        closed = town.query("solver", "select turn_id from solver.turn where closed_by_force_at is not null")
        lost = [
            row
            for worker in WORKERS
            for row in town.query(worker, "select turn_id from worker.worker_turn where is_lost")
        ]
        return {turn_id for (turn_id,) in (*closed, *lost) if turn_id >= first}


def _key(row: tuple[int, int, int, int, bool]) -> PaymentKey:
    collector_id, turn_id, debtor_id, creditor_id, is_dispatching = row
    return "dispatching" if is_dispatching else "sending", turn_id, debtor_id, collector_id, creditor_id

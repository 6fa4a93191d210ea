"""Looks at the databases of a turn from outside, and brings its deadlines forward."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, LiteralString

import psycopg

from sql.statuses import TurnPhase

Connection = psycopg.Connection[tuple[Any, ...]]

Milestone = tuple[str, Callable[[], bool]]
"""A part of a turn, and the question whether it is over."""

_BEGIN_EARLIER: LiteralString = """
create or replace function public.begin_earlier() returns trigger language plpgsql as $$
begin
  new.started_at := new.started_at - interval '1 hour';
  return new;
end
$$;
create or replace trigger begin_earlier before insert on solver.turn
for each row execute function public.begin_earlier()
"""
"""Turns seem to have begun an hour ago, so that their last offers may be shipped at once."""


class TurnWatch:
    """Connections are those of a superuser, in autocommit mode: one to the solver's database, one to each worker's."""

    def __init__(self, solver: Connection, workers: Sequence[Connection]) -> None:
        self.solver = solver
        self.workers = tuple(workers)
        solver.execute(_BEGIN_EARLIER)

    def milestones(self, turn_id: int, end_phase2: Callable[[], None]) -> Iterator[Milestone]:
        """The parts of a turn from phase 2 on, each with the question whether it is over.

        Begins what has to begin by hand, when the part before is over.
        """
        yield "bids and locks", lambda: self.is_past(turn_id, 2, 0)
        yield "replies to PrepareTransfer", lambda: not self.any("worker.account_lock where transfer_id is null")
        for worker in self.workers:
            # Shipping starts a cushion before the deadline, of which there are 2 minutes or a tenth of the turn.
            worker.execute(
                "update worker.worker_turn set phase_deadline = now() + interval '1 minute' where turn_id = %s",
                (turn_id,),
            )
        yield "shipping", lambda: self.is_past(turn_id, 2, 5)
        end_phase2()
        yield "solving", lambda: self.phase(turn_id) >= TurnPhase.GIVING_AND_TAKING
        yield "verdicts", lambda: self.is_past(turn_id, 3, 0)
        yield "collecting", lambda: not self.any("worker.dispatching_status where not started_sending")
        yield (
            "sending and dispatching",
            lambda: not self.any("worker.dispatching_status") and not self.any("worker.transfer_attempt"),
        )
        yield "releasing", lambda: not self.any("worker.account_lock where released_at is null")

    def phase(self, turn_id: int) -> int:
        """Which phase the solver says the turn is in."""
        return self._value(self.solver, f"select phase from solver.turn where turn_id = {turn_id}")

    def make_due(self, turn_id: int) -> None:
        """The phase may end now; whoever rolls the turns does it."""
        self.solver.execute("update solver.turn set phase_deadline = now() where turn_id = %s", (turn_id,))

    def is_past(self, turn_id: int, phase: int, subphase: int) -> bool:
        """Have all shards done the step?"""
        states = [
            worker.execute(
                "select (phase, worker_turn_subphase) > (%s, %s) from worker.worker_turn where turn_id = %s",
                (phase, subphase, turn_id),
            ).fetchone()
            for worker in self.workers
        ]
        return all(state == (True,) for state in states)

    def any(self, what: str) -> bool:
        """Has any shard such a row?"""
        return any(
            worker.execute(f"select exists (select from {what})".encode()).fetchone() == (True,)
            for worker in self.workers
        )

    def count(self, what: str) -> int:
        """How many such rows all shards have."""
        return sum(self._value(worker, f"select count(*) from {what}") for worker in self.workers)

    def offers(self) -> int:
        """Offers that have reached the solver and wait there."""
        return self._value(
            self.solver, "select (select count(*) from solver.sell_offer) + (select count(*) from solver.buy_offer)"
        )

    @staticmethod
    def _value(connection: Connection, query: str) -> int:
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])

"""What a shard tells the solver about itself: that it is alive, on which database, and how its clock goes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any

import psycopg

logger = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]

REPORT_SECONDS = 60.0
"""A shard reports no more often than that."""

CLOCK_SECONDS = 5.0
"""Clocks that differ by more are worth an error. `solver.shard_problems` has the same number."""


class ShardTaken(Exception):
    """Another database, or another process, works as this shard."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a worker has found when it compared the solver's database with what it has seen of it.

    `highest_beat`: the latest state of that database that this shard has seen; `is_behind`: that was later than now.
    `contradicted`: open turns that are known otherwise here; `step_back_id`: of the step back that the solver has
    noticed, and that is not resolved.
    """

    highest_beat: int
    contradicted: list[int]
    step_back_id: int | None
    is_behind: bool

    @property
    def is_odd(self) -> bool:
        """Has the solver's database stepped back in time, or does it wait for reports because it may have?"""
        return self.is_behind or bool(self.contradicted) or self.step_back_id is not None


class Reporter:
    """Reports one shard: now and then, and at once when the solver's database may have stepped back in time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = clock()

    def run(self, worker: Connection, solver: Connection) -> None:
        """Looks, and reports when it is time or something is odd. Connections are in autocommit mode."""
        look_at_wal(worker, solver)
        found = look(worker, solver)
        if self._clock() >= self._next or found.is_odd:
            self._next = self._clock() + REPORT_SECONDS
            report(worker, solver, found)


def look_at_wal(worker: Connection, solver: Connection) -> None:
    """Lets the worker's database notice that its server was rolled back: its WAL has been further than it is.

    Nothing else tells such a server, such as a snapshot of a whole machine, from what it was.
    """
    row = worker.execute(
        "select binding_key, system_identifier, timeline_id, database_id from worker.identity_report()"
    ).fetchone()
    if row is None:
        return
    key = "%s, %s, %s, %s::bigint"
    seen = solver.execute(f"select solver.seen_wal_position({key})::text", row).fetchone()
    # In this order: what was seen was there before now.
    now = worker.execute(
        "select w.position::text, w.position < %s::pg_lsn from pg_current_wal_flush_lsn() as w (position)", seen
    ).fetchone()
    assert now is not None
    position, is_behind = now
    if is_behind and seen is not None:
        reason = f"its WAL ends at {position}, and was seen to end at {seen[0]}"
        worker.execute("select worker.notice_step_back(%s)", (reason,))
    solver.execute(f"select solver.note_wal_position({key}, %s::pg_lsn)", (*row, position))


def look(worker: Connection, solver: Connection) -> Look:
    """Compares the solver's database with what this shard has seen of it."""
    signs = solver.execute("select beat, step_back_id, turns::text from solver.life_signs()").fetchone()
    assert signs is not None
    beat, step_back_id, turns = signs
    heard = worker.execute(
        "select highest_beat, contradicted from worker.heed_life_signs(%s, %s::jsonb)", (beat, turns)
    ).fetchone()
    assert heard is not None
    return Look(heard[0], heard[1], step_back_id, is_behind=heard[0] > beat)


def report(worker: Connection, solver: Connection, found: Look | None = None) -> float:
    """Notes in the solver database what the worker database is, and how far it has seen the turns.

    Returns the difference of their clocks. Nothing is noted of a database that is not bound. `found`: of a look just
    now.
    """
    found = found or look(worker, solver)
    difference = clock_difference(worker, solver)
    if abs(difference) > CLOCK_SECONDS:
        logger.error(
            "the worker database's clock is %.1f s %s the solver's: offers and payments may come too late",
            abs(difference),
            "ahead of" if difference > 0 else "behind",
        )
    worker.execute("select worker.notice_step_back() from worker.identity")
    row = worker.execute(
        "select i.binding_key, i.system_identifier, i.timeline_id, i.database_id, i.min_collector_id,"
        " i.max_collector_id, t.turn_id, t.started_at, t.phase, t.worker_turn_subphase"
        " from worker.identity_report() as i left join worker.last_turn() as t on true"
    ).fetchone()
    if row is not None:
        (key, *place), limits, last_turn = row[:4], row[4:6], row[6:]
        solver.execute(
            "select solver.report_shard(%s, %s, %s, %s::bigint, %s, %s, %s, %s, %s, %s, %s, %s::smallint, %s::smallint,"
            " %s::integer[], %s)",
            (
                *(key, *place, version("swpt-trade"), *limits, difference),
                *(found.highest_beat, *last_turn, found.contradicted, found.step_back_id),
            ),
        )
    return difference


def clock_difference(worker: Connection, solver: Connection) -> float:
    """Seconds by which the worker database's clock is ahead of the solver's at least; negative when it is behind.

    The solver is asked between two questions to the worker. What may be due to slow answers does not count.
    """
    before = _now(worker, "select worker.now()")
    between = _now(solver, "select solver.now()")
    after = _now(worker, "select worker.now()")
    if before > between:
        return (before - between).total_seconds()
    return -max(0.0, (between - after).total_seconds())


def claim(solver: Connection, binding_key: str) -> None:
    """Lets no other session work as this shard, until the connection ends. Raises ShardTaken if one does already.

    Two copies of a database may be promoted by mistake, and nothing in them tells one from the other.
    """
    row = solver.execute("select pg_try_advisory_lock(7306, hashtext(%s))", (binding_key,)).fetchone()
    if row != (True,):
        raise ShardTaken(
            f"another database, or another process, already rolls the turns of {binding_key} in this installation: "
            "stop one of them"
        )


def _now(connection: Connection, query: Any) -> datetime:
    row = connection.execute(query).fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment

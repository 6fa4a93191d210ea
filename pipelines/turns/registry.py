"""What a shard tells the solver about itself: that it is alive, on which database, and how its clock goes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
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


class Reporter:
    """Reports one shard, now and then."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = clock()

    def run(self, worker: Connection, solver: Connection) -> None:
        """Reports when it is time. Connections are in autocommit mode."""
        if self._clock() >= self._next:
            self._next = self._clock() + REPORT_SECONDS
            report(worker, solver)


def report(worker: Connection, solver: Connection) -> float:
    """Notes in the solver database what the worker database is; returns the difference of their clocks.

    Nothing is noted of a database that is not bound.
    """
    difference = clock_difference(worker, solver)
    if abs(difference) > CLOCK_SECONDS:
        logger.error(
            "the worker database's clock is %.1f s %s the solver's: offers and payments may come too late",
            abs(difference),
            "ahead of" if difference > 0 else "behind",
        )
    row = worker.execute(
        "select binding_key, system_identifier, timeline_id, database_id, min_collector_id, max_collector_id"
        " from worker.identity_report()"
    ).fetchone()
    if row is not None:
        key, system_identifier, timeline_id, database_id, *limits = row
        solver.execute(
            "select solver.report_shard(%s, %s, %s, %s::bigint, %s, %s, %s, %s)",
            (key, system_identifier, timeline_id, database_id, version("swpt-trade"), *limits, difference),
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

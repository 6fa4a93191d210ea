"""Housekeeping: walks over every table for ever and removes what is not needed any more.

A step looks at a few physical blocks of one table, so that its cost does not depend on the size of the table. What is
removed, and why, is decided by the functions in `sql/worker/functions/scans`.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

logger = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]

TABLES = {
    "debtor_info_documents": "debtor_info_document",
    "debtor_locator_claims": "debtor_locator_claim",
    "trading_policies": "trading_policy",
    "worker_accounts": "worker_account",
    "interest_rate_changes": "interest_rate_change",
    "needed_worker_accounts": "needed_worker_account",
    "recently_needed_collectors": "recently_needed_collector",
    "account_locks": "account_lock",
    "creditor_participations": "creditor_participation",
    "dispatching_statuses": "dispatching_status",
    "worker_collectings": "worker_collecting",
    "worker_sendings": "worker_sending",
    "worker_receivings": "worker_receiving",
    "worker_dispatchings": "worker_dispatching",
    "transfer_attempts": "transfer_attempt",
    "early_arrivals": "early_arrival",
}
"""The table that each scan walks over. The name of a scan is also in its settings and its database function."""

FEWEST_ROWS, MOST_ROWS = 10, 5000
"""Bounds of how many rows one step removes."""

LANE_TRIES = 10
_LANE_PAUSE = 0.1
_LOOK_AGAIN = 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How one table is scanned: the time of a pass, the blocks of a step, and the time a step should take."""

    period: timedelta
    blocks_per_query: int = 40
    beat: timedelta = timedelta(milliseconds=100)


class Step(NamedTuple):
    """What a step did: the rows removed or handled, and the lanes whose rows it saw, out of `lane_count`."""

    rows: int
    lanes: frozenset[int]
    lane_count: int


class Walk:
    """The way of one scan through its table, without any clock or database. All moments are in seconds."""

    def __init__(self, pace: Pace, now: float, start: Callable[[int], int] = random.randrange) -> None:
        """`start` chooses the first block, given how many there are. The first step is due at once."""
        self.limit = MOST_ROWS
        self._pace = pace
        self._beat = pace.beat.total_seconds()
        self._start = start
        self._position: int | None = None
        self._stepped_at = now
        self._stepped_blocks = 0
        self._retry_at: float | None = None
        self._seen: frozenset[int] = frozenset()
        self._tries = 0
        self._pass_blocks = 0

    def due_at(self, block_count: int) -> float:
        """When to take the next step through a table of that many blocks."""
        if self._retry_at is not None:
            return self._retry_at
        return self._stepped_at + self._interval(self._stepped_blocks, block_count)

    def blocks(self, block_count: int) -> tuple[int, int]:
        """The first and the last block of the next step through a table of that many blocks, at least one."""
        if self._position is None:
            self._position = self._start(block_count)
        elif self._position >= block_count:
            self._position = 0
        return self._position, min(self._position + self._pace.blocks_per_query, block_count) - 1

    def record(self, step: Step, seconds: float, now: float, block_count: int) -> bool:
        """Takes note of a step that has just been done in so many seconds. Returns whether it ended a pass."""
        first, last = self.blocks(block_count)
        is_full = step.rows >= self.limit
        if step.rows and (is_full or seconds > self._beat):
            fitting = step.rows * self._beat / max(seconds, 1e-6)
            self.limit = round(min(max(fitting, FEWEST_ROWS), MOST_ROWS))
        if not is_full:
            self._seen |= step.lanes
            self._tries += 1
        if is_full or (len(self._seen) < step.lane_count and self._tries < LANE_TRIES):
            # Not at once: whoever waits for the lanes comes first.
            self._retry_at = now + self._beat
            return False

        due_at = self._stepped_at + self._interval(self._stepped_blocks, block_count)
        blocks = last - first + 1
        # A little delay is made up for, a long sleep is not.
        self._stepped_at = min(max(due_at, now - self._interval(blocks, block_count)), now)
        self._stepped_blocks = blocks
        self._retry_at, self._seen, self._tries = None, frozenset(), 0
        self._position = last + 1
        self._pass_blocks += blocks
        if self._pass_blocks < block_count:
            return False
        self._pass_blocks = 0
        return True

    def _interval(self, blocks: int, block_count: int) -> float:
        return self._pace.period.total_seconds() * blocks / max(block_count, 1)


class Scanner:
    """Runs all scans by turns. One of them in a shard is enough; more do no harm."""

    def __init__(
        self,
        paces: Mapping[str, Pace],
        clock: Callable[[], float] = time.monotonic,
        start: Callable[[int], int] = random.randrange,
    ) -> None:
        """`paces`: which scans to run; `clock`: seconds; `start`: see Walk."""
        self._clock = clock
        self._walks = {scan: Walk(pace, clock(), start) for scan, pace in paces.items()}
        self._due = dict.fromkeys(paces, clock())

    def run_beat(self, connection: Connection) -> int:
        """Takes the step that has been due for longest, if one is. Returns how many rows it removed or handled.

        The connection must be in autocommit mode. Raises psycopg.Error; the other scans come first then.
        """
        scan = min(self._due, key=lambda name: self._due[name])
        now = self._clock()
        if self._due[scan] > now:
            return 0
        walk = self._walks[scan]
        self._due[scan] = now + _LOOK_AGAIN
        count = block_count(connection, scan)
        if not count:
            return 0
        rows = 0
        # The table may have grown or shrunk since that moment was computed.
        if walk.due_at(count) <= now:
            step = scan_blocks(connection, scan, *walk.blocks(count), walk.limit)
            rows = step.rows
            done = self._clock()
            if walk.record(step, done - now, done, count):
                logger.info("a pass over %s is complete", scan)
        self._due[scan] = min(walk.due_at(count), self._clock() + _LOOK_AGAIN)
        return rows

    def pause(self) -> float:
        """Seconds until run_beat has something to do."""
        return max(0.0, min(self._due.values()) - self._clock())


def block_count(connection: Connection, scan: str) -> int:
    """How many blocks the table of the scan has."""
    query = "select pg_relation_size(%s::regclass) / current_setting('block_size')::bigint"
    row = connection.execute(query, (f"worker.{TABLES[scan]}",)).fetchone()
    assert row is not None
    return int(row[0])


def scan_blocks(connection: Connection, scan: str, first: int, last: int, limit: int) -> Step:
    """Scans some blocks of a table in one transaction. Rows in lanes that others work on are left alone."""
    query = sql.SQL("select {}(%s, %s, %s)").format(sql.Identifier("worker", f"scan_{scan}"))
    with connection.transaction():
        # The function locks the lanes itself, but does not tell which ones it got.
        lanes = connection.execute(
            "select worker.try_lock_lanes(), c.lane_count from worker.configuration as c"
        ).fetchone()
        rows = connection.execute(query, (first, last, limit)).fetchone()
    assert lanes is not None
    assert rows is not None
    return Step(int(rows[0]), frozenset(lanes[0]), int(lanes[1]))


def full_pass(
    connection: Connection,
    scan: str,
    blocks_per_query: int = 40,
    sleep: Callable[[float], None] = time.sleep,
    patience: timedelta = timedelta(minutes=10),
) -> int:
    """Scans a whole table now, for example after a shard split. Returns how many rows were removed or handled.

    Waits for lanes that others work on, each time up to `patience`, then raises TimeoutError.
    """
    total = 0
    count = block_count(connection, scan)
    for first in range(0, count, blocks_per_query):
        seen: frozenset[int] = frozenset()
        tries_left = round(patience.total_seconds() / _LANE_PAUSE)
        while True:
            started = time.monotonic()
            step = scan_blocks(connection, scan, first, min(first + blocks_per_query, count) - 1, MOST_ROWS)
            total += step.rows
            # The lanes are ours half of the time at most.
            sleep(time.monotonic() - started)
            if step.rows >= MOST_ROWS:
                continue
            seen |= step.lanes
            if len(seen) == step.lane_count:
                break
            if tries_left <= 0:
                raise TimeoutError(f"scan of {scan}: some lanes are always busy")
            tries_left -= 1
            sleep(_LANE_PAUSE)
    return total


def scan_everything(connection: Connection, scans: Iterable[str] = TABLES) -> dict[str, int]:
    """A full pass over each table. Returns how many rows of each were removed or handled."""
    return {scan: full_pass(connection, scan) for scan in scans}

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
from functools import partial
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from pipelines import hook
from pipelines.batches import Batches, is_too_much
from pipelines.parts import Parts, concerns_all
from sql.scans import SCANS

logger = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]

FEWEST_ROWS, MOST_ROWS = 10, 5000
"""Bounds of how many rows one step removes."""

ROWS_PER_BLOCK = 128
"""By these the size of a step is counted, which may be halved: down to a block, and then to a row."""

LANE_TRIES = 10
_LANE_PAUSE = 0.1
_LOOK_AGAIN = 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How one table is scanned: the time of a pass, the blocks of a step, and the time a step should take."""

    period: timedelta
    blocks_per_query: int = 40
    beat: timedelta = timedelta(milliseconds=100)


def blocks_of(size: int) -> int:
    """How many blocks a step of that size reads."""
    return -(-size // ROWS_PER_BLOCK)


class Step(NamedTuple):
    """What a step did: the rows removed or handled, and the lanes whose rows it saw, out of `lane_count`."""

    rows: int
    lanes: frozenset[int]
    lane_count: int


class Walk:
    """The way of one scan through its table, without any clock or database. All moments are in seconds."""

    def __init__(
        self, pace: Pace, now: float, start: Callable[[int], int] = random.randrange, name: str = "scan"
    ) -> None:
        """`start` chooses the first block, given how many there are. The first step is due at once."""
        self.limit = MOST_ROWS
        self.batches = Batches(name, pace.blocks_per_query * ROWS_PER_BLOCK)
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
        return self._position, min(self._position + blocks_of(self.batches.size), block_count) - 1

    @property
    def rows(self) -> int:
        """The most rows that the next step removes."""
        return self.limit if self.batches.size == self.batches.most else min(self.limit, self.batches.size)

    def pass_over(self, now: float, block_count: int) -> int:
        """Goes on behind a block that is too much for the server; returns which one that was."""
        first, _ = self.blocks(block_count)
        self._retry_at, self._seen, self._tries = None, frozenset(), 0
        self._position, self._stepped_at, self._stepped_blocks = first + 1, now, 1
        self._pass_blocks = (self._pass_blocks + 1) % max(block_count, 1)
        return first

    def record(self, step: Step, seconds: float, now: float, block_count: int) -> bool:
        """Takes note of a step that has just been done in so many seconds. Returns whether it ended a pass."""
        first, last = self.blocks(block_count)
        is_full = step.rows >= self.rows
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
        self._walks = {scan: Walk(pace, clock(), start, f"scan of {scan}") for scan, pace in paces.items()}
        self._due = dict.fromkeys(paces, clock())
        self._failures = 0

    def run_beat(self, connection: Connection) -> int:
        """Takes the step that has been due for longest, if one is. Returns how many rows it removed or handled.

        The connection must be in autocommit mode. A scan that fails is told and comes last. Raises psycopg.Error for
        trouble of the surroundings, and when all scans fail.
        """
        scan = min(self._due, key=lambda name: self._due[name])
        now = self._clock()
        if self._due[scan] > now:
            return 0
        self._due[scan] = now + _LOOK_AGAIN
        try:
            rows = self._step(connection, scan, now)
        except psycopg.Error as error:
            self._failures += 1
            if concerns_all(error) or self._failures >= len(self._walks):
                # All of them in a row: it is nobody's in particular.
                raise
            logger.error("scan of %s failed, next attempt in %g s: %s %s", scan, _LOOK_AGAIN, error.sqlstate, error)
            hook.tell("part_failed", scan)
            return 0
        self._failures = 0
        return rows

    def _step(self, connection: Connection, scan: str, now: float) -> int:
        walk = self._walks[scan]
        count = block_count(connection, scan)
        if not count:
            return 0
        rows = 0

        def take(_size: int) -> Step:
            started = self._clock()
            step = scan_blocks(connection, scan, *walk.blocks(count), walk.rows)
            done = self._clock()
            if walk.record(step, done - started, done, count):
                logger.info("a pass over %s is complete", scan)
            return step

        # The table may have grown or shrunk since that moment was computed.
        if walk.due_at(count) <= now:
            try:
                rows = walk.batches.run(take).rows
            except psycopg.Error as error:
                if not is_too_much(error):
                    raise
                _tell_passed_over(scan, walk.pass_over(self._clock(), count), error)
        self._due[scan] = min(walk.due_at(count), self._clock() + _LOOK_AGAIN)
        return rows

    def pause(self) -> float:
        """Seconds until run_beat has something to do."""
        return max(0.0, min(self._due.values()) - self._clock())


def block_count(connection: Connection, scan: str) -> int:
    """How many blocks the table of the scan has."""
    query = "select pg_relation_size(%s::regclass) / current_setting('block_size')::bigint"
    row = connection.execute(query, (f"worker.{SCANS[scan].table}",)).fetchone()
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

    Waits for lanes that others work on, each time up to `patience`, then raises TimeoutError. A block that is too much
    for the server is told and left out.
    """
    total = 0
    count = block_count(connection, scan)
    batches = Batches(f"scan of {scan}", blocks_per_query * ROWS_PER_BLOCK)
    first = 0
    while first < count:
        blocks = blocks_of(batches.size)
        seen: frozenset[int] = frozenset()
        tries_left = round(patience.total_seconds() / _LANE_PAUSE)
        while True:
            started = time.monotonic()
            most = MOST_ROWS if batches.size == batches.most else min(MOST_ROWS, batches.size)
            try:
                step = scan_blocks(connection, scan, first, min(first + blocks, count) - 1, most)
            except psycopg.Error as error:
                if not is_too_much(error):
                    raise
                if batches.size == 1:
                    _tell_passed_over(scan, first, error)
                    break
                batches.shrink(error)
                blocks, seen = blocks_of(batches.size), frozenset()
                continue
            batches.grow()
            total += step.rows
            # The lanes are ours half of the time at most.
            sleep(time.monotonic() - started)
            if step.rows >= most:
                continue
            seen |= step.lanes
            if len(seen) == step.lane_count:
                break
            if tries_left <= 0:
                raise TimeoutError(f"scan of {scan}: some lanes are always busy")
            tries_left -= 1
            sleep(_LANE_PAUSE)
        first += blocks
    return total


def _tell_passed_over(scan: str, block: int, error: psycopg.Error) -> None:
    logger.error(
        "scan of %s: block %s of worker.%s is too much even for one row, it is passed over: %s %s",
        scan,
        block,
        SCANS[scan].table,
        error.sqlstate,
        error.diag.message_primary,
    )
    hook.tell("passed_over", scan)


def scan_everything(connection: Connection, scans: Iterable[str] = SCANS) -> dict[str, int]:
    """A full pass over each table. Returns how many rows of each were removed or handled.

    What fails for one table is raised when all others had their turn.
    """
    parts = Parts("scans")
    counts = {scan: parts.run(scan, partial(full_pass, connection, scan)) for scan in scans}
    parts.raise_failures()
    return counts

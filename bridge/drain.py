"""Works the inbox lanes: every batch is one call of a database function and one transaction.

A crash repeats a batch or completes it, never halves it.
"""

from __future__ import annotations

import logging
import random
import time
from typing import Any, LiteralString

import psycopg

from bridge.errors import Remedy, remedy
from bridge.floors import Floors
from pipelines import hook

logger = logging.getLogger(__name__)

REPETITIONS = 8

_DRAIN: LiteralString = "select busy, taken, floor, types, 0 from worker.drain_inbox(%s, %s, %s)"
_DROP_FOREIGN: LiteralString = "select busy, dropped, last_id from worker.drop_foreign_messages(%s, %s, %s)"
_DRAIN_SINGLY: LiteralString = "select busy, taken, floor, types, set_aside from worker.drain_inbox_singly(%s, %s, %s)"
# More savepoints than this in a transaction would slow down every snapshot.
_SINGLY_LIMIT = 50


class Drain:
    """One drainer. Several may run; a lane is worked by one transaction at a time."""

    def __init__(
        self, connection: psycopg.Connection[Any], lane_count: int, limit: int = 1000, first_lane: int = 0
    ) -> None:
        """The connection must be in autocommit mode; `limit` messages make a batch at most."""
        self._connection = connection
        self._limit = limit
        # Drainers that start with different lanes get less in each other's way.
        self._lanes = [(first_lane + lane) % lane_count for lane in range(lane_count)]
        self._floors = Floors(self._lanes)
        # Where the realm may have changed since the messages came: at the start of a process.
        self._unchecked = set(self._lanes)

    def run_once(self) -> int:
        """One batch of each lane. Returns how many messages were worked, those set aside included.

        Raises psycopg.Error for trouble of the surroundings; nothing is lost then.
        """
        self._floors.refresh()
        return sum(self._work(lane) for lane in self._lanes)

    def _work(self, lane: int) -> int:
        if lane in self._unchecked and not self._drop_foreign(lane):
            return 0
        try:
            return self._call(_DRAIN, lane, self._limit)
        except psycopg.Error as error:
            if remedy(error) is not Remedy.SET_ASIDE:
                raise
            logger.warning("lane %s: a batch failed because of its data, working it singly: %s", lane, error.sqlstate)
        # In small steps through as many messages as the failed batch had.
        total = 0
        while total < self._limit:
            taken = self._call(_DRAIN_SINGLY, lane, min(_SINGLY_LIMIT, self._limit - total))
            if not taken:
                break
            total += taken
        return total

    def _drop_foreign(self, lane: int) -> bool:
        """Removes the messages of other shards, which a database has after it was copied. False: the lane is busy."""
        last_id: int | None = 0
        while last_id is not None:
            row = self._connection.execute(_DROP_FOREIGN, (lane, self._limit, last_id)).fetchone()
            assert row is not None
            busy, dropped, last_id = row
            if busy:
                return False
            if dropped:
                logger.warning("lane %s: %s messages of other shards were removed", lane, dropped)
        self._unchecked.discard(lane)
        return True

    def _call(self, query: LiteralString, lane: int, limit: int) -> int:
        for repetition in range(REPETITIONS):
            try:
                row = self._connection.execute(query, (lane, limit, self._floors[lane])).fetchone()
                break
            except psycopg.Error as error:
                if remedy(error) is not Remedy.REPEAT or repetition == REPETITIONS - 1:
                    raise
                hook.tell("repeated")
                time.sleep(random.uniform(0, 0.005 * 2**repetition))
        assert row is not None
        busy, taken, floor, types, set_aside = row
        for type_name, count in types.items():
            hook.tell("drained", type_name, count)
        if set_aside:
            logger.error("lane %s: %s messages were set aside", lane, set_aside)
            hook.tell("set_aside", amount=set_aside)
        if taken:
            self._floors.advance(lane, floor)
        elif not busy:
            self._floors.found_empty(lane)
        return int(taken)

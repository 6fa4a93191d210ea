"""Works the inbox lanes: every batch is one call of a database function and one transaction.

A crash repeats a batch or completes it, never halves it. A batch that is too much for the server is halved; a message
that is too much alone is passed over. A type whose handler fails is left alone for a while.
"""

from __future__ import annotations

import logging
import random
import time
from functools import partial
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg import sql

from bridge.errors import Remedy, remedy
from bridge.floors import Floors
from pipelines import hook
from pipelines.batches import Sizes, is_too_much, may_be_its_own_fault
from pipelines.parts import Parts, concerns_all

logger = logging.getLogger(__name__)

REPETITIONS = 8
SUSPECTS = 3
"""So many messages in a row may be too much alone; then it is the server that is too slow."""

_DRAIN: LiteralString = "select busy, taken, floor, types, 0 from worker.drain_inbox(%s, %s, %s, %s)"
_DROP_FOREIGN: LiteralString = "select busy, dropped, last_id from worker.drop_foreign_messages(%s, %s, %s)"
_DRAIN_SINGLY: LiteralString = (
    "select busy, taken, floor, types, set_aside from worker.drain_inbox_singly(%s, %s, %s, %s)"
)
_SET_ASIDE: LiteralString = "select worker.set_aside_inbox(%s, %s, %s, %s)"
# More savepoints than this in a transaction would slow down every snapshot.
_SINGLY_LIMIT = 50


class Suspect(NamedTuple):
    """A message that is too much alone: its ID, its type, what it is about, and the error."""

    msg_id: int
    type: str
    key: str
    error: psycopg.Error


class Drain:
    """One drainer. Several may run; a lane is worked by one transaction at a time."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        lane_count: int,
        limit: int = 1000,
        first_lane: int = 0,
        sizes: Sizes | None = None,
    ) -> None:
        """The connection must be in autocommit mode; `limit` messages make a batch at most.

        `sizes`: what earlier drainers of this process have learned.
        """
        self._connection = connection
        self._limit = limit
        self._sizes = sizes or Sizes()
        # Drainers that start with different lanes get less in each other's way.
        self._lanes = [(first_lane + lane) % lane_count for lane in range(lane_count)]
        self._floors = Floors(self._lanes)
        self._lane_parts = Parts("drain")
        self._types = Parts("drain")
        # Where the realm may have changed since the messages came: at the start of a process.
        self._unchecked = set(self._lanes)
        self.has_more = False
        """Was a batch full in the latest round, so that there may be more?"""

    def run_once(self) -> int:
        """One batch of each lane. Returns how many messages were worked, those set aside included.

        Raises psycopg.Error for trouble of the surroundings; nothing is lost then.
        """
        self._floors.refresh()
        self.has_more = False
        total = sum(self._lane_parts.run(f"lane {lane}", partial(self._work, lane)) for lane in self._lanes)
        self._types.worked(total)
        self._lane_parts.worked(total)
        self._types.end_round()
        self._lane_parts.end_round()
        return total

    def _work(self, lane: int) -> int:
        if lane in self._unchecked and not self._drop_foreign(lane):
            return 0
        paused = self._types.paused()
        try:
            return self._work_batch(lane, paused)
        except psycopg.Error as error:
            if concerns_all(error) or is_too_much(error):
                raise
            return self._work_types_apart(lane, paused, error)

    def _work_types_apart(self, lane: int, paused: list[str], error: psycopg.Error) -> int:
        """After a failure that is no message's fault: the handler of one type may be broken, or miss a right."""
        table = sql.Identifier(f"q_inbox_{lane}")
        query = sql.SQL(
            "select distinct coalesce(w.message ->> 'type', '') from (select q.message from pgmq.{} as q"
            " where q.msg_id > %s and coalesce(q.message ->> 'type', '') <> all(%s) order by q.msg_id limit %s) as w"
        ).format(table)
        found = [row[0] for row in self._connection.execute(query, (self._floors[lane], paused, self._limit))]
        if len(found) == 1:
            # No need to do it again.
            return self._types.fail(found[0], error)
        if not found:
            raise error
        floor = self._floors[lane]
        total = 0
        for type_name in sorted(found):
            others = [*paused, *(other for other in found if other != type_name)]
            # Each begins where the batch began: what another one has left is behind its floor.
            self._floors.advance(lane, floor)
            total += self._types.run(type_name, partial(self._work_batch, lane, others))
        self._floors.advance(lane, floor)
        return total

    def _work_batch(self, lane: int, without: list[str]) -> int:
        batches = self._sizes.of(f"drain of lane {lane}", self._limit)
        try:
            return batches.run(lambda limit: self._call(_DRAIN, lane, limit, without))
        except psycopg.Error as error:
            if remedy(error) is Remedy.SET_ASIDE:
                logger.warning(
                    "lane %s: a batch failed because of its data, working it singly: %s", lane, error.sqlstate
                )
                return self._work_singly(lane, batches.size, without)
            if not is_too_much(error):
                raise
            return self._pass_over(lane, without, error)

    def _work_singly(self, lane: int, limit: int, without: list[str]) -> int:
        """In small steps through as many messages as the failed batch had."""
        batches = self._sizes.of(f"single messages of lane {lane}", _SINGLY_LIMIT)
        total = 0
        while total < limit:
            try:
                taken = batches.run(partial(self._step_singly, lane, limit - total, without))
            except psycopg.Error as error:
                if not is_too_much(error):
                    raise
                return total + self._pass_over(lane, without, error)
            if not taken:
                break
            total += taken
        return total

    def _step_singly(self, lane: int, most: int, without: list[str], size: int) -> int:
        return self._call(_DRAIN_SINGLY, lane, min(size, most), without)

    def _pass_over(self, lane: int, without: list[str], error: psycopg.Error) -> int:
        """Goes on behind a message that is too much alone, and comes back to it when others went well.

        If it fails again then, it is to blame itself, and is set aside. Raises the error when nothing goes well: then
        the server is too slow, and nothing is any message's fault.
        """
        suspects: list[Suspect] = []
        total = 0
        while not total:
            suspect = self._suspect(lane, without, error)
            if suspect is None or len(suspects) == SUSPECTS:
                raise error
            suspects.append(suspect)
            logger.error(
                "lane %s: a message of type %s (%s, ID %s) is too much even alone, it is passed over: %s %s",
                lane,
                suspect.type,
                suspect.key,
                suspect.msg_id,
                error.sqlstate,
                error.diag.message_primary,
            )
            hook.tell("passed_over", suspect.type)
            self._floors.advance(lane, suspect.msg_id)
            try:
                total = self._call(_DRAIN, lane, 1, without)
            except psycopg.Error as again:
                if is_too_much(again) and remedy(again) is not Remedy.SET_ASIDE:
                    error = again
                    continue
                if remedy(again) is not Remedy.SET_ASIDE:
                    raise
                total = self._call(_DRAIN_SINGLY, lane, 1, without)
            if not total:
                # There is nothing behind it to compare it with.
                return 0
        behind = self._floors[lane]
        for suspect in suspects:
            total += self._try_again(lane, suspect, without)
        self._floors.advance(lane, behind)
        return total

    def _try_again(self, lane: int, suspect: Suspect, without: list[str]) -> int:
        self._floors.advance(lane, suspect.msg_id - 1)
        try:
            return self._call(_DRAIN, lane, 1, without)
        except psycopg.Error as error:
            if not may_be_its_own_fault(error):
                if is_too_much(error):
                    return 0
                raise
            what = f"{error.diag.message_primary}: this message alone is too much, while others are not"
            row = self._connection.execute(_SET_ASIDE, (lane, suspect.msg_id, error.sqlstate, what)).fetchone()
            assert row is not None
            if row[0]:
                logger.error(
                    "lane %s: a message of type %s (%s) was set aside: %s %s",
                    lane,
                    suspect.type,
                    suspect.key,
                    error.sqlstate,
                    what,
                )
                hook.tell("set_aside")
            return int(row[0])

    def _suspect(self, lane: int, without: list[str], error: psycopg.Error) -> Suspect | None:
        """The next message of the lane, which a batch of one would take."""
        query = sql.SQL(
            "select q.msg_id, coalesce(q.message ->> 'type', ''), coalesce(worker.message_key(q.message), '')"
            " from pgmq.{} as q where q.msg_id > %s and coalesce(q.message ->> 'type', '') <> all(%s)"
            " order by q.msg_id limit 1"
        ).format(sql.Identifier(f"q_inbox_{lane}"))
        row = self._connection.execute(query, (self._floors[lane], without)).fetchone()
        return None if row is None else Suspect(row[0], row[1], row[2], error)

    def _drop_foreign(self, lane: int) -> bool:
        """Removes the messages of other shards, which a database has after it was copied. False: the lane is busy."""

        def drop(limit: int) -> tuple[bool, int, int | None]:
            row = self._connection.execute(_DROP_FOREIGN, (lane, limit, last_id)).fetchone()
            assert row is not None
            return row[0], row[1], row[2]

        last_id: int | None = 0
        while last_id is not None:
            busy, dropped, last_id = self._sizes.run(f"foreign messages of lane {lane}", self._limit, drop)
            if busy:
                return False
            if dropped:
                logger.warning("lane %s: %s messages of other shards were removed", lane, dropped)
        self._unchecked.discard(lane)
        return True

    def _call(self, query: LiteralString, lane: int, limit: int, without: list[str]) -> int:
        for repetition in range(REPETITIONS):
            try:
                row = self._connection.execute(query, (lane, limit, self._floors[lane], without)).fetchone()
                break
            except psycopg.Error as error:
                # A lock that is not to be had in time is waited for with fewer messages.
                if remedy(error) is not Remedy.REPEAT or is_too_much(error) or repetition == REPETITIONS - 1:
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
        self.has_more |= taken >= limit
        return int(taken)

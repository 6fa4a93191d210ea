"""From the outgoing queues to the broker.

The deletion of a batch commits after the broker has confirmed it: a crash in between repeats messages, never loses
them. Messages that no queue wants are parked and offered again later; they hold up nothing.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from bridge.floors import Floors
from bridge.messages.codec import build
from bridge.messages.names import OUTGOING_TYPES, SMP_SENT_TYPES
from bridge.messages.publications import publication
from bridge.wire.ports import Publication, PublishError, Target
from bridge.wire.sharding import Realm
from pipelines import hook
from pipelines.batches import Sizes, is_too_much
from pipelines.parts import Parts, concerns_all
from pipelines.texts import shown

logger = logging.getLogger(__name__)

BURST_COUNT = 10_000
BATCHES_PER_ROUND = 3
REQUEUE_SECONDS = 60.0

_TAKE_TYPED: dict[str, LiteralString] = {
    "PrepareTransfer": "select t.*, 'agent' as coordinator_type, creditor_id as coordinator_id"
    " from worker.take_prepare_transfers(%s, %s) as t",
    "FinalizeTransfer": "select t.*, 'agent' as coordinator_type from worker.take_finalize_transfers(%s, %s) as t",
}

_TYPED_TABLES = {"PrepareTransfer": "prepare_transfer", "FinalizeTransfer": "finalize_transfer"}


class ForeignRow(Exception):
    """An outgoing message belongs to another shard; its batch stays where it is."""


class Row(NamedTuple):
    """An outgoing message as it is in the database."""

    outbox_id: int
    fields: Mapping[str, object]


class Outbound:
    """One flusher. Several may run; each skips what another has taken."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        target: Target,
        realm: Realm,
        *,
        types: Sequence[str] = OUTGOING_TYPES,
        delete_parent_shard_records: bool = False,
        burst_counts: Mapping[str, int] | None = None,
        sizes: Sizes | None = None,
    ) -> None:
        """The connection must be in autocommit mode; `burst_counts` limits the batches by type.

        `sizes`: what earlier flushers of this process have learned.
        """
        self._connection = connection
        self._target = target
        self._realm = realm
        self._types = tuple(types)
        self._delete_parent_shard_records = delete_parent_shard_records
        self._burst_counts = burst_counts or {}
        self._sizes = sizes or Sizes()
        self._parts = Parts("outbound", ends=(PublishError, OSError), plain=(ForeignRow,))
        self._floors = Floors(self._types)
        self._requeue_at = 0.0
        self._has_more_parked = False
        self.has_more = False
        """Were all batches of a type full in the latest round, so that there may be more?"""
        self._find_waiting = sql.SQL("select ") + sql.SQL(", ").join(map(_has_waiting, self._types))

    def run_once(self) -> int:
        """A few batches of each type, so that no backlog delays the others. Returns how many messages left.

        Raises PublishError, and psycopg.Error for trouble of the surroundings: the batch stays. A type that fails is
        told and left alone for a while, unless nothing else left either; then its error is raised.
        """
        self._floors.refresh()
        self.has_more = False
        self._parts.run("requeue", self._requeue)
        total = sum(self._parts.run(type_name, partial(self._flush, type_name)) for type_name in self._waiting_types())
        self._parts.end_round()
        return total

    def _requeue(self) -> int:
        """Offers parked messages again: once a minute, and at once those behind them when all of them left."""
        now = time.monotonic()
        if now < self._requeue_at and not self._has_more_parked:
            return 0

        def requeue(limit: int) -> int:
            row = self._connection.execute("select worker.requeue_unroutable(%s)", (limit,)).fetchone()
            assert row is not None
            self._has_more_parked = row[0] == limit
            return int(row[0])

        count = self._sizes.run("unroutable messages", BURST_COUNT, requeue)
        self._requeue_at = now + REQUEUE_SECONDS
        return count

    def _waiting_types(self) -> list[str]:
        """The types that have anything to send: one question for all, since most of them have nothing most of the time.

        Of the others rows that came late are looked for next time.
        """
        try:
            row = self._connection.execute(self._find_waiting, [self._floors[name] for name in self._types]).fetchone()
        except psycopg.Error as error:
            if concerns_all(error):
                raise
            # The queue of one of them is missing, or may not be read: each is asked for itself.
            logger.error("cannot look at all outgoing queues at once: %s %s", error.sqlstate, error)
            return list(self._types)
        assert row is not None
        waiting = dict(zip(self._types, row, strict=True))
        for type_name in self._types:
            if not waiting[type_name]:
                self._floors.found_empty(type_name)
        return [type_name for type_name in self._types if waiting[type_name]]

    def _flush(self, type_name: str) -> int:
        batches = self._sizes.of(f"sending {type_name}", self._burst_counts.get(type_name, BURST_COUNT))
        total = 0
        for _ in range(BATCHES_PER_ROUND):
            try:
                count = batches.run(partial(self._run_batch, type_name))
            except psycopg.Error as error:
                if not is_too_much(error):
                    raise
                if not self._pass_over(type_name, error):
                    break
                continue
            total += count
            if count < batches.last:
                break
        else:
            self.has_more = True
        return total

    def _pass_over(self, type_name: str, error: psycopg.Error) -> bool:
        """Goes on behind a message that is too much for the server even alone; it is tried again within a minute."""
        query = sql.SQL("select min(q.{}) from {} as q where q.{} > %s").format(
            _id_of(type_name), _table_of(type_name), _id_of(type_name)
        )
        row = self._connection.execute(query, (self._floors[type_name],)).fetchone()
        assert row is not None
        if row[0] is None:
            return False
        logger.error(
            "an outgoing %s (ID %s) is too much even alone, it is passed over: %s %s",
            type_name,
            row[0],
            error.sqlstate,
            error.diag.message_primary,
        )
        hook.tell("passed_over", type_name)
        self._floors.advance(type_name, row[0])
        return True

    def _run_batch(self, type_name: str, limit: int) -> int:
        with self._connection.transaction():
            rows = self._take(type_name, limit)
            if rows:
                publications = self._encode(type_name, rows)
                returned = self._target.publish(publications)
                if returned:
                    self._park_returned(type_name, [publications[index] for index in returned])
        if rows:
            self._floors.advance(type_name, rows[-1].outbox_id)
            hook.tell("sent", type_name, len(publications))
        else:
            self._floors.found_empty(type_name)
        return len(rows)

    def _take(self, type_name: str, limit: int) -> list[Row]:
        floor = self._floors[type_name]
        with self._connection.cursor(row_factory=dict_row) as cursor:
            typed = _TAKE_TYPED.get(type_name)
            if typed is not None:
                cursor.execute(typed, (limit, floor))
                return [Row(row["outbox_id"], row) for row in cursor]
            cursor.execute("select outbox_id, message from worker.take_outbox(%s, %s, %s)", (type_name, limit, floor))
            return [Row(row["outbox_id"], row["message"]) for row in cursor]

    def _encode(self, type_name: str, rows: Sequence[Row]) -> list[Publication]:
        publications: list[Publication] = []
        is_smp = type_name in SMP_SENT_TYPES
        for row in rows:
            try:
                message = build(type_name, row.fields)
            except ValueError as error:
                self._set_aside(type_name, row, shown(error))
                continue
            if is_smp and not self._realm.matches(message.sharding_key):
                if self._delete_parent_shard_records and self._realm.parent_matches(message.sharding_key):
                    continue
                raise ForeignRow(f"{type_name} of creditor {message.sharding_key} is outside {self._realm.binding_key}")
            publications.append(publication(message))
        return publications

    def _set_aside(self, type_name: str, row: Row, error: str) -> None:
        """An invalid message: its receiver would refuse it. Without it the rest of the queue moves on."""
        logger.error("set aside an invalid outgoing %s: %s", type_name, error)
        body = json.dumps(row.fields, default=str)
        self._connection.execute(
            "select worker.set_aside_outgoing(%s, array[%s::jsonb], array[%s])", (type_name, body, error)
        )
        hook.tell("set_aside", type_name)

    def _park_returned(self, type_name: str, returned: Sequence[Publication]) -> None:
        self._has_more_parked = False
        bodies = [item.body.decode() for item in returned]
        self._connection.execute("select worker.park_unroutable(%s, %s::text[]::jsonb[])", (type_name, bodies))
        hook.tell("unroutable", type_name, len(returned))
        counts: dict[str, int] = {}
        for item in returned:
            counts[item.routing_key] = counts.get(item.routing_key, 0) + 1
        for routing_key, count in sorted(counts.items()):
            logger.warning("no queue took %s %s with routing key %s, kept for later", count, type_name, routing_key)


def _id_of(type_name: str) -> sql.Identifier:
    return sql.Identifier("outbox_id" if type_name in _TYPED_TABLES else "msg_id")


def _table_of(type_name: str) -> sql.Composed:
    table = _TYPED_TABLES.get(type_name)
    if table is not None:
        return sql.SQL("outbox.{}").format(sql.Identifier(table))
    queue = "q_out" + re.sub("[A-Z]", lambda capital: "_" + capital.group().lower(), type_name)
    return sql.SQL("pgmq.{}").format(sql.Identifier(queue))


def _has_waiting(type_name: str) -> sql.Composed:
    """Whether a queue has a message after a floor; so written that the index finds it behind many dead rows."""
    column = _id_of(type_name)
    return sql.SQL("(select q.{} from {} as q where q.{} > %s order by q.{} limit 1) is not null").format(
        column, _table_of(type_name), column, column
    )

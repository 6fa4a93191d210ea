"""From the broker into the inbox lanes.

Messages are acknowledged after they are committed to the database: a crash in between repeats them, never loses them.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from bridge.errors import Remedy, remedy
from bridge.messages.catalogue import TAKEN_FROM
from bridge.messages.codec import BadMessage, Message, decode
from bridge.wire.ports import Delivery, Source
from bridge.wire.sharding import Realm, binary_routing_key, hash32, lane_of
from pipelines import hook

logger = logging.getLogger(__name__)


class ForeignShard(Exception):
    """The queue's bindings and the configured realm disagree. Nothing was acknowledged; consuming must end."""


class _Refused(Exception):
    """The database does not take one of these messages."""


class Checked(NamedTuple):
    """A good delivery: its tag, its type, its lane, and the message as PostgreSQL will store it."""

    tag: int
    type: str
    lane: int
    json: bytes


class Inbound:
    """Takes messages from one queue."""

    def __init__(
        self,
        source: Source,
        connection: psycopg.Connection[Any],
        realm: Realm,
        lane_count: int,
        limit: int = 2000,
        prefix: str = "",
    ) -> None:
        """The connection must be in autocommit mode; `limit` messages make a batch at most.

        `prefix` goes before the names of exchanges, except that of the default one.
        """
        self._source = source
        self._connection = connection
        self._realm = realm
        self._lane_count = lane_count
        self._limit = limit
        self._taken_from = {prefix + name if name else name: types for name, types in TAKEN_FROM.items()}
        self.dead_letters = 0
        self._copies = [
            sql.SQL("copy pgmq.{} (vt, message) from stdin").format(sql.Identifier(f"q_inbox_{lane}"))
            for lane in range(lane_count)
        ]

    def run_once(self, timeout: float) -> int:
        """One batch; waits at most `timeout` seconds for its first message. Returns how many messages it had.

        Raises SourceError, psycopg.Error (nothing is acknowledged) and ForeignShard.
        """
        batch = self._source.take(self._limit, timeout)
        if not batch:
            return 0
        good, bad = self._check(batch)
        stored, refused = self._store(good)
        self._source.settle(stored, bad + refused)
        self.dead_letters += len(bad) + len(refused)
        self._tell(good, bad, refused)
        return len(batch)

    @staticmethod
    def _tell(good: Sequence[Checked], bad: Sequence[int], refused: Sequence[int]) -> None:
        for type_name, count in Counter(message.type for message in good if message.tag not in refused).items():
            hook.tell("received", type_name, count)
        if bad or refused:
            hook.tell("dead_letter", amount=len(bad) + len(refused))

    def _check(self, batch: Sequence[Delivery]) -> tuple[list[Checked], list[int]]:
        """The good messages, and the tags of the bad ones."""
        good: list[Checked] = []
        bad: list[int] = []
        for delivery in batch:
            try:
                self._refuse_strangers(delivery)
                message = decode(delivery)
                key_hash = hash32(message.key)
                if not self._realm.matches_hash(key_hash):
                    self._refuse_foreign(delivery, message)
                good.append(
                    Checked(delivery.tag, message.type, lane_of(key_hash, self._lane_count), message.inbox_json())
                )
            except BadMessage as error:
                logger.error("rejected a message of type %r: %s", delivery.type, error.reason)
                bad.append(delivery.tag)
        return good, bad

    def _refuse_strangers(self, delivery: Delivery) -> None:
        """Whoever may publish to an exchange may not send everything by it."""
        if delivery.type not in self._taken_from.get(delivery.exchange, ()):
            raise BadMessage(f"such messages are not taken from the exchange {delivery.exchange!r}")

    def _refuse_foreign(self, delivery: Delivery, message: Message) -> None:
        """Tells one sender's mistake (a bad message) from a queue that belongs to another shard (nobody's message)."""
        if delivery.routing_key != binary_routing_key(message.key):
            raise BadMessage(f"sharding key {message.key} does not belong to routing key {delivery.routing_key}")
        logger.error(
            "type %s with sharding key %s is outside the realm %s: the queue's bindings and the realm disagree",
            message.type,
            message.key,
            self._realm.binding_key,
        )
        raise ForeignShard(f"sharding key {message.key} is outside the realm {self._realm.binding_key}")

    def _store(self, messages: Sequence[Checked]) -> tuple[list[int], list[int]]:
        """Commits the messages. Returns the tags of those that were stored, and of those the database refuses."""
        if not messages:
            return [], []
        try:
            self._copy(messages)
        except _Refused as refusal:
            if len(messages) == 1:
                logger.error("rejected a message that the inbox refuses: %s", refusal)
                return [], [messages[0].tag]
            # Halving finds a bad message among thousands with few transactions.
            middle = len(messages) // 2
            first, second = self._store(messages[:middle]), self._store(messages[middle:])
            return first[0] + second[0], first[1] + second[1]
        return [message.tag for message in messages], []

    def _copy(self, messages: Sequence[Checked]) -> None:
        lanes: dict[int, list[bytes]] = {}
        for message in messages:
            # In normal form JSON has no raw control characters, so the backslash is all that COPY wants escaped.
            lanes.setdefault(message.lane, []).append(b"-infinity\t" + message.json.replace(b"\\", b"\\\\") + b"\n")
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for lane, lines in sorted(lanes.items()):
                try:
                    with cursor.copy(self._copies[lane]) as copy:
                        copy.write(b"".join(lines))
                except psycopg.Error as error:
                    if remedy(error) is Remedy.SET_ASIDE:
                        raise _Refused(f"{error.sqlstate} {error}") from None
                    raise
            # What fails from here on is no message's fault, though a full queue of notifications has such a code.
            cursor.execute("select pg_notify('worker_inbox', %s)", (",".join(map(str, sorted(lanes))),))

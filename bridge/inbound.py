"""From the broker into the inbox lanes.

Messages are acknowledged after they are committed to the database: a crash in between repeats them, never loses them.
None are taken before a trial has shown that the database takes them.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from bridge.errors import Remedy, remedy
from bridge.messages.catalogue import TAKEN_FROM
from bridge.messages.codec import BadMessage, Message, decode
from bridge.messages.types import MOST_BYTES
from bridge.redelivered import Redelivered
from bridge.strangers import HELD_MESSAGES, Stranger, Strangers
from bridge.trial import DataRefused, Lanes, Trial, write
from bridge.wire.ports import Delivery, Source
from bridge.wire.sharding import Realm, binary_routing_key, hash32, lane_of
from pipelines import hook
from pipelines.batches import Sizes, is_too_much

logger = logging.getLogger(__name__)

REPETITIONS = 5


class ForeignShard(Exception):
    """The queue's bindings and the realm disagree: what is not stored has to be given back, and consuming ends."""


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
        *,
        most_bytes: int = MOST_BYTES,
        trial: Trial | None = None,
        sizes: Sizes | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """The connection must be in autocommit mode; `limit` messages make a batch at most.

        `prefix` goes before the names of exchanges, except that of the default one. Messages of more than `most_bytes`
        are refused. `trial` is that of the consumer before, which had other connections. `sizes`: what
        earlier ones have learned. `clock` counts seconds.
        """
        self._source = source
        self._connection = connection
        self._realm = realm
        self._lane_count = lane_count
        self._limit = limit
        self._batches = (sizes or Sizes()).of("storing messages", limit)
        self._most_bytes = most_bytes
        self._trial = trial or Trial()
        self._is_tried = False
        self._clock = clock
        self._strangers = Strangers()
        self._redelivered = Redelivered()
        self._taken_from = {prefix + name if name else name: types for name, types in TAKEN_FROM.items()}
        self.dead_letters = 0
        self.stored = 0
        self._copies = [
            sql.SQL("copy pgmq.{} (vt, message) from stdin").format(sql.Identifier(f"q_inbox_{lane}"))
            for lane in range(lane_count)
        ]

    def run_once(self, timeout: float) -> int:
        """One batch; waits at most `timeout` seconds for its first message. Returns how many messages it had.

        Raises SourceError, psycopg.Error (nothing is acknowledged) and ForeignShard.
        """
        try:
            return self._run(timeout)
        except Exception:
            # Whoever catches it gives everything back.
            self._strangers = Strangers()
            self._is_tried = False
            raise

    def _run(self, timeout: float) -> int:
        if not self._is_tried:
            self._trial.run(self._connection, self._copies)
            self._is_tried = True
        patience = self.patience()
        batch = self._source.take(self._limit, timeout if patience is None else min(timeout, patience))
        if batch:
            self._redelivered.look_at(batch, self._clock())
            good, bad = self._check(batch)
            stored: list[int] = []
            refused: list[int] = []
            try:
                self._store(good, stored, refused)
            except psycopg.Error:
                # These need not come again.
                self._settle(stored, refused)
                raise
            self._settle(stored, bad + refused)
            self._tell(good, bad, refused)
            self._strangers.add_own(len(stored))
        self._judge_strangers()
        return len(batch)

    def let_go(self) -> None:
        """The queue is not consumed until the next `run_once`. What was not settled goes back."""
        self._source.close()
        self._strangers = Strangers()
        # It may take long until then.
        self._is_tried = False

    def patience(self) -> float | None:
        """Seconds until `run_once` has to be called even if no message comes; None: whenever one comes."""
        return self._strangers.seconds_left(self._clock())

    def _settle(self, accepted: Sequence[int], rejected: Sequence[int]) -> None:
        if accepted or rejected:
            self._source.settle(accepted, rejected)
        self.stored += len(accepted)
        self.dead_letters += len(rejected)

    @staticmethod
    def _tell(good: Sequence[Checked], bad: Sequence[int], refused: Sequence[int]) -> None:
        for type_name, count in Counter(message.type for message in good if message.tag not in refused).items():
            hook.tell("received", type_name, count)
        if bad or refused:
            hook.tell("dead_letter", amount=len(bad) + len(refused))

    def _check(self, batch: Sequence[Delivery]) -> tuple[list[Checked], list[int]]:
        """The good messages, and the tags of the bad ones. Those of other shards are held, and in neither."""
        good: list[Checked] = []
        bad: list[int] = []
        for delivery in batch:
            try:
                self._refuse_giants(delivery)
                self._refuse_strangers(delivery)
                message = decode(delivery)
                key_hash = hash32(message.key)
                if self._realm.matches_hash(key_hash):
                    lane = lane_of(key_hash, self._lane_count)
                    good.append(Checked(delivery.tag, message.type, lane, message.inbox_json()))
                else:
                    self._hold(delivery, message)
            except BadMessage as error:
                logger.error("rejected a message of type %r: %s", delivery.type, error.reason)
                bad.append(delivery.tag)
        return good, bad

    def _refuse_giants(self, delivery: Delivery) -> None:
        size = delivery.omitted_bytes or len(delivery.body)
        if size > self._most_bytes:
            raise BadMessage(f"its {size} bytes are more than APP_MAX_MESSAGE_BYTES={self._most_bytes}")

    def _refuse_strangers(self, delivery: Delivery) -> None:
        """Whoever may publish to an exchange may not send everything by it."""
        if delivery.type not in self._taken_from.get(delivery.exchange, ()):
            raise BadMessage(f"such messages are not taken from the exchange {delivery.exchange!r}")

    def _hold(self, delivery: Delivery, message: Message) -> None:
        """Another shard's message, if its routing key says so, too; else it is one sender's mistake."""
        if delivery.routing_key != binary_routing_key(message.key):
            raise BadMessage(f"sharding key {message.key} does not belong to routing key {delivery.routing_key}")
        described = f"{message.type} with sharding key {message.key} is outside the realm {self._realm.binding_key}"
        if not self._strangers.held:
            # They must not keep the others from coming.
            self._source.widen(HELD_MESSAGES)
        self._strangers.hold(Stranger(delivery.tag, message.type, described), self._clock())

    def _judge_strangers(self) -> None:
        """Raises ForeignShard when most of what comes is not ours."""
        if self.patience() != 0.0:
            return
        own, foreign = self._strangers.counts()
        if own <= foreign:
            reason = (
                f"the queue's bindings and the realm disagree: {foreign} of the last {own + foreign} messages belong "
                f"to other shards, and were given back, such as: {self._strangers.held[0].described}"
            )
            raise ForeignShard(reason)
        released = self._strangers.release()
        for stranger in released:
            logger.error("rejected a message of another shard, which most are not: %s", stranger.described)
        self._source.widen(0)
        self._settle([], [stranger.tag for stranger in released])
        hook.tell("dead_letter", amount=len(released))

    def _store(self, messages: Sequence[Checked], stored: list[int], refused: list[int]) -> None:
        """Commits the messages. Adds the tags of those that were stored, and of those the database refuses.

        Raises psycopg.Error also when even one is too much for the database: that is not the message's fault.
        """
        begin = 0

        def store(size: int) -> int:
            settled = {*stored, *refused}
            some = [message for message in messages[begin : begin + size] if message.tag not in settled]
            self._store_some(some, stored, refused)
            return size

        while begin < len(messages):
            try:
                begin += self._batches.run(store)
            except psycopg.Error as error:
                if is_too_much(error):
                    what = messages[begin].type
                    logger.error("a message of type %s is too much for the inbox even alone: %s", what, error.sqlstate)
                raise

    def _store_some(self, messages: Sequence[Checked], stored: list[int], refused: list[int]) -> None:
        if not messages:
            return
        try:
            self._copy(messages)
        except DataRefused as refusal:
            if len(messages) == 1:
                logger.error("rejected a message that the inbox refuses: %s", refusal)
                refused.append(messages[0].tag)
                return
            # Halving finds a bad message among thousands with few transactions.
            middle = len(messages) // 2
            self._store_some(messages[:middle], stored, refused)
            self._store_some(messages[middle:], stored, refused)
            return
        stored += [message.tag for message in messages]

    def _copy(self, messages: Sequence[Checked]) -> None:
        lanes = _lanes(messages)
        # As long as it is not known to be over: no more is taken until these could be written.
        self._trial.failed(lanes)
        for repetition in range(REPETITIONS):
            try:
                with self._connection.transaction(), self._connection.cursor() as cursor:
                    write(cursor, self._copies, lanes)
                    # What fails from here on is no message's fault, though a full queue of notifications has such
                    # a code.
                    cursor.execute("select pg_notify('worker_inbox', %s)", (",".join(map(str, sorted(lanes))),))
                break
            except psycopg.Error as error:
                if remedy(error) is not Remedy.REPEAT or repetition == REPETITIONS - 1:
                    raise
        self._trial.passed()


def _lanes(messages: Sequence[Checked]) -> Lanes:
    lines: dict[int, list[bytes]] = {}
    for message in messages:
        # In normal form JSON has no raw control characters, so the backslash is all that COPY wants escaped.
        lines.setdefault(message.lane, []).append(b"-infinity\t" + message.json.replace(b"\\", b"\\\\") + b"\n")
    return {lane: b"".join(found) for lane, found in lines.items()}

"""RabbitMQ behind the two ports of `bridge.wire.ports`.

Each port has its own connection, whose I/O loop runs in a thread of its own: heartbeats keep going while the caller is
busy with a database. A lost connection raises once; the next call connects again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any, Literal

import pika.exceptions

from bridge.rabbitmq.causes import explain
from bridge.rabbitmq.confirms import Batch
from bridge.rabbitmq.frames import Confirmation, encode_publications
from bridge.rabbitmq.hosts import one_for_each_host
from bridge.rabbitmq.link import Link
from bridge.rabbitmq.setup import Depth, TopologyError, count_messages, look
from bridge.rabbitmq.tls import NO_FILES, TlsFiles
from bridge.wire.ports import Delivery, Publication, PublishError, SourceError

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT = 30.0
CONFIRM_TIMEOUT = 60.0
BLOCKED_TIMEOUT = 600.0
"""Seconds. A batch in doubt holds a snapshot of the database, which no VACUUM can clean behind."""
CLUSTER_TIMEOUT = 15.0
"""Instead of the first two, where there are other nodes to turn to: one that has lost the others may never answer."""
GIVE_UP_SECONDS = 3.0
MOST_PREFETCHED = 65_535
_GENERATION_BITS = 40
_CHUNK = 250


class RabbitSource:
    """Implements `bridge.wire.ports.Source`. Used by one thread."""

    def __init__(
        self,
        url: str,
        queue: str,
        prefetch: int,
        *,
        files: TlsFiles = NO_FILES,
        most_bytes: int | None = None,
        since: datetime | Literal["last"] | None = None,
    ) -> None:
        """`prefetch`: how many unacknowledged messages the broker hands out, 0 for as many as it can count.

        Bodies of more than `most_bytes` are not kept. `since`: where to begin in a stream, at a moment of the broker or
        with the last piece that was written.
        """
        self._arguments = {} if since is None else {"x-stream-offset": since}
        self._url = url
        self._files = files
        self._most_bytes = most_bytes
        # Names of the second consumer, which there is while some messages are held.
        self._wider: str | None = None
        self._widened = 0
        self._queue = queue
        # Really any number would be more than the memory holds, some day.
        self._prefetch = prefetch or MOST_PREFETCHED
        self._changed = threading.Condition()
        self._link: Link | None = None
        self._generation = 0
        self._ready: deque[Delivery] = deque()
        # Taken and not settled, in the order of delivery.
        self._unsettled: dict[int, None] = {}

    def take(self, limit: int, timeout: float) -> list[Delivery]:
        link = self._connect()
        ready = self._ready
        with self._changed:
            self._changed.wait_for(lambda: ready or link.error, timeout)
            if link.error is None:
                count = min(limit, len(ready))
                taken = list(islice(ready, count))
                if count == len(ready):
                    ready.clear()
                else:
                    for _ in range(count):
                        ready.popleft()
                self._unsettled.update(dict.fromkeys(delivery.tag for delivery in taken))
                return taken
            error = link.error
        self.close()
        raise SourceError(error)

    def count_waiting(self) -> int:
        """How many messages are in the queue, apart from those that consumers have. Takes none. Raises SourceError."""
        try:
            return count_messages(self._url, self._queue, self._files)
        except (ConnectionError, TopologyError) as error:
            raise SourceError(str(error)) from None

    def look(self) -> Depth | None:
        """What is in the queue; None: there is none. Takes nothing. Raises SourceError."""
        try:
            return look(self._url, self._queue, self._files)
        except (ConnectionError, TopologyError) as error:
            raise SourceError(str(error)) from None

    def has_news(self, timeout: float) -> bool:
        """Waits at most `timeout` seconds until `take` has something to return, or to raise."""
        link = self._connect()
        with self._changed:
            return bool(self._changed.wait_for(lambda: self._ready or link.error, timeout))

    def settle(self, accepted: Sequence[int], rejected: Sequence[int] = ()) -> None:
        link = self._link
        if link is None or link.error is not None:
            self.close()
            raise SourceError("the connection was lost" if link is None else link.error)
        settled = {*accepted, *rejected}
        if not settled <= self._unsettled.keys():
            raise SourceError("unknown delivery tag")
        # Everything up to the first message still in work goes in one acknowledgement, the others one by one.
        up_to = 0
        for tag in self._unsettled:
            if tag not in settled:
                break
            up_to = tag
        for tag in settled:
            del self._unsettled[tag]
        singles = [tag for tag in accepted if tag > up_to]
        in_one = max((tag for tag in accepted if tag <= up_to), default=0)

        def send() -> None:
            try:
                for tag in rejected:
                    link.channel.basic_reject(self._broker_tag(tag), requeue=False)
                if in_one:
                    link.channel.basic_ack(self._broker_tag(in_one), multiple=True)
                for tag in singles:
                    link.channel.basic_ack(self._broker_tag(tag))
            except pika.exceptions.AMQPError as error:
                link.fail(explain(error, link.address))

        link.call(send)

    def widen(self, extra: int) -> None:
        """A prefetch count is that of a consumer for good: a second consumer on the channel has the others."""
        link, old = self._link, self._wider
        if link is None:
            return
        self._widened += 1
        new = self._wider = f"wider.{self._widened}" if extra else None

        def change() -> None:
            try:
                if old is not None:
                    link.channel.basic_cancel(old)
                if new is not None:
                    link.channel.basic_qos(prefetch_count=extra)
                    link.channel.basic_consume(self._queue, _ignore, consumer_tag=new)
            except pika.exceptions.AMQPError as error:
                link.fail(explain(error, link.address))

        link.call(change)

    def close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()
        self._ready = deque()
        self._unsettled = {}
        self._wider = None

    def _connect(self) -> Link:
        if self._link is None:
            self._generation += 1
            # A late delivery of an old connection must not get a tag of the new one.
            offset = self._generation << _GENERATION_BITS
            self._link = Link(
                self._url,
                self._consume,
                self._changed,
                on_deliveries=partial(_add, self._ready),
                first_tag=offset,
                files=self._files,
                most_bytes=self._most_bytes,
            )
            error = self._link.wait_until_ready(_timeout(self._url, CONNECT_TIMEOUT))
            if error is not None:
                self.close()
                raise SourceError(error)
        return self._link

    def _consume(self, link: Link) -> None:
        channel = link.channel
        channel.add_on_cancel_callback(lambda _frame: link.fail(f"{link.address}: the broker cancelled the consumer"))
        channel.basic_qos(prefetch_count=self._prefetch)
        # Deliveries come by `on_deliveries`.
        channel.basic_consume(self._queue, _ignore, arguments=self._arguments, callback=lambda _frame: link.set_ready())

    @staticmethod
    def _broker_tag(tag: int) -> int:
        return tag & ((1 << _GENERATION_BITS) - 1)


class RabbitTarget:
    """Implements `bridge.wire.ports.Target`, with confirms in a sliding window. Used by one thread."""

    def __init__(
        self,
        url: str,
        prefix: str = "",
        window: int = 2000,
        confirm_timeout: float | None = None,
        blocked_timeout: float = BLOCKED_TIMEOUT,
        give_up: Callable[[], bool] = lambda: False,
        files: TlsFiles = NO_FILES,
    ) -> None:
        """`prefix` goes before exchange names; `window` messages may be unconfirmed.

        A batch fails after `confirm_timeout` seconds without a confirmation (None: 60, with several hosts 15), or after
        `blocked_timeout` seconds while the broker says that it takes no messages (it is short of memory or disk). Once
        `give_up` returns true, waits for a broker that makes no progress end at once.
        """
        self._url = url
        self._files = files
        self._prefix = prefix
        self._window = window
        self._chunk = max(1, min(_CHUNK, window // 2))
        self._confirm_timeout = confirm_timeout if confirm_timeout is not None else _timeout(url, CONFIRM_TIMEOUT)
        self._blocked_timeout = blocked_timeout
        self._give_up = give_up
        self._changed = threading.Condition()
        self._link: Link | None = None
        self._published = 0  # on this channel; equals the broker's publish sequence number
        self._batch: Batch | None = None
        # Encoded messages and their number, which the loop's thread sends as the window allows.
        self._waiting: deque[tuple[bytes, int]] = deque()

    def publish(self, batch: Sequence[Publication]) -> list[int]:
        if not batch:
            return []
        link = self._connect()
        job = Batch(batch, self._prefix, self._published + 1)
        self._published += len(batch)
        self._batch = job
        body_bytes = link.connection.body_bytes
        for start in range(0, len(batch), self._chunk):
            chunk = batch[start : start + self._chunk]
            self._waiting.append((encode_publications(chunk, self._prefix, body_bytes), len(chunk)))
            link.call(partial(self._advance, link, job))
        error = self._wait(link, job)
        if error is not None:
            self.close()
            raise PublishError(error)
        if job.refused:
            logger.warning("the broker refused %s of %s messages", len(job.refused), len(batch))
        return sorted(job.returned | job.refused)

    def close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()
        self._waiting = deque()

    def _connect(self) -> Link:
        if self._link is not None and self._link.error is not None:
            self.close()
        if self._link is None:
            self._published = 0
            self._link = Link(
                self._url, self._prepare, self._changed, on_confirmations=self._on_confirmations, files=self._files
            )
            error = self._link.wait_until_ready(_timeout(self._url, CONNECT_TIMEOUT))
            if error is not None:
                self.close()
                raise PublishError(error)
        return self._link

    def _wait(self, link: Link, job: Batch) -> str | None:
        """Until everything is settled. Returns what is wrong with the connection or the broker."""
        waiting_since = time.monotonic()
        blocked_since: float | None = None
        with self._changed:
            while not job.is_done:
                if link.error is not None:
                    return link.error
                now = time.monotonic()
                if link.is_blocked:
                    blocked_since = blocked_since or now
                    if now - blocked_since > self._blocked_timeout or self._give_up():
                        return f"{link.address}: the broker takes no messages for {now - blocked_since:.0f} s"
                    self._changed.wait(1.0)
                    continue
                if blocked_since is not None:
                    # That time does not count.
                    waiting_since, blocked_since = now, None
                silence = now - max(waiting_since, job.progressed_at)
                if silence > self._confirm_timeout or (silence > GIVE_UP_SECONDS and self._give_up()):
                    return f"{link.address}: no confirmation for {silence:.1f} s"
                self._changed.wait(min(1.0, self._confirm_timeout - silence))
        return None

    # The rest runs in the loop's thread.

    def _prepare(self, link: Link) -> None:
        link.channel.add_on_return_callback(self._on_return)
        # Confirmations come by `on_confirmations`.
        link.channel.confirm_delivery(_ignore, lambda _frame: link.set_ready())

    def _advance(self, link: Link, job: Batch) -> None:
        waiting = self._waiting
        try:
            while waiting and job.in_doubt + waiting[0][1] <= self._window:
                frames, count = waiting.popleft()
                if not link.channel.is_open:
                    return
                job.sent += count
                link.connection.send(frames)
        except Exception as error:
            link.fail(explain(error, link.address))

    def _on_confirmations(self, link: Link, confirmations: list[Confirmation]) -> None:
        job = self._batch
        if job is None:
            return
        job.confirm(confirmations)
        self._advance(link, job)
        if job.is_done:
            with self._changed:
                self._changed.notify_all()

    def _on_return(self, _channel: Any, method: Any, _properties: Any, body: bytes) -> None:
        if self._batch is not None:
            self._batch.add_return(method.exchange, method.routing_key, body)


def _add(ready: deque[Delivery], link: Link, deliveries: list[Delivery]) -> None:
    with link.changed:
        ready.extend(deliveries)
        link.changed.notify()


def _timeout(url: str, alone: float) -> float:
    return CLUSTER_TIMEOUT if len(one_for_each_host(url)) > 1 else alone


def _ignore(*_arguments: object) -> None:
    pass

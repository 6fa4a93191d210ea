"""RabbitMQ behind the two ports of `bridge.ports`.

Each port has its own connection, whose I/O loop runs in a thread of its own: heartbeats keep going while the caller is
busy with a database. A lost connection raises once; the next call connects again.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import pika
import pika.exceptions

from bridge.ports import Delivery, Publication, PublishError, SourceError
from bridge.rabbitmq_link import Link, describe

CONNECT_TIMEOUT = 30.0
CONFIRM_TIMEOUT = 60.0
_GENERATION_BITS = 40


class RabbitSource:
    """Implements `bridge.ports.Source`. Used by one thread."""

    def __init__(self, url: str, queue: str, prefetch: int) -> None:
        """`prefetch`: how many unacknowledged messages the broker hands out, 0 for any number."""
        self._url = url
        self._queue = queue
        self._prefetch = prefetch
        self._changed = threading.Condition()
        self._link: Link | None = None
        self._generation = 0
        self._ready: deque[Delivery] = deque()
        # Taken and not settled, in the order of delivery.
        self._unsettled: dict[int, None] = {}

    def take(self, limit: int, timeout: float) -> list[Delivery]:
        link = self._connect()
        with self._changed:
            self._changed.wait_for(lambda: self._ready or link.error, timeout)
            if link.error is not None:
                error = link.error
            else:
                taken = [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]
                self._unsettled.update(dict.fromkeys(delivery.tag for delivery in taken))
                return taken
        self.close()
        raise SourceError(error)

    def settle(self, accepted: Sequence[int], rejected: Sequence[int] = ()) -> None:
        link = self._link
        if link is None or link.error is not None:
            self.close()
            raise SourceError("the connection was lost")
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
                link.fail(describe(error))

        link.call(send)

    def close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()
        self._ready.clear()
        self._unsettled.clear()

    def _connect(self) -> Link:
        if self._link is None:
            self._generation += 1
            self._link = Link(self._url, self._consume, self._changed)
        return self._link

    def _consume(self, link: Link) -> None:
        channel = link.channel
        channel.add_on_cancel_callback(lambda _frame: link.fail("the broker cancelled the consumer"))
        channel.basic_qos(prefetch_count=self._prefetch)
        # A late delivery of an old connection must not get a tag of the new one.
        offset = self._generation << _GENERATION_BITS

        def on_message(_channel: Any, method: Any, properties: Any, body: bytes) -> None:
            delivery = Delivery(
                tag=offset + method.delivery_tag,
                exchange=method.exchange,
                routing_key=method.routing_key,
                type=properties.type,
                content_type=properties.content_type,
                headers=properties.headers or {},
                body=body,
                redelivered=method.redelivered,
            )
            with self._changed:
                if link is self._link:
                    self._ready.append(delivery)
                    self._changed.notify()

        channel.basic_consume(self._queue, on_message)

    @staticmethod
    def _broker_tag(tag: int) -> int:
        return tag & ((1 << _GENERATION_BITS) - 1)


class RabbitTarget:
    """Implements `bridge.ports.Target`, with confirms in a sliding window. Used by one thread."""

    def __init__(
        self, url: str, prefix: str = "", window: int = 2000, confirm_timeout: float = CONFIRM_TIMEOUT
    ) -> None:
        """`prefix` goes before exchange names; `window` messages may be unconfirmed; the limit is in seconds."""
        self._url = url
        self._prefix = prefix
        self._window = window
        self._confirm_timeout = confirm_timeout
        self._changed = threading.Condition()
        self._link: Link | None = None
        self._ready = False
        self._batch: _Batch | None = None
        self._published = 0  # on this channel; equals the broker's publish sequence number

    def publish(self, batch: Sequence[Publication]) -> list[int]:
        if not batch:
            return []
        link = self._connect()
        job = _Batch(batch, self._prefix)

        def start() -> None:
            self._batch = job
            self._advance(link, job)

        link.call(start)
        progress, since = -1, time.monotonic()
        with self._changed:
            while not job.is_done and link.error is None:
                if job.confirmed > progress:
                    progress, since = job.confirmed, time.monotonic()
                left = since + self._confirm_timeout - time.monotonic()
                if left <= 0:
                    link.error = f"no confirmation for {self._confirm_timeout:g} s"
                    break
                self._changed.wait(left)
        if not job.is_done:
            error = link.error
            self.close()
            raise PublishError(error)
        return sorted(job.returned)

    def close(self) -> None:
        link, self._link = self._link, None
        self._ready = False
        if link is not None:
            link.close()

    def _connect(self) -> Link:
        if self._link is not None and self._link.error is not None:
            self.close()
        if self._link is None:
            self._published = 0
            self._link = link = Link(self._url, self._prepare, self._changed)
            with self._changed:
                self._changed.wait_for(lambda: self._ready or link.error is not None, CONNECT_TIMEOUT)
                error = link.error or (None if self._ready else "no connection within the time limit")
            if error is not None:
                self.close()
                raise PublishError(error)
        return self._link

    # The rest runs in the loop's thread.

    def _prepare(self, link: Link) -> None:
        link.channel.add_on_return_callback(self._on_return)
        link.channel.confirm_delivery(lambda frame: self._on_confirm(link, frame), lambda _frame: self._set_ready())

    def _set_ready(self) -> None:
        with self._changed:
            self._ready = True
            self._changed.notify_all()

    def _advance(self, link: Link, job: _Batch) -> None:
        try:
            while job.next < len(job.items) and len(job.unconfirmed) < self._window:
                item = job.items[job.next]
                job.next += 1
                self._published += 1
                job.unconfirmed[self._published] = None
                link.channel.basic_publish(
                    job.prefix + item.exchange,
                    item.routing_key,
                    item.body,
                    pika.BasicProperties(
                        delivery_mode=2,
                        app_id=item.app_id,
                        content_type=item.content_type,
                        type=item.type,
                        headers=dict(item.headers),
                    ),
                    mandatory=item.mandatory,
                )
        except Exception as error:
            link.fail(describe(error))

    def _on_confirm(self, link: Link, frame: Any) -> None:
        job = self._batch
        if job is None:
            return
        if not isinstance(frame.method, pika.spec.Basic.Ack):
            link.fail("the broker refused a message")
            return
        done = job.confirm(frame.method.delivery_tag, frame.method.multiple)
        if job.next < len(job.items):
            self._advance(link, job)
        if done:
            with self._changed:
                job.confirmed += done
                job.is_done = job.confirmed == len(job.items)
                self._changed.notify_all()

    def _on_return(self, _channel: Any, method: Any, _properties: Any, body: bytes) -> None:
        if self._batch is not None:
            self._batch.add_return(method.exchange, method.routing_key, body)


class _Batch:
    """The state of one call of `publish`."""

    def __init__(self, items: Sequence[Publication], prefix: str) -> None:
        self.items = items
        self.prefix = prefix
        self.next = 0
        self.unconfirmed: dict[int, None] = {}
        self.confirmed = 0
        self.is_done = False
        self.returned: set[int] = set()
        self._indexes: dict[tuple[str, str, bytes], deque[int]] | None = None

    def confirm(self, tag: int, multiple: bool) -> int:
        """How many messages this confirmation newly covers; single and multiple ones come mixed."""
        if not multiple:
            if tag not in self.unconfirmed:
                return 0
            del self.unconfirmed[tag]
            return 1
        done = []
        for number in self.unconfirmed:
            if number > tag:
                break
            done.append(number)
        for number in done:
            del self.unconfirmed[number]
        return len(done)

    def add_return(self, exchange: str, routing_key: str, body: bytes) -> None:
        """Finds the returned message by its content: equal messages are equally unroutable."""
        if self._indexes is None:
            self._indexes = {}
            for index, item in enumerate(self.items):
                if item.mandatory:
                    key = (self.prefix + item.exchange, item.routing_key, item.body)
                    self._indexes.setdefault(key, deque()).append(index)
        self.returned.add(self._indexes[exchange, routing_key, body].popleft())

"""What the client library does by itself: one plain loop that consumes, and one that publishes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pika
from pika.adapters.select_connection import SelectConnection

from bridge.wire.ports import Publication

ACKNOWLEDGE_EVERY = 1_000


def consume(url: str, queue: str, count: int, prefetch: int) -> tuple[float, float]:
    """Consumes `count` waiting messages and acknowledges them in thousands. Returns seconds, and CPU seconds."""
    seen = 0
    began, cpu_began = time.perf_counter(), time.process_time()

    def on_message(channel: Any, method: Any, _properties: Any, _body: bytes) -> None:
        nonlocal seen
        seen += 1
        if seen % ACKNOWLEDGE_EVERY == 0 or seen == count:
            channel.basic_ack(method.delivery_tag, multiple=True)
        if seen == count:
            channel.connection.close()

    def on_channel(channel: Any) -> None:
        channel.basic_qos(prefetch_count=prefetch)
        channel.basic_consume(queue, on_message)

    _run(url, on_channel)
    return time.perf_counter() - began, time.process_time() - cpu_began


def publish(url: str, batch: Sequence[Publication], prefix: str, window: int) -> tuple[float, float]:
    """Publishes with confirmations, `window` messages in doubt at most. Returns seconds, and CPU seconds."""
    sent = confirmed = 0
    began, cpu_began = time.perf_counter(), time.process_time()

    def on_channel(channel: Any) -> None:
        def advance() -> None:
            nonlocal sent
            while sent < len(batch) and sent - confirmed < window:
                item = batch[sent]
                sent += 1
                channel.basic_publish(
                    prefix + item.exchange,
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

        early: set[int] = set()
        low = 0

        def on_confirm(frame: Any) -> None:
            nonlocal confirmed, low
            tag = frame.method.delivery_tag
            if frame.method.multiple:
                low = max(low, tag)
                early.difference_update([number for number in early if number <= low])
            else:
                early.add(tag)
            confirmed = low + len(early)
            if confirmed == len(batch):
                channel.connection.close()
            else:
                advance()

        channel.confirm_delivery(on_confirm, lambda _frame: advance())

    _run(url, on_channel)
    return time.perf_counter() - began, time.process_time() - cpu_began


def _run(url: str, on_channel: Any) -> None:
    errors: list[Any] = []

    def on_close(connection: Any, reason: Any) -> None:
        if not isinstance(reason, pika.exceptions.ConnectionClosedByClient):
            errors.append(reason)
        connection.ioloop.stop()

    connection = SelectConnection(
        pika.URLParameters(url),
        on_open_callback=lambda opened: opened.channel(on_open_callback=on_channel),
        on_open_error_callback=on_close,
        on_close_callback=on_close,
    )
    connection.ioloop.start()
    if errors:
        raise RuntimeError(f"the broker ended the benchmark: {errors[0]!r}")

"""Dead letters in a stream: they go back, and stay there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pika
import pytest
from click.testing import CliRunner

from admin.cli import main
from bridge.rabbitmq.broker import RabbitSource
from bridge.rabbitmq.requeue import Requeued, requeue
from bridge.rabbitmq.setup import declare, delete
from bridge.wire.topology import Queue, Topology
from tests.bridge.rabbitmq.messages import take
from tests.covering import covers
from tests.settings.environments import ENVIRONMENTS

pytestmark = pytest.mark.rabbitmq


@pytest.fixture
def queue(rabbitmq_url: str, name_prefix: str) -> Iterator[str]:
    # `declare` makes no stream on brokers that have no use for it.
    with closing(pika.BlockingConnection(pika.URLParameters(rabbitmq_url))) as connection:
        connection.channel().queue_declare(f"{name_prefix}s.XQ", durable=True, arguments={"x-queue-type": "stream"})
    topology = Topology((), (Queue(f"{name_prefix}s.XQ"), Queue(f"{name_prefix}s")), ())
    declare(rabbitmq_url, topology)
    yield f"{name_prefix}s"
    delete(rabbitmq_url, topology)


def bury(url: str, queue: str, bodies: list[bytes], reason: str = "rejected", **headers: Any) -> None:
    """As the broker does it."""
    history = {"x-death": [{"queue": queue, "reason": reason, "count": 1}]}
    plain = {"x-first-death-queue": queue, "x-first-death-reason": reason}
    properties = pika.BasicProperties(
        type="UpdatedFlags",
        content_type="application/json",
        delivery_mode=2,
        headers={**history, **plain, **headers},
    )
    with closing(pika.BlockingConnection(pika.URLParameters(url))) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for body in bodies:
            channel.basic_publish("", f"{queue}.XQ", body, properties)


def taken(url: str, queue: str, count: int) -> list[bytes]:
    with closing(RabbitSource(url, queue, prefetch=1000)) as source:
        found = take(source, count)
        source.settle([delivery.tag for delivery in found])
        assert source.take(1, 0.2) == []
        assert {(delivery.type, delivery.content_type) for delivery in found} == {("UpdatedFlags", "application/json")}
        assert not any(delivery.headers for delivery in found)
        return [delivery.body for delivery in found]


@covers("N5.3")
def test_a_stream_of_dead_letters_is_read_once(rabbitmq_url: str, queue: str) -> None:
    assert requeue(rabbitmq_url, queue, "rejected") == Requeued()
    first = [b"%d" % number for number in range(250)]
    bury(rabbitmq_url, queue, first)
    bury(rabbitmq_url, queue, [b"old"], "expired")
    bury(rabbitmq_url, queue, [b"forged"], **{"ca-trade": True})
    assert requeue(rabbitmq_url, queue, "rejected", is_dry=True) == Requeued(250, 2, 1, 252)
    assert requeue(rabbitmq_url, queue, "rejected", limit=100) == Requeued(100, 0, 0, 100)
    assert requeue(rabbitmq_url, queue, "rejected", offset=100) == Requeued(150, 2, 1, 252)
    assert taken(rabbitmq_url, queue, 250) == first
    assert requeue(rabbitmq_url, queue, "rejected", offset=252) == Requeued()
    bury(rabbitmq_url, queue, [b"new"])
    done = CliRunner().invoke(
        main,
        ["requeue_dead_letters", "-u", rabbitmq_url, "-q", queue, "--reason", "rejected", "--offset", "252"],
        env=ENVIRONMENTS["worker"],
    )
    assert done.output.splitlines() == [
        f"1 moved from {queue}.XQ to {queue}, 0 left there",
        f"{queue}.XQ is a stream, which keeps them: begin with --offset 253 the next time",
    ]
    assert taken(rabbitmq_url, queue, 1) == [b"new"]

"""What the tests publish, take back and count."""

from __future__ import annotations

import pika

from bridge.rabbitmq.broker import RabbitSource
from bridge.wire.ports import Delivery, Publication


def message(key: str, body: bytes, exchange: str = "to_trade", mandatory: bool = True) -> Publication:
    return Publication(exchange, key, "NeededCollector", body, {"message-type": "NeededCollector"}, mandatory)


def take(source: RabbitSource, count: int) -> list[Delivery]:
    found: list[Delivery] = []
    while len(found) < count:
        batch = source.take(count - len(found), 30)
        assert batch
        found += batch
    return found


def depth(url: str, queue: str) -> int:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    count: int = connection.channel().queue_declare(queue, passive=True).method.message_count
    connection.close()
    return count

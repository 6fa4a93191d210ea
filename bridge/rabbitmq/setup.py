"""Declares and deletes exchanges, queues and bindings on RabbitMQ."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pika
import pika.exceptions

from bridge.rabbitmq.link import connection_parameters
from bridge.wire.topology import Binding, Topology


class TopologyError(Exception):
    """The broker cannot be set up; the message names the object and says why."""


def declare(url: str, topology: Topology) -> None:
    """Makes everything that is missing. Idempotent. Raises TopologyError and ConnectionError."""

    def work(channel: Any, doing: Callable[[str], None]) -> None:
        for exchange in topology.exchanges:
            doing(f"exchange {exchange.name}")
            channel.exchange_declare(exchange.name, exchange.type, durable=True, arguments=dict(exchange.arguments))
        for queue in topology.queues:
            doing(f"queue {queue.name}")
            channel.queue_declare(queue.name, durable=True, arguments=dict(queue.arguments))
        for binding in topology.bindings:
            doing(f"binding from {binding.source} to {binding.destination}")
            bind = channel.queue_bind if binding.destination_is_queue else channel.exchange_bind
            bind(binding.destination, binding.source, binding.routing_key, arguments=dict(binding.arguments))

    _run(url, work)


def delete(url: str, topology: Topology) -> None:
    """Deletes the queues, with what is in them, and the exchanges. Those that do not exist are no error."""

    def work(channel: Any, doing: Callable[[str], None]) -> None:
        for queue in topology.queues:
            doing(f"queue {queue.name}")
            channel.queue_delete(queue.name)
        for exchange in topology.exchanges:
            doing(f"exchange {exchange.name}")
            channel.exchange_delete(exchange.name)

    _run(url, work)


def unbind(url: str, bindings: Iterable[Binding]) -> None:
    """Removes bindings of queues: no more messages come by them. Those that do not exist are no error."""

    def work(channel: Any, doing: Callable[[str], None]) -> None:
        for binding in bindings:
            doing(f"binding from {binding.source} to {binding.destination}")
            channel.queue_unbind(
                binding.destination, binding.source, binding.routing_key, arguments=dict(binding.arguments)
            )

    _run(url, work)


def _run(url: str, work: Callable[[Any, Callable[[str], None]], None]) -> None:
    current = ["connection"]

    def doing(what: str) -> None:
        current[0] = what

    try:
        connection = pika.BlockingConnection(connection_parameters(url))
    except pika.exceptions.AMQPError as error:
        raise ConnectionError(f"cannot connect to the broker: {type(error).__name__} {error}") from None
    try:
        work(connection.channel(), doing)
    except pika.exceptions.ChannelClosedByBroker as error:
        text = f"{current[0]}: {error.reply_text}"
        if error.reply_code == 406:
            text = f"{current[0]} exists with other properties: {error.reply_text}"
        raise TopologyError(text) from None
    except pika.exceptions.AMQPError as error:
        raise ConnectionError(f"the broker closed the connection at {current[0]}: {error}") from None
    finally:
        if connection.is_open:
            connection.close()

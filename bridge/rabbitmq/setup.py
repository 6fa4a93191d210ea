"""Declares and deletes exchanges, queues and bindings on RabbitMQ."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pika
import pika.exceptions
from pika.adapters.utils.connection_workflow import AMQPConnectorException

from bridge.rabbitmq.access import connection_parameters
from bridge.rabbitmq.causes import address, explain
from bridge.rabbitmq.tls import NO_FILES, TlsFiles
from bridge.wire.topology import Binding, Topology

_NOT_FOUND = 404
_PRECONDITION_FAILED = 406
_STREAM = {"x-queue-type": "stream"}
_QUORUM = {"x-queue-type": "quorum"}
_STREAMS_TAKE_DEAD_LETTERS = (3, 12)
"""Earlier releases of RabbitMQ drop dead letters on their way to a stream, without a word."""


class TopologyError(Exception):
    """The broker cannot be set up; the message names the object and says why."""


@dataclass(frozen=True, slots=True)
class Depth:
    """Of a queue: messages that are ready to be taken, and consumers, who may have more of them."""

    messages: int
    consumers: int


@dataclass(slots=True)
class Declared:
    """Names of queues: those that were there already, and those that are no streams because of the broker's release."""

    found: list[str] = field(default_factory=list)
    no_streams: list[str] = field(default_factory=list)


def declare(url: str, topology: Topology, files: TlsFiles = NO_FILES) -> Declared:
    """Makes everything that is missing. Idempotent.

    Queues that exist are used as they are, whatever their type and arguments. Raises TopologyError and ConnectionError.
    """
    done = Declared()

    def work(connection: Any, doing: Callable[[str], None]) -> None:
        channel = connection.channel()
        for exchange in topology.exchanges:
            doing(f"exchange {exchange.name}")
            channel.exchange_declare(exchange.name, exchange.type, durable=True, arguments=dict(exchange.arguments))
        for queue in topology.queues:
            doing(f"queue {queue.name}")
            if _look(connection, queue.name) is not None:
                done.found.append(queue.name)
                continue
            arguments = dict(queue.arguments)
            if arguments == _STREAM and _release_of(connection) < _STREAMS_TAKE_DEAD_LETTERS:
                arguments = dict(_QUORUM)
                done.no_streams.append(queue.name)
            channel.queue_declare(queue.name, durable=True, arguments=arguments)
        for binding in topology.bindings:
            doing(f"binding from {binding.source} to {binding.destination}")
            bind = channel.queue_bind if binding.destination_is_queue else channel.exchange_bind
            bind(binding.destination, binding.source, binding.routing_key, arguments=dict(binding.arguments))

    _run(url, work, files)
    return done


def _release_of(connection: Any) -> tuple[int, ...]:
    version = str((connection._impl.server_properties or {}).get("version", ""))
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def delete(url: str, topology: Topology) -> None:
    """Deletes the queues, with what is in them, and the exchanges. Those that do not exist are no error."""

    def work(connection: Any, doing: Callable[[str], None]) -> None:
        channel = connection.channel()
        for queue in topology.queues:
            doing(f"queue {queue.name}")
            channel.queue_delete(queue.name)
        for exchange in topology.exchanges:
            doing(f"exchange {exchange.name}")
            channel.exchange_delete(exchange.name)

    _run(url, work)


def delete_if_idle(url: str, queue: str, files: TlsFiles = NO_FILES) -> Depth | None:
    """Deletes the queue if it has neither messages nor consumers. None: it is gone; else why it is not.

    Consumers may have messages that they will give back. Raises TopologyError and ConnectionError.
    """
    found: list[Depth | None] = []

    def work(connection: Any, doing: Callable[[str], None]) -> None:
        doing(f"queue {queue}")
        depth = _look(connection, queue)
        found.append(depth)
        if depth == Depth(0, 0):
            # Quorum queues know no conditions for that.
            connection.channel().queue_delete(queue)
            found.append(None)

    _run(url, work, files)
    return found[-1]


def unbind(url: str, bindings: Iterable[Binding], files: TlsFiles = NO_FILES) -> None:
    """Removes bindings of queues: no more messages come by them. Those that do not exist are no error.

    Raises TopologyError and ConnectionError.
    """

    def work(connection: Any, doing: Callable[[str], None]) -> None:
        channel = connection.channel()
        for binding in bindings:
            doing(f"binding from {binding.source} to {binding.destination}")
            channel.queue_unbind(
                binding.destination, binding.source, binding.routing_key, arguments=dict(binding.arguments)
            )

    _run(url, work, files)


def count_messages(url: str, queue: str, files: TlsFiles = NO_FILES) -> int:
    """How many messages are ready to be taken. Raises TopologyError for a missing queue, and ConnectionError."""
    counts: list[int] = []

    def work(connection: Any, doing: Callable[[str], None]) -> None:
        doing(f"queue {queue}")
        counts.append(connection.channel().queue_declare(queue, passive=True).method.message_count)

    _run(url, work, files)
    return counts[0]


def look(url: str, queue: str, files: TlsFiles = NO_FILES) -> Depth | None:
    """What is in the queue; None: there is none. Raises TopologyError and ConnectionError."""
    found: list[Depth | None] = []

    def work(connection: Any, doing: Callable[[str], None]) -> None:
        doing(f"queue {queue}")
        found.append(_look(connection, queue))

    _run(url, work, files)
    return found[0]


def _look(connection: Any, queue: str) -> Depth | None:
    # Of its own: the broker closes the channel when there is no such queue.
    channel = connection.channel()
    try:
        answer = channel.queue_declare(queue, passive=True).method
    except pika.exceptions.ChannelClosedByBroker as error:
        if error.reply_code == _NOT_FOUND:
            return None
        raise
    channel.close()
    return Depth(answer.message_count, answer.consumer_count)


def _run(url: str, work: Callable[[Any, Callable[[str], None]], None], files: TlsFiles = NO_FILES) -> None:
    current = ["connection"]

    def doing(what: str) -> None:
        current[0] = what

    connection, where = connect(url, files)
    try:
        work(connection, doing)
    except pika.exceptions.ChannelClosedByBroker as error:
        text = f"{current[0]}: {error.reply_text}"
        if error.reply_code == _PRECONDITION_FAILED:
            text = f"{current[0]} exists with other properties: {error.reply_text}"
        raise TopologyError(text) from None
    except pika.exceptions.AMQPError as error:
        raise ConnectionError(f"the broker closed the connection at {current[0]}: {explain(error, where)}") from None
    finally:
        if connection.is_open:
            connection.close()


def connect(url: str, files: TlsFiles = NO_FILES) -> tuple[pika.BlockingConnection, str]:
    """A connection for a task that ends, and the address that it goes to.

    Raises ConnectionError with the cause, of each host of the URL.
    """
    causes = []
    for parameters in connection_parameters(url, files):
        where = address(parameters)
        try:
            return pika.BlockingConnection(parameters), where
        except (pika.exceptions.AMQPError, AMQPConnectorException, OSError) as error:
            causes.append(explain(error, where))
    raise ConnectionError(f"cannot connect to the broker {'; '.join(causes)}")

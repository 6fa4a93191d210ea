"""The queues of a worker at its brokers: made and bound, unbound, deleted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bridge.rabbitmq.setup import Depth, TopologyError, declare, delete_if_idle, look, unbind
from bridge.wire.topology import (
    JOURNAL_SUFFIX,
    TO_TRADE,
    Topology,
    internal_topology,
    shard_binding,
    with_journal,
    worker_topology,
)
from settings.config import Config, ConsumedQueue

Report = Callable[[str], None]


def subscribe(config: Config, report: Report) -> None:
    """Declares exchanges, queues and bindings at the broker, and at that of internal messages if there is one.

    Idempotent. Touches no database. Raises TopologyError and ConnectionError.
    """
    key = config.protocol_broker_queue_routing_key
    is_quorum = config.app_quorum_queue or bool(config.internal_broker_url)
    queue, internal = config.protocol_queue, config.internal_queue
    _declare(config, queue, _journaled(config, queue, worker_topology(queue.name, key, "", is_quorum)), report)
    if config.has_internal_broker:
        _declare(config, internal, _journaled(config, internal, internal_topology(internal.name, key)), report)
        _warn_of_a_double(config, report)
    else:
        _leave(config, report)
    report("broker: exchanges, queues and bindings are there")


def unsubscribe(config: Config, report: Report) -> None:
    """Removes the bindings of both queues: no more messages come. What is not there is no error.

    Touches no database. Raises TopologyError and ConnectionError.
    """
    key = config.protocol_broker_queue_routing_key
    for queue in _queues(config):
        names = [queue.name, *([queue.name + JOURNAL_SUFFIX] if config.app_journal_period else [])]
        unbind(queue.url, [shard_binding(name, key) for name in names], config.broker_files)
        report(f"broker: {queue.name} gets nothing from {TO_TRADE} by the key {key} any more")


def delete_queues(config: Config, report: Report) -> bool:
    """Deletes both queues if they are empty and nobody consumes them. Returns whether they are gone.

    Queues of dead letters, and journals, stay. Raises TopologyError and ConnectionError.
    """
    are_gone = True
    for queue in _queues(config):
        depth = delete_if_idle(queue.url, queue.name, config.broker_files)
        if depth is None:
            report(f"broker: {queue.name} is gone")
        else:
            report(f"broker: {queue.name} has {depth.messages} messages and {depth.consumers} consumers, waiting")
            are_gone = False
    return are_gone


def existing_queues(config: Config) -> list[ConsumedQueue]:
    """Those of this worker that are there. Raises ConnectionError."""
    return [queue for queue in _queues(config) if _look(config, queue) is not None]


def _declare(config: Config, queue: ConsumedQueue, topology: Topology, report: Report) -> None:
    done = declare(queue.url, topology, config.broker_files)
    if done.found:
        report(f"broker: used as they are, whatever their type and arguments: {', '.join(done.found)}")
    if done.no_streams:
        report(
            f"broker: {', '.join(done.no_streams)} is a quorum queue, no stream, as RabbitMQ before 3.12 loses dead "
            "letters on the way to one"
        )


def _journaled(config: Config, queue: ConsumedQueue, topology: Topology) -> Topology:
    seconds = int(config.app_journal_period.total_seconds())
    if seconds == 0:
        return topology
    return with_journal(topology, queue.name, config.protocol_broker_queue_routing_key, seconds)


def _leave(config: Config, report: Report) -> None:
    """A queue that an earlier set-up had for internal messages: these come by the other queue now, and only once."""
    queue = config.internal_queue
    depth = _look(config, queue)
    if depth is None:
        return
    unbind(queue.url, [shard_binding(queue.name, config.protocol_broker_queue_routing_key)], config.broker_files)
    what = f"broker: {queue.name} is not bound any more, as internal messages go by {config.protocol_broker_queue}"
    if depth.messages:
        what += f"; it has {depth.messages} messages, which `swpt-trade consume_internal_messages` takes"
    report(what)


def _warn_of_a_double(config: Config, report: Report) -> None:
    """A broker may have several names, and an earlier set-up may have left a queue where nobody empties it."""
    there = replace(config.internal_queue, url=config.protocol_broker_url)
    if there.name != config.protocol_broker_queue and _look(config, there) is not None:
        report(
            f"warning: {there.name} is at the broker of PROTOCOL_BROKER_URL, too. If both URLs lead to one broker, "
            "every message comes twice: write them alike. Else nobody consumes that queue: delete it there"
        )


def _queues(config: Config) -> list[ConsumedQueue]:
    """Those that this worker has, or should have; and what an earlier set-up has left."""
    queues = [config.protocol_queue]
    if config.has_internal_broker or _look(config, config.internal_queue) is not None:
        queues.append(config.internal_queue)
    return queues


def _look(config: Config, queue: ConsumedQueue) -> Depth | None:
    try:
        return look(queue.url, queue.name, config.broker_files)
    except TopologyError:
        # Who may not even look has no such queue.
        return None

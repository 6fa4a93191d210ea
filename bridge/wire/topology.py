"""Exchanges, queues and bindings, as data. Both brokers are set up from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.wire.sharding import Realm

CREDITORS_OUT = "creditors_out"
TO_TRADE = "to_trade"
CREDITORS_IN = "creditors_in"
LOOPBACK_FILTER = "ca.loopback_filter"
DEFAULT_EXCHANGE = ""
DEAD_LETTER_SUFFIX = ".XQ"
JOURNAL_SUFFIX = ".journal"

Arguments = Mapping[str, str | bool | int]


@dataclass(frozen=True, slots=True)
class Exchange:
    """Durable, not auto-delete, not internal."""

    name: str
    type: str
    arguments: Arguments = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Queue:
    """Durable; classic unless the argument `x-queue-type` says otherwise."""

    name: str
    arguments: Arguments = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Binding:
    """From an exchange to a queue, or to another exchange."""

    source: str
    destination: str
    destination_is_queue: bool
    routing_key: str = ""
    arguments: Arguments = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Topology:
    """What must exist, in the order in which it is declared: dead-letter queues come before the queues they serve."""

    exchanges: tuple[Exchange, ...]
    queues: tuple[Queue, ...]
    bindings: tuple[Binding, ...]


def worker_topology(queue: str, binding_key: str, prefix: str = "", is_quorum: bool = False) -> Topology:
    """What a worker needs that consumes `queue`, bound to `to_trade` with `binding_key` (such as `0.1.#`).

    `prefix` goes before every name, so that runs can share a broker. A quorum queue lives on several brokers at once;
    its dead letters go to a stream. Raises ValueError for a malformed binding key.
    """
    return Topology(
        exchanges=(
            Exchange(prefix + LOOPBACK_FILTER, "headers"),
            Exchange(prefix + CREDITORS_OUT, "topic", {"alternate-exchange": prefix + LOOPBACK_FILTER}),
            Exchange(prefix + TO_TRADE, "topic"),
            Exchange(prefix + CREDITORS_IN, "headers"),
        ),
        queues=_with_dead_letters(prefix + queue, is_quorum),
        bindings=(
            Binding(
                prefix + CREDITORS_IN,
                prefix + TO_TRADE,
                destination_is_queue=False,
                arguments={"x-match": "all", "ca-trade": True},
            ),
            shard_binding(queue, binding_key, prefix),
        ),
    )


def internal_topology(queue: str, binding_key: str, prefix: str = "") -> Topology:
    """What a worker needs at a broker that has messages between shards only. See `worker_topology`."""
    return Topology(
        exchanges=(Exchange(prefix + TO_TRADE, "topic"),),
        queues=_with_dead_letters(prefix + queue, is_quorum=True),
        bindings=(shard_binding(queue, binding_key, prefix),),
    )


def with_journal(topology: Topology, queue: str, binding_key: str, seconds: int) -> Topology:
    """The same, and a stream that gets a copy of whatever `queue` gets, and keeps it for so long."""
    journal = queue + JOURNAL_SUFFIX
    kept = Queue(journal, {"x-queue-type": "stream", "x-max-age": f"{seconds}s"})
    bindings = (*topology.bindings, shard_binding(journal, binding_key))
    return Topology(topology.exchanges, (*topology.queues, kept), bindings)


def shard_binding(queue: str, binding_key: str, prefix: str = "") -> Binding:
    """What brings a shard its messages. Raises ValueError for a malformed binding key."""
    Realm.parse(binding_key)
    return Binding(prefix + TO_TRADE, prefix + queue, destination_is_queue=True, routing_key=binding_key)


def _with_dead_letters(queue: str, is_quorum: bool) -> tuple[Queue, Queue]:
    dead_letters = queue + DEAD_LETTER_SUFFIX
    arguments = {"x-dead-letter-exchange": DEFAULT_EXCHANGE, "x-dead-letter-routing-key": dead_letters}
    if is_quorum:
        stream, quorum = {"x-queue-type": "stream"}, {"x-queue-type": "quorum"}
        return Queue(dead_letters, stream), Queue(queue, arguments | quorum)
    return Queue(dead_letters), Queue(queue, arguments)


def peer_topology(queue: str, binding_key: str, prefix: str = "") -> Topology:
    """A queue that gets the messages to one accounting authority, by hexadecimal debtor ID prefix (`00.00.#`).

    In production the peer gateway declares these; here the sandbox and the tests do.
    """
    return Topology(
        exchanges=(),
        queues=(Queue(prefix + queue),),
        bindings=(Binding(prefix + CREDITORS_OUT, prefix + queue, destination_is_queue=True, routing_key=binding_key),),
    )

from __future__ import annotations

import pytest

from bridge.wire.topology import Exchange, Queue, internal_topology, worker_topology
from tests.covering import covers

TOPOLOGY = worker_topology("q", "0.1.#")


@covers("M1")
def test_the_topology_needs_no_plugin() -> None:
    """Only what every broker has without plugins; ca.creditors and ca.loopback belong to the creditors agent."""
    assert {exchange.name: exchange.type for exchange in TOPOLOGY.exchanges} == {
        "ca.loopback_filter": "headers",
        "creditors_out": "topic",
        "to_trade": "topic",
        "creditors_in": "headers",
    }


def test_the_dead_letters_queue_comes_first() -> None:
    assert [queue.name for queue in TOPOLOGY.queues] == ["q.XQ", "q"]
    assert TOPOLOGY.queues[1].arguments == {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "q.XQ"}
    assert TOPOLOGY.queues[0].arguments == {}


@covers("M2")
def test_a_queue_has_at_most_16_bits_of_prefix() -> None:
    worker_topology("q", "0." * 16 + "#")
    with pytest.raises(ValueError, match=r"."):
        worker_topology("q", "0." * 17 + "#")


@covers("N5.3")
def test_a_quorum_queue_has_a_stream_for_its_dead_letters() -> None:
    quorum = worker_topology("q", "0.1.#", is_quorum=True)
    assert quorum.queues[0] == Queue("q.XQ", {"x-queue-type": "stream"})
    assert quorum.queues[1].arguments == {**TOPOLOGY.queues[1].arguments, "x-queue-type": "quorum"}
    assert (quorum.exchanges, quorum.bindings) == (TOPOLOGY.exchanges, TOPOLOGY.bindings)


@covers("N5.2")
def test_a_broker_of_internal_messages_needs_one_exchange() -> None:
    internal = internal_topology("q", "0.1.#")
    assert internal.exchanges == (Exchange("to_trade", "topic"),)
    assert internal.queues == worker_topology("q", "0.1.#", is_quorum=True).queues
    assert internal.bindings == TOPOLOGY.bindings[1:]
    with pytest.raises(ValueError, match=r"2\.#"):
        internal_topology("q", "2.#")

from __future__ import annotations

import threading

import pytest

from bridge.loopback import LoopbackBroker
from bridge.wire.ports import Headers, Publication, PublishError, SourceError
from bridge.wire.topology import Binding, Exchange, Queue, Topology, peer_topology, worker_topology


def message(
    exchange: str, key: str, body: bytes = b"{}", headers: Headers | None = None, mandatory: bool = True
) -> Publication:
    return Publication(exchange, key, "T", body, headers or {}, mandatory)


def bodies(broker: LoopbackBroker, queue: str) -> list[bytes]:
    return [delivery.body for delivery in broker.source(queue).take(100, 0)]


@pytest.fixture
def broker() -> LoopbackBroker:
    made = LoopbackBroker()
    made.declare(worker_topology("q0", "0.#"))
    made.declare(worker_topology("q1", "1.#"))
    made.declare(peer_topology("peer", "00.#"))
    return made


def test_shards_share_the_keys(broker: LoopbackBroker) -> None:
    target = broker.target()
    assert target.publish([message("to_trade", "0.1.1", b"a"), message("to_trade", "1.0", b"b")]) == []
    assert (bodies(broker, "q0"), bodies(broker, "q1")) == ([b"a"], [b"b"])


def test_known_routes_follow_the_bindings(broker: LoopbackBroker) -> None:
    more = Topology((), (Queue("more"),), (Binding("to_trade", "more", True, "0.#"),))
    target = broker.target()
    target.publish([message("to_trade", "0.1", b"a")])
    broker.declare(more)
    target.publish([message("to_trade", "0.1", b"b")])
    assert (bodies(broker, "q0"), bodies(broker, "more")) == ([b"a", b"b"], [b"b"])
    broker.delete(more)
    target.publish([message("to_trade", "0.1", b"c")])
    assert bodies(broker, "q0") == [b"c"]


def test_known_routes_tell_a_number_from_true(broker: LoopbackBroker) -> None:
    target = broker.target()
    assert target.publish([message("creditors_in", "0.1", headers={"ca-trade": True})]) == []
    assert target.publish([message("creditors_in", "0.1", headers={"ca-trade": 1})]) == [0]


@pytest.mark.parametrize(
    ("pattern", "key", "expected"),
    [
        ("#", "", True),
        ("#", "a.b", True),
        ("0.#", "0", True),
        ("0.#", "0.1.1", True),
        ("0.#", "01.1", False),
        ("0.#", "1.0", False),
        ("a", "a", True),
        ("a", "a.b", False),
        ("*.b", "a.b", True),
        ("*.b", "a.a.b", False),
        ("#.b", "b", True),
        ("#.b", "a.a.b", True),
        ("a.#.c", "a.c", True),
        ("a.#.c", "a.b.b.c", True),
        ("a.#.c", "a.b", False),
        ("a.*", "a", False),
        ("*.#", "a", True),
        ("*.#", "a.b.c", True),
    ],
)
def test_topics_match_their_patterns(pattern: str, key: str, expected: bool) -> None:
    broker = LoopbackBroker()
    bindings = (Binding("x", "q", destination_is_queue=True, routing_key=pattern),)
    broker.declare(Topology((Exchange("x", "topic"),), (Queue("q"),), bindings))
    assert (broker.target().publish([message("x", key)]) == []) is expected


def test_headers_lead_from_creditors_in_to_the_shard(broker: LoopbackBroker) -> None:
    batch = [
        message("creditors_in", "1.1", b"ours", {"ca-trade": True, "ca-creditors": True}),
        message("creditors_in", "1.1", b"theirs", {"ca-creditors": True}),
        message("creditors_in", "1.1", b"no boolean", {"ca-trade": 1}),
        message("creditors_in", "1.1", b"false", {"ca-trade": False}),
    ]
    assert broker.target().publish(batch) == [1, 2, 3]
    assert bodies(broker, "q1") == [b"ours"]


def test_only_mandatory_messages_come_back(broker: LoopbackBroker) -> None:
    batch = [
        message("creditors_out", "00.1"),
        message("creditors_out", "ff.1", b"returned"),
        message("creditors_out", "ff.1", b"lost", mandatory=False),
    ]
    assert broker.target().publish(batch) == [1]
    assert bodies(broker, "peer") == [b"{}"]


def test_alternate_exchange_counts_as_routed(broker: LoopbackBroker) -> None:
    arguments = {"x-match": "all", "message-type": "ConfigureAccount"}
    broker.declare(
        Topology((), (Queue("filter"),), (Binding("ca.loopback_filter", "filter", True, "", arguments),)),
    )
    batch = [
        message("creditors_out", "ff.1", b"caught", {"message-type": "ConfigureAccount"}),
        message("creditors_out", "00.1", b"peer", {"message-type": "ConfigureAccount"}),
        message("creditors_out", "ff.1", b"missed", {"message-type": "PrepareTransfer"}),
    ]
    assert broker.target().publish(batch) == [2]
    assert bodies(broker, "filter") == [b"caught"]


def test_settled_messages_are_gone_or_dead_letters(broker: LoopbackBroker) -> None:
    broker.target().publish([message("to_trade", "0.1", bytes([n])) for n in range(4)])
    source = broker.source("q0")
    first, second, third = source.take(3, 0)
    source.settle([first.tag], [second.tag])
    assert bodies(broker, "q0.XQ") == [b"\1"]
    with pytest.raises(SourceError):
        source.settle([first.tag])
    source.close()
    again = broker.source("q0").take(10, 0)
    assert [(item.body, item.redelivered) for item in again] == [(third.body, True), (b"\3", False)]


def test_taking_wakes_up_when_a_message_comes(broker: LoopbackBroker) -> None:
    thread = threading.Thread(target=lambda: broker.target().publish([message("to_trade", "0.1")]))
    source = broker.source("q0")
    assert source.take(10, 0) == []
    thread.start()
    assert len(source.take(10, 30)) == 1
    thread.join()


def test_all_names_have_the_prefix_and_can_be_deleted() -> None:
    broker = LoopbackBroker()
    topology = worker_topology("q", "#", prefix="demo.")
    broker.declare(topology)
    broker.declare(topology)
    assert broker.target("demo.").publish([message("to_trade", "1.1")]) == []
    assert broker.depth("demo.q") == 1
    with pytest.raises(ValueError, match=r"demo\.q"):
        broker.declare(Topology((), (Queue("demo.q"),), ()))
    broker.delete(topology)
    broker.delete(topology)
    with pytest.raises(PublishError):
        broker.target("demo.").publish([message("to_trade", "1.1")])
    with pytest.raises(SourceError):
        broker.source("demo.q").take(1, 0)


def test_topology_declares_dead_letters_first() -> None:
    topology = worker_topology("swpt_trade", "#")
    assert [queue.name for queue in topology.queues] == ["swpt_trade.XQ", "swpt_trade"]
    assert topology.queues[1].arguments == {
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": "swpt_trade.XQ",
    }
    assert [(exchange.name, exchange.type) for exchange in topology.exchanges] == [
        ("ca.loopback_filter", "headers"),
        ("creditors_out", "topic"),
        ("to_trade", "topic"),
        ("creditors_in", "headers"),
    ]
    with pytest.raises(ValueError, match="binding key"):
        worker_topology("q", "2.#")

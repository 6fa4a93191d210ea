"""The broker's part of a shard split: first both generations get a message, then the children only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.wire.ports import Publication
from bridge.wire.sharding import binary_routing_key
from bridge.wire.topology import TO_TRADE, Topology, worker_topology
from sandbox.world.exchange import Exchange, InProcessExchange, RabbitExchange
from sandbox.world.shard import Place
from sandbox.world.splitting import children_of

PARENT = Place("trade", "0.#", "worker", "worker_owner")
IN_CHILD = {binary_routing_key(key)[:3]: key for key in range(100)}
"""A key for each beginning of routing keys of two bits."""


@pytest.fixture(params=["in process", pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
def exchange(request: pytest.FixtureRequest) -> Iterator[Exchange]:
    if request.param == "rabbitmq":
        made: Exchange = RabbitExchange(request.getfixturevalue("rabbitmq_url"))
    else:
        made = InProcessExchange()
    yield made
    made.close()


def publish(exchange: Exchange, key: int) -> bool:
    """Was the message routed to a queue?"""
    target = exchange.target()
    item = Publication(TO_TRADE, binary_routing_key(key), "UpdatedLedger", b"{}", mandatory=True)
    returned = target.publish([item])
    target.close()
    return not returned


def received(exchange: Exchange, place: Place) -> int:
    source = exchange.source(place.queue)
    # Inside the process a message is there at once; a server needs a moment.
    batch = source.take(10, 1.0 if exchange.prefix else 0.0)
    source.settle([delivery.tag for delivery in batch])
    source.close()
    return len(batch)


@pytest.mark.parametrize(
    ("binding_key", "keys"), [("#", ("0.#", "1.#")), ("0.#", ("0.0.#", "0.1.#")), ("1.0.#", ("1.0.0.#", "1.0.1.#"))]
)
def test_children_share_the_keys_of_their_parent(binding_key: str, keys: tuple[str, str]) -> None:
    children = children_of(PARENT._replace(binding_key=binding_key))
    assert tuple(child.binding_key for child in children) == keys
    assert {child.owner for child in children} == {PARENT.owner}
    assert len({child.queue for child in children} | {child.database for child in children}) == 4


def test_no_message_gets_lost(exchange: Exchange) -> None:
    children = children_of(PARENT)

    def topology(place: Place) -> Topology:
        return worker_topology(place.queue, place.binding_key, exchange.prefix)

    def delivered(beginning: str) -> list[int]:
        assert publish(exchange, IN_CHILD[beginning])
        return [received(exchange, place) for place in (PARENT, *children)]

    exchange.declare(topology(PARENT))
    for child in children:
        exchange.declare(topology(child))
    assert delivered("0.1") == [1, 0, 1]
    exchange.unbind(topology(PARENT))
    assert delivered("0.0") == [0, 1, 0]
    assert delivered("0.1") == [0, 0, 1]
    exchange.unbind(topology(PARENT))  # once more does no harm
    exchange.delete(Topology((), topology(PARENT).queues, ()))
    assert publish(exchange, IN_CHILD["0.0"])
    assert [received(exchange, child) for child in children] == [1, 0]
    assert not publish(exchange, IN_CHILD["1.1"])

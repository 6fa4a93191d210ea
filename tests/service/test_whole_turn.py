"""The service as it is deployed: a solver and two workers, processes all, with RabbitMQ between them and the world."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from bridge.messages.names import INTERNAL_TYPES
from bridge.rabbitmq.broker import RabbitSource
from bridge.rabbitmq.setup import declare, delete
from bridge.wire.topology import TO_TRADE, Binding, Queue, Topology, internal_topology, worker_topology
from sandbox.economy.setup import set_up
from sandbox.protocol.topology import sandbox_topology
from sandbox.servers.documents import DocumentServer
from sandbox.servers.installation import run, server
from sql import Kind
from tests.covering import covers
from tests.end_to_end.towns import circle
from tests.service.peers import BINDING_KEYS, Peers, closed_circle, solver_environment, worker_environment

pytestmark = [pytest.mark.slow, pytest.mark.rabbitmq]


@pytest.mark.parametrize("brokers", [1, pytest.param(2, marks=covers("N5.2"))])
def test_solver_and_two_workers_finish_a_turn(
    brokers: int, new_database: Callable[[Kind], str], rabbitmq_url: str, internal_url: str, tmp_path: Path
) -> None:
    """With one broker for everything, and with one of their own for messages between shards."""
    economy = circle()
    expected = closed_circle()
    with ExitStack() as until:
        # What is left of one run must not be news in the next one.
        until.callback(delete, rabbitmq_url, sandbox_topology())
        for number, key in enumerate(BINDING_KEYS):
            until.callback(delete, rabbitmq_url, worker_topology(f"trade_{number}", key))
            until.callback(delete, internal_url, internal_topology(f"trade_{number}-internal", key))
        documents = until.enter_context(DocumentServer())
        solver = solver_environment(new_database("solver"), rabbitmq_url, documents)
        workers = [worker_environment(number, new_database("worker"), solver) for number in range(2)]
        if brokers == 2:
            workers = [each | {"INTERNAL_BROKER_URL": internal_url} for each in workers]
        for environment in workers:
            configured = run(environment, "configure")
            assert configured.returncode == 0, configured.stdout
        declare(rabbitmq_url, sandbox_topology())
        spies = [until.enter_context(spying(url)) for url in (rabbitmq_url, internal_url)[:brokers]]
        peers = Peers(rabbitmq_url, documents, until)
        servers = [until.enter_context(server(environment, tmp_path, "worker")) for environment in workers]
        set_up(economy, peers.authority, peers.agent, documents, peers.settle)
        peers.settle()
        servers.append(until.enter_context(server(solver, tmp_path, "solver")))
        peers.step_until(lambda: expected.items() <= peers.principals().items(), "the circle is closed")
        for each in servers:
            each.send(signal.SIGTERM)
        assert [each.wait() for each in servers] == [0, 0, 0]
        peers.settle()
        for totals in peers.authority.audit().values():
            assert totals.in_flight == 0
        assert "is solved" in servers[2].text()
        for environment, each in zip(workers, servers, strict=False):
            assert "ERROR" not in each.text(), each.text()
            assert " 0        0 s  set aside" in run(environment, "pending").stdout
        seen = [types_seen(spy) for spy in spies]
        assert {"AccountUpdate", "UpdatedPolicy"} <= seen[0]
        # What a shard sends to itself does not leave its database.
        assert "AccountIdRequest" in seen[-1]
        if brokers == 2:
            assert not seen[0] & set(INTERNAL_TYPES)
            assert seen[1] <= set(INTERNAL_TYPES)


@contextmanager
def spying(url: str) -> Iterator[RabbitSource]:
    """A queue that gets a copy of whatever goes through `to_trade`."""
    queue = "spy"
    binding = Binding(TO_TRADE, queue, destination_is_queue=True, routing_key="#")
    topology = Topology((), (Queue(queue),), (binding,))
    declare(url, topology)
    with closing(RabbitSource(url, queue, prefetch=0)) as source:
        yield source
    delete(url, topology)


def types_seen(spy: RabbitSource) -> set[str | None]:
    found: set[str | None] = set()
    while batch := spy.take(10_000, 1.0):
        found.update(delivery.type for delivery in batch)
    return found

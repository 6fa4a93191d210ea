"""The sandbox as a peer of a real installation."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from click.testing import CliRunner

from admin.web.introspection import Introspector
from admin.web.introspection_client import IntrospectionClient
from bridge.loopback import LoopbackBroker
from bridge.rabbitmq.broker import RabbitSource
from bridge.rabbitmq.setup import declare, delete
from bridge.wire.ports import Delivery, Publication, SourceError
from bridge.wire.sharding import hexadecimal_routing_key
from bridge.wire.topology import CREDITORS_OUT, worker_topology
from sandbox.authority import Authority, AuthoritySettings
from sandbox.authority.gateway import AuthorityPeer
from sandbox.commands import sandbox
from sandbox.protocol import smp
from sandbox.protocol.identity import DEFAULT_MAX_COLLECTOR_ID, DEFAULT_MIN_COLLECTOR_ID
from sandbox.protocol.topology import AUTHORITY_QUEUE, sandbox_topology
from sandbox.servers.documents import DocumentServer
from sandbox.servers.introspection import DEVELOPMENT_TOKEN, Introspection
from sandbox.service import Service, ServiceScene, run_service
from service.loop import Stop
from settings.config import FIELDS
from tests.sandbox.box import SELLER, configure
from tests.sandbox.conftest import FakeClock

QUEUE = "served"
PATIENCE = 60.0


@pytest.fixture
def worker_queue(rabbitmq_url: str) -> Iterator[str]:
    """A worker's queue, which the peers' messages reach."""
    topology = worker_topology(QUEUE, "#")
    yield QUEUE
    for made in (sandbox_topology(), topology):
        delete(rabbitmq_url, made)


@pytest.mark.rabbitmq
def test_the_service_waits_for_the_exchanges_and_makes_an_economy(
    rabbitmq_url: str, worker_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.service.LIFE_SECONDS", PATIENCE)
    stop = Stop()
    with DocumentServer() as documents:
        scene = ServiceScene(rabbitmq_url, 12, 5, 1, DEFAULT_MIN_COLLECTOR_ID, DEFAULT_MAX_COLLECTOR_ID)
        service = Service(scene, documents)
        statuses: list[int] = []
        thread = threading.Thread(target=lambda: statuses.append(run_service(service, stop)))
        # The first try fails: there are no exchanges yet.
        thread.start()
        declare(rabbitmq_url, worker_topology(worker_queue, "#"))
        try:
            ends = time.monotonic() + PATIENCE
            while not service.is_set_up:
                assert time.monotonic() < ends
                time.sleep(0.05)
            types = heard(rabbitmq_url, worker_queue, len(service.economy.accounts))
            url = documents.locator(service.economy.base_debtor_id)
            with urllib.request.urlopen(url, context=documents.client_context(), timeout=10) as response:
                document = json.load(response)
        finally:
            stop.request()
            thread.join()
    assert statuses == [0]
    assert service.economy.base_debtor_id == 4294967297
    assert document["type"] == "CoinInfo"
    assert types["UpdatedPolicy"] == len(service.economy.accounts)
    money = {(a.creditor_id, a.debtor_id): a.principal for a in service.economy.accounts}
    books = service.authority.books.accounts.values()
    assert {key: amount for key, amount in money.items() if amount} == {
        (a.creditor_id, a.debtor_id): a.principal for a in books if a.creditor_id and a.principal
    }


@pytest.mark.rabbitmq
def test_the_services_people_earn_and_spend(
    rabbitmq_url: str, worker_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has all he wants trades no more: without life nothing is traded after the first turns."""
    monkeypatch.setattr("sandbox.service.LIFE_SECONDS", 0.1)
    stop = Stop()
    declare(rabbitmq_url, worker_topology(worker_queue, "#"))
    with DocumentServer() as documents:
        scene = ServiceScene(rabbitmq_url, 30, 5, 1, DEFAULT_MIN_COLLECTOR_ID, DEFAULT_MAX_COLLECTOR_ID)
        service = Service(scene, documents)
        thread = threading.Thread(target=run_service, args=(service, stop))
        thread.start()
        try:
            money = {(a.creditor_id, a.debtor_id): a.principal for a in service.economy.accounts}
            ends = time.monotonic() + PATIENCE
            changed = 0
            while changed < 5:
                assert time.monotonic() < ends
                time.sleep(0.05)
                books = list(service.authority.books.accounts.values()) if service.is_set_up else []
                changed = sum(a.principal != money.get((a.creditor_id, a.debtor_id)) for a in books if a.creditor_id)
        finally:
            stop.request()
            thread.join()
    assert service.authority.audit()


def heard(url: str, queue: str, policies: int) -> Counter[str | None]:
    """The types of the messages in the queue, as soon as there are so many policies."""
    source = RabbitSource(url, queue, 5000)
    types: Counter[str | None] = Counter()
    while types["UpdatedPolicy"] < policies:
        batch = source.take(1000, 30)
        assert batch
        types.update(delivery.type for delivery in batch)
        source.settle([delivery.tag for delivery in batch])
    source.close()
    return types


class ForgetfulSource:
    """Loses its connection when it settles for the first time."""

    def __init__(self, broker: LoopbackBroker) -> None:
        self._broker = broker
        self._source = broker.source(AUTHORITY_QUEUE)
        self.settled: list[int] = []
        self.is_connected = False

    def take(self, limit: int, timeout: float) -> list[Delivery]:
        return self._source.take(limit, timeout)

    def settle(self, accepted: Sequence[int], rejected: Sequence[int] = ()) -> None:
        if not self.is_connected:
            self.is_connected = True
            self._source.close()
            self._source = self._broker.source(AUTHORITY_QUEUE)
            raise SourceError("connection lost")
        self._source.settle(accepted, rejected)
        self.settled += accepted

    def widen(self, extra: int) -> None:
        self._source.widen(extra)

    def close(self) -> None:
        self._source.close()


def test_what_the_exchange_forgot_is_not_settled_again(clock: FakeClock) -> None:
    """It is delivered again; a peer that insisted on the old tags would never get on."""
    broker = LoopbackBroker()
    broker.declare(worker_topology(QUEUE, "#"))
    broker.declare(sandbox_topology())
    source = ForgetfulSource(broker)
    peer = AuthorityPeer(source, broker.target(), Authority(AuthoritySettings(), clock))
    message = configure(SELLER, clock())
    key = hexadecimal_routing_key(message.debtor_id)
    broker.target().publish([Publication(CREDITORS_OUT, key, type(message).__name__, smp.encode(message))])
    with pytest.raises(SourceError):
        peer.run_once()
    while peer.run_once():
        pass
    assert len(source.settled) == 1


def test_the_command_explains_itself() -> None:
    result = CliRunner().invoke(sandbox, ["--help"])
    assert result.exit_code == 0
    assert "BASE_DEBTOR_ID=4294967297" in result.output


def test_one_token_may_do_everything() -> None:
    with Introspection("127.0.0.1", 0) as server:
        introspector = Introspector(IntrospectionClient(f"http://127.0.0.1:{server.port}/introspect"))
        grant = introspector.grant(DEVELOPMENT_TOKEN)
        assert grant is not None
        assert grant.subject == FIELDS["OAUTH2_SUPERUSER_USERNAME"].default
        assert grant.scopes == {"access", "activate", "deactivate"}
        assert introspector.grant("another") is None
        introspector.close()

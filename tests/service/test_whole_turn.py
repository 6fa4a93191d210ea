"""The service as it is deployed: a solver and two workers, processes all, with RabbitMQ between them and the world."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.rabbitmq.broker import RabbitSource, RabbitTarget
from bridge.rabbitmq.setup import declare
from sandbox.authority import Authority
from sandbox.authority.gateway import AuthorityPeer
from sandbox.creditors.agent import CreditorsAgent, CreditorsPeer
from sandbox.demo import AMOUNT_CUT, pace_of
from sandbox.economy.setup import set_up
from sandbox.protocol.topology import AUTHORITY_QUEUE, CREDITORS_QUEUE, sandbox_topology
from sandbox.servers.documents import DocumentServer
from sandbox.servers.installation import Environment, run, server
from sql import Kind
from tests.end_to_end.towns import BASE, COPPER, FIRST_TRADER, SILVER, circle

pytestmark = [pytest.mark.slow, pytest.mark.rabbitmq]

BINDING_KEYS = ("0.#", "1.#")
TURN_SECONDS = 200.0
"""Time enough for several turns on a busy machine."""


def worker_environment(number: int, database: str, others: Environment) -> Environment:
    return others | {
        "WORKER_POSTGRES_URL": database,
        "PROTOCOL_BROKER_QUEUE": f"trade_{number}",
        "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": BINDING_KEYS[number],
        "PROTOCOL_BROKER_PREFETCH_COUNT": "1000",
        "SETUP_RABBITMQ_BINDINGS": "yes",
        # As in development: days become seconds, and documents come from this machine.
        "APP_VERIFY_SSL_CERTS": "false",
        "TRANSFERS_HEALTHY_MAX_COMMIT_DELAY": "24s",
        "TRANSFERS_AMOUNT_CUT": str(AMOUNT_CUT),
        "APP_TURN_PHASE_CUSHION_PERIOD": "1s",
        "APP_ROLL_WORKER_TURNS_WAIT": "0.5",
        "HTTP_FETCH_PERIOD": "0.5",
        "HANDLE_PRISTINE_COLLECTORS_PERIOD": "0.5",
    }


class Peers:
    """The world around the service, stepped by the test."""

    def __init__(self, url: str, documents: DocumentServer, until: ExitStack) -> None:
        pace = pace_of(circle(), documents)
        self.authority = Authority(pace.authority, _now)
        self.agent = CreditorsAgent(pace.agent, _now)
        sources = [until.enter_context(closing(RabbitSource(url, q, 1000))) for q in (AUTHORITY_QUEUE, CREDITORS_QUEUE)]
        targets = [until.enter_context(closing(RabbitTarget(url))) for _ in sources]
        self._peers = [
            AuthorityPeer(sources[0], targets[0], self.authority),
            CreditorsPeer(sources[1], targets[1], self.agent),
        ]

    def step_until(self, is_done: Callable[[], bool], what: str) -> None:
        ends = time.monotonic() + TURN_SECONDS
        while not is_done():
            assert time.monotonic() < ends, f"never: {what}"
            if sum(peer.run_once() for peer in self._peers) == 0:
                time.sleep(0.02)

    def settle(self) -> None:
        """Until nobody has had anything to say for a while."""
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < 1.5:
            if sum(peer.run_once() for peer in self._peers):
                quiet_since = time.monotonic()
            else:
                time.sleep(0.02)

    def principals(self) -> dict[tuple[int, int], int]:
        """Everybody's tokens, by creditor and debtor."""
        return {(a.creditor_id, a.debtor_id): a.principal for a in self.authority.books.accounts.values()}


def _now() -> datetime:
    return datetime.now(UTC)


def test_solver_and_two_workers_finish_a_turn(
    new_database: Callable[[Kind], str], rabbitmq_url: str, tmp_path: Path
) -> None:
    economy = circle()
    anna, boris, clara = (FIRST_TRADER + n for n in range(3))
    expected = {
        (anna, BASE): 94_000,
        (boris, SILVER): 47_000,
        (clara, COPPER): 188_000,
        (anna, COPPER): int(12_000 * (1 - AMOUNT_CUT)),
        (boris, BASE): int(6_000 * (1 - AMOUNT_CUT)),
        (clara, SILVER): int(3_000 * (1 - AMOUNT_CUT)),
    }
    with ExitStack() as until:
        documents = until.enter_context(DocumentServer())
        solver_environment = {
            "SOLVER_POSTGRES_URL": new_database("solver"),
            "PROTOCOL_BROKER_URL": rabbitmq_url,
            "BASE_DEBTOR_ID": str(economy.base_debtor_id),
            "BASE_DEBTOR_INFO_LOCATOR": documents.locator(economy.base_debtor_id),
            "TURN_PERIOD": "4s",
            "TURN_PERIOD_OFFSET": "0",
            "TURN_PHASE1_DURATION": "1s",
            "TURN_PHASE2_DURATION": "6s",
            "TURN_CHECK_INTERVAL": "0.5s",
            "APP_LOG_LEVEL": "info",
        }
        workers = [worker_environment(number, new_database("worker"), solver_environment) for number in range(2)]
        for environment in workers:
            configured = run(environment, "configure")
            assert configured.returncode == 0, configured.stdout
        declare(rabbitmq_url, sandbox_topology())
        peers = Peers(rabbitmq_url, documents, until)
        servers = [until.enter_context(server(environment, tmp_path, "worker")) for environment in workers]
        set_up(economy, peers.authority, peers.agent, documents, peers.settle)
        peers.settle()
        servers.append(until.enter_context(server(solver_environment, tmp_path, "solver")))
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

"""The world around a service of processes, for tests: an authority and a creditors agent, stepped by the test."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import UTC, datetime

from bridge.rabbitmq.broker import RabbitSource, RabbitTarget
from sandbox.authority import Authority
from sandbox.authority.gateway import AuthorityPeer
from sandbox.creditors.agent import CreditorsAgent, CreditorsPeer
from sandbox.demo import AMOUNT_CUT, pace_of
from sandbox.protocol.topology import AUTHORITY_QUEUE, CREDITORS_QUEUE
from sandbox.servers.documents import DocumentServer
from sandbox.servers.installation import Environment
from tests.end_to_end.towns import BASE, COPPER, FIRST_TRADER, SILVER, circle

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
        "APP_FETCH_PRIVATE_ADDRESSES": "true",
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
                time.sleep(0.05)

    def settle(self) -> None:
        """Until nobody has had anything to say for a while."""
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < 1.5:
            if sum(peer.run_once() for peer in self._peers):
                quiet_since = time.monotonic()
            else:
                time.sleep(0.05)

    def principals(self) -> dict[tuple[int, int], int]:
        """Everybody's tokens, by creditor and debtor."""
        return {(a.creditor_id, a.debtor_id): a.principal for a in self.authority.books.accounts.values()}


def _now() -> datetime:
    return datetime.now(UTC)


def closed_circle() -> dict[tuple[int, int], int]:
    """What the traders of the circle have after their trade, by creditor and debtor."""
    anna, boris, clara = (FIRST_TRADER + n for n in range(3))
    return {
        (anna, BASE): 94_000,
        (boris, SILVER): 47_000,
        (clara, COPPER): 188_000,
        (anna, COPPER): int(12_000 * (1 - AMOUNT_CUT)),
        (boris, BASE): int(6_000 * (1 - AMOUNT_CUT)),
        (clara, SILVER): int(3_000 * (1 - AMOUNT_CUT)),
    }


def solver_environment(database: str, broker: str, documents: DocumentServer) -> Environment:
    """The environment of a solver whose turns are short."""
    base = circle().base_debtor_id
    return {
        "SOLVER_POSTGRES_URL": database,
        "PROTOCOL_BROKER_URL": broker,
        "BASE_DEBTOR_ID": str(base),
        "BASE_DEBTOR_INFO_LOCATOR": documents.locator(base),
        "TURN_PERIOD": "4s",
        "TURN_PERIOD_OFFSET": "0",
        "TURN_PHASE1_DURATION": "1s",
        "TURN_PHASE2_DURATION": "6s",
        "TURN_CHECK_INTERVAL": "0.5s",
        "APP_LOG_LEVEL": "info",
    }

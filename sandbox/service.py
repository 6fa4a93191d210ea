"""The sandbox as a peer of a real installation: authority, creditors agent and documents, over RabbitMQ, until stopped.

Its people earn and spend all the time, so there is something to trade in every turn.

Everything is kept in memory: after a restart the accounts are new ones, so restart the databases with it.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bridge.rabbitmq.broker import RabbitSource, RabbitTarget
from bridge.rabbitmq.setup import declare
from sandbox.authority import Authority, AuthoritySettings
from sandbox.authority.gateway import AuthorityPeer, Gateway
from sandbox.creditors.agent import AgentSettings, CreditorsAgent, CreditorsPeer
from sandbox.economy.economy import Economy
from sandbox.economy.generator import make_economy
from sandbox.economy.life import Life
from sandbox.economy.setup import set_up
from sandbox.protocol.peer import Peer
from sandbox.protocol.topology import AUTHORITY_QUEUE, CREDITORS_QUEUE, sandbox_topology
from sandbox.servers.documents import DocumentServer
from service.loop import Observer, Stop, Work, run

logger = logging.getLogger(__name__)

NAME = "sandbox"
POLL_SECONDS = 0.2
PREFETCH = 5000
# Messages that the broker passes on arrive within this time.
_QUIET_SECONDS = 2.0
_SET_UP_SECONDS = 300.0
LIFE_SECONDS = 20.0
PURCHASES = 1 / 15
"""For each trader, every LIFE_SECONDS: in turns of ten minutes everybody spends twice."""


@dataclass(frozen=True, slots=True)
class ServiceScene:
    """What is played, and where. Whose creditor ID is a collector's belongs to the trade service."""

    broker_url: str
    traders: int
    currencies: int
    seed: int
    min_collector_id: int
    max_collector_id: int


class Service:
    """The peers and their economy, which outlive lost connections."""

    def __init__(self, scene: ServiceScene, documents: DocumentServer) -> None:
        self._scene = scene
        self._documents = documents
        self.economy: Economy = make_economy(scene.seed, scene.traders, scene.currencies)
        self._is_set_up = False
        self._lives_at = 0.0
        self._start_again()

    @property
    def is_set_up(self) -> bool:
        """Whether all accounts exist and have their money."""
        return self._is_set_up

    @contextmanager
    def open(self, _stop: Stop) -> Iterator[Work]:
        """Connects to the broker; the first time it also makes the economy. Raises what goes wrong."""
        url = self._scene.broker_url
        declare(url, sandbox_topology())
        sources = [RabbitSource(url, queue, PREFETCH) for queue in (AUTHORITY_QUEUE, CREDITORS_QUEUE)]
        target = RabbitTarget(url)
        gateway = Gateway(self._scene.min_collector_id, self._scene.max_collector_id)
        if not self._is_set_up:
            self._start_again()
        peers: list[Peer] = [
            AuthorityPeer(sources[0], target, self.authority, gateway=gateway),
            CreditorsPeer(sources[1], target, self.agent),
        ]

        def step() -> int:
            return sum(peer.run_once() for peer in peers)

        def live() -> int:
            if time.monotonic() >= self._lives_at:
                self._lives_at = time.monotonic() + LIFE_SECONDS
                self._life.go_on(math.ceil(PURCHASES * self._scene.traders))
            return step()

        try:
            if not self._is_set_up:
                set_up(self.economy, self.authority, self.agent, self._documents, lambda: _exchange_messages(step))
                self._is_set_up = True
                self._lives_at = time.monotonic() + LIFE_SECONDS
                logger.info("%s accounts have their money, and wait for a turn", len(self.economy.accounts))
            yield Work(live)
        finally:
            for source in sources:
                source.close()
            target.close()

    def _start_again(self) -> None:
        second = timedelta(seconds=1)
        # Fast enough for the turns of a development set-up, which take minutes.
        self.authority = Authority(AuthoritySettings(update_merge_delay=5 * second, pass_period=30 * second), _now)
        self.agent = CreditorsAgent(AgentSettings(ledger_period=second), _now)
        self._life = Life(self.economy, self.authority, self._scene.seed)


def run_service(service: Service, stop: Stop, observer: Observer | None = None) -> int:
    """Plays until the stop is requested; returns the exit status. A broker that is not there yet is waited for."""
    return run(NAME, service.open, stop, poll_seconds=POLL_SECONDS, observer=observer)


def _exchange_messages(step: Callable[[], int]) -> None:
    ends = time.monotonic() + _SET_UP_SECONDS
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < _QUIET_SECONDS:
        if time.monotonic() > ends:
            raise TimeoutError("the messages between authority and creditors agent do not end")
        if step():
            quiet_since = time.monotonic()
        else:
            time.sleep(0.05)


def _now() -> datetime:
    return datetime.now(UTC)

"""A town that trades on two shards and a solver, each database on a server of its own, at a pace of the test's."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from unittest import mock

from bridge.wire.topology import worker_topology
from sandbox.demo import pace_of
from sandbox.economy.setup import set_up
from sandbox.protocol.identity import DEFAULT_MAX_COLLECTOR_ID, DEFAULT_MIN_COLLECTOR_ID
from sandbox.protocol.topology import AUTHORITY_QUEUE
from sandbox.servers.documents import DocumentServer
from sandbox.world import world as worlds
from sandbox.world.exchange import InProcessExchange
from sandbox.world.world import Stuck, World, rest_since
from tests.end_to_end.runs import LIMIT, brisk
from tests.end_to_end.towns import circle
from tests.step_backs.ledger import Ledger, ObservedAuthority
from tests.step_backs.servers import RestorableServer

WORKERS = ("worker_0", "worker_1")
DATABASES = ("solver", *WORKERS)
CIRCLES = 3
COLLECTORS = 2
"""Of each currency, so that they have to pay each other."""

_CLOCK = """
create or replace function {kind}.now() returns timestamptz language sql stable parallel safe as
$$ select transaction_timestamp() + interval '{seconds} s' $$
"""


def journal_of(worker: str) -> str:
    """The queue that gets all that the worker's queue gets."""
    return f"{worker}.journal"


@dataclass
class Calendar:
    """How far the clocks of this world are ahead."""

    ahead: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Town:
    """Use as a context manager. Everybody has money and wishes."""

    def __init__(self) -> None:
        self.economy = circle(CIRCLES)
        self.calendar = Calendar()
        self.ledger = Ledger()
        self._closing = ExitStack()
        try:
            self.servers = {name: self._closing.enter_context(RestorableServer()) for name in DATABASES}
            documents = self._closing.enter_context(DocumentServer())
            self._closing.enter_context(mock.patch.object(worlds, "_now", self.calendar.now))
            pace = brisk(pace_of(self.economy, documents))
            world = World(self.servers["solver"], InProcessExchange(), len(WORKERS), pace, documents, self.servers)
            self.world = self._closing.enter_context(world)
            self._observe()
            for worker, shard in zip(WORKERS, self.world.shards, strict=True):
                world.exchange.declare(worker_topology(journal_of(worker), shard.place.binding_key))
            for currency in self.economy.currencies:
                limits = (DEFAULT_MIN_COLLECTOR_ID, DEFAULT_MAX_COLLECTOR_ID)
                ask = f"select solver.ensure_collectors({currency.debtor_id}, {COLLECTORS}, {limits[0]}, {limits[1]})"
                self.query("solver", ask)
            set_up(self.economy, world.authority, world.agent, documents, lambda: world.settle(LIMIT))
        except BaseException:
            self._closing.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._closing.close()

    def _observe(self) -> None:
        world = self.world
        source, target = world.exchange.source(AUTHORITY_QUEUE), world.exchange.target()
        peer = ObservedAuthority(source, target, world.authority, limit=5000)
        peer.ledger = self.ledger
        world._peers[0] = peer

    def query(self, database: str, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What a superuser finds, in a transaction of its own."""
        with self.servers[database].admin(database) as connection:
            cursor = connection.execute(query.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    # Time

    def set_clocks(self) -> None:
        """Lets all databases have the time of the calendar."""
        for database in DATABASES:
            seconds = self.calendar.ahead.total_seconds()
            self.query(database, _CLOCK.format(kind=database.partition("_")[0], seconds=seconds))

    def wait(self, span: timedelta) -> None:
        """Time passes."""
        self.calendar.ahead += span
        self.set_clocks()

    # Work

    def work(self, dice: random.Random, is_done: Callable[[int], bool], seconds: float = 60.0) -> None:
        """Lets one part after the other do something, in any order, until so much was done. Raises `Stuck`."""
        count = 0
        ends = time.monotonic() + seconds
        while True:
            began = time.monotonic()
            parts = list(self.parts().values())
            dice.shuffle(parts)
            has_worked = False
            for part in parts:
                if is_done(count):
                    return
                if part():
                    has_worked = True
                    count += 1
            if time.monotonic() > ends:
                raise Stuck(f"it takes more than {seconds:.0f} s: {self.world.describe()}")
            if not has_worked:
                rest_since(began)

    def parts(self) -> dict[str, Callable[[], int]]:
        """Everything that can happen next."""
        return {"turns": self._advance_turns, **self.world.parts()}

    def _advance_turns(self) -> int:
        before = self.world.turn()
        self.world.advance_turns()
        return int(self.world.turn() != before)

    def disconnect(self) -> None:
        """Everybody lets go of all databases."""
        for shard in self.world.shards:
            shard.close()

    def connect(self) -> None:
        """Everybody works again."""
        self.world.reconnect_solver()
        self.world.shards = [self.world.open_shard(shard.place) for shard in self.world.shards]

    def replay_journal(self, worker: str) -> None:
        self.world.shards[WORKERS.index(worker)].replay(self.world.exchange.source(journal_of(worker)))

    def empty_journals(self) -> None:
        for worker in WORKERS:
            source = self.world.exchange.source(journal_of(worker))
            while taken := source.take(1000, 0.0):
                source.settle([delivery.tag for delivery in taken], [])
            source.close()

"""Everything that a circular trade needs, in one process: databases, shards, solver, and the peers around them.

Nothing is left out or short-circuited: each shard has its own database and takes its messages from the exchange. One
thread steps all parts in turn, so a run is easy to follow and to stop at any point.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import polars as pl
import psycopg

from pipelines.solver.archived import NotArchived, archive_of
from pipelines.solver.archived_frames import archived_frame
from pipelines.solver.archived_insight import circles_of_turn
from pipelines.solver.circles import CIRCLES
from pipelines.solver.report import Report
from pipelines.solver.untraded import UNTRADED
from pipelines.turns import roll
from pipelines.turns.roll import TurnSettings
from sandbox.authority import Authority, AuthoritySettings, Totals
from sandbox.authority.gateway import AuthorityPeer
from sandbox.creditors.agent import AgentSettings, CreditorsAgent, CreditorsPeer
from sandbox.protocol.peer import Peer
from sandbox.protocol.topology import AUTHORITY_QUEUE, CREDITORS_QUEUE
from sandbox.servers.documents import DocumentServer
from sandbox.servers.postgres import PrivateServer
from sandbox.world.exchange import Exchange, declare_sandbox
from sandbox.world.shard import Leftovers, Place, Shard
from service import binding
from service.gathering import rest_after
from settings.config import Config, load
from sql import Kind
from sql.connections import connect
from sql.install import configure
from sql.statuses import CollectorStatus

Connection = psycopg.Connection[tuple[Any, ...]]

QUIET_ROUNDS = 3
"""After so many rounds without anything to do there is nothing to do."""


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """The pace of a world; `worker`: variables of the environment of every shard."""

    turn: TurnSettings
    worker: dict[str, str]
    authority: AuthoritySettings
    agent: AgentSettings


@dataclass(frozen=True, slots=True)
class Settlement:
    """Everybody's money at a moment: tokens by (creditor_id, debtor_id), and the sums of each currency."""

    principals: dict[tuple[int, int], int]
    totals: dict[int, Totals]


SERVICE_ROLE = "swpt_trade_service"
"""Who works with all databases, and owns none of them."""


class Stuck(Exception):
    """Something that should have happened did not, in good time."""


def binding_keys(shards: int) -> tuple[str, ...]:
    """Those of so many shards, all equally large; a power of two. Raises ValueError for another number."""
    bits = shards.bit_length() - 1
    if shards != 1 << bits:
        raise ValueError(f"not a power of two: {shards}")
    return tuple("".join(f"{bit}." for bit in f"{number:0{bits}b}"[:bits]) + "#" for number in range(shards))


class World:
    """Use as a context manager. All methods belong to one thread."""

    def __init__(
        self,
        server: PrivateServer,
        exchange: Exchange,
        shard_count: int,
        settings: WorldSettings,
        documents: DocumentServer,
        servers: Mapping[str, PrivateServer] | None = None,
    ) -> None:
        """`servers`: those of databases (`solver`, `worker_0` …) that are not on `server`."""
        self._closing = ExitStack()
        try:
            self.server = server
            self._servers = {} if servers is None else servers
            self.exchange = exchange
            self.settings = settings
            self.documents = documents
            self.solver_reports: dict[int, Report] = {}
            for each in {id(each): each for each in (server, *self._servers.values())}.values():
                with each.admin() as admin:
                    admin.execute(f"create role {SERVICE_ROLE} login".encode())
            with self._database("solver", "solver") as owner:
                self.installation = binding.make_installation(owner)
            self.reconnect_solver()
            queues = {f"swpt_trade_{n}": key for n, key in enumerate(binding_keys(shard_count))}
            self._closing.callback(exchange.close)
            declare_sandbox(exchange, queues)
            self.shards = [self._create_shard(*item) for item in queues.items()]
            self.authority = Authority(settings.authority, _now)
            self.agent = CreditorsAgent(settings.agent, _now)
            self._peers: list[Peer] = [
                AuthorityPeer(exchange.source(AUTHORITY_QUEUE), exchange.target(), self.authority, limit=5000),
                CreditorsPeer(exchange.source(CREDITORS_QUEUE), exchange.target(), self.agent, limit=5000),
            ]
            self.messages = 0
        except BaseException:
            self._closing.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._closing.close()

    def server_of(self, database: str) -> PrivateServer:
        """Where a database is."""
        return self._servers.get(database, self.server)

    def reconnect_solver(self) -> None:
        """Connects the solver's loop to its database, which may have been away."""
        self._solver = self._closing.enter_context(connect(self.url("solver"), "sandbox"))

    def step(self) -> int:
        """Lets every part but the turns do what it has to do. Returns how much was done."""
        done = sum(peer.run_once() for peer in self._peers)
        done += sum(shard.step() for shard in self.shards)
        self.messages += done
        return done

    def parts(self) -> dict[str, Callable[[], int]]:
        """Everything that `step` does, by name, for threads: each part needs one, and may run beside the others."""
        parts: dict[str, Callable[[], int]] = {type(peer).__name__: peer.run_once for peer in self._peers}
        for number, shard in enumerate(self.shards):
            parts.update({f"shard {number} {name}": part for name, part in shard.parts().items()})
        return parts

    def advance_turns(self) -> None:
        """One pass of the solver's loop: starts a turn when it is time, and advances the open ones."""
        self.solver_reports.update(roll.advance_turns(self._solver, self.settings.turn).reports)

    def step_until(self, is_done: Callable[[], bool], what: str, limit: timedelta, turns: bool = False) -> None:
        """Steps until the condition holds. Raises `Stuck` when that takes longer than `limit`."""
        ends = time.monotonic() + limit.total_seconds()
        while not is_done():
            if time.monotonic() > ends:
                raise Stuck(f"{what} took longer than {limit.total_seconds():.0f} s; {self.describe()}")
            if turns:
                self.advance_turns()
            began = time.monotonic()
            if self.step() == 0:
                rest_since(began)

    def settle(self, limit: timedelta = timedelta(minutes=1)) -> None:
        """Steps until nobody has anything to do."""
        quiet = 0

        def is_quiet() -> bool:
            return quiet >= QUIET_ROUNDS

        ends = time.monotonic() + limit.total_seconds()
        while not is_quiet():
            if time.monotonic() > ends:
                raise Stuck(f"the messages do not end; {self.describe()}")
            done = self.step()
            quiet = 0 if done or self.is_busy() else quiet + 1
            if not done:
                time.sleep(0.05)

    def is_busy(self) -> bool:
        """Is money on its way, or a document still to be fetched?"""
        return bool(self.authority.books.credits) or any(shard.pending_fetches() for shard in self.shards)

    def turn(self) -> tuple[int, int] | None:
        """The latest turn and its phase."""
        row = self._solver.execute("select turn_id, phase from solver.turn order by turn_id desc limit 1").fetchone()
        return None if row is None else (row[0], row[1])

    def offers(self) -> int:
        """Offers that have reached the solver and wait there."""
        row = self._solver.execute(
            "select (select count(*) from solver.sell_offer) + (select count(*) from solver.buy_offer)"
        ).fetchone()
        assert row is not None
        return int(row[0])

    def active_collectors(self) -> tuple[int, int]:
        """Collector accounts that can be paid, and all that are wanted."""
        row = self._solver.execute(
            "select count(*) filter (where status = %s), count(*) filter (where status <> %s)"
            " from solver.collector_account",
            (CollectorStatus.ACTIVE, CollectorStatus.DISABLED),
        ).fetchone()
        assert row is not None
        return row[0], row[1]

    def insight(self, turn_id: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The largest circles of a turn, and its untraded offers with reasons; nothing if it was not archived."""
        try:
            started_at = archive_of(self._solver, turn_id)
            circles = circles_of_turn(self._solver, turn_id, started_at)
            untraded = archived_frame(self._solver, turn_id, started_at, "untraded_offers")
        except NotArchived:
            return pl.DataFrame(schema=CIRCLES), pl.DataFrame(schema=UNTRADED)
        return circles, pl.DataFrame(schema=UNTRADED) if untraded is None else untraded

    def settlement(self) -> Settlement:
        """Takes stock of all accounts. Raises `ConservationError` when the authority's books do not agree."""
        return Settlement(
            principals={(a.creditor_id, a.debtor_id): a.principal for a in self.authority.books.accounts.values()},
            totals=self.authority.audit(),
        )

    def leftovers(self) -> Leftovers:
        """What is not finished, over all shards."""
        total = Leftovers.of(shard.leftovers() for shard in self.shards)
        return replace(total, dead_letters=total.dead_letters + sum(peer.dead_letters for peer in self._peers))

    def describe(self) -> str:
        """Where things stand, for error messages."""
        return f"turn and phase {self.turn()}, {self.leftovers()}"

    def configuration(self, place: Place, **variables: str) -> Config:
        """The settings of a shard; `variables` go beside those of all shards."""
        environment = {
            "SOLVER_POSTGRES_URL": self.url("solver"),
            "WORKER_POSTGRES_URL": self.url(place.database),
            "PROTOCOL_BROKER_QUEUE": place.queue,
            "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": place.binding_key,
            "APP_FETCH_PRIVATE_ADDRESSES": "true",
        }
        return load("worker", environment | self.settings.worker | variables)

    def open_shard(self, place: Place, **variables: str) -> Shard:
        """Starts everything that works on a shard's database; see `configuration`."""
        config = self.configuration(place, **variables)
        source, target = self.exchange.source(place.queue), self.exchange.target()
        shard = Shard(place, config, source, target, self.documents, self.exchange.prefix)
        self._closing.callback(shard.close)
        return shard

    def _create_shard(self, queue: str, binding_key: str) -> Shard:
        database = queue.replace("swpt_trade", "worker")
        with self._database(database, "worker") as worker:
            binding.bind(worker, self.installation, binding_key)
        return self.open_shard(Place(queue, binding_key, database, f"{database}_owner"))

    def _database(self, name: str, kind: Kind) -> Connection:
        """Creates a database as an operator would: an owner without special rights, then `configure`.

        Returns the owner's connection. All others are those of a role that may do what processes need.
        """
        server = self.server_of(name)
        with server.admin() as admin:
            admin.execute(f"create role {name}_owner login".encode())
            admin.execute(f"create database {name} owner {name}_owner".encode())
        connection = connect(server.database_url(name, user=f"{name}_owner"), "world")
        configure(connection, kind, grants={SERVICE_ROLE: "service"})
        return connection

    def url(self, database: str) -> str:
        """Where a database is, for a role that may do what processes need."""
        return self.server_of(database).database_url(database, user=SERVICE_ROLE)


def _now() -> datetime:
    return datetime.now(UTC)


def rest_since(began: float) -> None:
    """Pauses after a round in which nobody had anything to do, and which began then (monotonic clock, seconds)."""
    time.sleep(rest_after(time.monotonic() - began, has_more=False, longest=0.2))

"""An economy that is ready to trade, and who works for it: databases, broker, the service's and the peers' processes.

The economy is set up over the exchange inside the process, which takes a fraction of the time; then its peers are
written to files, and go on as processes of their own, as often as wanted.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pika

from benchmarks.broker_peers import QUEUES
from benchmarks.cpu import cpu_by_command, cpu_seconds, cpu_seconds_below, postgres_cpu
from benchmarks.turn_driver import TurnDriver, settings_for
from benchmarks.turn_watch import Connection, TurnWatch
from bridge.messages.names import INTERNAL_TYPES
from bridge.rabbitmq.setup import declare, delete
from bridge.wire.topology import Topology, worker_topology
from pipelines.turns.roll import TurnSettings
from sandbox.economy.economy import Economy
from sandbox.economy.setup import set_up
from sandbox.protocol.topology import sandbox_topology
from sandbox.servers.broker import PrivateBroker
from sandbox.servers.documents import DocumentServer
from sandbox.servers.installation import Environment, Server
from sandbox.servers.postgres import PrivateServer
from sandbox.world.exchange import InProcessExchange
from sandbox.world.shard import Place
from sandbox.world.world import World

POLL_SECONDS = 0.1
LIMIT_SECONDS = 3600.0
LOOK = "0.2"
"""Seconds from one look of a loop at the turns, or at transfers, to the next: there is no day to wait for."""
SERVER_SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "16GB", "checkpoint_timeout": "30min"}
"""As docs/operations.md wants them."""


class TooLong(RuntimeError):
    """Something should have been over by now."""


def wait_until(is_done: Callable[[], bool], what: str, check: Callable[[], None] = lambda: None) -> None:
    """Looks ten times a second; `check` raises when waiting has no sense any more."""
    ends = time.monotonic() + LIMIT_SECONDS
    while not is_done():
        check()
        if time.monotonic() > ends:
            raise TooLong(what)
        time.sleep(POLL_SECONDS)


@dataclass(frozen=True, slots=True)
class Scene:
    """What all runs have in common. `folder`: where `authority` and `agent` were written to."""

    economy: Economy
    server: PrivateServer
    broker: PrivateBroker
    folder: Path
    turn: TurnSettings
    places: tuple[Place, ...]
    environments: dict[str, Environment]
    """By `solver`, or the database of a shard."""
    watch: TurnWatch

    @property
    def url(self) -> str:
        return self.broker.url

    def postgres_cpu(self) -> Counter[str]:
        """CPU seconds of the database server so far, by what they were for."""
        return postgres_cpu(self.watch.solver)

    def broker_cpu(self) -> float:
        """CPU seconds of RabbitMQ so far."""
        return cpu_seconds_below(self.broker.pid)

    def topologies(self) -> list[Topology]:
        """All that has to be declared."""
        return [*(worker_topology(place.queue, place.binding_key) for place in self.places), sandbox_topology()]

    @contextmanager
    def queues(self) -> Iterator[None]:
        """Empty ones, for the time of a block."""
        for topology in self.topologies():
            declare(self.url, topology)
        try:
            yield
        finally:
            for topology in reversed(self.topologies()):
                delete(self.url, topology)

    def waiting(self) -> int:
        """How many messages wait at the broker."""
        return sum(count for count, _ in self._queue_counts())

    def is_consumed(self) -> bool:
        """Has every queue a consumer?"""
        return all(consumers for _, consumers in self._queue_counts())

    def _queue_counts(self) -> list[tuple[int, int]]:
        connection = pika.BlockingConnection(pika.URLParameters(self.url))
        try:
            channel = connection.channel()
            names = [*(place.queue for place in self.places), *QUEUES.values()]
            methods = [channel.queue_declare(name, passive=True).method for name in names]
            return [(method.message_count, method.consumer_count) for method in methods]
        finally:
            connection.close()

    def wal_position(self) -> int:
        """Bytes of the log that the database server has written so far."""
        row = self.watch.solver.execute("select (pg_current_wal_lsn() - '0/0')::bigint").fetchone()
        assert row is not None
        return int(row[0])

    def tables(self) -> dict[str, tuple[int, int]]:
        """Rows, and bytes with their indexes, of the tables of all shards."""
        found: dict[str, tuple[int, int]] = {}
        for worker in self.watch.workers:
            for name, rows, size in worker.execute(
                "select schemaname || '.' || relname, n_live_tup, pg_total_relation_size(relid)"
                " from pg_stat_user_tables where n_live_tup > 0"
            ).fetchall():
                before = found.get(name, (0, 0))
                found[name] = (before[0] + rows, before[1] + size)
        return found

    def sent(self) -> dict[str, Counter[str]]:
        """How many messages each shard has sent so far, by type; by database."""
        found = {}
        for place, worker in zip(self.places, self.watch.workers, strict=True):
            rows = worker.execute(
                "select relname, n_tup_del from pg_stat_user_tables"
                " where schemaname = 'outbox' or schemaname = 'pgmq' and relname like 'q_out_%'"
            ).fetchall()
            found[place.database] = Counter({_type_name(table): count for table, count in rows})
        return found


@contextmanager
def prepared(economy: Economy, script: Path, shards: int, folder: Path, tell: Callable[[str], None]) -> Iterator[Scene]:
    """Accounts, policies and collectors are there, nothing is under way. `script`: RabbitMQ's server program."""
    with ExitStack() as closing:
        server = closing.enter_context(PrivateServer(durable=True, **SERVER_SETTINGS))
        documents = closing.enter_context(DocumentServer())
        settings = settings_for(economy, documents)
        began = time.perf_counter()
        with (
            World(server, InProcessExchange(), shards, settings, documents) as world,
            TurnDriver(server, world, True) as driver,
        ):
            set_up(economy, world.authority, world.agent, documents, driver.settle)
            # The first turn finds out which collectors are needed.
            driver.run_turn()
            driver.settle()
            for name, actor in {"authority": world.authority, "agent": world.agent}.items():
                (folder / name).write_bytes(pickle.dumps(actor, pickle.HIGHEST_PROTOCOL))
            places = tuple(shard.place for shard in world.shards)
            urls = {name: world.url(name) for name in ("solver", *(place.database for place in places))}
        tell(f"set up in {time.perf_counter() - began:.0f} s: {len(economy.accounts):,} accounts")
        broker = PrivateBroker(script)
        closing.callback(broker.close)
        connections: dict[str, Connection] = {name: closing.enter_context(server.admin(name)) for name in urls}
        environments = {
            place.database: settings.worker | _worker_environment(place, urls, broker.url) for place in places
        }
        yield Scene(
            economy,
            server,
            broker,
            folder,
            settings.turn,
            places,
            {**environments, "solver": _solver_environment(economy, documents, urls["solver"])},
            TurnWatch(connections["solver"], [connections[place.database] for place in places]),
        )


def _worker_environment(place: Place, urls: dict[str, str], broker_url: str) -> Environment:
    return {
        "SOLVER_POSTGRES_URL": urls["solver"],
        "WORKER_POSTGRES_URL": urls[place.database],
        "PROTOCOL_BROKER_URL": broker_url,
        "PROTOCOL_BROKER_QUEUE": place.queue,
        "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": place.binding_key,
        "PROTOCOL_BROKER_PREFETCH_COUNT": "10000",
        "APP_FETCH_PRIVATE_ADDRESSES": "true",
        "APP_VERIFY_SSL_CERTS": "false",
        "APP_ROLL_WORKER_TURNS_WAIT": LOOK,
        # The usual one: on a slow machine a payment may take minutes, and is not to be begun anew.
        "TRANSFERS_HEALTHY_MAX_COMMIT_DELAY": "2h",
        "APP_LOG_LEVEL": "info",
    }


def _solver_environment(economy: Economy, documents: DocumentServer, url: str) -> Environment:
    return {
        "SOLVER_POSTGRES_URL": url,
        "BASE_DEBTOR_ID": str(economy.base_debtor_id),
        "BASE_DEBTOR_INFO_LOCATOR": documents.locator(economy.base_debtor_id),
        # Turns start, and their phases end, when somebody wants it.
        "TURN_PERIOD": "0",
        "TURN_PHASE1_DURATION": "1h",
        "TURN_PHASE2_DURATION": "1h",
        "TURN_CHECK_INTERVAL": LOOK,
        "APP_LOG_LEVEL": "info",
    }


def _type_name(table: str) -> str:
    name = table.removeprefix("q_out_")
    return "".join(word.capitalize() for word in name.split("_"))


class Service:
    """The real processes: a worker for each shard, and a solver. Use as a context manager."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self._scene = scene
        self._servers: dict[str, Server] = {}
        try:
            for name, environment in scene.environments.items():
                kind = name.partition("_")[0]
                self._servers[name] = Server(environment | {"TMPDIR": str(folder)}, folder / f"{name}.log", kind)
        except BaseException:
            self.end()
            raise

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()

    def end(self) -> None:
        """Whatever state they are in."""
        for server in self._servers.values():
            server.send(15)
        for server in self._servers.values():
            server.end()

    def check(self) -> None:
        """Raises RuntimeError when one has ended."""
        for name, server in self._servers.items():
            if server.status is not None:
                raise RuntimeError(f"{name} has ended:\n{server.text()[-2000:]}")

    def cpu(self) -> Counter[str]:
        """CPU seconds so far, by command."""
        found: Counter[str] = Counter()
        for name, server in self._servers.items():
            found.update(cpu_by_command(server.pid, name.partition("_")[0]))
        return found


class Peers:
    """Authority and creditors agent as processes, from their files. Use as a context manager."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self.record = folder / "record"
        self._results = {name: folder / f"{name}.json" for name in QUEUES}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        for name, result in self._results.items():
            command = [sys.executable, "-m", "benchmarks.broker_peers", name, scene.url, str(scene.folder), str(result)]
            self._processes[name] = subprocess.Popen([*command, "--record", str(self.record)])

    def __enter__(self) -> Peers:
        return self

    def __exit__(self, *_error: object) -> None:
        for process in self._processes.values():
            if process.poll() is None:
                process.kill()
                process.wait()

    def check(self) -> None:
        """Raises RuntimeError when one has ended."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise RuntimeError(f"the {name} has ended with status {process.returncode}")

    def cpu(self) -> Counter[str]:
        """CPU seconds so far, by name."""
        return Counter({name: cpu_seconds(process.pid) for name, process in self._processes.items()})

    def stop(self) -> dict[str, dict[str, Any]]:
        """What they did, when all agrees. Raises RuntimeError otherwise."""
        for process in self._processes.values():
            process.terminate()
        for name, process in self._processes.items():
            if process.wait(120):
                raise RuntimeError(f"the {name} has ended with status {process.returncode}")
        return {name: json.loads(result.read_text()) for name, result in self._results.items()}


def internal_only(sent: Counter[str]) -> dict[str, int]:
    """Of what a shard has sent: that to other shards."""
    return {name: sent[name] for name in INTERNAL_TYPES if sent[name]}

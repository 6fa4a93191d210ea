"""The service as it is deployed: a solver and two workers, with their databases and broker, all of which may fail."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import psycopg

from bridge.rabbitmq.setup import connect, declare
from sandbox.demo import AMOUNT_CUT
from sandbox.economy.economy import Economy
from sandbox.protocol.topology import AUTHORITY_QUEUE, CREDITORS_QUEUE, sandbox_topology
from sandbox.servers.broker import PrivateBroker
from sandbox.servers.documents import DocumentServer
from sandbox.servers.installation import Environment, Server, children, run
from tests.bridge.proxy import Proxy
from tests.chaos.cluster import BrokerCluster, on_all_nodes
from tests.databases import make_hostile
from tests.step_backs.servers import RestorableServer

BINDING_KEYS = {"worker_0": "0.#", "worker_1": "1.#"}
SERVERS = (*BINDING_KEYS, "solver")
DATABASES = ("solver", *BINDING_KEYS)
JOURNAL_LEAD = timedelta(seconds=30)
"""What was published so long before a moment may not have been stored by then."""

_LEFTOVERS = """
select
  (select count(*) from worker.account_lock where released_at is null) as locks,
  (select count(*) from worker.creditor_participation) as participations,
  (select count(*) from worker.transfer_attempt) as attempts,
  (select count(*) from worker.dispatching_status) as statuses,
  (select count(*) from worker.early_arrival where not worker.is_lost_turn(turn_id)) as early_arrivals,
  (select sum(m.queue_length)::bigint from pgmq.metrics_all() as m) as messages,
  (select count(*) from outbox.prepare_transfer) as prepare_transfers,
  (select count(*) from outbox.finalize_transfer) as finalize_transfers,
  (select count(*) from worker.set_aside) as set_aside,
  (select count(*) from worker.unroutable_message) as unroutable
"""


_TRAFFIC = """
select
  coalesce(sum(n_tup_ins) filter (where relname like 'q\\_inbox\\_%'), 0)::bigint as taken,
  coalesce(sum(n_tup_del) filter (where relname like 'q\\_out\\_%'), 0)::bigint as sent
from pg_stat_user_tables
where schemaname = 'pgmq'
"""


class Installation:
    """Use as a context manager. The workers reach the broker by way of a `proxy`; `servers` are running ones.

    With `is_clustered` the broker is a `cluster` of three nodes with quorum queues, which they reach directly.
    """

    def __init__(
        self, script: Path, economy: Economy, documents: DocumentServer, folder: Path, *, is_clustered: bool = False
    ) -> None:
        self._closing = ExitStack()
        self._folder = folder
        self.economy = economy
        self.documents = documents
        self._log_numbers = dict.fromkeys(SERVERS, 0)
        self.servers: dict[str, Server] = {}
        self.misrouted = 0
        """Messages that authorities should not send, and that have to be dead letters in the end."""
        self.forged = 0
        """How many addresses of forged documents were told."""
        self.decided = self.refunded = self.settled = 0
        """Payments that an operator had to decide about, that he had paid back, and that he did not, as they had been
        passed on."""
        self.replayed = 0
        """How often the journal of a worker was handled once more, after its database had stepped back."""
        try:
            # Commits wait for the disk: what a server has said must be true after its death.
            self.database_server = self._closing.enter_context(RestorableServer(durable=True))
            make_hostile(self.database_server)
            if is_clustered:
                self.cluster = self._closing.enter_context(closing(BrokerCluster(script)))
                self.broker_url = self._workers_url = self.cluster.url
            else:
                self.broker = self._closing.enter_context(closing(PrivateBroker(script)))
                self.proxy = self._closing.enter_context(closing(Proxy(self.broker.url)))
                self.broker_url, self._workers_url = self.broker.url, self.proxy.url
            self._is_clustered = is_clustered
            self._awaited: dict[str, tuple[int, datetime]] = {}
            self._create_databases()
            for name in BINDING_KEYS:
                done = run(self._environment(name), "configure")
                if done.returncode:
                    raise RuntimeError(f"configure failed:\n{done.stdout}")
            declare(self.broker_url, (on_all_nodes if is_clustered else lambda same: same)(sandbox_topology()))
        except BaseException:
            self._closing.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for server in self.servers.values():
            server.end()
        self._closing.close()

    def start(self, name: str, **settings: str) -> None:
        """Starts a server; `settings` go before the usual ones."""
        self._log_numbers[name] += 1
        output = self._folder / f"{name}-{self._log_numbers[name]}.log"
        self.servers[name] = Server(self._environment(name) | settings, output, name.partition("_")[0])

    def stop(self, name: str) -> int:
        """Asks a server to stop; returns its exit status."""
        server = self.servers.pop(name)
        server.send(signal.SIGTERM)
        return server.wait()

    def kill(self, name: str) -> None:
        """Kills a server's supervisor, and waits until its processes have noticed."""
        server = self.servers.pop(name)
        pids = [server.pid, *self.processes(server.pid)]
        server.send(signal.SIGKILL)
        server.wait()
        ends = time.monotonic() + 30
        while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < ends:
            time.sleep(0.1)

    def processes(self, pid: int) -> dict[int, str]:
        """What runs below a process: arguments by process ID."""
        found = children(pid)
        for child in [*found]:
            found |= self.processes(child)
        return {pid: arguments for pid, arguments in found.items() if "resource_tracker" not in arguments}

    def stop_databases(self) -> None:
        """At once, as if the computer had died."""
        self.database_server.terminate(signal.SIGQUIT)

    def start_databases(self) -> None:
        """Returns when they accept connections."""
        self.database_server.start()

    def expect_step_back(self, databases: Sequence[str]) -> None:
        """Some databases are about to step back: workers will need what their queues get from now on once more."""
        for name in databases:
            if name in BINDING_KEYS:
                count = self._row(name, "select count(*) as count from worker.step_back")["count"]
                self._awaited.setdefault(name, (count, datetime.now(UTC) - JOURNAL_LEAD))

    def replay_journals(self) -> bool:
        """Has workers that are ready for it handle lost messages once more; returns whether any is not yet."""
        for name, (count, since) in [*self._awaited.items()]:
            row = self._row(
                name,
                "select worker.is_ready_for_journal() as is_ready, worker.doubtful_turns() is null as is_certain,"
                " (select count(*) from worker.step_back) as count",
            )
            if row["count"] > count and (row["is_ready"] or row["is_certain"]):
                options = ("--since", f"{since:%Y-%m-%dT%H:%M:%S}", "--even-if-unneeded")
                done = self.try_command(name, {}, "replay_journal", *options)
                if done.returncode == 0:
                    self.replayed += 1
                    del self._awaited[name]
                elif "run it again" not in done.stdout:
                    raise AssertionError(f"replay_journal of {name} ended with {done.returncode}:\n{done.stdout}")
        return bool(self._awaited)

    def leftovers(self) -> dict[str, int]:
        """What is not finished, over all databases."""
        found: dict[str, int] = {}
        for name in BINDING_KEYS:
            for what, count in self._row(name, _LEFTOVERS).items():
                found[what] = found.get(what, 0) + count
        return {what: count for what, count in found.items() if count}

    def turns(self) -> dict[str, Any]:
        """`turns`: how many there were; `open`: those not in phase 4; `takings` and `trading_turns`: what they did."""
        return self._row(
            "solver",
            "select (select count(*) from solver.turn) as turns,"
            " (select count(*) from solver.turn where phase < 4) as open,"
            " (select coalesce(sum(takings), 0)::bigint from solver.transfer_statistic) as takings,"
            " (select count(distinct turn_id) from solver.transfer_statistic where takings > 0) as trading_turns,"
            " (select coalesce(max(turn_id), 0) from solver.turn) as last_turn,"
            " (select coalesce(max(turn_id), 0) from solver.transfer_statistic where takings > 0) as last_trading_turn",
        )

    def queue_lengths(self) -> dict[str, int]:
        """Messages that wait at the broker, dead letters included, by queue; those without any are left out."""
        names = [*BINDING_KEYS, *(f"{name}.XQ" for name in BINDING_KEYS), AUTHORITY_QUEUE, CREDITORS_QUEUE]
        with closing(connect(self.broker_url)[0]) as connection:
            channel = connection.channel()
            lengths = {name: channel.queue_declare(name, passive=True).method.message_count for name in names}
        refused = sum(count for name, count in lengths.items() if name.endswith(".XQ"))
        return {
            name: count
            for name, count in lengths.items()
            if count and not (name.endswith(".XQ") and refused == self.misrouted)
        }

    def traffic(self) -> dict[tuple[str, str], int]:
        """What each worker has taken from the broker and sent to it so far, by worker and direction."""
        found = {}
        for name in BINDING_KEYS:
            for direction, count in self._row(name, _TRAFFIC).items():
                found[name, direction] = int(count)
        return found

    def try_command(self, name: str, settings: Environment, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end in the environment of a server; `settings` go before the usual ones."""
        return run(self._environment(name) | settings, *arguments)

    def knows_all_collectors(self) -> bool:
        """Do the solver and the workers know the same collectors, all of which have accounts?"""
        needed = self._row(
            "solver",
            "select array_agg(format('%s/%s', debtor_id, collector_id) order by debtor_id, collector_id) as collectors"
            " from solver.collector_account where status = 2",
        )["collectors"]
        known = []
        for name in BINDING_KEYS:
            known += self._row(
                name,
                "select coalesce(array_agg(format('%s/%s', n.debtor_id, n.creditor_id)), '{}') as collectors"
                " from worker.needed_worker_account as n"
                " join worker.worker_account as a on a.creditor_id = n.creditor_id and a.debtor_id = n.debtor_id",
            )["collectors"]
        return sorted(known) == sorted(needed or ())

    def connections(self) -> list[tuple[int, str]]:
        """The services' connections to the databases: process ID and application name."""
        with self.database_server.admin() as connection:
            return connection.execute(
                "select pid, application_name from pg_stat_activity"
                " where backend_type = 'client backend' and pid <> pg_backend_pid() order by pid"
            ).fetchall()

    def cut_connections(self, pids: list[int]) -> None:
        """Ends connections to the databases."""
        with self.database_server.admin() as connection:
            connection.execute("select pg_terminate_backend(pid) from unnest(%s::int[]) as p (pid)", (pids,))

    def _row(self, database: str, query: str) -> dict[str, Any]:
        """What a query that only reads finds. Who looks on may lose a connection, too, and looks again."""
        for seconds in (0.5, 1.0, 2.0, 4.0, None):
            try:
                with self.database_server.admin(database) as connection:
                    cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
                    row = cursor.execute(query.encode()).fetchone()
            except psycopg.OperationalError:
                if seconds is None:
                    raise
                time.sleep(seconds)
            else:
                assert row is not None
                return row
        raise AssertionError

    def _create_databases(self) -> None:
        with self.database_server.admin() as connection:
            for name in DATABASES:
                connection.execute(f"create role {name}_owner login".encode())
                connection.execute(f"create database {name} owner {name}_owner".encode())

    def _url(self, database: str) -> str:
        return self.database_server.database_url(database, user=f"{database}_owner")

    def _environment(self, name: str) -> Environment:
        common = {
            "SOLVER_POSTGRES_URL": self._url("solver"),
            "APP_LOG_LEVEL": "info",
            # What is killed leaves its files; they go with this folder.
            "TMPDIR": str(self._folder),
            # As in development: days become seconds.
            "APP_TURN_PHASE_CUSHION_PERIOD": "1s",
        }
        if name == "solver":
            return common | {
                "BASE_DEBTOR_ID": str(self.economy.base_debtor_id),
                "BASE_DEBTOR_INFO_LOCATOR": self.documents.locator(self.economy.base_debtor_id),
                "TURN_PERIOD": "4s",
                "TURN_PERIOD_OFFSET": "0",
                "TURN_PHASE1_DURATION": "2s",
                "TURN_PHASE2_DURATION": "8s",
                "TURN_CHECK_INTERVAL": "0.5s",
            }
        return common | {
            "WORKER_POSTGRES_URL": self._url(name),
            "PROTOCOL_BROKER_URL": self._workers_url,
            "APP_QUORUM_QUEUE": "true" if self._is_clustered else "false",
            "PROTOCOL_BROKER_QUEUE": name,
            "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": BINDING_KEYS[name],
            "PROTOCOL_BROKER_PREFETCH_COUNT": "1000",
            "APP_JOURNAL_PERIOD": "1d",
            "PROTOCOL_BROKER_PROCESSES": "2" if name == "worker_1" else "1",
            "SETUP_RABBITMQ_BINDINGS": "yes",
            "APP_VERIFY_SSL_CERTS": "false",
            "APP_FETCH_PRIVATE_ADDRESSES": "true",
            "TRANSFERS_HEALTHY_MAX_COMMIT_DELAY": "48s",
            "TRANSFERS_AMOUNT_CUT": str(AMOUNT_CUT),
            "APP_ROLL_WORKER_TURNS_WAIT": "0.5",
            "HTTP_FETCH_PERIOD": "0.5",
            "HANDLE_PRISTINE_COLLECTORS_PERIOD": "0.5",
        }

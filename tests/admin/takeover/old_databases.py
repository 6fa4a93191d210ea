"""Databases as the earlier service leaves them, beside new ones of ours, and rows of each kind in them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from click.testing import CliRunner, Result
from psycopg import sql as names

from admin.cli import main
from sandbox.servers.postgres import PrivateServer
from service import binding
from tests.admin.takeover.schemas import REVISIONS, solver_tables, worker_tables
from tests.conftest import Connection
from tests.databases import connection_to

NOW = datetime.now(UTC).replace(microsecond=0)
COLLECTOR = 0x10000000001
SECOND_COLLECTOR = 0x10000000002
DEBTOR = 666
TURN = 41
EVERYTHING = "select count(*) from solver.turn union all select count(*) from solver.collector_account"
"""Rows of our solver database."""

_ROLES = """
do $$
begin
  create role {0} login;
exception
  when duplicate_object then null;
end
$$
"""


@dataclass(frozen=True, slots=True)
class OldService:
    """The two databases of the earlier service, each with a schema of its role, in the databases that ours have too."""

    server: PrivateServer
    release: str
    solver: str
    worker: str
    binding_key: str = "#"

    def url(self, kind: str, *, is_old: bool = False) -> str:
        name = self.solver if kind == "solver" else self.worker
        return self.server.database_url(name, user=f"old_{kind}" if is_old else "postgres")

    @contextmanager
    def old(self, kind: str) -> Iterator[Connection]:
        """A connection of the old role, whose tables need no schema."""
        with connection_to(self.url(kind, is_old=True)) as connection:
            connection.execute(f"set search_path to old_{kind}".encode())
            yield connection

    def add(self, kind: str, table: str, **values: Any) -> None:
        """Adds a row to an old table."""
        with self.old(kind) as connection:
            add(connection, table, **values)

    def rows(self, kind: str, query: str) -> list[tuple[Any, ...]]:
        """What a query finds in our database."""
        with connection_to(self.url(kind)) as connection:
            return connection.execute(query.encode()).fetchall()

    def environment(self) -> dict[str, str]:
        return {
            "SOLVER_POSTGRES_URL": self.url("solver"),
            "WORKER_POSTGRES_URL": self.url("worker"),
            "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": self.binding_key,
            "OLD_SOLVER_POSTGRES_URL": self.url("solver", is_old=True),
            "OLD_WORKER_POSTGRES_URL": self.url("worker", is_old=True),
        }

    def run(self, *arguments: str, at_once: bool = False) -> Result:
        """Runs `swpt-trade import_databases`, when nobody is connected any more, or `at_once`."""
        if not at_once:
            self._wait_for_quiet()
        return CliRunner().invoke(main, ["import_databases", *arguments], env=self.environment())

    def _wait_for_quiet(self) -> None:
        """A server needs a moment to notice that a client is gone."""
        query = "select count(*) from pg_stat_activity where datname = any(%s) and pid <> pg_backend_pid()"
        deadline = time.monotonic() + 10.0
        with self.server.admin() as admin:
            while admin.execute(query, ([self.solver, self.worker],)).fetchone() != (0,):
                assert time.monotonic() < deadline, "a session does not end"
                time.sleep(0.01)


def add(connection: Connection, table: str, **values: Any) -> None:
    query = names.SQL("insert into {} ({}) values ({})").format(
        names.Identifier(table),
        names.SQL(", ").join(map(names.Identifier, values)),
        names.SQL(", ").join(names.Placeholder() * len(values)),
    )
    connection.execute(query, list(values.values()))


def create(server: PrivateServer, solver: str, worker: str, release: str, binding_key: str = "#") -> OldService:
    """Puts empty tables of the earlier service into both databases, and binds ours to each other."""
    service = OldService(server, release, solver, worker, binding_key)
    for kind, tables in (("solver", solver_tables(release)), ("worker", worker_tables(release))):
        create_tables(server, service.url(kind), kind, tables, release)
    with connection_to(service.url("solver")) as ours, connection_to(service.url("worker")) as worker_connection:
        binding.bind(worker_connection, binding.make_installation(ours), binding_key)
    return service


def create_tables(server: PrivateServer, url: str, kind: str, tables: str, release: str) -> None:
    role = f"old_{kind}"
    database = url.rpartition("/")[2]
    with connection_to(url) as admin:
        admin.execute(_ROLES.format(role).encode())
        admin.execute(f"create schema {role} authorization {role}".encode())
        admin.execute(f"alter role {role} in database {database} set search_path to {role}, public".encode())
    with connection_to(server.database_url(database, user=role)) as owner:
        owner.execute(f"set search_path to {role}".encode())
        owner.execute(tables.encode())
        owner.execute("insert into alembic_version values (%s)", (REVISIONS[release],))


def add_turn(service: OldService, turn_id: int = TURN, **values: Any) -> None:
    """A turn that is over."""
    turn = {
        "turn_id": turn_id,
        "started_at": NOW - timedelta(days=2),
        "base_debtor_info_locator": "https://example.com/666",
        "base_debtor_id": DEBTOR,
        "max_distance_to_base": 10,
        "min_trade_amount": 1000,
        "phase": 4,
        "phase_deadline": None,
        "collection_started_at": NOW - timedelta(days=1),
        "collection_deadline": NOW + timedelta(days=29),
    }
    service.add("solver", "turn", **{**turn, **values})


def add_worker_turn(service: OldService, turn_id: int = TURN, **values: Any) -> None:
    turn = {
        "turn_id": turn_id,
        "started_at": NOW - timedelta(days=2),
        "base_debtor_info_locator": "https://example.com/666",
        "base_debtor_id": DEBTOR,
        "max_distance_to_base": 10,
        "min_trade_amount": 1000,
        "phase": 3,
        "collection_started_at": NOW - timedelta(days=1),
        "collection_deadline": NOW + timedelta(days=29),
        "worker_turn_subphase": 10,
    }
    service.add("worker", "worker_turn", **{**turn, **values})


def add_collector(service: OldService, debtor_id: int = DEBTOR, collector_id: int = COLLECTOR, status: int = 2) -> None:
    """In the solver's catalogue."""
    service.add(
        "solver",
        "collector_account",
        debtor_id=debtor_id,
        collector_id=collector_id,
        collector_hash=0,
        account_id=str(collector_id) if status > 1 else "",
        status=status,
        latest_status_change_at=NOW - timedelta(days=50),
    )


def add_account(
    service: OldService, debtor_id: int = DEBTOR, collector_id: int = COLLECTOR, principal: int = 5000, **values: Any
) -> None:
    """The account of a collector in the worker's database."""
    service.add(
        "worker",
        "needed_worker_account",
        creditor_id=collector_id,
        debtor_id=debtor_id,
        configured_at=NOW - timedelta(days=50),
    )
    account = {
        "creditor_id": collector_id,
        "debtor_id": debtor_id,
        "creation_date": (NOW - timedelta(days=50)).date(),
        "last_change_ts": NOW - timedelta(days=3),
        "last_change_seqnum": 7,
        "principal": principal,
        "interest": 1.25,
        "interest_rate": -0.1,
        "last_interest_rate_change_ts": NOW - timedelta(days=40),
        "config_flags": 0,
        "account_id": str(collector_id),
        "debtor_info_iri": "https://example.com/666",
        "last_transfer_number": 12,
        "last_transfer_committed_at": NOW - timedelta(days=3),
        "demurrage_rate": -50.0,
        "commit_period": 1_000_000,
        "transfer_note_max_bytes": 500,
        "last_heartbeat_ts": NOW - timedelta(hours=5),
    }
    service.add("worker", "worker_account", **{**account, **values})


def fill(service: OldService) -> None:
    """A turn that is over, and one currency with a collector."""
    add_turn(service)
    add_worker_turn(service)
    add_collector(service)
    add_account(service)
    service.add(
        "worker", "interest_rate_change", creditor_id=COLLECTOR, debtor_id=DEBTOR, change_ts=NOW, interest_rate=-1
    )
    with service.old("worker") as worker:
        worker.execute("select setval('coordinator_request_id_seq', 5000)")

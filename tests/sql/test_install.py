"""`configure` on real servers: what it creates, on whose rights, and that it is safe to repeat."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest

import sql
from sandbox.servers.postgres import PrivateServer
from sql import KINDS, SqlFile
from sql.install import ConfigureError, configure, make_plan
from tests.conftest import Connection
from tests.databases import connection_to, make_hostile
from tests.servers import VERSIONS, programs_of

_numbers = itertools.count(1)


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest) -> Iterator[PrivateServer]:
    """The servers that `configure` has to work on."""
    with PrivateServer(programs_of(request.param)) as running:
        make_hostile(running)
        yield running


@pytest.fixture
def owners(server: PrivateServer) -> Iterator[Callable[[str], Connection]]:
    """One database with two ordinary users who may only create schemas in it; call with a user to connect."""
    number = next(_numbers)
    database = f"shared_{number}"
    opened: list[Connection] = []
    with server.admin() as admin:
        admin.execute(f"create database {database}".encode())
        for kind in KINDS:
            admin.execute(f"create role {kind}_{number} login".encode())
            admin.execute(f"grant create on database {database} to {kind}_{number}".encode())

    def connect(kind: str) -> Connection:
        url = server.database_url(database, user=f"{kind}_{number}")
        opened.append(connection_to(url))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


@pytest.mark.slow
def test_two_kinds_with_two_users_in_one_database(owners: Callable[[str], Connection]) -> None:
    worker, solver = owners("worker"), owners("solver")
    configure(worker, "worker")
    configure(solver, "solver")
    assert worker.execute("select lane_count from worker.configuration").fetchone() == (8,)
    assert solver.execute("select count(*) from solver.turn").fetchone() == (0,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        solver.execute("select * from worker.configuration")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        worker.execute("select * from solver.turn")


def test_second_run_does_nothing(owners: Callable[[str], Connection]) -> None:
    for kind in KINDS:
        connection = owners(kind)
        first = configure(connection, kind)
        before = connection.execute(f"select * from {kind}.applied_file order by file".encode()).fetchall()
        second = configure(connection, kind)
        after = connection.execute(f"select * from {kind}.applied_file order by file".encode()).fetchall()
        assert not first.is_empty
        assert second.is_empty
        assert not second.has_drift
        assert before == after


def test_changed_function_is_replaced_alone(
    owners: Callable[[str], Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = owners("solver")
    configure(connection, "solver")
    original = sql.functions
    changed = "shared/functions/clamp64.sql"

    def with_change(kind: sql.Kind) -> list[SqlFile]:
        return [SqlFile(f.name, f.text + "-- new\n") if f.name == changed else f for f in original(kind)]

    monkeypatch.setattr(sql, "functions", with_change)
    plan = make_plan(connection, "solver")
    assert [f.name for f in plan.functions] == [changed]
    assert plan.lines() == [f"solver: replace {changed}"]
    assert [f.name for f in configure(connection, "solver").functions] == [changed]
    assert make_plan(connection, "solver").is_empty


def test_missing_function_file_is_an_orphan(
    owners: Callable[[str], Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = owners("solver")
    configure(connection, "solver")
    remaining = [f for f in sql.functions("solver") if f.name != "shared/functions/clamp64.sql"]
    monkeypatch.setattr(sql, "functions", lambda _kind: remaining)
    plan = make_plan(connection, "solver")
    assert plan.is_empty
    assert plan.has_drift
    assert plan.orphans == ("shared/functions/clamp64.sql",)


def test_changed_migration_is_refused(owners: Callable[[str], Connection], monkeypatch: pytest.MonkeyPatch) -> None:
    connection = owners("solver")
    configure(connection, "solver")
    first, *others = sql.migrations("solver")
    monkeypatch.setattr(sql, "migrations", lambda _kind: [SqlFile(first.name, first.text + "-- edited"), *others])
    with pytest.raises(ConfigureError, match=first.name):
        configure(connection, "solver")


def test_two_runs_at_once(owners: Callable[[str], Connection]) -> None:
    connections = [owners("worker"), owners("worker")]
    plans: list[bool] = []
    threads = [
        threading.Thread(target=lambda c=c: plans.append(configure(c, "worker").is_empty))  # type: ignore[misc]
        for c in connections
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(plans) == [False, True]


def test_production_clock_ignores_the_test_setting(owners: Callable[[str], Connection]) -> None:
    connection = owners("solver")
    configure(connection, "solver")
    connection.execute("set swpt.now = '2001-01-01T00:00:00Z'")
    assert connection.execute("select solver.now() > '2020-01-01'").fetchone() == (True,)


def test_wrong_encoding_is_refused(server: PrivateServer) -> None:
    name = f"latin_{next(_numbers)}"
    with server.admin() as admin:
        admin.execute(f"create database {name} encoding 'LATIN1' template template0".encode())
    with server.admin(name) as connection, pytest.raises(ConfigureError, match="UTF8"):
        configure(connection, "solver")

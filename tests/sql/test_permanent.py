"""Errors that no waiting heals come with what does, and all others pass."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import psycopg
import pytest

from sandbox.servers.postgres import PrivateServer
from sql import Kind
from sql.install import configure
from sql.permanent import PermanentError, permanent_errors, place_of, what_to_do
from tests.conftest import Connection
from tests.databases import connection_to

_numbers = itertools.count(1)


@pytest.fixture
def names(postgres: PrivateServer) -> Iterator[tuple[str, str]]:
    """A database that is set up, and a role without any rights."""
    database, role = (f"permanent_{what}_{next(_numbers)}" for what in ("database", "role"))
    with postgres.admin() as admin:
        admin.execute(f"create database {database}".encode())
        admin.execute(f"create role {role} login".encode())
    with postgres.admin(database) as connection:
        configure(connection, "solver")
    yield database, role
    with postgres.admin() as admin:
        admin.execute(f"drop database {database} with (force)".encode())
        admin.execute(f"drop role {role}".encode())


def problem(url: str, query: str = "select 1", kind: Kind = "solver") -> str:
    """What is said about a query."""

    def ask() -> None:
        with permanent_errors(url, kind) as place, connection_to(url) as connection:
            place.connection = connection
            connection.execute(query.encode())

    with pytest.raises(PermanentError) as caught:
        ask()
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_database_that_does_not_exist(postgres: PrivateServer) -> None:
    assert problem(postgres.database_url("nowhere")) == (
        'database "nowhere" does not exist: `create database "nowhere" owner "postgres"`, or correct '
        "SOLVER_POSTGRES_URL"
    )


def test_a_role_that_does_not_exist_or_may_not_log_in(postgres: PrivateServer, names: tuple[str, str]) -> None:
    database, role = names
    assert problem(postgres.database_url(database, "nobody_here")) == (
        'role "nobody_here" does not exist: `create role "nobody_here" login password …`, or correct '
        "SOLVER_POSTGRES_URL"
    )
    with postgres.admin() as admin:
        admin.execute(f"alter role {role} nologin".encode())
    assert f'`alter role "{role}" login`' in problem(postgres.database_url(database, role))


def test_a_database_that_nobody_may_connect_to(postgres: PrivateServer, names: tuple[str, str]) -> None:
    database, role = names
    with postgres.admin() as admin:
        admin.execute(f"revoke connect on database {database} from public".encode())
    assert f'`grant connect on database "{database}" to "{role}"`' in problem(postgres.database_url(database, role))


def test_the_grants_that_are_named_are_enough(postgres: PrivateServer, names: tuple[str, str]) -> None:
    database, role = names
    url = postgres.database_url(database, role)
    text = problem(url, "select * from solver.turn")
    assert "permission denied for schema solver: connect as the owner of schema solver, or let the owner run" in text
    assert f'`swpt-trade configure --grant-service "{role}"`' in text
    with postgres.admin(database) as admin:
        configure(admin, "solver", grants={role: "service"})
    with connection_to(url) as connection:
        connection.execute("select * from solver.turn")
        connection.execute("select solver.find_collectors(null)")
        connection.execute("select solver.ensure_collectors(1, 1, 1, 10)")


@pytest.mark.parametrize(
    ("query", "remedy"),
    [
        ("create schema other", "`grant create on database"),
        ("drop table solver.turn", "connect as the owner"),
        ("select nothing_there.f()", "run `swpt-trade configure` first"),
        ("create extension no_such_extension", "install what is missing on the server"),
    ],
)
def test_what_a_role_misses(postgres: PrivateServer, names: tuple[str, str], query: str, remedy: str) -> None:
    database, role = names
    with postgres.admin(database) as admin:
        admin.execute(f"grant usage on schema solver to {role}".encode())
    user = "postgres" if "extension" in query else role
    assert remedy in problem(postgres.database_url(database, user), query)


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError("connection failed: Connection refused"),
        psycopg.OperationalError("failed to resolve host 'x': [Errno -3] Temporary failure in name resolution"),
        psycopg.OperationalError("connection failed: FATAL:  the database system is starting up"),
        psycopg.OperationalError('connection failed: FATAL:  too many connections for database "x"'),
        psycopg.errors.CannotConnectNow("starting up"),
        psycopg.errors.ReadOnlySqlTransaction("read-only"),
        psycopg.errors.DiskFull("full"),
        psycopg.errors.QueryCanceled("too slow"),
        psycopg.errors.SerializationFailure("again"),
        psycopg.errors.FeatureNotSupported("cached plan must not change result type"),
    ],
)
def test_what_may_be_gone_the_next_time_is_no_permanent_error(error: psycopg.Error) -> None:
    assert what_to_do(error, place_of("postgresql://r@h/d", "worker")) is None
    with pytest.raises(type(error)), permanent_errors("postgresql://r@h/d", "worker"):
        raise error


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ('password authentication failed for user "r"', "correct the password in WORKER_POSTGRES_URL"),
        ("fe_sendauth: no password supplied", "correct the password in WORKER_POSTGRES_URL"),
        ('no pg_hba.conf entry for host "::1", user "r", database "d", no encryption', "let pg_hba.conf"),
        ('database "d" is not currently accepting connections', '`alter database "d" allow_connections true`'),
    ],
)
def test_refusals_that_come_without_a_code(text: str, remedy: str) -> None:
    error = psycopg.OperationalError(f"connection failed: FATAL:  {text}")
    found = what_to_do(error, place_of("postgresql://r@h/d", "worker"))
    assert found is not None
    assert remedy in found


def test_errors_of_another_connection_pass(postgres: PrivateServer, names: tuple[str, str]) -> None:
    url = postgres.database_url(names[0])

    def fail_outside(outer: Connection) -> None:
        with permanent_errors(url, "solver", is_inner=True) as place, connection_to(url) as inner:
            place.connection = inner
            outer.execute("select * from worker_thing")

    with connection_to(url) as outer, pytest.raises(psycopg.errors.UndefinedTable):
        fail_outside(outer)

"""Servers that become read-only for a while, or make place for others: the Web API answers 503, then goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest
from flask.testing import FlaskClient

from sandbox.servers.installation import eventually
from sandbox.servers.postgres import PrivateServer
from sql.connections import connect
from sql.install import configure
from tests.standby import Standby, standby_of
from tests.web.introspection_server import IntrospectionServer

_currencies = count(1)
READ = "/trade/turns/"
TOKEN = {"Authorization": "Bearer superuser"}


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateServer]:
    """One of our own, as all databases of a server become read-only at once."""
    with PrivateServer() as running:
        with running.admin() as admin:
            admin.execute("create database solver")
        with running.admin("solver") as solver:
            configure(solver, "solver")
        yield running


def statuses(client: FlaskClient) -> tuple[int, int]:
    """What reading and writing are answered with."""
    written = client.post(f"/trade/collectors/{next(_currencies)}/activate", headers=TOKEN)
    assert written.status_code != 503 or int(written.headers["Retry-After"]) > 0
    return client.get(READ, headers=TOKEN).status_code, written.status_code


def prefer(server: PrivateServer, what: str) -> None:
    """Changes a setting of all who are connected, and will be."""
    with server.admin() as admin:
        admin.execute(f"alter system {what}".encode())
        admin.execute("select pg_reload_conf()")


def test_a_server_that_is_read_only_for_a_while(
    server: PrivateServer, tokens: IntrospectionServer, make_client: Callable[..., FlaskClient]
) -> None:
    client = make_client(SOLVER_POSTGRES_URL=server.database_url("solver"))
    assert statuses(client) == (200, 204)
    prefer(server, "set default_transaction_read_only = on")
    eventually(lambda: statuses(client) == (200, 503), "read-only")
    prefer(server, "reset default_transaction_read_only")
    eventually(lambda: statuses(client) == (200, 204), "writable")


@pytest.mark.parametrize("whose", ["role postgres", "role all", "database solver", "role postgres in database solver"])
def test_a_role_and_a_database_are_not_asked(
    server: PrivateServer, tokens: IntrospectionServer, make_client: Callable[..., FlaskClient], whose: str
) -> None:
    with server.admin() as admin:
        admin.execute(f"alter {whose} set default_transaction_read_only = on".encode())
        client = make_client(SOLVER_POSTGRES_URL=server.database_url("solver"))
        assert statuses(client) == (200, 204)
        with connect(server.database_url("solver"), "test") as solver:
            solver.execute("create table public.t ()")
            solver.execute("drop table public.t")
        admin.execute(f"alter {whose} reset default_transaction_read_only".encode())


def test_a_standby_reads_and_once_promoted_writes(
    server: PrivateServer, tokens: IntrospectionServer, make_client: Callable[..., FlaskClient]
) -> None:
    with standby_of(server) as standby:
        client = make_client(SOLVER_POSTGRES_URL=standby.url("solver"))
        assert statuses(client) == (200, 503)
        standby.promote()
        assert statuses(client) == (200, 204)


@pytest.mark.parametrize("preferred", ["serializable", "repeatable read"])
def test_what_a_standby_can_not_do_is_not_asked_of_it(
    server: PrivateServer, tokens: IntrospectionServer, make_client: Callable[..., FlaskClient], preferred: str
) -> None:
    """No standby has transactions of the strictest level, and none can be told to write."""
    with server.admin() as admin:
        admin.execute(f"alter role postgres set default_transaction_isolation = '{preferred}'".encode())
        admin.execute("alter role postgres set default_transaction_read_only = on")
        with standby_of(server) as standby:
            client = make_client(SOLVER_POSTGRES_URL=standby.url("solver"))
            assert statuses(client) == (200, 503)
        admin.execute("alter role postgres reset all")


@pytest.mark.slow
def test_a_standby_takes_the_place_of_its_primary(
    tokens: IntrospectionServer, make_client: Callable[..., FlaskClient]
) -> None:
    """Both are in the URL: nobody is told anything."""
    with PrivateServer() as primary:
        with primary.admin() as admin:
            admin.execute("create database solver")
        with primary.admin("solver") as solver:
            configure(solver, "solver")
        with standby_of(primary) as standby:
            client = make_client(SOLVER_POSTGRES_URL=both(primary, standby))
            assert statuses(client) == (200, 204)
            primary.terminate()
            assert statuses(client) == (503, 503)
            standby.promote()
            assert statuses(client) == (200, 204)


def both(primary: PrivateServer, standby: Standby) -> str:
    own = primary.database_url("solver")
    return own.replace("/solver", f",127.0.0.1:{standby.port}/solver?target_session_attrs=read-write")

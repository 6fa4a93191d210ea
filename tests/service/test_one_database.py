"""Two roles in one database, each with a schema of its own, as operators of the existing service have them."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bridge.rabbitmq.setup import declare, delete
from bridge.wire.topology import worker_topology
from sandbox.economy.setup import set_up as set_up_economy
from sandbox.protocol.topology import sandbox_topology
from sandbox.servers.documents import DocumentServer
from sandbox.servers.installation import run, server
from sandbox.servers.postgres import PrivateServer
from service import set_up
from settings.config import Config
from sql import KINDS, Kind
from sql.install import ConfigureError
from tests.databases import make_hostile
from tests.end_to_end.towns import circle
from tests.servers import VERSIONS, programs_of
from tests.service.peers import Peers, closed_circle, solver_environment, worker_environment
from tests.settings.environments import load_with

Urls = dict[Kind, str]

_numbers = itertools.count(1)

# Names of ours, with other columns: whoever looks a name up by the role's search_path meets them.
_OTHERS = """
create table {role}.trading_policy (old text);
create table {role}.collector_account (old text);
create table {role}.alembic_version (version_num text);
"""


@pytest.fixture(scope="module", params=VERSIONS)
def postgresql(request: pytest.FixtureRequest) -> Iterator[PrivateServer]:
    with PrivateServer(programs_of(request.param)) as running:
        make_hostile(running)
        yield running


@pytest.fixture
def urls(postgresql: PrivateServer) -> Urls:
    """A database that belongs to an administrator, who made two roles and a schema for each."""
    database = f"Trade-{next(_numbers)}"
    found: Urls = {}
    with postgresql.admin() as admin:
        admin.execute(f'create database "{database}"'.encode())
    with postgresql.admin(database) as admin:
        for kind in KINDS:
            role = f"{kind}_of_{next(_numbers)}"
            admin.execute(f"create role {role} login; create schema {role} authorization {role}".encode())
            admin.execute(f'alter role {role} in database "{database}" set search_path to {role}, public'.encode())
            admin.execute(f"set role {role}; {_OTHERS.format(role=role)} reset role".encode())
            found[kind] = postgresql.database_url(database, user=role)
    return found


def configuration(urls: Urls) -> Config:
    return load_with("configure", SOLVER_POSTGRES_URL=urls["solver"], WORKER_POSTGRES_URL=urls["worker"])


def configure(urls: Urls) -> list[str]:
    lines: list[str] = []
    set_up.run(configuration(urls), lines.append)
    return lines


def role_of(url: str) -> str:
    return url.split("//")[1].split("@")[0]


def statements_of(text: str) -> list[str]:
    return [line.split(" --")[0].strip() for line in text.splitlines() if line.startswith("  ")]


def run_as_administrator(postgresql: PrivateServer, urls: Urls, *statements: str) -> None:
    with postgresql.admin(urls["solver"].rpartition("/")[2]) as admin:
        for statement in statements:
            admin.execute(statement.encode())


def schemas(postgresql: PrivateServer, urls: Urls) -> set[str]:
    with postgresql.admin(urls["solver"].rpartition("/")[2]) as admin:
        return {name for (name,) in admin.execute("select nspname::text from pg_namespace").fetchall()}


def test_the_missing_rights_of_both_roles_are_told_before_anything_is_changed(
    postgresql: PrivateServer, urls: Urls
) -> None:
    before = schemas(postgresql, urls)
    with pytest.raises(ConfigureError) as caught:
        configure(urls)
    database = '"' + urls["solver"].rpartition("/")[2] + '"'
    statements = statements_of(str(caught.value))
    assert statements == [
        f"grant create on database {database} to {role_of(urls[kind])};" for kind in ("solver", "worker")
    ]
    assert str(caught.value).endswith("Nothing was changed.")
    assert schemas(postgresql, urls) == before
    with pytest.raises(ConfigureError, match="grant create on database"):
        set_up.plans(configuration(urls))
    run_as_administrator(postgresql, urls, *statements)
    assert any("bound to the installation" in line for line in configure(urls))
    assert configure(urls)[:2] == ["solver: up to date", "worker: up to date"]


def test_whoever_gets_schemas_needs_no_right_to_create_others(postgresql: PrivateServer, urls: Urls) -> None:
    """And a schema that belongs to somebody else, but is empty, is only given away."""
    worker, solver = role_of(urls["worker"]), role_of(urls["solver"])
    run_as_administrator(
        postgresql,
        urls,
        f"create schema worker authorization {worker}",
        f"create schema outbox authorization {worker}",
        "create schema pgmq",
        f"create schema solver authorization {solver}",
    )
    with pytest.raises(ConfigureError) as caught:
        configure(urls)
    statements = statements_of(str(caught.value))
    assert statements == [f"alter schema pgmq owner to {worker};"]
    run_as_administrator(postgresql, urls, *statements)
    assert any("bound to the installation" in line for line in configure(urls))


def test_tables_of_somebody_else_are_left_alone(postgresql: PrivateServer, urls: Urls) -> None:
    """The existing service may have its tables in a schema of the name that we want."""
    worker = role_of(urls["worker"])
    run_as_administrator(
        postgresql,
        urls,
        f"create schema worker authorization {worker}",
        "create table worker.alembic_version (version_num text)",
    )
    with pytest.raises(ConfigureError, match=r"its schema worker has tables of somebody else \(alembic_version, …\)"):
        configure(urls)


@pytest.mark.slow
@pytest.mark.rabbitmq
def test_a_turn_trades_in_one_database(
    postgresql: PrivateServer, urls: Urls, rabbitmq_url: str, tmp_path: Path
) -> None:
    economy = circle()
    database = urls["solver"].rpartition("/")[2]
    run_as_administrator(
        postgresql, urls, *(f'grant create on database "{database}" to {role_of(url)}' for url in urls.values())
    )
    queue = f"trade_{database}"
    with ExitStack() as until:
        # What is left of a run must not be news in the next one.
        for topology in (sandbox_topology(), worker_topology(queue, "#")):
            until.callback(delete, rabbitmq_url, topology)
        documents = until.enter_context(DocumentServer())
        solver = solver_environment(urls["solver"], rabbitmq_url, documents)
        worker = worker_environment(0, urls["worker"], solver) | {
            "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": "#",
            "PROTOCOL_BROKER_QUEUE": queue,
        }
        configured = run(worker, "configure")
        assert configured.returncode == 0, configured.stdout
        declare(rabbitmq_url, sandbox_topology())
        peers = Peers(rabbitmq_url, documents, until)
        servers = [until.enter_context(server(worker, tmp_path, "worker"))]
        set_up_economy(economy, peers.authority, peers.agent, documents, peers.settle)
        peers.settle()
        servers.append(until.enter_context(server(solver, tmp_path, "solver")))
        expected = closed_circle()
        peers.step_until(lambda: expected.items() <= peers.principals().items(), "the circle is closed")
        for each in servers:
            each.send(signal.SIGTERM)
        assert [each.wait() for each in servers] == [0, 0]
        for each in servers:
            assert "ERROR" not in each.text(), each.text()

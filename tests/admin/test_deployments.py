"""What the containers that start before a worker do, and the jobs of a split."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from admin.cli import main
from admin.commands import deployments
from sandbox.servers.installation import Environment, eventually, run, server
from sandbox.servers.postgres import PrivateServer
from sql import Kind
from tests.conftest import Connection
from tests.covering import covers
from tests.databases import connection_to
from tests.settings.environments import ENVIRONMENTS
from tests.sql.shards.realms import set_realm
from tests.sql.turns.rows import insert

NAMES = ("deployed_solver", "deployed_worker")
POLICY = {"debtor_id": 1, "account_id": "a"}


@pytest.fixture
def urls(postgres: PrivateServer) -> Iterator[Environment]:
    """Two empty databases, and nothing else."""
    with postgres.admin() as admin:
        for name in NAMES:
            admin.execute(f"create database {name}".encode())
    solver, worker = map(postgres.database_url, NAMES)
    yield {"SOLVER_POSTGRES_URL": solver, "WORKER_POSTGRES_URL": worker}
    with postgres.admin() as admin:
        for name in NAMES:
            admin.execute(f"drop database {name} with (force)".encode())


def invoke(environment: Environment, *arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, env={"WORKER_POSTGRES_URL": None, **environment})


def only(urls: Environment, *kinds: Kind) -> Environment:
    return {name: url for name, url in urls.items() if name.startswith(tuple(kind.upper() for kind in kinds))}


def test_configure_solver_needs_the_solver_only(urls: Environment, postgres: PrivateServer) -> None:
    done = invoke(only(urls, "solver"), "configure", "solver")
    assert done.exit_code == 0, done.output
    assert "worker" not in done.output
    with postgres.admin(NAMES[0]) as solver:
        assert solver.execute("select solver.installation_id() is not null").fetchone() == (True,)
    assert invoke(only(urls, "solver"), "configure", "solver", "--check").exit_code == 0


def test_configure_worker_waits_for_the_solver_and_is_bound_to_it(urls: Environment, postgres: PrivateServer) -> None:
    early = invoke(urls, "configure", "worker", "--wait", "0")
    assert early.exit_code == 1
    assert "the solver database is not set up: run `swpt-trade configure solver`, too" in early.output
    with postgres.admin(NAMES[0]) as solver:
        assert solver.execute("select to_regnamespace('solver')").fetchone() == (None,)

    assert invoke(urls, "configure", "solver").exit_code == 0
    done = invoke(urls, "configure", "worker")
    assert done.exit_code == 0, done.output
    assert "worker: bound to the installation" in done.output
    accepted = "worker: it may be empty"
    assert accepted in invoke(urls, "configure", "worker", "--accept-empty").output
    assert accepted not in invoke(urls, "configure", "worker", "--accept-empty").output
    assert invoke(urls, "configure", "--check").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("everything",), "'everything' is not one of 'solver', 'worker'"),
        (("solver", "worker"), "unexpected extra argument (worker)"),
        (("solver", "--rebind"), "are about a worker"),
        (("solver", "--accept-empty"), "are about a worker"),
        (("--check", "--accept-empty"), "go with no other option"),
    ],
)
def test_other_words_are_errors(arguments: tuple[str, ...], told: str) -> None:
    refused = invoke({}, "configure", *arguments)
    assert refused.exit_code == 2
    assert told in refused.output


@covers("V14.55")
@pytest.mark.slow
def test_await_migrations_waits_for_configure(urls: Environment, tmp_path: Path) -> None:
    assert deployments.LOOK_SECONDS == 10.0
    with server(urls, tmp_path, "await_migrations") as waiting:
        eventually(lambda: "waiting: the solver database has not been set up" in waiting.text(), "it waits")
        assert run(urls, "configure", "solver").returncode == 0
        assert waiting.status is None
        assert run(urls, "configure", "worker").returncode == 0
        assert waiting.wait() == 0
    assert invoke(only(urls, "solver"), "await_migrations").exit_code == 0


def test_await_migrations_says_what_no_waiting_heals(postgres: PrivateServer) -> None:
    url = postgres.database_url("no_such_database")
    refused = invoke({"SOLVER_POSTGRES_URL": url}, "await_migrations")
    assert refused.exit_code == 1
    assert '`create database "no_such_database"' in refused.output


def test_await_migrations_lets_an_image_start_that_is_rolled_back(
    urls: Environment, postgres: PrivateServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("admin.commands.deployments.time.sleep", pauses.append)
    invoke(urls, "configure")
    with postgres.admin(NAMES[1]) as worker:
        worker.execute(
            "update worker.applied_file set checksum = 'x', release = '999.0' where file like '%/drain_inbox%'"
        )
    assert invoke(urls, "await_migrations").exit_code == 0
    assert pauses == []

    with postgres.admin(NAMES[1]) as worker:
        worker.execute("update worker.applied_file set release = '0.0' where file like '%/drain_inbox.sql'")

    def heal(_seconds: float) -> None:
        with postgres.admin(NAMES[1]) as worker:
            worker.execute("update worker.applied_file set release = '999.0'")

    monkeypatch.setattr("admin.commands.deployments.time.sleep", heal)
    waited = invoke(urls, "await_migrations")
    assert waited.exit_code == 0
    assert "waiting: the worker database is older than this release: 1 files such as" in waited.output


@pytest.fixture
def worker(new_database: Callable[[Kind], str]) -> Iterator[tuple[Connection, Environment]]:
    """A worker database, and the environment of the job that looks at it."""
    url = new_database("worker")
    with connection_to(url) as connection:
        yield connection, {"WORKER_POSTGRES_URL": url, "APP_VERIFY_SHARD_YIELD_PER": "1"}


@covers("V14.54")
def test_verify_shard_content_tells_of_the_first_row_of_another_shard(worker: tuple[Connection, Environment]) -> None:
    db, environment = worker
    key = {"PROTOCOL_BROKER_QUEUE_ROUTING_KEY": "1.#"}
    insert(db, "worker.trading_policy", {**POLICY, "creditor_id": 1})
    clean = invoke(environment | key, "verify_shard_content")
    assert (clean.exit_code, clean.output) == (0, "")

    insert(db, "worker.trading_policy", {**POLICY, "creditor_id": 3})
    found = invoke(environment | key, "verify_shard_content")
    assert found.exit_code == 1
    (line,) = found.output.splitlines()
    assert ":ERROR:" in line
    assert 'worker.trading_policy has a row of another shard than 1.#: {"debtor_id": 1,' in line
    assert '"creditor_id": 3' in line
    assert invoke(environment, "verify_shard_content").exit_code == 0


def test_verify_shard_content_goes_by_the_database_where_no_key_is_set(worker: tuple[Connection, Environment]) -> None:
    db, environment = worker
    set_realm(db, "1.#", delete=False)
    insert(db, "worker.trading_policy", {**POLICY, "creditor_id": 3})
    assert invoke(environment, "verify_shard_content").exit_code == 1


def test_verify_shard_content_reads_every_page(worker: tuple[Connection, Environment]) -> None:
    db, environment = worker
    db.execute(
        "insert into worker.trading_policy (creditor_id, debtor_id, account_id) "
        "select 1, n, repeat('a', 100) from generate_series(1, 20000) as n"
    )
    insert(db, "worker.trading_policy", {**POLICY, "creditor_id": 3})
    environment = environment | {"PROTOCOL_BROKER_QUEUE_ROUTING_KEY": "1.#", "APP_VERIFY_SHARD_SLEEP_SECONDS": "0"}
    for rows_in_a_step in ("1", "1000", "1000000"):
        found = invoke(environment | {"APP_VERIFY_SHARD_YIELD_PER": rows_in_a_step}, "verify_shard_content")
        assert found.exit_code == 1
        assert '"creditor_id": 3' in found.output


@pytest.mark.parametrize("command", ["flush_calculate_surpluses", "flush_replayed_account_transfers"])
@pytest.mark.slow
def test_commands_without_a_task_idle_until_sigterm(command: str, tmp_path: Path) -> None:
    environment = {**ENVIRONMENTS["worker"], "APP_LOG_LEVEL": "info", "APP_SURPLUS_BLOCKING_DELAY_DAYS": "14"}
    with server(environment, tmp_path, command, "-p", "3", "-w", "1") as idle:
        eventually(lambda: "there are no such messages in this release" in idle.text(), "it says so")
        assert "INFO" in idle.text()
        assert "have no effect in this one: APP_SURPLUS_BLOCKING_DELAY_DAYS" in idle.text()
        assert idle.status is None
        idle.send(signal.SIGTERM)
        assert idle.wait() == 0


@pytest.mark.parametrize(
    ("alias", "name"),
    [("process_dispatchings", "roll_transfers"), ("scan_delayed_account_transfers", "scan_early_arrivals")],
)
def test_commands_have_the_names_of_other_releases(alias: str, name: str) -> None:
    options = [{option.name for option in main.commands[command].params} for command in (alias, name)]
    assert options[0] == options[1]

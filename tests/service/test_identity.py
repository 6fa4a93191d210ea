"""A process that is started with the wrong URL or the wrong key refuses, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.servers.installation import Environment, eventually, run, server
from service.databases import open_both, open_solver, open_worker
from service.loop import Unusable
from service.set_up import run as set_up
from settings.config import Config
from sql import Kind
from tests.covering import covers
from tests.databases import connection_to
from tests.service.bound import configured, start
from tests.settings.environments import load_with

NewDatabase = Callable[[Kind], str]


def query(url: str, text: str, *parameters: object) -> list[tuple[Any, ...]]:
    with connection_to(url) as connection:
        cursor = connection.execute(text.encode(), parameters)
        return cursor.fetchall() if cursor.description else []


def changed(config: Config, **variables: str) -> Config:
    """The same settings but for these."""
    urls = {"SOLVER_POSTGRES_URL": config.solver_postgres_url, "WORKER_POSTGRES_URL": config.worker_postgres_url}
    urls["PROTOCOL_BROKER_QUEUE_ROUTING_KEY"] = config.protocol_broker_queue_routing_key
    return load_with(**(urls | variables))


def split_to(config: Config, key: str) -> Config:
    return changed(config, PROTOCOL_BROKER_QUEUE_ROUTING_KEY=key, DELETE_PARENT_SHARD_RECORDS="true")


@pytest.fixture
def config(new_database: NewDatabase) -> Config:
    """Of the shard `0.#`."""
    return configured(new_database("solver"), new_database("worker"), "0.#")


# Bound at configure, checked at each start


@pytest.mark.slow
@covers("G47")
def test_a_process_with_the_key_of_another_shard_deletes_nothing(
    environment: Environment, new_database: NewDatabase
) -> None:
    """As it happened: the database of one shard, the key of another, and the permission to delete a parent's rows."""
    own = environment | {"PROTOCOL_BROKER_QUEUE_ROUTING_KEY": "0.#", "WORKER_POSTGRES_URL": new_database("worker")}
    assert run(own, "configure").returncode == 0
    assert run(own, "scan_all", "--quit-early").returncode == 0
    url = own["WORKER_POSTGRES_URL"]
    query(
        url,
        "insert into worker.debtor_locator_claim (debtor_id, debtor_info_locator, latest_locator_fetch_at,"
        " latest_discovery_fetch_at) values (888, 'https://example.com/888', now(), now())",
    )
    wrong = own | {"PROTOCOL_BROKER_QUEUE_ROUTING_KEY": "1.#", "DELETE_PARENT_SHARD_RECORDS": "true"}
    for _ in range(2):
        done = run(wrong, "scan_all", "--quit-early")
        assert query(url, "select debtor_id from worker.debtor_locator_claim") == [(888,)]
        assert query(url, "select binding_key from worker.configuration") == [("0.#",)]
        assert done.returncode == 1
        assert "the database is that of 0.#, this process has 1.#" in done.stdout
    refused = run(wrong, "configure")
    assert refused.returncode == 1
    assert "it is bound to the key 0.#, the environment has 1.#" in refused.stdout


@covers("G47")
@pytest.mark.parametrize("splits", ["true", "false"])
@pytest.mark.parametrize("key", ["1.#", "#", "1.0.#", "0.0.1.#"], ids=["sibling", "parent", "cousin", "grandchild"])
def test_only_halves_of_the_shard_may_take_its_database(config: Config, key: str, splits: str) -> None:
    start(config)
    wrong = changed(config, PROTOCOL_BROKER_QUEUE_ROUTING_KEY=key, DELETE_PARENT_SHARD_RECORDS=splits)
    with pytest.raises(Unusable, match=rf"is that of 0\.#, this process has {key.replace('.', '[.]')}"):
        start(wrong)
    assert query(config.worker_postgres_url, "select binding_key, realm from worker.configuration") == [("0.#", 0)]
    start(config)


@covers("G47")
def test_a_database_that_is_not_bound_is_refused(config: Config) -> None:
    query(config.worker_postgres_url, "delete from worker.identity")
    with pytest.raises(Unusable, match=r"not bound to a shard: run `swpt-trade configure` first"):
        start(config)
    query(config.solver_postgres_url, "delete from solver.installation")
    with (
        pytest.raises(Unusable, match=r"no installation ID: run `swpt-trade configure` first"),
        open_solver(config, "x"),
    ):
        pass


@covers("G47")
def test_a_database_of_another_installation_is_refused(config: Config, new_database: NewDatabase) -> None:
    other = configured(new_database("solver"), new_database("worker"), "0.#")
    mixed = changed(config, WORKER_POSTGRES_URL=other.worker_postgres_url)
    (own,), (foreign,) = (query(c.solver_postgres_url, "select solver.installation_id()") for c in (config, other))
    for opener in (open_worker, open_both):
        with (
            pytest.raises(Unusable, match=f"installation {foreign[0]}, the solver database to {own[0]}"),
            opener(mixed, "test"),
        ):
            pass
    with pytest.raises(Exception, match=f"the installation {foreign[0]}, the solver's database has {own[0]}"):
        set_up(changed(mixed), lambda _line: None)


@covers("G47")
def test_a_process_without_the_solver_goes_on(config: Config) -> None:
    start(changed(config, SOLVER_POSTGRES_URL="postgresql://127.0.0.1:1/none"))


@covers("G47")
def test_configure_refuses_before_it_changes_anything(config: Config, new_database: NewDatabase, postgres: Any) -> None:
    """Neither a solver database that is new, nor a worker's that lacks a file, is touched."""
    with postgres.admin() as admin:
        admin.execute("drop database if exists empty_solver")
        admin.execute("create database empty_solver")
    url = postgres.database_url("empty_solver")
    with pytest.raises(Exception, match=r"the solver's database has none"):
        set_up(changed(config, SOLVER_POSTGRES_URL=url), lambda _line: None)
    assert query(url, "select to_regnamespace('solver')") == [(None,)]

    before = query(config.worker_postgres_url, "table worker.identity")
    query(config.worker_postgres_url, "delete from worker.applied_file where file like '%%/drain_inbox.sql'")
    with pytest.raises(Exception, match=r"bound to the key 0\.#, the environment has 1\.#"):
        set_up(changed(config, PROTOCOL_BROKER_QUEUE_ROUTING_KEY="1.#"), lambda _line: None)
    missing = "select count(*) from worker.applied_file where file like '%%/drain_inbox.sql'"
    assert query(config.worker_postgres_url, missing) == [(0,)]
    assert query(config.worker_postgres_url, "table worker.identity") == before


@covers("G47")
def test_a_used_database_of_an_older_release_keeps_its_key(config: Config) -> None:
    start(config)
    query(config.worker_postgres_url, "delete from worker.identity")
    with pytest.raises(Exception, match=r"it was used with the key 0\.#, the environment has 1\.#"):
        set_up(changed(config, PROTOCOL_BROKER_QUEUE_ROUTING_KEY="1.#"), lambda _line: None)
    set_up(config, lambda _line: None)
    start(config)


@covers("G47")
def test_rebind_names_old_and_new(config: Config, new_database: NewDatabase) -> None:
    other = configured(new_database("solver"), new_database("worker"), "0.#")
    (own,), (foreign,) = (query(c.solver_postgres_url, "select solver.installation_id()")[0] for c in (config, other))
    mixed = changed(other, WORKER_POSTGRES_URL=config.worker_postgres_url, PROTOCOL_BROKER_QUEUE_ROUTING_KEY="1.#")
    lines: list[str] = []
    with open_worker(config, "test"), pytest.raises(Exception, match="still work on the database: with the key 0"):
        set_up(mixed, lines.append, is_rebound=True)
    lines.clear()
    eventually(lambda: _is_rebound(mixed, lines), "the processes have ended")
    assert f"worker: bound to the installation {own} and the key 0.#, to be bound to the key 1.#" in lines
    assert f"worker: bound to the installation {foreign} and the key 1.#" in lines
    start(mixed)
    with pytest.raises(Unusable):
        start(config)


def _is_rebound(config: Config, lines: list[str]) -> bool:
    try:
        set_up(config, lines.append, is_rebound=True)
    except Exception:
        return False
    return True


@covers("G47")
def test_lanes_that_were_changed_by_hand_are_noticed(config: Config) -> None:
    query(config.worker_postgres_url, "update worker.configuration set lane_count = 4")
    with pytest.raises(Unusable, match="bound with 8 lanes, and has 4"):
        start(config)


# The range of collector IDs


@covers("G47")
def test_the_range_of_collectors_is_bound_and_may_grow(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    bound = "select min_collector_id, max_collector_id from worker.identity"
    start(config)
    assert query(config.worker_postgres_url, bound) == [(None, None)]
    start(changed(config, MIN_COLLECTOR_ID="1000", MAX_COLLECTOR_ID="2000"))
    assert query(config.worker_postgres_url, bound) == [(1000, 2000)]
    start(config)
    query(
        config.worker_postgres_url,
        "insert into worker.needed_worker_account (creditor_id, debtor_id, configured_at) values (1500, 666, now())",
    )
    caplog.set_level("INFO")
    start(changed(config, MIN_COLLECTOR_ID="900", MAX_COLLECTOR_ID="2000"))
    assert "the range of collector IDs changes: from 1000 … 2000 to 900 … 2000" in caplog.text
    for low, high in (("1501", "2000"), ("900", "1499"), ("5000", "6000")):
        with pytest.raises(Unusable, match=f"the database has 900 … 2000, this process has {low} … {high}"):
            start(changed(config, MIN_COLLECTOR_ID=low, MAX_COLLECTOR_ID=high))
    start(changed(config, MIN_COLLECTOR_ID="1500", MAX_COLLECTOR_ID="1500"))
    assert query(config.worker_postgres_url, bound) == [(1500, 1500)]
    start(config)
    stored = "select min_collector_id, max_collector_id from worker.configuration"
    assert query(config.worker_postgres_url, stored) == [(1500, 1500)]


# Splits


@covers("G47")
def test_a_split_needs_the_permission(config: Config) -> None:
    with pytest.raises(Unusable, match=r"parent of this shard: the database is that of 0\.#, this process has 0\.1\.#"):
        start(changed(config, PROTOCOL_BROKER_QUEUE_ROUTING_KEY="0.1.#"))


@covers("G47")
def test_the_first_child_takes_the_copy(config: Config) -> None:
    """Both children started with one copy: the second one is a sibling."""
    start(config)
    lines: list[str] = []
    set_up(split_to(config, "0.1.#"), lines.append)
    assert "worker: a copy of the parent's database, it will be that of 0.1.# when the first process starts" in lines
    first, second = split_to(config, "0.1.#"), split_to(config, "0.0.#")
    eventually(lambda: _starts(first), "the sessions of the parent have ended")
    with pytest.raises(Unusable, match=r"is that of 0\.1\.#, this process has 0\.0\.#"):
        start(second)
    with pytest.raises(Unusable, match=r"is that of 0\.1\.#, this process has 0\.#"):
        start(config)
    start(changed(first, DELETE_PARENT_SHARD_RECORDS="false"))


def _starts(config: Config) -> bool:
    try:
        start(config)
    except Unusable:
        return False
    return True


@pytest.mark.slow
@covers("G47")
def test_nothing_is_split_while_the_parent_works(environment: Environment, tmp_path: Path) -> None:
    url = environment["WORKER_POSTGRES_URL"]
    child = environment | {"PROTOCOL_BROKER_QUEUE_ROUTING_KEY": "1.#", "DELETE_PARENT_SHARD_RECORDS": "true"}
    with server(environment, tmp_path, "trigger_transfers") as parent:
        works = "select 1 from pg_locks where locktype = 'advisory' and classid = 7305 and granted"
        eventually(lambda: bool(query(url, works)), "the parent works")
        refused = run(child, "roll_transfers", "--quit-early")
        assert refused.returncode == 1
        assert "processes of the shard still work on the database: with the key #" in refused.stdout
        assert parent.status is None
    eventually(lambda: run(child, "roll_transfers", "--quit-early").returncode == 0, "the child starts")
    refused = run(environment, "roll_transfers", "--quit-early")
    assert "the database is that of 1.#, this process has #" in refused.stdout


@covers("G47")
@pytest.mark.parametrize("command", ["roll_worker_turns", "handle_pristine_collectors"])
def test_commands_with_both_databases_compare_them(
    environment: Environment, new_database: NewDatabase, command: str
) -> None:
    other = configured(new_database("solver"), new_database("worker"), "#")
    refused = run(environment | {"SOLVER_POSTGRES_URL": other.solver_postgres_url}, command, "--quit-early")
    assert refused.returncode == 1
    assert "look at WORKER_POSTGRES_URL and SOLVER_POSTGRES_URL" in refused.stdout


def test_the_server_notices_within_a_minute_that_a_process_has_vanished(config: Config) -> None:
    """It may hold the lock that says who works as the shard, and the computer it ran on may be gone."""
    with open_worker(config, "test") as worker:
        shown = "current_setting('tcp_keepalives_idle')::integer, current_setting('tcp_keepalives_interval')::integer"
        query = f"select {shown}, current_setting('tcp_keepalives_count')::integer"
        ((idle, interval, count),) = worker.execute(query.encode()).fetchall()
        assert 0 < idle + interval * count < 60

"""Several workers are imported one after the other, and each takes what is its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from click.testing import CliRunner

from admin.cli import main
from sandbox.servers.postgres import PrivateServer
from service import binding
from sql import Kind
from tests.admin.takeover.conftest import MakeOld
from tests.admin.takeover.old_databases import (
    COLLECTOR,
    DEBTOR,
    SECOND_COLLECTOR,
    OldService,
    add_account,
    add_collector,
    add_turn,
    create,
    create_tables,
    fill,
)
from tests.admin.takeover.schemas import worker_tables
from tests.databases import connection_to

# The first belongs to the shard 0.#, the second to 1.#.
CREDITORS = (3, 1)


@pytest.fixture
def shards(postgres: PrivateServer, new_database: Callable[[Kind], str]) -> list[OldService]:
    """Two workers with one solver; a split has left rows of both shards in both."""
    solver, *workers = (new_database(kind).rpartition("/")[2] for kind in ("solver", "worker", "worker"))
    first = create(postgres, solver, workers[0], "1.0", "0.#")
    second = replace(first, worker=workers[1], binding_key="1.#")
    create_tables(postgres, second.url("worker"), "worker", worker_tables("1.0"), "1.0")
    with connection_to(second.url("solver")) as ours, connection_to(second.url("worker")) as worker:
        binding.bind(worker, binding.make_installation(ours), "1.#")
    add_turn(first)
    for service in (first, second):
        for creditor_id in CREDITORS:
            service.add("worker", "trading_policy", creditor_id=creditor_id, debtor_id=DEBTOR, policy_name="p")
        for collector_id in (COLLECTOR, SECOND_COLLECTOR):
            add_account(service, collector_id=collector_id)
    for collector_id in (COLLECTOR, SECOND_COLLECTOR):
        add_collector(first, collector_id=collector_id)
    return [first, second]


def test_each_worker_takes_its_own_rows_and_the_solver_is_imported_once(shards: list[OldService]) -> None:
    outputs = []
    for service in shards:
        result = service.run()
        assert result.exit_code == 0, result.output
        outputs.append(result.output)
    assert ["Ours was imported at" in output for output in outputs] == [False, True]
    assert all("trading_policy: 1 left out, rows of other shards" in output for output in outputs)
    for service, creditor_id in zip(shards, CREDITORS, strict=True):
        assert service.rows("worker", "select creditor_id from worker.trading_policy") == [(creditor_id,)]
        assert service.rows("worker", "select * from worker.foreign_rows()") == []
        # Neither misses the collectors of the other one.
        assert "To look at" not in outputs[0]
    query = "select creditor_id from worker.needed_worker_account"
    found = [row for service in shards for row in service.rows("worker", query)]
    assert sorted(found) == [(COLLECTOR,), (SECOND_COLLECTOR,)]


def test_the_database_of_another_shard_is_refused(shards: list[OldService]) -> None:
    first, _ = shards
    result = replace(first, binding_key="1.#").run()
    assert result.exit_code == 1
    assert "the database belongs to another shard" in result.output
    assert "Nothing was written." in result.output
    assert first.rows("solver", "select * from solver.takeover") == []


def test_old_tables_are_found_in_our_own_databases(make_old: MakeOld) -> None:
    """Nobody says where they are."""
    service = make_old()
    fill(service)
    environment = {name: value for name, value in service.environment().items() if not name.startswith("OLD_")}
    assert service.run("--dry-run").exit_code == 0
    result = CliRunner().invoke(main, ["import_databases"], env=environment)
    assert result.exit_code == 0, result.output
    assert "schema old_solver" in result.output


def test_a_database_that_is_not_set_up_is_no_reason_to_say_nothing_else(
    make_old: MakeOld, postgres: PrivateServer
) -> None:
    service = make_old()
    fill(service)
    add_turn(service, 42, phase=3)
    environment = {**service.environment(), "WORKER_POSTGRES_URL": postgres.database_url("postgres")}
    result = CliRunner().invoke(main, ["import_databases", "--dry-run"], env=environment)
    assert result.exit_code == 1
    assert "the worker database has not been set up: run `swpt-trade configure` first" in result.output
    assert "the turn 42 is not over, it is in phase 3" in result.output

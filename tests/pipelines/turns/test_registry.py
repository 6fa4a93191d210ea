"""What a shard tells the solver about itself and about its clock."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipelines.turns import registry
from pipelines.turns.registry import REPORT_SECONDS, Reporter, ShardTaken
from service import binding
from sql import Kind
from tests.conftest import Connection
from tests.covering import covers
from tests.databases import connection_to
from tests.sql.turns.rows import rows, stop_clock

NOON = "2026-03-01T12:00:00Z"


@pytest.fixture
def worker(worker_db: Connection, solver_db: Connection) -> Connection:
    """Bound to the installation of `solver_db`."""
    binding.bind(worker_db, binding.make_installation(solver_db), "#")
    return worker_db


@covers("G47")
def test_a_shard_reports_which_database_it_has(worker: Connection, solver_db: Connection) -> None:
    """As a user without any rights on the server itself."""
    with worker.transaction():
        worker.execute("set local role service")
        registry.report(worker, solver_db)
    expected = rows(
        worker,
        "select '#', system_identifier, timeline_id, oid::bigint, 1099511627776, 1099511629823"
        " from pg_control_system(), pg_control_checkpoint(), pg_database where datname = current_database()",
    )
    assert expected == rows(
        solver_db,
        "select binding_key, system_identifier, timeline_id, database_id, min_collector_id, max_collector_id"
        " from solver.list_shards()",
    )


@covers("G47")
def test_a_database_that_is_not_bound_reports_nothing(worker_db: Connection, solver_db: Connection) -> None:
    registry.report(worker_db, solver_db)
    assert rows(solver_db, "select * from solver.list_shards()") == []


@covers("G47")
def test_a_shard_reports_once_a_minute(worker: Connection, solver_db: Connection) -> None:
    moments = iter((0.0, 0.0, 0.0, 1.0, REPORT_SECONDS, REPORT_SECONDS))
    reporter = Reporter(lambda: next(moments))
    counts = []
    for _ in range(3):
        solver_db.execute("delete from solver.shard")
        reporter.run(worker, solver_db)
        counts.append(len(rows(solver_db, "select * from solver.list_shards()")))
    assert counts == [1, 0, 1]


@covers("G47")
def test_two_promoted_copies_do_not_work_side_by_side(new_database: Callable[[Kind], str]) -> None:
    """Nothing in them differs, so the second one waits until the first one has gone."""
    url = new_database("solver")
    with connection_to(url) as second:
        with connection_to(url) as first:
            registry.claim(first, "0.#")
            registry.claim(second, "1.#")
            with pytest.raises(ShardTaken, match=r"already rolls the turns of 0\.#"):
                registry.claim(second, "0.#")
            first.execute("select pg_advisory_unlock_all()")
        registry.claim(second, "0.#")


@covers("G48")
@pytest.mark.parametrize(
    ("worker_now", "is_reported"),
    [
        (NOON, False),
        ("2026-03-01T12:00:05Z", False),
        ("2026-03-01T12:00:06Z", True),
        ("2026-03-01T11:59:54Z", True),
        ("2026-03-01T11:59:55Z", False),
    ],
)
def test_clocks_that_differ_by_more_than_5_seconds_are_told(
    worker: Connection, solver_db: Connection, worker_now: str, is_reported: bool, caplog: pytest.LogCaptureFixture
) -> None:
    stop_clock(solver_db, NOON)
    stop_clock(worker, worker_now)
    difference = registry.report(worker, solver_db)
    assert ("the worker database's clock is 6.0 s" in caplog.text) == is_reported
    assert rows(solver_db, "select clock_difference from solver.list_shards()") == [(difference,)]
    found = rows(solver_db, "select problem from solver.shard_problems() where problem = 'clock'")
    assert bool(found) == is_reported


@covers("G48")
def test_a_slow_answer_is_no_difference(
    worker: Connection, solver_db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A minute passes while the solver is asked: its clock may have been anywhere between."""
    moments = iter(("2026-03-01T12:00:00Z", "2026-03-01T12:01:00Z"))
    ask = registry._now

    def slowly(connection: Connection, query: object) -> object:
        if connection is worker:
            stop_clock(worker, next(moments))
        return ask(connection, query)

    monkeypatch.setattr(registry, "_now", slowly)
    stop_clock(solver_db, "2026-03-01T12:00:30Z")
    assert registry.clock_difference(worker, solver_db) == 0

"""Turns that a clock stamped that ran ahead for years block no others."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipelines.turns.roll import TurnSettings, advance_turns, advance_worker_turns
from tests.covering import covers
from tests.sql.turns.rows import Connection, insert, insert_turn, insert_worker_turn, rows, stop_clock, value

NOON = "2026-03-01T12:00:00Z"
AHEAD = "2030-01-01T02:00:00Z"
SETTINGS = TurnSettings(
    period=timedelta(days=1),
    offset=timedelta(hours=2),
    phase1_duration=timedelta(minutes=10),
    phase2_duration=timedelta(hours=1),
    base_debtor_info_locator="B",
    base_debtor_id=1,
    max_distance_to_base=10,
    min_trade_amount=1000,
    max_commit_period=timedelta(days=30),
)

START = "select solver.start_turn('1 day', '2 h', '10 min', 'B', 1, 10, 1000)"


def _phases(solver: Connection) -> dict[int, int]:
    return dict(rows(solver, "select turn_id, phase from solver.turn"))


@covers("G48")
def test_a_finished_turn_of_the_future_starts_no_wait(solver_db: Connection) -> None:
    insert_turn(solver_db, 4, 7, started_at=AHEAD)
    stop_clock(solver_db, NOON)
    assert value(solver_db, START) is not None


@covers("G48")
def test_the_latest_turn_of_the_past_counts(solver_db: Connection) -> None:
    insert_turn(solver_db, 4, 6, started_at="2026-03-01T02:00:00Z")
    insert_turn(solver_db, 4, 7, started_at=AHEAD)
    stop_clock(solver_db, "2026-03-01T13:00:00Z")
    assert value(solver_db, START) is None
    stop_clock(solver_db, "2026-03-02T02:00:01Z")
    assert value(solver_db, START) is not None


@covers("G48")
@pytest.mark.parametrize(
    ("phase", "columns"),
    [
        (1, {"phase_deadline": "2030-01-01T02:10:00Z"}),
        (2, {"phase_deadline": "2030-01-01T03:10:00Z", "collection_deadline": "2030-02-01T00:00:00Z"}),
        (3, {"collection_started_at": "2030-01-01T03:10:00Z", "collection_deadline": "2030-02-01T00:00:00Z"}),
    ],
)
def test_an_open_turn_of_the_future_ends(
    solver_db: Connection, worker_db: Connection, phase: int, columns: dict[str, str]
) -> None:
    """Without trades, phase by phase; the workers follow, and the next turn is on time."""
    for connection in (solver_db, worker_db):
        stop_clock(connection, NOON)
    insert_turn(solver_db, phase, 7, started_at=AHEAD, **columns)
    for _ in range(4):
        advance_worker_turns(worker_db, solver_db)
        advance_worker_turns(worker_db, solver_db)
        advance_turns(solver_db, SETTINGS)
    assert _phases(solver_db)[7] == 4
    assert [turn for turn, phase in _phases(solver_db).items() if turn != 7] == [1]


@covers("G48")
def test_deadlines_are_what_they_are(solver_db: Connection) -> None:
    """A clock that is wrong by a little ends no phase before its time."""
    stop_clock(solver_db, NOON)
    insert_turn(solver_db, 1, 7, started_at="2026-03-01T12:59:00Z", phase_deadline="2026-03-01T13:09:00Z")
    assert rows(solver_db, "select * from solver.due_turns()") == []
    assert value(solver_db, "select solver.begin_phase2(7, '1 h', '30 d')") is False
    stop_clock(solver_db, "2026-03-01T13:09:01Z")
    assert rows(solver_db, "select * from solver.due_turns()") == [(7, 1)]


@covers("G48")
def test_a_dead_worker_is_reported_however_wrong_the_clock_was(solver_db: Connection, worker_db: Connection) -> None:
    for connection in (solver_db, worker_db):
        stop_clock(connection, NOON)
    insert_turn(solver_db, 3, 7, started_at=AHEAD, collection_started_at="2030-01-01T03:10:00Z")
    insert_worker_turn(worker_db, 3, 0, 7, started_at=AHEAD, collection_started_at="2030-01-01T03:10:00Z")
    assert rows(solver_db, "select turn_id, phase from solver.overdue_turns('1 h')") == [(7, 3)]
    for connection, schema in ((solver_db, "solver"), (worker_db, "worker")):
        assert value(connection, f"select overdue_seconds from {schema}.turn_figures()") > 10**9


@covers("G48")
@pytest.mark.parametrize("status", [0, 1, 3])
def test_waiting_periods_of_collectors_begin_anew(solver_db: Connection, status: int) -> None:
    """None is cut short, and none takes years."""
    collector = {"debtor_id": 666, "status": status, "latest_status_change_at": AHEAD}
    insert(solver_db, "solver.collector_account", collector | {"collector_id": 2**40})
    recent = "2026-03-01T12:30:00Z"
    insert(
        solver_db,
        "solver.collector_account",
        collector | {"collector_id": 2**40 + 1, "latest_status_change_at": recent},
    )
    stop_clock(solver_db, NOON)
    advance_turns(solver_db, SETTINGS)
    advance_turns(solver_db, SETTINGS)
    moments = "select latest_status_change_at = %s from solver.collector_account order by collector_id"
    assert rows(solver_db, moments, NOON)[0] == (True,)
    assert rows(solver_db, moments, recent)[1] == (True,)
    stop_clock(solver_db, "2026-03-09T00:00:00Z")
    listed = {1: "solver.list_overdue_collectors(0, 0, '7 d', 9)", 3: "solver.collectors_to_remove(0, 0, '7 d', 0, 9)"}
    if status in listed:
        assert len(rows(solver_db, f"select * from {listed[status]}")) == 2


@covers("G48")
def test_a_shard_of_the_future_is_not_taken_for_alive(solver_db: Connection) -> None:
    report = "select solver.report_shard('#', 1, 1, 1::bigint, '1', 1, 2, 0)"
    stop_clock(solver_db, AHEAD)
    solver_db.execute(report)
    stop_clock(solver_db, NOON)
    assert value(solver_db, "select solver.restamp_future_moments()") == 1
    stop_clock(solver_db, "2026-03-01T13:00:01Z")
    assert rows(solver_db, "select problem from solver.shard_problems()") == [("silent",)]

"""What the solver's loop keeps of the turns that it has solved."""

from __future__ import annotations

from dataclasses import replace

from pipelines.turns.roll import advance_turns
from tests.pipelines.turns.two_shards import SETTINGS
from tests.sql.turns.rows import Connection, insert_turn, rows, stop_clock, value


def solve_and_end(solver: Connection, turn_id: int, archived_turns: int) -> None:
    """A turn without offers, whose phase 2 is over: one tick solves it, and the next one ends it."""
    insert_turn(solver, 2, turn_id)
    for _ in range(2):
        advance_turns(solver, replace(SETTINGS, archived_turns=archived_turns))
    assert value(solver, "select phase from solver.turn where turn_id = %s", turn_id) == 4


def archived(solver: Connection) -> list[int]:
    return [row[0] for row in rows(solver, "select turn_id from solver.archived_turns()")]


def test_only_the_latest_turns_stay_archived(solver_db: Connection) -> None:
    stop_clock(solver_db, "2026-03-01T03:10:01Z")
    for turn_id in range(1, 5):
        solve_and_end(solver_db, turn_id, 2)
    assert archived(solver_db) == [4, 3]
    solve_and_end(solver_db, 5, 0)
    assert archived(solver_db) == []


def test_the_loop_does_without_the_table(solver_db: Connection) -> None:
    stop_clock(solver_db, "2026-03-01T03:10:01Z")
    solver_db.execute("drop table solver.turn_archive")
    solve_and_end(solver_db, 1, 2)

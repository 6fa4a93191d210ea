"""The record of what people change: written with the change, and with nothing else."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.conftest import Connection


def actions(db: Connection, kind: str) -> list[tuple[Any, ...]]:
    return db.execute(f"select done_by, action, subject from {kind}.list_actions(null, null, 10)".encode()).fetchall()


def set_aside(db: Connection, count: int) -> None:
    db.execute(
        "insert into worker.set_aside (queue, message_type, body, sqlstate, error, failures, set_aside_at)"
        " select 'inbox_0', 'X', '{\"creditor_id\": 1}', '22000', 'wrong', 2, worker.now() from generate_series(1, %s)",
        (count,),
    )


def test_decisions_about_messages_are_recorded_once_for_all_of_them(worker_db: Connection) -> None:
    set_aside(worker_db, 4)
    worker_db.execute("select worker.discard_set_aside(array[3, 1], 'anna')")
    worker_db.execute("select worker.replay_set_aside(array[2, 77], 'boris')")
    worker_db.execute("select worker.replay_set_aside(array[77], 'boris'), worker.discard_set_aside(array[1], 'boris')")
    assert actions(worker_db, "worker") == [
        ("boris", "replayed messages", {"messages": [2]}),
        ("anna", "discarded messages", {"messages": [1, 3]}),
    ]


def test_what_is_rolled_back_was_not_done(worker_db: Connection) -> None:
    set_aside(worker_db, 1)
    with worker_db.transaction(force_rollback=True):
        worker_db.execute("select worker.discard_set_aside(array[1], 'anna')")
        assert len(actions(worker_db, "worker")) == 1
    assert actions(worker_db, "worker") == []


def test_changes_of_the_solvers_database_are_recorded(solver_db: Connection) -> None:
    """With the name of who connects, where there is no other."""
    for is_first in (True, False):
        solver_db.execute("select solver.ensure_collectors(-7, 2, 1000, 2000, 'anna')")
        assert solver_db.execute("select solver.block_currency(5)").fetchone() == (is_first,)
    for is_first in (True, False):
        assert solver_db.execute("select solver.unblock_currency(5)").fetchone() == (is_first,)
    collector = solver_db.execute("select min(collector_id) from solver.collector_account").fetchone()
    assert collector is not None
    for _ in range(2):
        solver_db.execute("select solver.remove_collector(-7, %s)", collector)
    turn = solver_db.execute("select solver.start_turn('1 day', '0', '1 h', 'B', 1, 10, 1000, true)").fetchone()
    assert turn is not None
    me = solver_db.info.user
    assert actions(solver_db, "solver") == [
        (me, "started a turn", {"turn": turn[0]}),
        (me, "removed a collector", {"debtor_id": -7, "collector_id": collector[0]}),
        (me, "unblocked a currency", {"debtor_id": 5}),
        (me, "blocked a currency", {"debtor_id": 5}),
        ("anna", "added collectors", {"debtor_id": -7, "collectors": 2}),
    ]


@pytest.mark.parametrize("kind", ["solver", "worker"])
def test_the_record_is_read_in_parts_and_kept_for_a_year(kind: str, request: pytest.FixtureRequest) -> None:
    db: Connection = request.getfixturevalue(f"{kind}_db")
    for days in (1, 2, 3, 366, 367):
        db.execute(
            "select set_config('swpt.now', (timestamptz '2026-12-31' - make_interval(days => %s))::text, false)",
            (days,),
        )
        db.execute(f"select {kind}.note_action('anna', 'did', %s)".encode(), (Jsonb({"day": days}),))
    db.execute("set swpt.now = '2026-12-31'")

    def days(before: str | None) -> list[int]:
        query = f"select (subject ->> 'day')::int from {kind}.list_actions(%s, null, 2)".encode()
        return [row[0] for row in db.execute(query, (before,)).fetchall()]

    assert (days(None), days("2026-12-29"), days("2025-12-29")) == ([1, 2], [3, 366], [])
    forget = f"select {kind}.delete_old_actions(1)".encode()
    assert [db.execute(forget).fetchone() for _ in range(3)] == [(1,), (1,), (0,)]
    assert days("2026-12-29") == [3]


@pytest.mark.parametrize("kind", ["solver", "worker"])
def test_an_action_has_somebody_who_did_it(kind: str, request: pytest.FixtureRequest) -> None:
    db: Connection = request.getfixturevalue(f"{kind}_db")
    with pytest.raises(psycopg.errors.CheckViolation):
        db.execute(f"select {kind}.note_action('', 'did', '{{}}')".encode())

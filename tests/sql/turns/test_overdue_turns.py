"""A phase that does not end is told of, and who has not done his part."""

from __future__ import annotations

import pytest

from tests.covering import covers
from tests.sql.turns.rows import Connection, insert, insert_turn, rows, stop_clock, value

OVERDUE = "select * from solver.overdue_turns('1 hour')"


def creditors(solver: Connection, prefix: str, count: int) -> list[int]:
    """Creditor IDs whose hashes begin with these bits."""
    query = """
        select n
        from generate_series(1, 3000) as n
        where left((solver.hash16(n)::integer::bit(16))::text, %s) = %s
        order by n
        limit %s
    """
    return [n for (n,) in rows(solver, query, len(prefix), prefix, count)]


def insert_takings(solver: Connection, *creditor_ids: int, turn_id: int = 1) -> None:
    for creditor_id in creditor_ids:
        row = {"turn_id": turn_id, "creditor_id": creditor_id, "debtor_id": 1, "amount": 1, "collector_id": 9}
        insert(solver, "solver.creditor_taking", row)


@covers("G36")
@pytest.mark.parametrize(
    ("prefixes", "binding_keys"),
    [
        pytest.param([""], ["#"], id="the only shard"),
        pytest.param(["0"], ["0.#"], id="one of two"),
        pytest.param(["1"], ["1.#"], id="the other of two"),
        pytest.param(["01", "1100"], ["0.1.#", "1.1.0.0.#"], id="two of different sizes"),
        pytest.param(["10110"], ["1.0.1.1.#"], id="a small one within a part"),
    ],
)
def test_shards_with_results_left_are_named(
    solver_db: Connection, prefixes: list[str], binding_keys: list[str]
) -> None:
    stop_clock(solver_db, "2026-03-01T04:10:01Z")
    insert_turn(solver_db, 3)
    left = [n for prefix in prefixes for n in creditors(solver_db, prefix, 100)]
    insert_takings(solver_db, *left)
    [(turn_id, phase, _, remaining_rows, found)] = rows(solver_db, OVERDUE)
    assert (turn_id, phase, remaining_rows, found) == (1, 3, len(left), binding_keys)


@covers("G36")
@pytest.mark.parametrize(
    ("table", "hashed"),
    [
        ("creditor_taking", "creditor_id"),
        ("creditor_giving", "creditor_id"),
        ("collector_collecting", "collector_id"),
        ("collector_sending", "from_collector_id"),
        ("collector_receiving", "to_collector_id"),
        ("collector_dispatching", "collector_id"),
    ],
)
def test_every_kind_of_result_counts(solver_db: Connection, table: str, hashed: str) -> None:
    stop_clock(solver_db, "2026-03-01T05:00:00Z")
    insert_turn(solver_db, 3)
    is_between_collectors = table in ("collector_sending", "collector_receiving")
    ids = ("from_collector_id", "to_collector_id") if is_between_collectors else ("creditor_id", "collector_id")
    ours, others = creditors(solver_db, "0110", 1)[0], creditors(solver_db, "1", 1)[0]
    row = {"turn_id": 1, "debtor_id": 1, "amount": 1} | {name: ours if name == hashed else others for name in ids}
    insert(solver_db, f"solver.{table}", row)
    assert value(solver_db, "select binding_keys from solver.overdue_turns('1 hour')") == ["0.1.1.0.#"]


@covers("G36")
@pytest.mark.parametrize(
    ("phase", "due_at"), [(1, "2026-03-01T02:10:00"), (2, "2026-03-01T03:10:00"), (3, "2026-03-01T03:10:00")]
)
def test_a_phase_is_overdue_an_hour_after_its_end(solver_db: Connection, phase: int, due_at: str) -> None:
    insert_turn(solver_db, phase)
    insert_turn(solver_db, 4, 2)
    solver_db.execute(
        "select set_config('swpt.now', (%s::timestamptz + interval '1 hour')::text, false)", (due_at + "Z",)
    )
    assert rows(solver_db, OVERDUE) == []
    stop_clock(solver_db, f"{due_at[:12]}{int(due_at[12]) + 1}:10:00.000001Z")
    query = "select turn_id, due_at = %s::timestamptz, remaining_rows, binding_keys from solver.overdue_turns('1 hour')"
    assert rows(solver_db, query, due_at + "Z") == [(1, True, 0, [])]


@covers("G36")
def test_results_of_other_turns_do_not_count(solver_db: Connection) -> None:
    stop_clock(solver_db, "2026-03-01T05:00:00Z")
    insert_turn(solver_db, 3)
    insert_turn(solver_db, 3, 2, collection_started_at="2026-03-01T04:30:00Z")
    insert_takings(solver_db, *creditors(solver_db, "0000", 2))
    insert_takings(solver_db, *creditors(solver_db, "1111", 2), turn_id=2)
    query = "select turn_id, remaining_rows, binding_keys from solver.overdue_turns('1 hour')"
    assert rows(solver_db, query) == [(1, 2, ["0.0.0.0.#"])]

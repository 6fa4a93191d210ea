"""Numbers that stand for states mean the same in both languages."""

from __future__ import annotations

import re
from enum import IntEnum
from pathlib import Path

import psycopg
import pytest

from sql.statuses import CollectorStatus, TurnPhase, all_in_words
from tests.conftest import Connection

TURNS = (Path(__file__).parents[2] / "sql" / "solver" / "migrations" / "0001_pre_turns.sql").read_text()


def test_the_comment_on_the_column_names_them() -> None:
    assert f"'{all_in_words(CollectorStatus)}.'" in TURNS
    assert f"phase {all_in_words(TurnPhase)}.'" in TURNS


@pytest.mark.parametrize(
    ("table", "column", "states"),
    [("collector_account", "status", CollectorStatus), ("turn", "phase", TurnPhase)],
)
def test_the_database_knows_no_others(solver_db: Connection, table: str, column: str, states: type[IntEnum]) -> None:
    row = solver_db.execute(
        "select pg_get_constraintdef(oid) from pg_constraint where conname = %s", (f"{table}_{column}_check",)
    ).fetchone()
    assert row is not None
    assert f"{column} >= {min(states)}" in row[0]
    assert f"{column} <= {max(states)}" in row[0]
    assert [*states] == [*range(min(states), max(states) + 1)]


def test_a_query_takes_them_as_numbers(solver_db: Connection) -> None:
    states = (CollectorStatus.ACTIVE, psycopg.sql.Literal(TurnPhase.DONE).as_string())
    assert solver_db.execute("select %s = 2, %s = '4'", states).fetchone() == (True, True)


@pytest.mark.parametrize("status", CollectorStatus)
def test_each_status_of_a_collector_has_a_function_of_its_name(solver_db: Connection, status: CollectorStatus) -> None:
    assert solver_db.execute(f"select solver.{status.name.lower()}()".encode()).fetchone() == (status,)


def test_no_function_names_the_status_of_a_collector_by_its_number() -> None:
    sql = Path(__file__).parents[2] / "sql"
    for path in (*sql.glob("solver/functions/**/*.sql"), *sql.glob("worker/functions/collectors/*.sql")):
        assert not re.search(r"\bstatus\s*(?:=|<>|<|>|in \()\s*[0-9]", path.read_text()), path


def test_the_name_of_a_status_does_not_keep_a_query_from_its_index(solver_db: Connection) -> None:
    solver_db.execute("set local enable_seqscan = off")
    plan = solver_db.execute("explain select from solver.collector_account where status = solver.pristine()").fetchall()
    assert "collector_account_pristine_idx" in str(plan)

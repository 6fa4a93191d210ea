"""Rows of turns for tests: every column has a sensible default."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

Connection = psycopg.Connection[tuple[Any, ...]]

NOW = "2026-03-01T02:30:00Z"
TURN = {
    "started_at": "2026-03-01T02:00:00Z",
    "base_debtor_info_locator": "B",
    "base_debtor_id": 1,
    "max_distance_to_base": 2,
    "min_trade_amount": 1000,
}
PHASES: dict[int, dict[str, Any]] = {
    1: {"phase_deadline": "2026-03-01T02:10:00Z"},
    2: {"phase_deadline": "2026-03-01T03:10:00Z", "collection_deadline": "2026-04-01T00:00:00Z"},
    3: {"collection_started_at": "2026-03-01T03:10:00Z", "collection_deadline": "2026-04-01T00:00:00Z"},
    4: {"collection_started_at": "2026-03-01T03:10:00Z", "collection_deadline": "2026-04-01T00:00:00Z"},
}


def stop_clock(connection: Connection, now: str) -> None:
    connection.execute("select set_config('swpt.now', %s, false)", (now,))


def insert(connection: Connection, table: str, *rows: dict[str, Any]) -> None:
    """Inserts rows that have the same columns; `table` is schema-qualified."""
    columns = list(rows[0])
    statement = sql.SQL("insert into {} ({}) values ({})").format(
        sql.Identifier(*table.split(".")),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(sql.Placeholder() * len(columns)),
    )
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(statement, [[row[column] for column in columns] for row in rows])


def insert_turn(solver: Connection, phase: int, turn_id: int = 1, **columns: Any) -> None:
    insert(solver, "solver.turn", {"turn_id": turn_id, "phase": phase, **TURN, **PHASES[phase], **columns})


def insert_worker_turn(worker: Connection, phase: int, subphase: int, turn_id: int = 1, **columns: Any) -> None:
    row = {"turn_id": turn_id, "phase": phase, "worker_turn_subphase": subphase, **TURN, **PHASES[phase], **columns}
    insert(worker, "worker.worker_turn", row)


def rows(connection: Connection, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode(), parameters).fetchall()


def value(connection: Connection, query: str, *parameters: Any) -> Any:
    return rows(connection, query, *parameters)[0][0]

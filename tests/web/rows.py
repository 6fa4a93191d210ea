"""Rows that the tests of the web server start from."""

from __future__ import annotations

from typing import Any

from psycopg.types.json import Jsonb

from tests.conftest import Connection


def insert_turn(solver: Connection, turn_id: int, phase: int = 4, deadline: str | None = None) -> None:
    """A turn that started on 2026-03-01."""
    solver.execute(
        "insert into solver.turn (turn_id, started_at, base_debtor_info_locator, base_debtor_id, max_distance_to_base,"
        " min_trade_amount, phase, phase_deadline, collection_started_at, collection_deadline)"
        " values (%s, '2026-03-01T10:00:00Z', 'https://example.com/1', -1, 10, 1000, %s, %s, %s, %s)",
        (
            turn_id,
            phase,
            deadline,
            "2026-03-01T11:30:00Z" if phase > 2 else None,
            "2026-03-31T10:00:00Z" if phase > 1 else None,
        ),
    )


def insert_statistic(solver: Connection, turn_id: int, debtor_id: int, transfers: int) -> None:
    solver.execute(
        "insert into solver.transfer_statistic (turn_id, debtor_id, takings, taken_amount, givings, given_amount,"
        " collector_transfers, sent_amount, collectors) values (%s, %s, %s, 1, %s, 1, 3, 1, 1)",
        (turn_id, debtor_id, transfers, transfers + 1),
    )


def insert_collector(solver: Connection, debtor_id: int, collector_id: int, status: int = 0) -> None:
    solver.execute(
        "insert into solver.collector_account (debtor_id, collector_id, status, account_id, latest_status_change_at)"
        " values (%s, %s, %s, %s, '2026-03-01T10:00:00+02:00')",
        (debtor_id, collector_id, status, "account" if status == 2 else ""),
    )


def set_aside(worker: Connection, body: dict[str, Any], queue: str = "inbox_0") -> int:
    """A message that could not be applied; returns its ID."""
    row = worker.execute(
        "insert into worker.set_aside (queue, message_type, body, sqlstate, error, failures, set_aside_at)"
        " values (%s, %s, %s, '22003', 'too large', 2, '2026-03-01T10:00:00Z') returning set_aside_id",
        (queue, body.get("type"), Jsonb(body)),
    ).fetchone()
    assert row is not None
    return int(row[0])

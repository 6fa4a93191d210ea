"""What the tests of collectors do and look at."""

from __future__ import annotations

import json
from typing import Any

from tests.conftest import Connection

MIN = 0x10000000000
MAX = 0x100000007FF


def ensure(connection: Connection, debtor_id: int, count: int, low: int = MIN, high: int = MAX) -> int:
    row = connection.execute(
        "select solver.ensure_collectors(%s, %s, %s, %s)", (debtor_id, count, low, high)
    ).fetchone()
    assert row is not None
    return int(row[0])


def add(connection: Connection, collector_id: int, status: int, debtor_id: int = 666, account_id: str = "a") -> None:
    connection.execute(
        "insert into solver.collector_account (debtor_id, collector_id, status, account_id, latest_status_change_at) "
        "values (%s, %s, %s, %s, solver.now() - interval '1 day')",
        (debtor_id, collector_id, status, account_id if status >= 2 else ""),
    )


def rows(connection: Connection, columns: str = "collector_id, status") -> list[tuple[Any, ...]]:
    return connection.execute(
        f"select {columns} from solver.collector_account order by debtor_id, collector_id".encode()
    ).fetchall()


def statuses(connection: Connection) -> list[int]:
    return [status for _, status in rows(connection)]


def request(connection: Connection, *messages: dict[str, Any], low: int = MIN, high: int = MAX, count: int = 1) -> None:
    connection.execute("select solver.apply_worker_requests(%s, %s, %s, %s)", (json.dumps(messages), low, high, count))


def disabling(collector_id: int, is_replaced: bool, debtor_id: int = 666) -> dict[str, Any]:
    body = {"type": "DisableCollector", "debtor_id": debtor_id, "creditor_id": collector_id}
    return body | {"is_replaced": is_replaced, "ts": "2026-03-01T02:00:00Z"}


def needing(debtor_id: int) -> dict[str, Any]:
    return {"type": "NeededCollector", "debtor_id": debtor_id, "ts": "2026-03-01T02:00:00Z"}

"""What the tests of collector accounts do and look at."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.conftest import Connection
from tests.sql.messages import COLLECTOR

HEIR = COLLECTOR + 1
NOW = datetime.fromisoformat("2026-03-01T02:00:00+00:00")


def step(db: Connection, heir: int | None = HEIR) -> str:
    """One pass of the pristine poll, and what it says of the collector."""
    rows = db.execute("select * from worker.remove_collectors(%s, %s, %s)", ([666], [COLLECTOR], [heir])).fetchall()
    assert [row[:2] for row in rows] == [(666, COLLECTOR)]
    return str(rows[0][2])


def wait(db: Connection, **period: float) -> None:
    """Lets time pass."""
    db.execute("select set_config('swpt.now', (worker.now() + %s)::text, false)", (timedelta(**period),))


def values(db: Connection, query: str) -> list[tuple[Any, ...]]:
    return db.execute(query.encode()).fetchall()


def orders(db: Connection) -> list[tuple[int, int, float]]:
    """What authorities were asked for: account, flags, negligible amount."""
    query = (
        "select (message ->> 'creditor_id')::bigint, (message ->> 'config_flags')::integer,"
        " (message ->> 'negligible_amount')::float8, (message ->> 'ts')::timestamptz - worker.now()"
        " from worker.take_outbox('ConfigureAccount', 10000, 0)"
    )
    found = values(db, query)
    # An order of the far future would make the authority deaf for all others.
    assert all(timedelta() <= row[3] < timedelta(days=1) for row in found)
    return [row[:3] for row in found]


def later(minutes: int) -> str:
    return (NOW + timedelta(minutes=minutes)).isoformat()

"""What the tests of dispatching do and look at."""

from __future__ import annotations

from tests.conftest import Connection
from tests.sql.transfers.rows import rows

SENT = {"started_sending": True, "total_collected_amount": 10000, "all_sent": True}
DISPATCHED = {**SENT, "started_dispatching": True, "total_received_amount": 0}


def advance(db: Connection, limit: int = 100) -> int:
    """One pass over all lanes."""
    query = "select worker.advance_dispatching(%s, %s)"
    return sum(int(rows(db, query, lane, limit)[0][0]) for lane in range(8))


def flags(db: Connection) -> list[tuple[bool, bool, bool, bool]]:
    """(started_sending, all_sent, started_dispatching, awaiting_signal_flag) of every status."""
    query = "select started_sending, all_sent, started_dispatching, awaiting_signal_flag from worker.dispatching_status"
    return [(a, b, c, d) for a, b, c, d in rows(db, query)]


def totals(db: Connection) -> tuple[int | None, int | None]:
    found = rows(db, "select total_collected_amount, total_received_amount from worker.dispatching_status")
    return found[0][0], found[0][1]


def nominal_amounts(db: Connection) -> dict[int, float]:
    return dict(rows(db, "select creditor_id, nominal_amount from worker.transfer_attempt"))


def count(db: Connection, table: str) -> int:
    return int(rows(db, f"select count(*) from worker.{table}")[0][0])

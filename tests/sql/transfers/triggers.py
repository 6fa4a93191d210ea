"""Triggers of an attempt."""

from __future__ import annotations

from typing import Any

from tests.conftest import Connection
from tests.sql.messages import apply, message
from tests.sql.transfers.rows import BUYER, COLLECTOR, DEBTOR, TURN, rows

KEY = {
    "collector_id": COLLECTOR,
    "turn_id": TURN,
    "debtor_id": DEBTOR,
    "creditor_id": BUYER,
    "is_dispatching": True,
}


def trigger(db: Connection, **fields: Any) -> None:
    apply(db, message("TriggerTransfer", **{**KEY, **fields}))


def trigger_due(db: Connection) -> int:
    return sum(int(rows(db, "select worker.trigger_due_transfers(%s, 100)", lane)[0][0]) for lane in range(8))

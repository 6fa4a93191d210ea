"""Payments that arrive at a collector."""

from __future__ import annotations

from typing import Any

from tests.conftest import Connection
from tests.sql.messages import message
from tests.sql.transfers.rows import DEBTOR, TURN, rows

LABELS = {"collecting": ("Buyer", "Seller"), "sending": ("From", "To"), "dispatching": ("Seller", "Buyer")}


def note(kind: str, first: int, second: int, turn_id: int = TURN) -> str:
    one, two = LABELS[kind]
    return f"Trading session: {turn_id}\n{one}: {first:x}\n{two}: {second:x}\n"


def transfer(kind: str, first: int, second: int, account: int, amount: int, **fields: Any) -> dict[str, Any]:
    body = {"creditor_id": account, "debtor_id": DEBTOR, "acquired_amount": amount}
    return message("AccountTransfer", **{**body, "transfer_note": note(kind, first, second), **fields})


def collected(db: Connection) -> list[tuple[int, bool]]:
    """(amount, collected) of every payment expected from sellers."""
    return [(a, c) for a, c in rows(db, "select amount, collected from worker.worker_collecting order by creditor_id")]


def received(db: Connection) -> list[int]:
    return [r for (r,) in rows(db, "select received_amount from worker.worker_receiving order by from_collector_id")]

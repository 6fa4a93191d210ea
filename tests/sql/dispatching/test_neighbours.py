"""Payments of another collector, turn, currency or party stay what they are, whatever happens to one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.dispatching.arrivals import transfer
from tests.sql.dispatching.rows import DISPATCHED, SENT, advance, count, nominal_amounts, totals
from tests.sql.messages import apply, message
from tests.sql.transfers.rows import (
    BUYER,
    COLLECTOR,
    DEBTOR,
    OTHER_COLLECTOR,
    SELLER,
    TURN,
    add_payment,
    add_status,
    rows,
)

ME = {
    "collecting": "collector_id",
    "sending": "from_collector_id",
    "receiving": "to_collector_id",
    "dispatching": "collector_id",
}


def add_neighbours(db: Connection, kind: str, other_id: int, amount: int, **columns: Any) -> None:
    """Payments whose key differs in the collector, the turn or the currency only."""
    for field in ({ME[kind]: COLLECTOR + 9}, {"turn_id": TURN + 1}, {"debtor_id": DEBTOR + 1}):
        add_payment(db, kind, other_id, amount, **field, **columns)


def notice(kind: str, payer_id: int) -> dict[str, Any]:
    key = {"collector_id": COLLECTOR, "turn_id": TURN, "debtor_id": DEBTOR, "creditor_id": payer_id}
    return message("TriggerTransfer", **key, is_dispatching=False, unpaid=kind)


@pytest.mark.parametrize(
    ("kind", "other_id", "news", "is_deleted"),
    [
        ("collecting", SELLER, transfer("collecting", COLLECTOR, SELLER, COLLECTOR, 900), False),
        ("receiving", OTHER_COLLECTOR, transfer("sending", OTHER_COLLECTOR, COLLECTOR, COLLECTOR, 900), False),
        pytest.param("collecting", SELLER, notice("collecting", SELLER), True, id="collecting", marks=covers("M30")),
        pytest.param(
            "receiving", OTHER_COLLECTOR, notice("sending", OTHER_COLLECTOR), True, id="sending", marks=covers("M30")
        ),
        ("sending", OTHER_COLLECTOR, transfer("sending", COLLECTOR, OTHER_COLLECTOR, COLLECTOR, -900), True),
        ("dispatching", BUYER, transfer("dispatching", COLLECTOR, BUYER, COLLECTOR, -900), True),
    ],
)
def test_news_of_one_payment_change_no_other(
    db: Connection, kind: str, other_id: int, news: dict[str, Any], is_deleted: bool
) -> None:
    add_payment(db, kind, other_id, 1000)
    meant = rows(db, f"table worker.worker_{kind}")
    add_payment(db, kind, other_id + 9, 1000)
    add_neighbours(db, kind, other_id, 1000)
    before = set(rows(db, f"table worker.worker_{kind}"))
    apply(db, news)
    after = set(rows(db, f"table worker.worker_{kind}"))
    assert before - after == set(meant)
    assert len(after - before) == (0 if is_deleted else 1)


@pytest.mark.parametrize(("amount", "nominal"), [(9000, {OTHER_COLLECTOR: 2000.0}), (2, {})])
def test_collector_sends_what_its_own_sellers_paid(db: Connection, amount: int, nominal: dict[int, float]) -> None:
    add_status(db, 10000, 3000, 0, 7000)
    add_payment(db, "collecting", SELLER, amount, collected=True)
    add_neighbours(db, "collecting", SELLER, 7, collected=True)
    add_payment(db, "sending", OTHER_COLLECTOR, 3000)
    add_neighbours(db, "sending", OTHER_COLLECTOR, 5)
    add_payment(db, "dispatching", BUYER, 7000)
    advance(db)
    assert totals(db)[0] == amount
    assert {c: n for c, n in nominal_amounts(db).items() if c != BUYER} == pytest.approx(nominal)
    assert rows(db, "select amount from worker.worker_collecting") == [(7,)] * 3
    assert count(db, "worker_sending") == 3 + len(nominal)


@pytest.mark.parametrize(("received", "nominal"), [(4000, {BUYER: 4000.0}), (1, {BUYER: 1.0}), (0, {})])
def test_collector_dispatches_what_it_received_itself(db: Connection, received: int, nominal: dict[int, float]) -> None:
    add_status(db, 0, 0, 5000, 5000, **{**SENT, "total_collected_amount": 0})
    if received:
        add_payment(db, "receiving", OTHER_COLLECTOR, 5000, received_amount=received)
    add_neighbours(db, "receiving", OTHER_COLLECTOR, 5000, received_amount=7)
    add_payment(db, "dispatching", BUYER, 5000)
    add_neighbours(db, "dispatching", BUYER, 5)
    advance(db)
    assert nominal_amounts(db) == pytest.approx(nominal)
    assert rows(db, "select received_amount from worker.worker_receiving") == [(7,)] * 3
    assert count(db, "worker_dispatching") == 3 + len(nominal)


@pytest.mark.parametrize(
    ("kind", "state"),
    [("collecting", {}), ("sending", {**SENT, "all_sent": False}), ("receiving", SENT), ("dispatching", DISPATCHED)],
)
def test_nobody_waits_for_the_payments_of_others(db: Connection, kind: str, state: dict[str, Any]) -> None:
    add_status(db, 10000, 0, 0, 10000, **state)
    add_neighbours(db, kind, BUYER, 1000)
    advance(db)
    assert count(db, "dispatching_status") == 0
    assert count(db, f"worker_{kind}") == 3

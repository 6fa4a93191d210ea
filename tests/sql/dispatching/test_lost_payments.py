"""Payments to collectors for turns whose result will never come: kept, listed, and paid back, each once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pipelines.turns.scan import full_pass
from tests.conftest import Connection
from tests.sql.dispatching.arrivals import note, transfer
from tests.sql.dispatching.rows import advance
from tests.sql.messages import apply, message
from tests.sql.transfers.rows import (
    COLLECTOR,
    DEBTOR,
    NOW,
    OTHER_COLLECTOR,
    SELLER,
    TURN,
    add_account,
    add_attempt,
    add_turn,
    finalize_messages,
    internal_messages,
    prepare_count,
    rows,
    set_clock,
)

LOST = TURN + 1
UNKNOWN = TURN + 2
LATEST = TURN + 3


def payment(turn_id: int = LOST, amount: int = 1000, payer: int = SELLER) -> dict[str, Any]:
    text = note("collecting", COLLECTOR, payer, turn_id)
    return transfer("collecting", COLLECTOR, payer, COLLECTOR, amount, transfer_note=text)


def sending(turn_id: int = LOST, amount: int = 700) -> dict[str, Any]:
    text = note("sending", OTHER_COLLECTOR, COLLECTOR, turn_id)
    return transfer("sending", OTHER_COLLECTOR, COLLECTOR, COLLECTOR, amount, transfer_note=text)


def lost(db: Connection) -> list[tuple[Any, ...]]:
    return rows(db, "select turn_id, kind, other_id, amount, refunded_by from worker.lost_payments()")


def refund(db: Connection, turn_id: int = LOST) -> int:
    return int(rows(db, "select worker.refund_lost_payments(%s, 'ann')", turn_id)[0][0])


@pytest.fixture
def stepped_back(db: Connection) -> Connection:
    """TURN is known with its result, LOST was given up, and the ID of UNKNOWN is below that of LATEST."""
    add_turn(db, LOST, 2, 10)
    db.execute("select worker.forget_turns(array[%s])", (LOST,))
    add_turn(db, LATEST, 1, 10)
    return db


def test_payments_of_lost_turns_are_listed(stepped_back: Connection) -> None:
    db = stepped_back
    for _ in range(2):
        apply(db, payment(), sending(), payment(UNKNOWN), payment(LATEST), payment(LATEST + 1), payment(TURN))
    assert lost(db) == [
        (LOST, "collecting", SELLER, 1000, None),
        (LOST, "sending", OTHER_COLLECTOR, 700, None),
        (UNKNOWN, "collecting", SELLER, 1000, None),
    ]
    assert advance(db) == 0
    assert len(lost(db)) == 3


def test_payments_that_came_before_the_turn_was_lost_are_listed(db: Connection) -> None:
    add_turn(db, LOST, 3, 0)
    apply(db, payment())
    assert lost(db) == []
    db.execute("select worker.forget_turns(array[%s])", (LOST,))
    assert lost(db) == [(LOST, "collecting", SELLER, 1000, None)]


def test_lost_payments_go_back_whole_and_once(stepped_back: Connection) -> None:
    db = stepped_back
    add_account(db)
    db.execute("update worker.configuration set amount_cut = 0.1")
    apply(db, payment(), payment(UNKNOWN))
    assert refund(db) == 1
    assert lost(db)[0] == (LOST, "collecting", SELLER, 1000, "ann")
    assert refund(db) == 0
    key = {"collector_id": COLLECTOR, "turn_id": LOST, "debtor_id": DEBTOR, "creditor_id": SELLER}
    assert internal_messages(db, "AccountIdRequest") == [{**key, "is_dispatching": True}]
    answer = {"account_id": "seller", "account_id_version": 5}
    apply(db, message("AccountIdResponse", **key, is_dispatching=True, **answer))
    (request_id,) = rows(db, "select coordinator_request_id from outbox.prepare_transfer")[0]
    request = {"creditor_id": COLLECTOR, "debtor_id": DEBTOR, "coordinator_id": COLLECTOR}
    request |= {"coordinator_request_id": request_id, "transfer_id": 9}
    apply(db, message("PreparedTransfer", **request, locked_amount=0, recipient="seller"))
    assert finalize_messages(db) == [(9, 1000, note("dispatching", COLLECTOR, SELLER, LOST))]
    apply(db, message("FinalizedTransfer", **request, committed_amount=1000, status_code="OK", total_locked_amount=0))
    # The seller's payment is told once more.
    apply(db, payment())
    assert refund(db) == 0
    assert rows(db, "select * from worker.transfer_attempt") == []
    assert prepare_count(db) == 1


def test_only_lost_turns_are_refunded(stepped_back: Connection) -> None:
    apply(stepped_back, payment(LATEST), payment(LATEST + 1))
    for turn_id in (TURN, LATEST, LATEST + 1):
        assert refund(stepped_back, turn_id) == 0
    assert rows(stepped_back, "select count(*) from worker.transfer_attempt") == [(0,)]


def test_a_payment_beside_one_that_is_still_made_waits(stepped_back: Connection) -> None:
    add_attempt(stepped_back, turn_id=LOST, creditor_id=SELLER)
    apply(stepped_back, payment())
    assert refund(stepped_back) == 0
    assert lost(stepped_back) == [(LOST, "collecting", SELLER, 1000, None)]


def test_lost_payments_stay_until_they_are_refunded(stepped_back: Connection) -> None:
    db = stepped_back
    apply(db, payment(), payment(LATEST + 1))
    later = NOW + timedelta(days=300)
    set_clock(db, later)
    full_pass(db, "early_arrivals", sleep=lambda _seconds: None)
    assert rows(db, "select turn_id from worker.early_arrival") == [(LOST,)]
    assert refund(db) == 1
    for table in ("early_arrivals", "transfer_attempts"):
        full_pass(db, table, sleep=lambda _seconds: None)
    assert len(lost(db)) == 1
    query = "select is_refund, collection_started_at from worker.transfer_attempt"
    assert rows(db, query) == [(True, NOW)]
    set_clock(db, later + timedelta(days=300))
    for table in ("early_arrivals", "transfer_attempts"):
        full_pass(db, table, sleep=lambda _seconds: None)
    assert lost(db) == []
    assert rows(db, "select count(*) from worker.transfer_attempt") == [(1,)]

"""Collectors ask for payments of other collectors that are overdue, and hear when these will never come."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import Connection
from tests.sql.messages import apply, message
from tests.sql.transfers.rows import (
    BUYER,
    COLLECTOR,
    DEBTOR,
    NOW,
    OTHER_COLLECTOR,
    SELLER,
    STARTED,
    TURN,
    add_account,
    add_attempt,
    add_payment,
    add_status,
    add_turn,
    insert,
    internal_messages,
    rows,
    set_clock,
)
from tests.sql.transfers.triggers import trigger

QUESTION = {
    "collector_id": OTHER_COLLECTOR,
    "turn_id": TURN,
    "debtor_id": DEBTOR,
    "creditor_id": COLLECTOR,
    "is_dispatching": False,
}
NEVER = {**QUESTION, "collector_id": COLLECTOR, "creditor_id": OTHER_COLLECTOR, "unpaid": "sending"}
LATE = STARTED + timedelta(days=31, seconds=1)


def scan(db: Connection) -> int:
    return int(rows(db, "select worker.scan_worker_receivings(0, 1000, 100)")[0][0])


def wait_for(db: Connection, **columns: Any) -> None:
    add_payment(db, "receiving", OTHER_COLLECTOR, 500, purge_after=NOW + timedelta(days=99), **columns)


def lose_turn(db: Connection) -> None:
    add_turn(db, TURN - 1)
    db.execute("update worker.worker_turn set is_lost = true, worker_turn_subphase = 10 where turn_id = %s", (TURN,))


def forget_turn(db: Connection) -> None:
    db.execute("delete from worker.worker_turn")


def step_back(db: Connection, last_turn_id: int) -> None:
    insert(db, "step_back", noticed_at=NOW, last_seen_at=NOW, reason="a test", last_turn_id=last_turn_id)


def asked(db: Connection) -> list[dict[str, Any]]:
    return internal_messages(db, "TriggerTransfer")


def test_a_collector_asks_for_what_is_overdue_by_a_day(db: Connection) -> None:
    wait_for(db)
    set_clock(db, STARTED + timedelta(days=31))
    assert scan(db) == 0
    assert asked(db) == []
    set_clock(db, LATE)
    assert scan(db) == 0
    assert asked(db) == [QUESTION]


def test_it_does_not_ask_for_what_it_has(db: Connection) -> None:
    wait_for(db, received_amount=499)
    set_clock(db, LATE)
    assert scan(db) == 0
    assert asked(db) == []


def test_it_does_not_ask_for_what_it_gives_up(db: Connection) -> None:
    wait_for(db)
    set_clock(db, NOW + timedelta(days=100))
    assert scan(db) == 1
    assert asked(db) == []


def test_it_does_not_ask_for_what_may_have_come_and_been_forgotten(db: Connection) -> None:
    """The answer would be true, and the money on the account: an operator decides."""
    wait_for(db)
    step_back(db, TURN)
    add_account(db)
    db.execute("update worker.worker_account set last_transfer_number = 1")
    set_clock(db, LATE)
    assert scan(db) == 0
    assert asked(db) == []


def test_a_shard_that_lost_the_turn_says_that_it_will_not_pay(db: Connection) -> None:
    lose_turn(db)
    trigger(db, is_dispatching=False, creditor_id=OTHER_COLLECTOR)
    assert asked(db) == [{**NEVER, "collector_id": OTHER_COLLECTOR, "creditor_id": COLLECTOR}]


def test_a_shard_says_so_of_a_turn_that_it_never_heard_of(db: Connection) -> None:
    forget_turn(db)
    add_turn(db, TURN - 1)
    add_turn(db, TURN + 1)
    trigger(db, is_dispatching=False, creditor_id=OTHER_COLLECTOR)
    assert [m["unpaid"] for m in asked(db)] == ["sending"]


@pytest.mark.parametrize(
    "what", ["the turn is known", "the turn is to come", "earlier ones are forgotten", "it pays buyers only"]
)
def test_a_shard_says_nothing_of_other_turns(db: Connection, what: str) -> None:
    if what == "the turn is to come":
        forget_turn(db)
        add_turn(db, TURN - 1)
    elif what == "earlier ones are forgotten":
        forget_turn(db)
        add_turn(db, TURN + 1)
    elif what == "it pays buyers only":
        lose_turn(db)
    trigger(db, is_dispatching=what == "it pays buyers only", creditor_id=OTHER_COLLECTOR)
    assert asked(db) == []


@pytest.mark.parametrize("known", ["an attempt", "a payment to be made"])
def test_a_shard_says_nothing_of_what_it_may_still_pay(db: Connection, known: str) -> None:
    lose_turn(db)
    if known == "an attempt":
        add_attempt(db, creditor_id=OTHER_COLLECTOR, is_dispatching=False)
    else:
        add_payment(db, "sending", OTHER_COLLECTOR, 500)
    trigger(db, is_dispatching=False, creditor_id=OTHER_COLLECTOR)
    assert [m for m in asked(db) if "unpaid" in m] == []


@pytest.mark.parametrize("doubtful", [TURN - 1, TURN])
def test_a_database_says_nothing_of_what_it_may_have_paid_and_forgotten(db: Connection, doubtful: int) -> None:
    lose_turn(db)
    step_back(db, doubtful)
    trigger(db, is_dispatching=False, creditor_id=OTHER_COLLECTOR)
    assert len(asked(db)) == (doubtful < TURN)


def test_buyers_get_what_is_there_when_the_rest_will_never_come(db: Connection) -> None:
    add_status(db, 1000, 0, 500, 1500, number_to_receive=1)
    add_payment(db, "collecting", SELLER, 1000, collected=True)
    add_payment(db, "dispatching", BUYER, 1500)
    wait_for(db)
    apply(db, message("TriggerTransfer", **NEVER))
    assert rows(db, "select count(*) from worker.worker_receiving") == [(0,)]
    assert rows(db, "select creditor_id, is_dispatching from worker.transfer_attempt") == [(BUYER, True)]

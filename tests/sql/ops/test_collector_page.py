"""What a worker database tells about one of its collectors."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import Connection
from tests.sql.collectors.rows import add
from tests.sql.transfers.rows import (
    BUYER,
    COLLECTOR,
    DEBTOR,
    NOW,
    OTHER_COLLECTOR,
    SELLER,
    STARTED,
    STATES,
    TURN,
    add_account,
    add_attempt,
    add_payment,
    add_status,
    insert,
    rows,
    set_clock,
)


@pytest.fixture
def db(worker_db: Connection) -> Connection:
    set_clock(worker_db, NOW)
    return worker_db


def account(db: Connection, *columns: str) -> tuple[Any, ...]:
    (found,) = rows(db, f"select {', '.join(columns)} from worker.collector_account(%s, %s)", COLLECTOR, DEBTOR)
    return found


def payments(db: Connection, limit: int = 100) -> dict[tuple[str, str], tuple[Any, ...]]:
    found = rows(db, "select * from worker.collector_payments(%s, %s, %s)", COLLECTOR, DEBTOR, limit)
    return {row[:2]: row[2:] for row in found}


def need(db: Connection, **columns: Any) -> None:
    row = {"creditor_id": COLLECTOR, "debtor_id": DEBTOR, "configured_at": NOW}
    insert(db, "needed_worker_account", **{**row, **columns})


def test_of_an_account_that_nobody_knows_there_is_an_empty_row(db: Connection) -> None:
    columns = ("is_own", "is_needed", "has_account", "unknown_status", "has_open_payments", "moves_rest_money")
    assert account(db, *columns) == (True, False, False, None, False, False)
    assert account(db, "seen_at", "is_silent", "movable_amount") == (NOW, None, None)
    assert payments(db) == {}


def test_an_account_of_another_shard_is_told_from_an_own_one(db: Connection) -> None:
    db.execute("update worker.configuration set realm_mask = -1, realm = worker.hash32(%s) # 1", (COLLECTOR,))
    assert account(db, "is_own") == (False,)


def test_an_account_is_told_of_with_what_was_asked_for_and_what_can_be_moved(db: Connection) -> None:
    need(db, configurations=2, rejections=1)
    add_account(db)
    db.execute("update worker.worker_account set principal = 700, interest = 3.5")
    assert account(db, "configurations", "rejections", "principal", "movable_amount") == (2, 1, 700, 703)
    assert account(db, "last_change_seqnum", "last_change_ts", "has_foreign_configuration") == (1, NOW, False)
    (delay,) = account(db, "removal_delay")
    assert delay > timedelta(days=100)


@pytest.mark.parametrize(("days", "is_silent"), [(6, False), (8, True)])
def test_a_needed_account_of_which_nobody_tells_is_silent_after_a_while(
    db: Connection, days: int, is_silent: bool
) -> None:
    db.execute("update worker.configuration set extreme_message_delay = '7 days'")
    need(db, configured_at=NOW - timedelta(days=days))
    assert account(db, "is_needed", "is_silent") == (True, is_silent)


def test_an_account_that_nobody_asked_for_is_told_of(db: Connection) -> None:
    insert(
        db,
        "unknown_account",
        creditor_id=COLLECTOR,
        debtor_id=DEBTOR,
        creation_date=NOW,
        last_change_ts=NOW,
        principal=500,
        interest=0,
        account_id="x",
        last_config_ts=NOW,
        config_flags=0,
        negligible_amount=0,
        status="held",
        reason="money",
        first_reported_at=NOW,
        reported_at=NOW,
    )
    assert account(db, "unknown_status", "unknown_reason", "unknown_principal") == ("held", "money", 500)


def test_payments_are_counted_by_their_way_and_state(db: Connection) -> None:
    add_status(db, 3000, 200, 150, 1000)
    add_payment(db, "collecting", SELLER, 1000)
    add_payment(db, "collecting", SELLER + 1, 2000)
    add_payment(db, "collecting", SELLER + 2, 500, collected=True)
    add_payment(db, "receiving", OTHER_COLLECTOR, 150)
    add_payment(db, "sending", OTHER_COLLECTOR + 1, 200)
    add_payment(db, "dispatching", BUYER, 500)
    add_payment(db, "dispatching", BUYER + 1, 600)
    # Of payments to which there is an attempt, only the attempt counts.
    add_attempt(db, **STATES["initiated"])
    early = {"collector_id": COLLECTOR, "turn_id": TURN + 1, "debtor_id": DEBTOR, "amount": 70, "inserted_at": NOW}
    insert(db, "early_arrival", kind="collecting", other_id=SELLER, **early)
    assert payments(db) == {
        ("from sellers", "expected"): (2, 3000, TURN, STARTED),
        ("from sellers", "arrived"): (1, 500, TURN, STARTED),
        ("from sellers", "early"): (1, 70, TURN + 1, NOW),
        ("from collectors", "expected"): (1, 150, TURN, STARTED),
        ("to collectors", "owed"): (1, 200, TURN, STARTED),
        ("to buyers", "owed"): (1, 600, TURN, STARTED),
        ("to buyers", "under way"): (1, 500, TURN, STARTED),
    }
    assert payments(db, 1)["from sellers", "expected"][0] == 1
    assert account(db, "has_open_payments") == (True,)
    (turn,) = rows(db, "select turn_id, amount_to_send from worker.collector_turns(%s, %s, 5)", COLLECTOR, DEBTOR)
    assert turn == (TURN, 200)


@pytest.mark.parametrize(
    ("columns", "way", "state"),
    [
        (STATES["unknown"], "to buyers", "ordered"),
        (STATES["waiting"], "to buyers", "to be repeated"),
        (STATES["settled"], "to buyers", "under way"),
        (STATES["fatal"], "to buyers", "failed"),
        ({"held_at": NOW, "held_until": NOW}, "to buyers", "in doubt"),
        ({"is_dispatching": False}, "to collectors", "ordered"),
        ({"is_refund": True}, "back to payers", "ordered"),
        ({"turn_id": 0, "is_dispatching": False}, "of its rest", "ordered"),
    ],
)
def test_the_state_of_a_payment_that_goes_out(db: Connection, columns: dict[str, Any], way: str, state: str) -> None:
    add_attempt(db, **columns)
    assert list(payments(db)) == [(way, state)]
    assert account(db, "moves_rest_money") == (way == "of its rest",)


def test_the_own_surplus_of_a_collector_is_locked_until_it_is_released(db: Connection) -> None:
    lock = {"debtor_id": DEBTOR, "turn_id": TURN, "collector_id": COLLECTOR, "collection_deadline": NOW}
    insert(db, "account_lock", creditor_id=COLLECTOR, amount=-900, transfer_id=0, initiated_at=NOW, **lock)
    assert payments(db) == {("of its own", "to sell"): (1, 900, TURN, NOW)}


def test_the_catalogue_tells_of_a_collector_and_of_the_others_of_its_currency(solver_db: Connection) -> None:
    columns = "status, removal, is_blocked, other_active, other_remaining, heir_id"
    query = f"select {columns} from solver.collector_state(666, 5)"
    assert rows(solver_db, query) == [(None, None, False, 0, 0, None)]
    for collector_id, status in ((5, 3), (7, 2), (6, 2), (8, 1), (9, 3)):
        add(solver_db, collector_id, status, 666)
    add(solver_db, 1, 2, 667)
    solver_db.execute("update solver.collector_account set removal = 'busy' where collector_id = 5")
    solver_db.execute("select solver.block_currency(666)")
    assert rows(solver_db, query) == [(3, "busy", True, 2, 3, 6)]


def test_a_busy_collector_of_tables_without_statistics_is_counted_soon(db: Connection) -> None:
    """Not by comparing every payment with every try."""
    query = (
        "insert into worker.{} (collector_id, turn_id, debtor_id, creditor_id, {}) select %s, %s, %s, n, {}"
        " from generate_series(1, 20000) as n"
    )
    for table, columns, values in (
        ("worker_dispatching", "amount, purge_after", "10, now()"),
        (
            "transfer_attempt",
            "is_dispatching, nominal_amount, collection_started_at, inserted_at",
            "true, 10, now(), now()",
        ),
    ):
        db.execute(query.format(table, columns, values).encode(), (COLLECTOR, TURN, DEBTOR))
    db.execute("set statement_timeout = '10s'")
    assert {key: row[0] for key, row in payments(db, 20_000).items()} == {("to buyers", "ordered"): 20_000}

"""The steps of a collector: collect, send, receive, dispatch, done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from sql import Kind
from tests.conftest import Connection
from tests.covering import covers
from tests.databases import connection_to
from tests.sql.dispatching.rows import DISPATCHED, SENT, advance, count, flags, nominal_amounts, totals
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
    add_payment,
    add_status,
    add_turn,
    attempt,
    insert,
    internal_messages,
    rows,
    set_clock,
)

KEY = {"collector_id": COLLECTOR, "turn_id": TURN, "debtor_id": DEBTOR}


def test_collector_waits_for_its_sellers(db: Connection) -> None:
    add_status(db, 10000, 3000, 0, 7000)
    add_payment(db, "collecting", SELLER, 9999, collected=True)
    add_payment(db, "collecting", SELLER + 1, 1)
    add_payment(db, "sending", OTHER_COLLECTOR, 3000)
    assert advance(db) == 0
    assert flags(db) == [(False, False, False, False)]


def test_sending_starts_when_all_is_collected(db: Connection) -> None:
    add_status(db, 10000, 3000, 0, 7000)
    add_payment(db, "collecting", SELLER, 9999, collected=True)
    add_payment(db, "collecting", SELLER, 5, collected=True, turn_id=8)
    add_payment(db, "sending", OTHER_COLLECTOR, 3000)
    add_payment(db, "sending", OTHER_COLLECTOR, 3000, turn_id=8)
    add_payment(db, "dispatching", BUYER, 7000)
    assert advance(db) == 1
    assert advance(db) == 0
    assert flags(db) == [(True, False, False, False)]
    assert totals(db) == (9999, None)
    assert rows(db, "select turn_id from worker.worker_collecting") == [(8,)]
    assert nominal_amounts(db) == {OTHER_COLLECTOR: 3000 * (2999 / 3000)}
    columns = ("is_dispatching", "recipient", "recipient_version", "backoff_counter", "collection_started_at")
    assert attempt(db, *columns) == (False, "", -(2**63), 0, STARTED)
    assert attempt(db, "inserted_at", "rescheduled_for", "attempted_at") == (NOW, None, None)
    request = {**KEY, "creditor_id": OTHER_COLLECTOR, "is_dispatching": False}
    assert internal_messages(db, "AccountIdRequest") == [request]
    assert internal_messages(db, "StartSending") == []
    assert count(db, "worker_sending") == 2


@covers("V7.6", "G7")
def test_shares_below_one_token_are_deleted_and_told(db: Connection) -> None:
    """Rows whose share is below one token are deleted, and their receivers are told."""
    add_status(db, 10000, 3000, 0, 7000)
    add_payment(db, "collecting", SELLER, 9000, collected=True)
    for n, amount in enumerate([2397, 600, 3]):
        add_payment(db, "sending", OTHER_COLLECTOR + n, amount)
    db.execute("update worker.worker_sending set amount = 2399 where amount = 2397")
    db.execute("alter table worker.worker_sending drop constraint worker_sending_amount_check")
    db.execute("update worker.worker_sending set amount = 1 where amount = 3")
    add_payment(db, "dispatching", BUYER, 7000)
    advance(db)
    nominal = nominal_amounts(db)
    assert nominal.keys() == {OTHER_COLLECTOR, OTHER_COLLECTOR + 1}
    assert nominal[OTHER_COLLECTOR] == pytest.approx(1599.3333333333333)
    assert nominal[OTHER_COLLECTOR + 1] == pytest.approx(400.0)
    assert rows(db, "select amount from worker.worker_sending order by 1") == [(600,), (2399,)]
    notice = {**KEY, "collector_id": OTHER_COLLECTOR + 2, "creditor_id": COLLECTOR, "is_dispatching": False}
    assert internal_messages(db, "TriggerTransfer") == [{**notice, "unpaid": "sending"}]


@covers("V13.4", "G7")
def test_with_nothing_to_send_the_collector_goes_on(db: Connection) -> None:
    """With nothing to send the pipeline goes on."""
    add_status(db, 10000, 3000, 0, 7000)
    add_payment(db, "collecting", SELLER, 7000, collected=True)
    add_payment(db, "sending", OTHER_COLLECTOR, 3000)
    add_payment(db, "dispatching", BUYER, 7000)
    advance(db)
    advance(db)
    assert count(db, "worker_sending") == 0
    assert flags(db) == [(True, True, True, False)]
    assert nominal_amounts(db) == {BUYER: 7000.0}
    assert len(internal_messages(db, "TriggerTransfer")) == 1


def test_collector_waits_until_all_is_sent(db: Connection) -> None:
    add_status(db, 10000, 3000, 0, 7000, started_sending=True, total_collected_amount=10000)
    add_payment(db, "sending", OTHER_COLLECTOR, 3000)
    add_payment(db, "dispatching", BUYER, 7000)
    assert advance(db) == 0
    db.execute("delete from worker.worker_sending")
    assert advance(db) == 2
    assert flags(db) == [(True, True, True, False)]


def test_collector_waits_for_other_collectors(db: Connection) -> None:
    add_status(db, 10000, 0, 5000, 12000, **SENT)
    add_payment(db, "receiving", OTHER_COLLECTOR, 1000, received_amount=999)
    add_payment(db, "receiving", OTHER_COLLECTOR + 1, 4000)
    add_payment(db, "dispatching", BUYER, 12000)
    assert advance(db) == 0
    assert flags(db) == [(True, True, False, False)]


@covers("V7.4")
def test_dispatching_starts_with_what_was_received(db: Connection) -> None:
    add_status(db, 10000, 3000, 5000, 12000, **SENT)
    add_payment(db, "receiving", OTHER_COLLECTOR, 1000, received_amount=999)
    add_payment(db, "receiving", OTHER_COLLECTOR + 1, 4000, received_amount=3996)
    add_payment(db, "dispatching", BUYER, 12000)
    assert advance(db) == 1
    assert flags(db) == [(True, True, True, False)]
    assert totals(db) == (10000, 4995)
    assert count(db, "worker_receiving") == 0
    assert nominal_amounts(db) == {BUYER: 11995.0}
    assert attempt(db, "is_dispatching", "collection_started_at") == (True, STARTED)
    assert internal_messages(db, "AccountIdRequest") == [{**KEY, "creditor_id": BUYER, "is_dispatching": True}]
    assert internal_messages(db, "StartDispatching") == []


@covers("G7")
def test_buyers_with_too_small_a_share_get_nothing(db: Connection) -> None:
    add_status(db, 10000, 0, 0, 10000, **{**SENT, "total_collected_amount": 1000})
    add_payment(db, "dispatching", BUYER, 9991)
    add_payment(db, "dispatching", BUYER + 1, 9)
    advance(db)
    assert nominal_amounts(db) == {BUYER: 9991 * 0.1}
    assert rows(db, "select creditor_id from worker.worker_dispatching") == [(BUYER,)]
    assert internal_messages(db, "TriggerTransfer") == []


@covers("G7")
def test_a_collector_that_got_nothing_is_done_at_once(db: Connection) -> None:
    """A collector that got nothing is done in one pass."""
    add_status(db, 10000, 3000, 0, 7000)
    add_payment(db, "sending", OTHER_COLLECTOR, 3000)
    add_payment(db, "dispatching", BUYER, 7000)
    assert advance(db) == 4
    assert count(db, "dispatching_status") == count(db, "worker_dispatching") == count(db, "transfer_attempt") == 0


def test_status_dies_when_all_buyers_are_paid(db: Connection) -> None:
    add_status(db, 10000, 0, 0, 10000, **DISPATCHED)
    add_payment(db, "dispatching", BUYER, 10000)
    assert advance(db) == 0
    db.execute("delete from worker.worker_dispatching")
    assert advance(db) == 1
    assert count(db, "dispatching_status") == 0


def test_amounts_at_the_edge(db: Connection) -> None:
    """Sums are clamped, and the quotient of equal amounts is exactly one."""
    largest = 2**63 - 1
    add_status(db, largest, 0, 0, largest)
    add_payment(db, "collecting", SELLER, largest, collected=True)
    add_payment(db, "collecting", SELLER + 1, largest, collected=True)
    add_payment(db, "dispatching", BUYER, largest)
    advance(db)
    assert totals(db) == (largest, 0)
    assert nominal_amounts(db) == {BUYER: 2.0**63}


@covers("V12.8")
def test_a_second_signal_to_send_changes_nothing(db: Connection) -> None:
    add_status(db, 10000, 10000, 0, 0, awaiting_signal_flag=True)
    add_payment(db, "collecting", SELLER, 10000, collected=True)
    for n in range(3):
        add_payment(db, "sending", OTHER_COLLECTOR + n, 3000)
    assert advance(db) == 0
    for _ in range(2):
        apply(db, message("StartSending", **KEY))
        assert flags(db) == [(True, False, False, False)]
        assert totals(db) == (10000, None)
        assert count(db, "transfer_attempt") == 3
        assert len(internal_messages(db, "AccountIdRequest")) == 3
        set_clock(db, NOW + timedelta(hours=1))
    assert count(db, "worker_collecting") == 0


def test_start_dispatching_by_message(db: Connection) -> None:
    add_status(db, 10000, 0, 0, 10000, **SENT, awaiting_signal_flag=True)
    add_payment(db, "dispatching", BUYER, 10000)
    assert advance(db) == 0
    for _ in range(2):
        apply(db, message("StartDispatching", **KEY))
        assert flags(db) == [(True, True, True, False)]
        assert nominal_amounts(db) == {BUYER: 10000.0}


@pytest.mark.parametrize(
    ("type_", "columns"),
    [
        ("StartSending", {}),
        ("StartSending", {**SENT, "all_sent": False, "awaiting_signal_flag": True}),
        ("StartDispatching", SENT),
        ("StartDispatching", {**SENT, "all_sent": False, "awaiting_signal_flag": True}),
        ("StartDispatching", {**DISPATCHED, "awaiting_signal_flag": True}),
    ],
)
def test_start_messages_that_nobody_waits_for(db: Connection, type_: str, columns: dict[str, object]) -> None:
    add_status(db, 10000, 3000, 0, 7000, **columns)
    add_payment(db, "sending", OTHER_COLLECTOR, 3000)
    add_payment(db, "dispatching", BUYER, 7000)
    before = rows(db, "select * from worker.dispatching_status")
    apply(db, message(type_, **KEY))
    apply(db, message(type_, **{**KEY, "turn_id": 99}))
    assert rows(db, "select * from worker.dispatching_status") == before
    assert count(db, "transfer_attempt") == 0


def test_collectors_do_not_mix(db: Connection) -> None:
    """Many collectors, currencies and turns at once, of which every second one is ready."""
    add_turn(db, 8)
    for collector in range(COLLECTOR, COLLECTOR + 10):
        for debtor in (1, 2):
            for turn in (TURN, 8):
                ready = (collector + debtor + turn) % 2 == 0
                me = {"turn_id": turn, "debtor_id": debtor}
                add_status(db, 100, 50, 0, 50, **me, collector_id=collector)
                add_payment(db, "collecting", SELLER, 100, **me, collector_id=collector, collected=ready)
                add_payment(db, "sending", OTHER_COLLECTOR + 99, 50, **me, from_collector_id=collector)
                add_payment(db, "dispatching", BUYER, 50, **me, collector_id=collector)
    assert advance(db, limit=1) <= 8
    while advance(db, limit=1):
        pass
    query = "select 1 from worker.{} where mod(collector_id + debtor_id + turn_id, 2) = {}"
    assert len(rows(db, query.format("transfer_attempt", 0))) == 20
    assert rows(db, query.format("transfer_attempt", 1)) == []
    assert len(rows(db, query.format("worker_collecting", 1))) == 20
    assert count(db, "worker_sending") == 40


def test_collectors_of_another_realm_stay(db: Connection) -> None:
    add_status(db, 0, 0, 0, 0)
    db.execute("update worker.configuration set realm_mask = -2147483648, realm = 0")
    assert advance(db) == 0
    db.execute("update worker.configuration set realm_mask = -2147483648, realm = -2147483648")
    assert advance(db) == 4


def test_busy_lane_is_left_alone(new_database: Callable[[Kind], str]) -> None:
    url = new_database("worker")
    with connection_to(url, autocommit=False) as one, connection_to(url) as two:
        add_turn(two)
        add_status(two, 0, 0, 0, 0)
        insert(two, "early_arrival", kind="sending", **KEY, other_id=1, amount=1, inserted_at=NOW)
        for lane in range(8):
            one.execute("select worker.try_lock_lane(%s)", (lane,))
        assert advance(two) == 0
        assert rows(two, "select sum(worker.trigger_due_transfers(lane, 9)) from generate_series(0, 7) as lane") == [
            (0,)
        ]
        one.rollback()
        assert advance(two) == 5

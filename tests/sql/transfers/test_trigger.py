"""Tries of transfers: when one is made, when it has to wait, and when it is given up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.messages import apply, message
from tests.sql.transfers.rows import (
    BUYER,
    COLLECTOR,
    DEBTOR,
    FAILED,
    NOW,
    OTHER_COLLECTOR,
    REQUEST,
    SELLER,
    STARTED,
    STATES,
    TRANSFER,
    TURN,
    add_account,
    add_attempt,
    add_payment,
    add_status,
    attempt,
    internal_messages,
    prepare_count,
    rows,
    set_clock,
)
from tests.sql.transfers.triggers import KEY, trigger, trigger_due

WAIT = timedelta(hours=2)


@pytest.mark.parametrize("state", ["ready", "failed"])
def test_ready_attempt_is_tried(db: Connection, state: str) -> None:
    add_account(db, {1: -10, 1000: 0})
    add_attempt(db, **STATES[state])
    trigger(db)
    query = """
        select creditor_id, debtor_id, min_locked_amount, max_locked_amount, recipient, final_interest_rate_ts,
          max_commit_delay, ts
        from outbox.prepare_transfer
    """
    last_change = NOW - timedelta(days=1)
    sent = (COLLECTOR, DEBTOR, 0, 0, "a", last_change + timedelta(seconds=2), 7200, NOW)
    assert rows(db, query) == [sent]
    (request_id,) = rows(db, "select coordinator_request_id from outbox.prepare_transfer")[0]
    columns = ("attempted_at", "coordinator_request_id", "final_interest_rate_ts", "amount", "failure_code")
    assert attempt(db, *columns) == (NOW, request_id, last_change + timedelta(seconds=2), 999098, None)
    assert request_id != REQUEST
    assert attempt(db, "rescheduled_for", "transfer_id", "backoff_counter") == (None, None, 0)


def test_another_try_takes_more_time_and_another_request_id(db: Connection) -> None:
    add_account(db, {1000: -10})
    add_attempt(db, **{**FAILED, "transfer_id": TRANSFER, "finalized_at": NOW, "backoff_counter": 3})
    trigger(db)
    assert rows(db, "select max_commit_delay from outbox.prepare_transfer") == [(57600,)]
    assert attempt(db, "amount", "failure_code", "transfer_id", "finalized_at") == (998930, None, None, None)


@pytest.mark.parametrize("state", ["waiting", "initiated", "settled", "fatal"])
def test_attempt_that_is_not_ready_stays(db: Connection, state: str) -> None:
    add_account(db)
    add_attempt(db, **STATES[state])
    before = rows(db, "select * from worker.transfer_attempt")
    trigger(db)
    assert rows(db, "select * from worker.transfer_attempt") == before
    assert prepare_count(db) == 0


def test_unknown_attempt_is_ignored(db: Connection) -> None:
    add_account(db)
    add_attempt(db, **STATES["ready"])
    for field in ({"turn_id": 8}, {"debtor_id": 1}, {"creditor_id": 1}, {"is_dispatching": False}):
        trigger(db, **field)
    assert prepare_count(db) == 0


def test_an_attempt_waits_while_no_interest_is_known(db: Connection) -> None:
    add_attempt(db, **STATES["ready"])
    trigger(db)
    assert attempt(db, "rescheduled_for", "attempted_at", "backoff_counter") == (NOW + WAIT, None, 0)
    assert prepare_count(db) == 0


@pytest.mark.parametrize(("seconds", "tries"), [(2, 0), (3, 0), (1, 1)])
def test_newer_interest_rate_waits_for_news(db: Connection, seconds: int, tries: int) -> None:
    """The last try said `seconds` after the latest known change; anything later is news."""
    add_account(db, {10: -1})
    told = NOW - timedelta(days=10) + timedelta(seconds=seconds)
    add_attempt(db, **{**FAILED, "failure_code": 2, "final_interest_rate_ts": told})
    trigger(db)
    assert prepare_count(db) == tries
    expected = (None, None) if tries else (2, NOW + WAIT)
    assert attempt(db, "failure_code", "rescheduled_for") == expected


def test_unreachable_recipient_is_asked_for_again(db: Connection) -> None:
    add_account(db)
    add_attempt(db, **{**FAILED, "failure_code": 3, "attempted_at": STARTED, "backoff_counter": 4})
    trigger(db)
    assert prepare_count(db) == 0
    assert internal_messages(db, "AccountIdRequest") == [KEY]
    columns = ("failure_code", "attempted_at", "rescheduled_for", "backoff_counter")
    assert attempt(db, *columns) == (3, NOW, NOW + timedelta(seconds=115200), 5)
    assert rows(db, "select coordinator_request_id <> %s from worker.transfer_attempt", REQUEST) == [(True,)]


@covers("G8")
def test_an_attempt_without_recipient_asks_for_it(db: Connection) -> None:
    """A trigger of an attempt without recipient asks for it."""
    add_attempt(db)
    trigger(db)
    trigger(db)
    assert internal_messages(db, "AccountIdRequest") == [KEY]
    assert attempt(db, "rescheduled_for", "backoff_counter") == (NOW + WAIT, 3)


@covers("V13.7", "G10")
@pytest.mark.parametrize("is_dispatching", [True, False])
def test_an_attempt_that_cannot_pay_one_token_is_dropped(db: Connection, is_dispatching: bool) -> None:
    """An attempt that cannot pay one token is dropped with its row."""
    add_account(db)
    other = BUYER if is_dispatching else OTHER_COLLECTOR
    add_payment(db, "dispatching" if is_dispatching else "sending", other, 2)
    ready = {**STATES["ready"], "is_dispatching": is_dispatching}
    add_attempt(db, **ready, creditor_id=other, nominal_amount=1.0)
    add_attempt(db, **ready, creditor_id=SELLER, nominal_amount=2.0)
    keys = [{"creditor_id": c, "is_dispatching": is_dispatching} for c in (other, SELLER)]
    apply(db, *[message("TriggerTransfer", **{**KEY, **k}) for k in keys])
    assert attempt(db, "creditor_id", "amount") == (SELLER, 1)
    assert rows(db, "table worker.worker_sending") == rows(db, "table worker.worker_dispatching") == []
    assert prepare_count(db) == 1
    notice = {
        "collector_id": OTHER_COLLECTOR,
        "turn_id": TURN,
        "debtor_id": DEBTOR,
        "creditor_id": COLLECTOR,
        "is_dispatching": False,
        "unpaid": "sending",
    }
    assert internal_messages(db, "TriggerTransfer") == ([] if is_dispatching else [notice])


def test_a_collector_that_drops_its_last_payment_goes_on_at_once(db: Connection) -> None:
    """No message will come that lets it."""
    add_account(db)
    add_status(db, 1000, 2, 0, 998, started_sending=True, total_collected_amount=1000)
    add_payment(db, "sending", OTHER_COLLECTOR, 2)
    add_payment(db, "dispatching", BUYER, 998)
    add_attempt(db, **STATES["ready"], is_dispatching=False, creditor_id=OTHER_COLLECTOR, nominal_amount=1.0)
    trigger(db, is_dispatching=False, creditor_id=OTHER_COLLECTOR)
    assert rows(db, "select all_sent, started_dispatching from worker.dispatching_status") == [(True, True)]
    assert attempt(db, "creditor_id", "is_dispatching") == (BUYER, True)


def test_close_interest_changes_are_reported_once(db: Connection) -> None:
    add_account(db, {1: -5, 2: 2})
    notices: list[str | None] = []
    db.add_notice_handler(lambda d: notices.append(d.message_primary))
    add_attempt(db, **STATES["ready"])
    add_attempt(db, **STATES["ready"], creditor_id=SELLER)
    apply(db, *[message("TriggerTransfer", **{**KEY, "creditor_id": c}) for c in (BUYER, SELLER)])
    assert notices == ["interest rates changed twice within eight days"]
    assert prepare_count(db) == 2


def test_due_attempts_are_triggered(db: Connection) -> None:
    add_account(db)
    add_attempt(db, **STATES["waiting"])
    add_attempt(db, **STATES["ready"], creditor_id=SELLER, rescheduled_for=NOW + timedelta(hours=2))
    assert trigger_due(db) == 0
    set_clock(db, NOW + timedelta(hours=1))
    assert trigger_due(db) == 1
    assert trigger_due(db) == 0
    assert prepare_count(db) == 1
    assert rows(db, "select creditor_id, rescheduled_for from worker.transfer_attempt order by 1") == [
        (SELLER, NOW + timedelta(hours=2)),
        (BUYER, None),
    ]


def test_due_attempts_of_another_realm_stay(db: Connection) -> None:
    add_account(db)
    add_attempt(db, **STATES["ready"], rescheduled_for=NOW)
    db.execute(
        "update worker.configuration set realm_mask = -2147483648, realm = 0"
    )  # the collector's hash begins with 1
    assert trigger_due(db) == 0
    db.execute("update worker.configuration set realm_mask = -2147483648, realm = -2147483648")
    assert trigger_due(db) == 1


def test_due_attempts_are_limited(db: Connection) -> None:
    add_account(db)
    for n in range(5):
        add_attempt(db, **STATES["ready"], creditor_id=n + 1, rescheduled_for=NOW - timedelta(minutes=n))
    lane = rows(db, "select worker.lane_of(worker.hash32(%s::bigint))", COLLECTOR)[0][0]
    assert rows(db, "select worker.trigger_due_transfers(%s, 2)", lane) == [(2,)]
    assert rows(db, "select creditor_id from worker.transfer_attempt where attempted_at is not null order by 1") == [
        (4,),
        (5,),
    ]
    assert [trigger_due(db), trigger_due(db)] == [3, 0]


@covers("G39")
@pytest.mark.parametrize("is_dispatching", [True, False])
def test_every_payment_pays_for_demurrage_and_the_cut(db: Connection, is_dispatching: bool) -> None:
    """So money that passes two collectors pays twice: what is sent is surely there."""
    add_account(db, {1000: -50})
    cut = 0.1
    db.execute("update worker.configuration set amount_cut = %s", (cut,))
    recipient = BUYER if is_dispatching else OTHER_COLLECTOR
    add_attempt(db, creditor_id=recipient, is_dispatching=is_dispatching, nominal_amount=1e6, **STATES["ready"])
    trigger(db, creditor_id=recipient, is_dispatching=is_dispatching)
    seconds = 600 + (NOW - STARTED).total_seconds() + WAIT.total_seconds()
    assert attempt(db, "amount") == (int(1e6 * 0.5 ** (seconds / 31557600) * (1 - cut)),)

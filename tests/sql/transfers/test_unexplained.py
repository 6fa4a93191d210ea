"""Tokens on collectors' accounts that nothing explains since the database stepped back: found by evidence."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.conftest import Connection
from tests.sql.dispatching.arrivals import note
from tests.sql.messages import apply, message
from tests.sql.transfers.rows import (
    BUYER,
    COLLECTOR,
    DEBTOR,
    NOW,
    SELLER,
    TURN,
    add_account,
    add_attempt,
    add_status,
    insert,
    rows,
    set_clock,
)

SURPLUS = 70
MAX64 = 2**63 - 1
KNOWN = 9
"""The last transfer that the database knew of."""


def explain(db: Connection) -> None:
    db.execute("select worker.settle_doubts(lane, 100) from generate_series(0, 7) as lane")


def listed(db: Connection) -> list[tuple[Any, ...]]:
    return rows(
        db,
        "select collector_id, balance, explained, unexplained, unseen_transfers, settled_by"
        " from worker.unexplained_balances()",
    )


def tell(db: Connection, principal: int, last_transfer_number: int, at: datetime, **fields: Any) -> None:
    """The authority tells of the account, after an order of that moment."""
    numbers = {"principal": principal, "last_transfer_number": last_transfer_number, "last_change_seqnum": 2}
    times = {"last_change_ts": at, "last_config_ts": at, "last_transfer_committed_at": at, "ts": at}
    key = {"creditor_id": COLLECTOR, "debtor_id": DEBTOR, "creation_date": "2026-01-01"}
    update = {**key, **numbers, **{name: moment.isoformat() for name, moment in times.items()}, **fields}
    apply(db, message("AccountUpdate", **update))


def payment(number: int, amount: int, payer: int = SELLER, turn_id: int = TURN + 2) -> dict[str, Any]:
    """One side of a transfer with this number: to the collector, or (below 0) from it to a buyer."""
    text = (
        note("collecting", COLLECTOR, payer, turn_id) if amount > 0 else note("dispatching", COLLECTOR, BUYER, turn_id)
    )
    return message(
        "AccountTransfer",
        creditor_id=COLLECTOR,
        debtor_id=DEBTOR,
        creation_date="2026-01-01",
        transfer_number=number,
        previous_transfer_number=number - 1,
        transfer_note=text,
        acquired_amount=amount,
    )


def step_back(db: Connection, last_turn: int = TURN) -> None:
    db.execute("select worker.notice_step_back()")
    db.execute("update worker.life set timeline_id = timeline_id + 1")
    db.execute("select worker.notice_step_back()")
    db.execute("select worker.limit_doubts(%s)", (last_turn,))


@pytest.fixture
def account(db: Connection) -> Connection:
    """A collector with a surplus, of whose transfers the database knows all."""
    insert(db, "needed_worker_account", creditor_id=COLLECTOR, debtor_id=DEBTOR, configured_at=NOW - timedelta(days=9))
    add_account(db)
    db.execute(
        "update worker.worker_account set principal = %s, seen_transfer_number = %s, last_transfer_number = %s",
        (SURPLUS, KNOWN, KNOWN),
    )
    return db


def hours(number: float) -> datetime:
    return NOW + timedelta(hours=number)


def test_what_came_in_for_a_turn_that_all_have_forgotten_is_listed(account: Connection) -> None:
    db = account
    step_back(db)
    assert listed(db) == []
    set_clock(db, hours(1.5))
    explain(db)
    orders = rows(db, "select message from worker.take_outbox('ConfigureAccount', 100, 0)")
    assert [(row[0]["creditor_id"], row[0]["debtor_id"]) for row in orders] == [(COLLECTOR, DEBTOR)]
    tell(db, SURPLUS + 5000, KNOWN + 2, hours(1.5), last_transfer_committed_at=hours(-1).isoformat())
    explain(db)
    assert listed(db) == [(COLLECTOR, SURPLUS + 5000, SURPLUS, 5000, 2, None)]
    assert rows(db, "select unexplained from worker.doubt_figures()") == [(1,)]
    # What later turns leave is not added.
    tell(db, SURPLUS + 5400, KNOWN + 9, hours(1.6))
    assert listed(db) == [(COLLECTOR, SURPLUS + 5400, SURPLUS + 400, 5000, 2, None)]


def test_it_is_asked_once_a_day(account: Connection) -> None:
    db = account
    step_back(db)
    for hour, orders in ((0.5, 0), (1.5, 1), (3, 1), (26, 2), (27, 2)):
        set_clock(db, hours(hour))
        explain(db)
        assert rows(db, "select count(*) from pgmq.q_out_configure_account") == [(orders,)]


def test_nothing_is_listed_when_nothing_was_lost(account: Connection) -> None:
    db = account
    step_back(db)
    set_clock(db, hours(2))
    tell(db, SURPLUS, KNOWN, hours(0.5))
    explain(db)
    assert listed(db) == []
    assert rows(db, "select count(*) from worker.account_at_step_back") == [(0,)]


def test_without_a_step_back_nothing_is_looked_for(account: Connection) -> None:
    db = account
    tell(db, 5000, KNOWN + 3, hours(1))
    set_clock(db, hours(100))
    explain(db)
    assert listed(db) == []


def test_tokens_without_unseen_transfers_are_no_evidence(account: Connection) -> None:
    db = account
    step_back(db)
    tell(db, SURPLUS + 5000, KNOWN, hours(0.5), interest=80.0)
    set_clock(db, hours(2))
    explain(db)
    assert listed(db) == []


@pytest.mark.parametrize(("left", "is_listed"), [(6, False), (7, True)])
def test_what_rounding_leaves_is_explained(account: Connection, left: int, is_listed: bool) -> None:
    """Two tokens of each of three transfers."""
    db = account
    step_back(db)
    tell(db, SURPLUS + left, KNOWN + 3, hours(0.5))
    set_clock(db, hours(2))
    explain(db)
    assert bool(listed(db)) == is_listed


def test_what_is_kept_back_of_payments_is_explained(account: Connection) -> None:
    """Of the 1,000,000 tokens that it paid, 10 are the cut."""
    db = account
    step_back(db)
    # Number 10 was paid in the lost time.
    apply(db, payment(KNOWN + 2, -1_000_000))
    tell(db, SURPLUS + 14, KNOWN + 2, hours(0.5))
    set_clock(db, hours(2))
    explain(db)
    assert listed(db) == []


def test_what_messages_told_after_all_is_explained(account: Connection) -> None:
    """A journal, or a late message: the payment belongs to a turn that is waited for, or is listed as lost."""
    db = account
    step_back(db)
    tell(db, SURPLUS + 5000, KNOWN + 2, hours(0.5))
    set_clock(db, hours(2))
    apply(db, payment(KNOWN + 2, 2000, payer=SELLER + 1))
    explain(db)
    assert [row[1:4] for row in listed(db)] == [(SURPLUS + 5000, SURPLUS + 2000, 3000)]
    apply(db, payment(KNOWN + 1, 3000))
    assert listed(db) == []


def test_what_is_owed_is_explained(account: Connection) -> None:
    """Collected for a turn: before it is passed on, while it waits to be dispatched, and when payments are ordered."""
    db = account
    insert(
        db,
        "worker_collecting",
        collector_id=COLLECTOR,
        turn_id=TURN,
        debtor_id=DEBTOR,
        creditor_id=SELLER,
        amount=1000,
        collected=True,
        purge_after=hours(999),
    )
    owed = "select worker.owed_tokens(%s, %s)"
    assert rows(db, owed, COLLECTOR, DEBTOR) == [(1000,)]
    db.execute("delete from worker.worker_collecting")
    state = {"started_sending": True, "total_collected_amount": 1000}
    add_status(db, 1000, 400, 300, 900, **state)
    add_attempt(db, nominal_amount=400.0, is_dispatching=False)
    insert(
        db,
        "worker_receiving",
        to_collector_id=COLLECTOR,
        turn_id=TURN,
        debtor_id=DEBTOR,
        from_collector_id=COLLECTOR + 1,
        expected_amount=300,
        received_amount=300,
        purge_after=hours(999),
    )
    # 400 to be sent, 600 to be dispatched, and 300 that came from another collector.
    assert rows(db, owed, COLLECTOR, DEBTOR) == [(1300,)]
    db.execute("update worker.worker_account set principal = 1300 + %s", (SURPLUS,))
    db.execute("select worker.note_accounts()")
    assert rows(db, "select surplus from worker.account_at_step_back") == [(SURPLUS,)]


def test_an_account_is_not_judged_while_payments_are_in_doubt(account: Connection) -> None:
    db = account
    insert(
        db,
        "worker_collecting",
        collector_id=COLLECTOR,
        turn_id=TURN,
        debtor_id=DEBTOR,
        creditor_id=SELLER,
        amount=1000,
        purge_after=hours(999),
    )
    insert(
        db,
        "worker_dispatching",
        collector_id=COLLECTOR,
        turn_id=TURN,
        debtor_id=DEBTOR,
        creditor_id=BUYER,
        amount=1000,
        purge_after=hours(999),
    )
    add_status(db, 1000, 0, 0, 1000)
    step_back(db)
    tell(db, SURPLUS + 1000, KNOWN + 1, hours(0.5))
    set_clock(db, hours(2))
    explain(db)
    assert listed(db) == []
    assert rows(db, "select count(*) from worker.list_expected_payments()") == [(1,)]
    decide = "select worker.decide_expected_payment('collecting', %s, %s, %s, %s, true, 'ann')"
    db.execute(decide, (COLLECTOR, TURN, DEBTOR, SELLER))
    # Now it is owed to the buyer, and not paid for certain.
    assert rows(db, "select nominal_amount from worker.transfer_attempt where held_at is not null") == [(1000.0,)]
    db.execute("update worker.transfer_attempt set held_at = null, held_until = null")
    explain(db)
    assert listed(db) == []


@pytest.mark.parametrize("moment", [0.5, 1.9])
def test_what_moved_just_now_is_waited_for(account: Connection, moment: float) -> None:
    db = account
    step_back(db)
    tell(db, SURPLUS + 5000, KNOWN + 1, hours(moment))
    set_clock(db, hours(2))
    explain(db)
    assert len(listed(db)) == (moment < 1)
    set_clock(db, hours(3))
    explain(db)
    assert len(listed(db)) == 1


def test_evidence_is_not_forgotten_by_itself(account: Connection) -> None:
    """The number seen jumps to the one of the authority when messages can not be under way any more: but not yet."""
    db = account
    step_back(db)
    db.execute("update worker.step_back set ended_at = noticed_at")
    old = hours(-24 * 30).isoformat()
    tell(db, SURPLUS + 5000, KNOWN + 1, hours(1), last_transfer_committed_at=old)
    set_clock(db, hours(2))
    explain(db)
    assert len(listed(db)) == 1
    tell(db, SURPLUS + 5000, KNOWN + 1, hours(2), last_transfer_committed_at=old)
    assert rows(db, "select seen_transfer_number from worker.worker_account") == [(KNOWN + 1,)]
    assert len(listed(db)) == 1


def test_an_account_of_which_nothing_was_known_is_judged_too(db: Connection) -> None:
    """It was opened in the lost time."""
    insert(db, "needed_worker_account", creditor_id=COLLECTOR, debtor_id=DEBTOR, configured_at=NOW - timedelta(days=9))
    step_back(db)
    # A turn in doubt, so that the step back is not over.
    db.execute("update worker.step_back set ended_at = null")
    tell(db, 5000, 1, hours(0.5))
    set_clock(db, hours(2))
    explain(db)
    assert [row[1:5] for row in listed(db)] == [(5000, 0, 5000, 1)]


def test_largest_amounts_are_contained(account: Connection) -> None:
    db = account
    step_back(db)
    apply(db, *[payment(KNOWN + 1 + number, -MAX64) for number in range(3)])
    assert rows(db, "select paid from worker.account_at_step_back") == [(MAX64,)]
    db.execute("update worker.account_at_step_back set surplus = null")
    tell(db, MAX64, MAX64, hours(0.5), interest=1e18)
    set_clock(db, hours(2))
    explain(db)
    assert listed(db) == []
    db.execute("select worker.note_accounts()")
    db.execute("update worker.account_at_step_back set known_transfer_number = 1, surplus = 0")
    db.execute("update worker.worker_account set last_transfer_number = 20, seen_transfer_number = 3")
    set_clock(db, hours(9))
    tell(db, MAX64, 20, hours(7), interest=1e300)
    explain(db)
    assert [(row[1], row[3], row[4]) for row in listed(db)] == [(MAX64, MAX64, 17)]


def test_what_was_paid_by_hand_or_settled_leaves_the_list(account: Connection) -> None:
    db = account
    step_back(db)
    tell(db, SURPLUS + 5000, KNOWN + 1, hours(0.5))
    set_clock(db, hours(2))
    explain(db)
    tell(db, SURPLUS + 1200, KNOWN + 2, hours(2))
    assert [row[3] for row in listed(db)] == [1200]
    settle = "select worker.settle_unexplained(%s, %s, 'ann')"
    assert rows(db, settle, DEBTOR, COLLECTOR) == [(1200,)]
    assert rows(db, settle, DEBTOR, COLLECTOR) == [(0,)]
    assert [row[-1] for row in listed(db)] == ["ann"]
    assert rows(db, "select unexplained from worker.doubt_figures()") == [(0,)]
    action = ("ann", "settled unexplained tokens", {"debtor_id": DEBTOR, "collector_id": COLLECTOR, "tokens": 1200})
    assert rows(db, "select done_by, action, subject from worker.operator_action") == [action]
    # A later step back has it as surplus.
    db.execute("select worker.note_accounts()")
    assert rows(db, "select surplus from worker.account_at_step_back where settled_at is null") == [(SURPLUS + 1200,)]
    set_clock(db, NOW + timedelta(days=200))
    explain(db)
    assert listed(db) == []


def test_the_word_that_nothing_was_lost_ends_the_comparison(account: Connection) -> None:
    db = account
    step_back(db)
    db.execute("update worker.step_back set ended_at = null")
    db.execute("select worker.end_doubts('ann')")
    assert rows(db, "select count(*) from worker.account_at_step_back") == [(0,)]


def test_accounts_of_the_sibling_are_left_to_it(account: Connection) -> None:
    db = account
    step_back(db)
    db.execute("update worker.configuration set realm_mask = -1, realm = worker.hash32(%s) + 1", (COLLECTOR,))
    explain(db)
    assert rows(db, "select count(*) from worker.account_at_step_back") == [(0,)]

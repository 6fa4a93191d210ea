"""Payments to collectors for turns whose result will never come: kept, listed, and paid back, each once."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.turns.scan import full_pass
from tests.conftest import Connection
from tests.sql.dispatching.arrivals import note, transfer
from tests.sql.dispatching.rows import advance
from tests.sql.messages import apply, message
from tests.sql.transfers.rows import (
    BUYER,
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


# What collectors have paid all the same: a restored database has forgotten it, and hears of it by a journal.

ACCOUNTS = [(debtor, collector) for debtor in (DEBTOR, DEBTOR + 1) for collector in (COLLECTOR, OTHER_COLLECTOR)]
PAYERS = (SELLER, SELLER + 16)
PAYEES = (*PAYERS, BUYER)


def incoming(account: tuple[int, int], payer: int, turn_id: int = LOST) -> dict[str, Any]:
    debtor_id, collector_id = account
    text = note("collecting", collector_id, payer, turn_id)
    return transfer("collecting", collector_id, payer, collector_id, 1000, debtor_id=debtor_id, transfer_note=text)


def outgoing(account: tuple[int, int], payee: int, turn_id: int = LOST) -> dict[str, Any]:
    debtor_id, collector_id = account
    text = note("dispatching", collector_id, payee, turn_id)
    return transfer("dispatching", collector_id, payee, collector_id, -900, debtor_id=debtor_id, transfer_note=text)


def attempts(db: Connection) -> list[tuple[Any, ...]]:
    return rows(db, "select debtor_id, collector_id, creditor_id from worker.transfer_attempt order by 1, 2, 3")


def test_one_account_of_a_lost_turn_is_refunded(stepped_back: Connection) -> None:
    apply(stepped_back, *(incoming(account, SELLER) for account in ACCOUNTS))
    query = "select worker.refund_lost_payments(%s, 'ann', %s, %s)"
    assert rows(stepped_back, query, LOST, DEBTOR + 1, OTHER_COLLECTOR) == [(1,)]
    assert attempts(stepped_back) == [(DEBTOR + 1, OTHER_COLLECTOR, SELLER)]
    assert rows(stepped_back, query, LOST, DEBTOR, None) == [(2,)]
    assert rows(stepped_back, query, LOST, None, None) == [(1,)]


def test_what_a_collector_has_paid_out_is_left_alone_until_it_is_settled(stepped_back: Connection) -> None:
    apply(stepped_back, incoming(ACCOUNTS[0], SELLER), incoming(ACCOUNTS[1], SELLER))
    for _ in range(2):
        apply(stepped_back, outgoing(ACCOUNTS[0], BUYER))
    query = "select collector_id, paid_out, refunded_by from worker.lost_payments()"
    assert rows(stepped_back, query) == [(COLLECTOR, 900, None), (OTHER_COLLECTOR, 0, None)]
    assert refund(stepped_back) == 1
    assert attempts(stepped_back) == [(DEBTOR, OTHER_COLLECTOR, SELLER)]
    settle = "select worker.refund_lost_payments(%s, 'bob', %s, %s, true)"
    assert rows(stepped_back, settle, LOST, DEBTOR, COLLECTOR) == [(1,)]
    assert rows(stepped_back, query) == [(COLLECTOR, 900, "bob"), (OTHER_COLLECTOR, 0, "ann")]
    assert len(attempts(stepped_back)) == 1


def test_payments_of_known_turns_leave_no_evidence(stepped_back: Connection) -> None:
    for _ in range(2):
        apply(stepped_back, outgoing(ACCOUNTS[0], BUYER, TURN))
    assert rows(stepped_back, "select * from worker.early_arrival") == []


def test_evidence_stays_as_long_as_a_payment_may_be_refunded(stepped_back: Connection) -> None:
    db = stepped_back
    apply(db, incoming(ACCOUNTS[0], SELLER), outgoing(ACCOUNTS[0], BUYER), outgoing(ACCOUNTS[1], BUYER))
    kinds = "select kind, collector_id from worker.early_arrival order by kind"
    set_clock(db, NOW + timedelta(days=300))
    full_pass(db, "early_arrivals", sleep=lambda _seconds: None)
    assert rows(db, kinds) == [("collecting", COLLECTOR), ("paid", COLLECTOR)]
    db.execute("select worker.refund_lost_payments(%s, 'bob', null, null, true)", (LOST,))
    set_clock(db, NOW + timedelta(days=600))
    for _ in range(2):
        full_pass(db, "early_arrivals", sleep=lambda _seconds: None)
    assert rows(db, kinds) == []


ACCOUNT = st.sampled_from(ACCOUNTS)
HAPPENINGS = st.one_of(
    st.tuples(st.just("comes"), ACCOUNT, st.sampled_from(PAYERS)),
    st.tuples(st.just("was paid"), ACCOUNT, st.sampled_from(PAYEES)),
    st.tuples(
        st.just("refund"),
        st.sampled_from((None, *{debtor for debtor, _ in ACCOUNTS})),
        st.sampled_from((None, COLLECTOR, OTHER_COLLECTOR)),
    ),
)


@settings(max_examples=40, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(happenings=st.lists(HAPPENINGS, max_size=25))
def test_no_payment_is_refunded_twice_or_after_it_was_passed_on(
    stepped_back: Connection, happenings: list[tuple[str, Any, Any]]
) -> None:
    """In whatever order payments, evidence and refunds come, and however often."""
    db = stepped_back
    came: set[tuple[int, int, int]] = set()
    paid: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    refunded: set[tuple[int, int, int]] = set()
    with db.transaction(force_rollback=True):
        for what, one, two in [*happenings, ("refund", None, None)]:
            if what == "comes":
                apply(db, incoming(one, two))
                came.add((*one, two))
            elif what == "was paid":
                apply(db, outgoing(one, two))
                paid[one].add(two)
            else:
                due = set()
                for debtor_id, collector_id, payer in came - refunded:
                    payers = {key[2] for key in came if key[:2] == (debtor_id, collector_id)}
                    payees = paid[debtor_id, collector_id]
                    if one in (None, debtor_id) and two in (None, collector_id) and payees <= payers - {payer}:
                        due.add((debtor_id, collector_id, payer))
                query = "select worker.refund_lost_payments(%s, 'ann', %s, %s)"
                assert rows(db, query, LOST, one, two) == [(len(due),)]
                refunded |= due
                assert attempts(db) == sorted(refunded)

"""Payments that are under way when the earlier service stops are carried on by ours."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.admin.takeover.conftest import MakeOld
from tests.admin.takeover.old_databases import (
    COLLECTOR,
    DEBTOR,
    NOW,
    SECOND_COLLECTOR,
    TURN,
    OldService,
    add_worker_turn,
    fill,
)
from tests.covering import covers
from tests.databases import connection_to
from tests.sql.messages import apply, message

SELLER, BUYER = 300, 400
TRANSFER = 905
YESTERDAY = NOW - timedelta(days=1)
PREPARED = {"transfer_id": TRANSFER}
SETTLED = {**PREPARED, "finalized_at": YESTERDAY, "has_been_revised": True}
RELEASED = {
    **SETTLED,
    "released_at": YESTERDAY,
    "account_creation_date": NOW.date(),
    "account_last_transfer_number": 5,
}
TRIED = {
    "recipient": "a",
    "recipient_version": 1,
    "attempted_at": YESTERDAY,
    "final_interest_rate_ts": YESTERDAY,
    "amount": 500,
}
COMMITTED = {"transfer_id": TRANSFER, "finalized_at": YESTERDAY}


@pytest.fixture(params=[pytest.param("0.1.10", marks=pytest.mark.slow), "1.0"])
def service(make_old: MakeOld, request: pytest.FixtureRequest) -> OldService:
    made = make_old(request.param)
    fill(made)
    return made


def add_lock(service: OldService, creditor_id: int, amount: int, **values: Any) -> None:
    lock = {"debtor_id": DEBTOR, "turn_id": TURN, "collector_id": COLLECTOR, "initiated_at": NOW - timedelta(days=2)}
    service.add("worker", "account_lock", creditor_id=creditor_id, amount=amount, **{**lock, **values})


def add_attempt(service: OldService, creditor_id: int, kind: int = 1, **values: Any) -> None:
    """kind: 0 sending, 1 dispatching, 2 moving."""
    column = {"transfer_kind": kind} if service.release == "1.0" else {"is_dispatching": kind == 1}
    attempt = {
        "collector_id": COLLECTOR,
        "turn_id": TURN,
        "debtor_id": DEBTOR,
        "nominal_amount": 505.0,
        "collection_started_at": YESTERDAY,
    }
    service.add("worker", "transfer_attempt", creditor_id=creditor_id, **{**attempt, **column, **values})


def import_all(service: OldService) -> None:
    result = service.run("--allow-in-flight")
    assert result.exit_code == 0, result.output
    assert service.rows("worker", "select had_payments from worker.takeover") == [(True,)]


def apply_message(service: OldService, type_name: str, **fields: Any) -> None:
    with connection_to(service.url("worker")) as worker:
        apply(worker, message(type_name, debtor_id=DEBTOR, **fields))


def test_locks_are_as_they_were_or_get_their_verdict(service: OldService) -> None:
    """No verdict that was to come comes any more: the turn is over."""
    add_lock(service, 1, -9000)
    add_lock(service, 2, -9000, **PREPARED)
    add_lock(service, 3, -9000, **PREPARED)
    add_lock(service, 4, 9000, **PREPARED)
    add_lock(service, 5, 9000, has_been_revised=True, **PREPARED)
    add_lock(service, 6, -9000, **SETTLED)
    add_lock(service, 7, -9000, **RELEASED)
    for creditor_id, amount in ((3, -8000), (4, 7000)):
        service.add(
            "worker",
            "creditor_participation",
            creditor_id=creditor_id,
            debtor_id=DEBTOR,
            turn_id=TURN,
            amount=amount,
            collector_id=COLLECTOR,
        )
    import_all(service)
    query = (
        "select creditor_id, amount, finalized_at is not null, released_at is not null, has_been_revised"
        " from worker.account_lock order by creditor_id"
    )
    assert service.rows("worker", query) == [
        (3, -8000, True, False, True),
        (4, 7000, False, False, True),
        (5, 9000, False, False, True),
        (6, -9000, True, False, True),
        (7, -9000, True, True, True),
    ]
    query = "select creditor_id, committed_amount, transfer_id from outbox.finalize_transfer order by creditor_id"
    assert service.rows("worker", query) == [(2, 0, TRANSFER), (3, 8000, TRANSFER)]
    assert service.rows("worker", "select count(*) from worker.creditor_participation") == [(0,)]
    query = "select turn_id, phase, worker_turn_subphase from worker.worker_turn"
    assert service.rows("worker", query) == [(TURN, 3, 10)]
    query = "select distinct collection_deadline from worker.account_lock"
    assert service.rows("worker", query) == [(NOW + timedelta(days=29),)]


def test_locks_of_unknown_turns_have_a_deadline_too(service: OldService) -> None:
    add_lock(service, 6, -9000, **{**SETTLED, "turn_id": 3})
    import_all(service)
    assert service.rows("worker", "select collection_deadline from worker.account_lock") == [
        (NOW + timedelta(days=28),)
    ]


def test_released_locks_of_collectors_are_left_out(service: OldService) -> None:
    add_lock(service, COLLECTOR, -9000, **RELEASED)
    add_lock(service, 7, -9000, **RELEASED)
    result = service.run()
    assert result.exit_code == 0, result.output
    assert "account_lock: 1 left out, released locks of collectors, which guard nothing" in result.output
    assert service.rows("worker", "select creditor_id from worker.account_lock") == [(7,)]


@covers("V14.60")
def test_a_payment_ends_a_lock_that_was_imported(service: OldService) -> None:
    add_lock(service, SELLER, -9000, **SETTLED)
    import_all(service)
    note = f"Trading session: {TURN}\nBuyer: {COLLECTOR:x}\nSeller: {SELLER:x}\n"
    apply_message(service, "AccountTransfer", creditor_id=SELLER, acquired_amount=-9000, transfer_note=note)
    assert service.rows("worker", "select released_at is not null from worker.account_lock") == [(True,)]


@covers("V14.60")
def test_an_answer_ends_a_payment_that_was_imported(service: OldService) -> None:
    add_attempt(service, BUYER, coordinator_request_id=77, **TRIED, **COMMITTED)
    import_all(service)
    apply_message(
        service,
        "FinalizedTransfer",
        creditor_id=COLLECTOR,
        transfer_id=TRANSFER,
        coordinator_id=COLLECTOR,
        coordinator_request_id=77,
        committed_amount=500,
        status_code="OK",
    )
    assert service.rows("worker", "select count(*) from worker.transfer_attempt") == [(0,)]


def test_payments_are_as_they_were_and_none_waits_for_a_message_that_is_gone(service: OldService) -> None:
    later = NOW + timedelta(hours=3)
    add_attempt(service, 1)
    add_attempt(service, 2, recipient="a", recipient_version=1)
    add_attempt(service, 3, coordinator_request_id=3, failure_code=1, rescheduled_for=later, **TRIED)
    add_attempt(service, 4, coordinator_request_id=4, failure_code=3, **TRIED)
    add_attempt(service, 5, coordinator_request_id=5, **TRIED)
    add_attempt(service, 6, kind=0, coordinator_request_id=6, **TRIED, **COMMITTED)
    add_attempt(service, 7, coordinator_request_id=7, failure_code=0, fatal_error="X", **TRIED)
    import_all(service)
    query = (
        "select creditor_id, is_dispatching, coordinator_request_id, failure_code, transfer_id,"
        " case rescheduled_for when (select imported_at from worker.takeover) then 'now'"
        f" when '{later}' then 'later' end from worker.transfer_attempt order by creditor_id"
    )
    assert service.rows("worker", query) == [
        (1, True, None, None, None, "now"),
        (2, True, None, None, None, "now"),
        (3, True, 3, 1, None, "later"),
        (4, True, 4, 3, None, "now"),
        (5, True, 5, None, None, None),
        (6, False, 6, None, TRANSFER, None),
        (7, True, 7, 0, None, None),
    ]


def test_surpluses_that_move_arrive_and_others_stay_where_they_are(make_old: MakeOld) -> None:
    service = make_old("1.0")
    fill(service)
    add_attempt(service, SECOND_COLLECTOR, kind=2, coordinator_request_id=1, **TRIED, **COMMITTED)
    add_attempt(service, 5, kind=2)
    add_attempt(service, 6, kind=2, coordinator_request_id=6, **TRIED)
    add_attempt(service, 7, kind=2, coordinator_request_id=7, failure_code=4, **TRIED)
    result = service.run("--allow-in-flight")
    assert "transfer_attempt: 3 left out, surpluses that were not moved yet" in result.output
    query = "select creditor_id, is_dispatching from worker.transfer_attempt"
    assert service.rows("worker", query) == [(SECOND_COLLECTOR, False)]


def test_collectors_go_on_with_collecting_and_paying(service: OldService) -> None:
    """The message that the status waited for is gone."""
    service.add(
        "worker",
        "dispatching_status",
        collector_id=COLLECTOR,
        turn_id=TURN,
        debtor_id=DEBTOR,
        amount_to_collect=1000,
        amount_to_send=0,
        amount_to_receive=0,
        number_to_receive=0,
        amount_to_dispatch=1000,
        awaiting_signal_flag=True,
    )
    key = {"turn_id": TURN, "debtor_id": DEBTOR, "purge_after": NOW + timedelta(days=90)}
    mine = {"collector_id": COLLECTOR, "amount": 1000, **key}
    service.add("worker", "worker_collecting", creditor_id=SELLER, collected=True, **mine)
    service.add("worker", "worker_dispatching", creditor_id=BUYER, **mine)
    other = SECOND_COLLECTOR
    service.add("worker", "worker_sending", from_collector_id=other, to_collector_id=COLLECTOR, amount=7, **key)
    service.add("worker", "worker_receiving", to_collector_id=other, from_collector_id=9, expected_amount=7, **key)
    import_all(service)
    assert service.rows("worker", "select amount from worker.worker_sending") == [(7,)]
    assert service.rows("worker", "select expected_amount, received_amount from worker.worker_receiving") == [(7, 0)]
    query = "select awaiting_signal_flag, self_taken_amount from worker.dispatching_status"
    assert service.rows("worker", query) == [(False, 0)]
    with connection_to(service.url("worker")) as worker:
        for _ in range(3):
            worker.execute("select worker.advance_dispatching(l, 100) from generate_series(0, 7) as l")
    query = "select creditor_id, is_dispatching, nominal_amount from worker.transfer_attempt"
    assert service.rows("worker", query) == [(BUYER, True, 1000.0)]


@covers("V14.61")
def test_payments_that_came_early_are_kept(make_old: MakeOld) -> None:
    service = make_old("1.0")
    fill(service)
    add_worker_turn(service, 42)
    arrival = {
        "debtor_id": DEBTOR,
        "creation_date": NOW.date(),
        "transfer_number": 1,
        "coordinator_type": "agent",
        "committed_at": NOW,
        "transfer_note_format": "-cXchge",
        "principal": 1000,
        "previous_transfer_number": 0,
        "sender": "s",
        "recipient": "r",
        "ts": NOW,
    }
    for creditor_id, amount, note in (
        (COLLECTOR, 1000, f"Trading session: 42\nBuyer: {COLLECTOR:x}\nSeller: {SELLER:x}\n"),
        (COLLECTOR, 30, f"Trading session: 42\nFrom: {SECOND_COLLECTOR:x}\nTo: {COLLECTOR:x}\n"),
        (SECOND_COLLECTOR, 5, f"Trading session: 42\nBuyer: {COLLECTOR:x}\nSeller: {SELLER:x}\n"),
    ):
        service.add(
            "worker",
            "delayed_account_transfer",
            turn_id=42,
            creditor_id=creditor_id,
            acquired_amount=amount,
            transfer_note=note,
            **arrival,
        )
    import_all(service)
    query = "select kind, collector_id, turn_id, debtor_id, other_id, amount from worker.early_arrival order by kind"
    assert service.rows("worker", query) == [
        ("collecting", COLLECTOR, 42, DEBTOR, SELLER, 1000),
        ("sending", COLLECTOR, 42, DEBTOR, SECOND_COLLECTOR, 30),
    ]

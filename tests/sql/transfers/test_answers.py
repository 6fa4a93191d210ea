"""What the accounting authority answers to a try: prepared, rejected, finalized, or nothing at all."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.messages import apply, message
from tests.sql.transfers.rows import (
    BUYER,
    COLLECTOR,
    DEBTOR,
    INITIATED,
    NOW,
    OTHER_COLLECTOR,
    REQUEST,
    SELLER,
    SETTLED,
    STATES,
    TRANSFER,
    TURN,
    add_account,
    add_attempt,
    attempt,
    finalize_messages,
    internal_messages,
    rows,
    set_clock,
)
from tests.sql.transfers.triggers import KEY, trigger, trigger_due

WAIT = timedelta(hours=2)
NOTE = f"Trading session: 7\nSeller: {COLLECTOR:x}\nBuyer: {BUYER:x}\n"
IDS = {
    "creditor_id": COLLECTOR,
    "debtor_id": DEBTOR,
    "coordinator_id": COLLECTOR,
    "coordinator_request_id": REQUEST,
}
FUNCTIONS = {
    "PreparedTransfer": "prepare_transfer_attempts",
    "RejectedTransfer": "reject_transfer_attempts",
    "FinalizedTransfer": "finalize_transfer_attempts",
}


def reply(type_: str, **fields: Any) -> dict[str, Any]:
    return message(type_, **{**IDS, **fields})


def offer(db: Connection, *messages: dict[str, Any]) -> list[dict[str, Any]]:
    """Offers replies of one type to the attempts and returns those that none of them claims."""
    function = FUNCTIONS[messages[0]["type"]]
    found = rows(db, f"select to_jsonb(worker.{function}(%s::jsonb[]))", [json.dumps(m) for m in messages])
    unclaimed: list[dict[str, Any]] = found[0][0]
    return unclaimed


@covers("V12.1")
def test_a_repeated_preparation_is_committed_the_same(db: Connection) -> None:
    add_attempt(db, **INITIATED)
    for _ in range(3):
        assert offer(db, reply("PreparedTransfer", transfer_id=77)) == []
        assert attempt(db, "transfer_id", "finalized_at", "amount") == (77, NOW, 500)
        set_clock(db, NOW + WAIT)
    assert finalize_messages(db) == [(77, 500, NOTE)] * 3
    query = "select creditor_id, debtor_id, coordinator_id, coordinator_request_id, transfer_note_format from {}"
    commit = (COLLECTOR, DEBTOR, COLLECTOR, REQUEST, "-cXchge")
    assert rows(db, query.format("outbox.finalize_transfer")) == [commit] * 3


def test_the_note_of_a_sending_is_written(db: Connection) -> None:
    add_attempt(db, **INITIATED, is_dispatching=False, creditor_id=OTHER_COLLECTOR)
    offer(db, reply("PreparedTransfer", transfer_id=77))
    note = f"Trading session: 7\nFrom: {COLLECTOR:x}\nTo: {OTHER_COLLECTOR:x}\n"
    assert finalize_messages(db) == [(77, 500, note)]


@covers("V12.2")
def test_a_preparation_of_an_older_try_is_dismissed(db: Connection) -> None:
    """A prepared transfer of an older try is nobody's, and gets dismissed; the new try is untouched."""
    add_account(db)
    add_attempt(db, **{**STATES["failed"], "failure_code": 1})
    trigger(db)
    before = rows(db, "select * from worker.transfer_attempt")
    late = reply("PreparedTransfer", coordinator_request_id=REQUEST)
    assert offer(db, late) == [late]
    apply(db, late)
    assert rows(db, "select * from worker.transfer_attempt") == before
    assert finalize_messages(db) == [(TRANSFER, 0, "")]


@pytest.mark.parametrize(
    ("state", "fields"),
    [
        ("settled", {"transfer_id": TRANSFER + 1}),
        ("failed", {}),
        ("waiting", {}),
        ("fatal", {}),
        ("initiated", {"debtor_id": 1}),
        ("initiated", {"creditor_id": BUYER}),
        ("settled", {"debtor_id": 1}),
    ],
)
def test_prepared_transfer_that_does_not_fit_is_dismissed(db: Connection, state: str, fields: dict[str, Any]) -> None:
    add_attempt(db, **STATES[state])
    before = rows(db, "select * from worker.transfer_attempt")
    prepared = reply("PreparedTransfer", **fields)
    assert offer(db, prepared) == []
    assert rows(db, "select * from worker.transfer_attempt") == before
    assert finalize_messages(db) == [(prepared["transfer_id"], 0, "")]
    query = "select creditor_id, debtor_id, coordinator_id, transfer_note_format from outbox.finalize_transfer"
    assert rows(db, query) == [(prepared["creditor_id"], prepared["debtor_id"], COLLECTOR, "")]


@pytest.mark.parametrize("type_", FUNCTIONS)
def test_replies_to_others_are_handed_back_in_order(db: Connection, type_: str) -> None:
    add_attempt(db, **INITIATED)
    others = [
        reply(type_, coordinator_request_id=5),
        reply(type_, coordinator_id=OTHER_COLLECTOR),
        reply(type_, coordinator_request_id=4),
    ]
    assert offer(db, others[0], reply(type_), *others[1:]) == others
    assert offer(db, *others) == others


@pytest.mark.parametrize(
    ("status_code", "code", "delay", "counter"),
    [
        ("NEWER_INTEREST_RATE", 2, 7200, 4),
        ("TIMEOUT", 1, 115200 - 60, 5),
        ("RECIPIENT_IS_UNREACHABLE", 3, 115200 - 60, 5),
        ("INSUFFICIENT_AVAILABLE_AMOUNT", 4, 115200 - 60, 5),
        ("SENDER_IS_UNREACHABLE", 0, 115200 - 60, 5),
        ("", 0, 115200 - 60, 5),
    ],
)
@pytest.mark.parametrize("state", ["initiated", "settled"])
def test_each_failure_has_its_code_and_pause(
    db: Connection, state: str, status_code: str, code: int, delay: int, counter: int
) -> None:
    add_attempt(db, **STATES[state], backoff_counter=4)
    set_clock(db, NOW + timedelta(seconds=60))
    type_ = "RejectedTransfer" if state == "initiated" else "FinalizedTransfer"
    assert offer(db, reply(type_, status_code=status_code)) == []
    expected = (code, NOW + timedelta(seconds=60 + delay), counter, None)
    assert attempt(db, "failure_code", "rescheduled_for", "backoff_counter", "fatal_error") == expected
    asked = [KEY] if code == 3 else []
    assert internal_messages(db, "AccountIdRequest") == asked
    assert offer(db, reply(type_, status_code="TIMEOUT")) == []
    assert attempt(db, "failure_code", "backoff_counter") == (code, counter)


@covers("G11")
@pytest.mark.parametrize("status_code", ["RECIPIENT_SAME_AS_SENDER", "TRANSFER_NOTE_IS_TOO_LONG"])
def test_errors_that_no_repetition_heals_are_fatal(db: Connection, status_code: str) -> None:
    notices: list[str | None] = []
    db.add_notice_handler(lambda d: notices.append(d.message_detail))
    add_attempt(db, **INITIATED)
    offer(db, reply("RejectedTransfer", status_code=status_code))
    expected = (0, None, 0, status_code)
    assert attempt(db, "failure_code", "rescheduled_for", "backoff_counter", "fatal_error") == expected
    assert notices == [f"{status_code} (collector {COLLECTOR}, turn {TURN}, debtor {DEBTOR}, recipient {BUYER})"]
    add_attempt(db, **{**STATES["waiting"], "coordinator_request_id": REQUEST + 1}, creditor_id=SELLER)
    assert rows(db, "select creditor_id, amount, fatal_error from worker.failed_transfer") == [
        (BUYER, 500, status_code)
    ]


@covers("V13.8", "G11")
def test_an_unknown_status_code_is_tried_again(db: Connection) -> None:
    """An unknown status code is no reason to give up."""
    add_attempt(db, **INITIATED)
    offer(db, reply("RejectedTransfer", status_code="TOO_MANY_TRANSFERS"))
    assert attempt(db, "failure_code", "rescheduled_for", "backoff_counter") == (0, NOW + WAIT, 3)


@covers("V7.13")
def test_timeouts_in_a_row_wait_ever_longer(db: Connection) -> None:
    add_account(db)
    add_attempt(db, **STATES["ready"])
    trigger(db)
    seen = []
    for _ in range(4):
        row = attempt(db, "coordinator_request_id", "backoff_counter", "attempted_at")
        assert row is not None
        offer(db, reply("RejectedTransfer", coordinator_request_id=row[0], status_code="TIMEOUT"))
        again = attempt(db, "rescheduled_for")
        assert again is not None
        seen.append((row[1], (again[0] - row[2]).total_seconds()))
        set_clock(db, again[0])
        assert trigger_due(db) == 1
    assert seen == [(0, 7200), (3, 57600), (4, 115200), (5, 230400)]


@pytest.mark.parametrize("state", ["settled", "failed", "waiting", "fatal"])
@pytest.mark.parametrize("fields", [{}, {"debtor_id": 1}])
def test_rejection_of_what_was_not_asked_is_claimed_and_ignored(
    db: Connection, state: str, fields: dict[str, Any]
) -> None:
    add_attempt(db, **STATES[state])
    before = rows(db, "select * from worker.transfer_attempt")
    assert offer(db, reply("RejectedTransfer", **fields)) == []
    assert rows(db, "select * from worker.transfer_attempt") == before


@covers("V12.3")
def test_a_repeated_confirmation_changes_nothing(db: Connection) -> None:
    add_attempt(db, **SETTLED)
    done = reply("FinalizedTransfer", committed_amount=500)
    assert offer(db, done) == []
    assert attempt(db, "*") is None
    apply(db, done)
    assert finalize_messages(db) == []


@covers("V12.4")
@pytest.mark.parametrize(("status_code", "committed"), [("OK", 499), ("OK", 501), ("TIMEOUT", 500)])
def test_another_committed_amount_is_a_fatal_error(db: Connection, status_code: str, committed: int) -> None:
    add_attempt(db, **SETTLED)
    offer(db, reply("FinalizedTransfer", committed_amount=committed, status_code=status_code))
    expected = ("UNEXPECTED_COMMITTED_AMOUNT", 0, None)
    assert attempt(db, "fatal_error", "failure_code", "rescheduled_for") == expected


@pytest.mark.parametrize(
    ("state", "fields"),
    [
        ("settled", {"transfer_id": TRANSFER + 1}),
        ("settled", {"debtor_id": 1}),
        ("settled", {"creditor_id": BUYER}),
        ("initiated", {}),
        ("failed", {}),
        ("fatal", {}),
    ],
)
@pytest.mark.parametrize("committed", [0, 500])
def test_finalized_transfer_that_does_not_fit_is_ignored(
    db: Connection, state: str, fields: dict[str, Any], committed: int
) -> None:
    add_attempt(db, **STATES[state])
    before = rows(db, "select * from worker.transfer_attempt")
    assert offer(db, reply("FinalizedTransfer", committed_amount=committed, **fields)) == []
    assert rows(db, "select * from worker.transfer_attempt") == before


def end_unanswered(db: Connection) -> int:
    return int(rows(db, "select worker.end_unanswered_attempts(%s)", [REQUEST])[0][0])


@covers("V13.13", "G28")
def test_an_attempt_without_an_answer_ends_after_a_day(db: Connection) -> None:
    """No answer for a day longer than the try may take."""
    add_attempt(db, **INITIATED)
    set_clock(db, NOW + WAIT + timedelta(days=1))
    assert end_unanswered(db) == 0
    set_clock(db, NOW + WAIT + timedelta(days=1, seconds=1))
    assert end_unanswered(db) == 1
    assert attempt(db, "failure_code", "rescheduled_for", "backoff_counter") == (1, NOW + WAIT, 3)
    assert end_unanswered(db) == 0


@covers("V13.13")
@pytest.mark.parametrize("state", ["settled", "failed", "waiting", "fatal"])
def test_a_settled_attempt_never_times_out(db: Connection, state: str) -> None:
    add_attempt(db, **STATES[state])
    before = rows(db, "select * from worker.transfer_attempt")
    set_clock(db, NOW + timedelta(days=100))
    assert end_unanswered(db) == 0
    assert rows(db, "select * from worker.transfer_attempt") == before


def test_longer_tries_may_take_longer(db: Connection) -> None:
    add_attempt(db, **INITIATED, backoff_counter=3)
    set_clock(db, NOW + timedelta(days=1, seconds=57600))
    assert end_unanswered(db) == 0
    set_clock(db, NOW + timedelta(days=1, seconds=57601))
    assert end_unanswered(db) == 1

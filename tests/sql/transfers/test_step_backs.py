"""A worker's database that was restored, or promoted without its last commits: nothing is paid twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.messages import apply, message
from tests.sql.transfers.rows import (
    BUYER,
    COLLECTOR,
    DEBTOR,
    NOW,
    REQUEST,
    STATES,
    TRANSFER,
    TURN,
    add_account,
    add_attempt,
    add_payment,
    add_status,
    attempt,
    finalize_messages,
    insert,
    prepare_count,
    rows,
    set_clock,
)

KEY = (COLLECTOR, TURN, DEBTOR, BUYER, True)
QUIET = NOW + timedelta(days=2)
NOTE = f"Trading session: {TURN}\nSeller: {COLLECTOR:x}\nBuyer: {BUYER:x}\n"
MICROSECONDS = int(NOW.timestamp()) * 1_000_000


def notice(db: Connection) -> bool:
    return bool(rows(db, "select worker.notice_step_back()")[0][0])


def step_back(db: Connection, last_turn: int | None = TURN) -> None:
    """As if this were a promoted standby: what it remembers of the server is not what the server is."""
    notice(db)
    db.execute("update worker.life set timeline_id = timeline_id + 1")
    assert notice(db)
    if last_turn is not None:
        db.execute("select worker.limit_doubts(%s)", (last_turn,))


def need_account(db: Connection) -> None:
    add_account(db)
    insert(db, "needed_worker_account", creditor_id=COLLECTOR, debtor_id=DEBTOR, configured_at=NOW - timedelta(days=9))


def settle(db: Connection) -> int:
    query = "select sum(worker.settle_doubts(lane, 100)) from generate_series(0, 7) as lane"
    return int(rows(db, query)[0][0])


def orders(db: Connection) -> list[dict[str, Any]]:
    return [row[0] for row in rows(db, "select message from worker.take_outbox('ConfigureAccount', 100, 0)")]


def answer(db: Connection, order: dict[str, Any], last_transfer_number: int) -> None:
    """The authority applies the order and tells what it knows of the account."""
    apply(
        db,
        message(
            "AccountUpdate",
            creditor_id=COLLECTOR,
            debtor_id=DEBTOR,
            creation_date="2026-01-01",
            last_change_ts=order["ts"],
            last_change_seqnum=2,
            last_config_ts=order["ts"],
            last_transfer_number=last_transfer_number,
            ts=order["ts"],
        ),
    )


def transfer(number: int, previous: int, **fields: Any) -> dict[str, Any]:
    return message(
        "AccountTransfer",
        **{
            "creditor_id": COLLECTOR,
            "debtor_id": DEBTOR,
            "creation_date": "2026-01-01",
            "transfer_number": number,
            "previous_transfer_number": previous,
            "transfer_note": NOTE,
            "acquired_amount": -500,
            **fields,
        },
    )


def seen(db: Connection) -> int:
    return int(rows(db, "select seen_transfer_number from worker.worker_account")[0][0])


# Noticed


def test_the_first_look_is_none(db: Connection) -> None:
    assert not notice(db)
    assert not notice(db)
    assert rows(db, "select count(*) from worker.step_back") == [(0,)]


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ("system_identifier", "another server has its data"),
        ("timeline_id", "its timeline is 1 and was 2"),
        ("database_id", "it is a copy"),
    ],
)
def test_another_place_is_noticed_once(db: Connection, column: str, reason: str) -> None:
    notice(db)
    db.execute(f"update worker.life set {column} = {column} + 1".encode())
    assert notice(db)
    assert not notice(db)
    assert rows(db, "select reason, last_seen_at, last_turn_id from worker.step_back") == [(reason, NOW, None)]


# Request IDs


def next_id(db: Connection) -> int:
    db.execute("select worker.catch_up_request_ids('1 second')")
    return int(rows(db, "select nextval('worker.coordinator_request_id_seq')")[0][0])


def test_ids_go_with_the_clock(db: Connection) -> None:
    first = next_id(db)
    assert MICROSECONDS < first < MICROSECONDS + 2_000_000
    assert next_id(db) == first + 2
    set_clock(db, NOW + timedelta(seconds=30))
    assert next_id(db) > MICROSECONDS + 30_000_000


def test_ids_never_go_back_with_the_clock(db: Connection) -> None:
    first = next_id(db)
    set_clock(db, NOW - timedelta(days=9))
    assert next_id(db) > first


@covers("G46")
def test_a_restored_database_gives_no_id_twice(db: Connection) -> None:
    """However often it is restored, and however soon."""
    used = [next_id(db)]
    for minute in range(1, 4):
        db.execute("select setval('worker.coordinator_request_id_seq', 1000, false)")
        set_clock(db, NOW + timedelta(minutes=minute))
        step_back(db)
        used.append(next_id(db))
    assert used == sorted(set(used))
    assert used[1] > MICROSECONDS + 3600 * 1_000_000


def test_whatever_draws_ids_keeps_up_with_the_clock(db: Connection) -> None:
    drawing = rows(
        db,
        "select proname, prosrc from pg_proc where pronamespace = 'worker'::regnamespace"
        " and prosrc like '%%nextval(''worker.coordinator_request_id_seq'')%%' and proname <> 'catch_up_request_ids'",
    )
    assert {name for name, _ in drawing} == {"create_account_locks", "trigger_transfers"}
    assert all("perform worker.catch_up_request_ids(" in source for _, source in drawing)


# In doubt is not due


@covers("G46")
@pytest.mark.parametrize("state", STATES)
def test_nothing_in_doubt_is_tried(db: Connection, state: str) -> None:
    need_account(db)
    add_attempt(db, **STATES[state])
    step_back(db)
    set_clock(db, NOW + timedelta(hours=3))
    apply(db, message("TriggerTransfer", **dict(zip(KEYS, KEY, strict=True))))
    rows(db, "select worker.trigger_due_transfers(lane, 100) from generate_series(0, 7) as lane")
    apply(db, message("AccountIdResponse", **dict(zip(KEYS, KEY, strict=True)), account_id="b", account_id_version=9))
    assert prepare_count(db) == 0
    assert attempt(db, "held_at") == (NOW,)


KEYS = ("collector_id", "turn_id", "debtor_id", "creditor_id", "is_dispatching")


def test_requests_that_wait_are_dropped(db: Connection) -> None:
    """They may have left already: the answer to the second one would be committed."""
    need_account(db)
    add_attempt(db, **STATES["ready"])
    apply(db, message("TriggerTransfer", **dict(zip(KEYS, KEY, strict=True))))
    assert prepare_count(db) == 1
    step_back(db)
    assert prepare_count(db) == 0


def prepared(transfer_id: int) -> dict[str, Any]:
    ids = {"creditor_id": COLLECTOR, "coordinator_id": COLLECTOR, "coordinator_request_id": REQUEST}
    return message("PreparedTransfer", **ids, debtor_id=DEBTOR, transfer_id=transfer_id)


@pytest.mark.parametrize(("state", "amount"), [("initiated", 0), ("settled", 500)])
def test_only_a_transfer_that_is_known_and_open_is_committed(db: Connection, state: str, amount: int) -> None:
    """As long as it is prepared, no other try was made."""
    need_account(db)
    add_attempt(db, **STATES[state])
    step_back(db)
    apply(db, prepared(TRANSFER))
    assert finalize_messages(db)[0][:2] == (TRANSFER, amount)


@pytest.mark.parametrize("turn", [TURN, TURN + 1, None])
def test_payments_that_a_turn_in_doubt_makes_again_are_held(db: Connection, turn: int | None) -> None:
    """Until the solver has told which turn was the last one, all are in doubt."""
    need_account(db)
    step_back(db, None if turn is None else turn - 1)
    insert(
        db,
        "dispatching_status",
        collector_id=COLLECTOR,
        turn_id=TURN,
        debtor_id=DEBTOR,
        inserted_at=NOW,
        amount_to_collect=900,
        amount_to_send=0,
        amount_to_receive=0,
        number_to_receive=0,
        amount_to_dispatch=900,
    )
    add_payment(db, "collecting", BUYER + 5, 900, collected=True)
    add_payment(db, "dispatching", BUYER, 900)
    rows(db, "select worker.advance_dispatching(lane, 100) from generate_series(0, 7) as lane")
    assert attempt(db, "held_at is not null") == (turn != TURN,)


def test_no_account_is_locked_for_a_turn_in_doubt(db: Connection) -> None:
    """The lock of the lost time may have taken the money already."""
    db.execute("update worker.worker_turn set phase = 2, worker_turn_subphase = 5, phase_deadline = worker.now()")
    insert(db, "active_collector", debtor_id=DEBTOR, collector_id=COLLECTOR, account_id="c")
    offer = message("CandidateOffer", turn_id=TURN, creditor_id=BUYER, debtor_id=DEBTOR, amount=5000)
    step_back(db, TURN)
    apply(db, offer)
    assert rows(db, "select count(*) from worker.account_lock") == [(0,)]
    db.execute("update worker.step_back set last_turn_id = %s", (TURN - 1,))
    apply(db, offer)
    assert rows(db, "select count(*) from worker.account_lock") == [(1,)]


# Evidence


def test_the_numbers_of_transfers_are_followed_without_gaps(db: Connection) -> None:
    need_account(db)
    apply(db, transfer(1, 0), transfer(2, 1))
    assert seen(db) == 2
    apply(db, transfer(5, 4), transfer(1, 0))
    assert seen(db) == 2
    apply(db, transfer(4, 3), transfer(3, 2))
    assert seen(db) == 5
    apply(db, transfer(6, 5, creation_date="2025-01-01"))
    assert seen(db) == 5
    apply(db, transfer(6, 5, coordinator_type="interest"))
    assert seen(db) == 6


def test_old_gaps_are_closed_unless_something_is_in_doubt(db: Connection) -> None:
    need_account(db)
    db.execute("update worker.worker_account set last_transfer_number = 9, last_change_ts = %s", (NOW,))
    set_clock(db, NOW + timedelta(days=30))
    order = {"ts": (NOW + timedelta(days=30)).isoformat()}
    with db.transaction(force_rollback=True):
        step_back(db)
        answer(db, order, 9)
        assert seen(db) == 0
    answer(db, order, 9)
    assert seen(db) == 9


@covers("G46")
@pytest.mark.parametrize("state", [state for state in STATES if state != "fatal"])
def test_a_payment_is_tried_again_when_nothing_has_moved(db: Connection, state: str) -> None:
    need_account(db)
    apply(db, transfer(1, 0, acquired_amount=7, transfer_note=""))
    add_attempt(db, **STATES[state])
    step_back(db)
    assert settle(db) == 0
    assert orders(db) == []
    set_clock(db, QUIET)
    assert settle(db) == 0
    (order,) = orders(db)
    assert (order["config_flags"], float(order["negligible_amount"])) == (0, 1e30)
    assert settle(db) == 0
    assert orders(db) == []
    answer(db, order, 1)
    assert settle(db) == 1
    assert attempt(db, "held_at", "rescheduled_for") == (None, QUIET)
    rows(db, "select worker.trigger_due_transfers(lane, 100) from generate_series(0, 7) as lane")
    assert prepare_count(db) == (state != "unknown")


def test_an_authority_that_does_not_answer_is_asked_again(db: Connection) -> None:
    need_account(db)
    add_attempt(db)
    step_back(db)
    set_clock(db, QUIET)
    settle(db)
    assert len(orders(db)) == 1
    set_clock(db, QUIET + timedelta(hours=2))
    settle(db)
    assert len(orders(db)) == 1


@covers("G46")
def test_a_payment_stays_held_when_something_has_moved_that_is_not_known(db: Connection) -> None:
    need_account(db)
    add_attempt(db)
    step_back(db)
    set_clock(db, QUIET)
    settle(db)
    answer(db, orders(db)[0], 1)
    assert settle(db) == 0
    assert rows(db, "select state, amount from worker.held_transfers()") == [("yours", 1_000_000)]
    # It was not lost, only slow.
    apply(db, transfer(1, 0, acquired_amount=7, transfer_note=""))
    assert settle(db) == 1


def test_the_authoritys_word_from_before_is_no_evidence(db: Connection) -> None:
    """A forgotten request could still be under way then."""
    need_account(db)
    add_attempt(db)
    step_back(db)
    answer(db, {"ts": (NOW + timedelta(minutes=1)).isoformat()}, 0)
    assert settle(db) == 0
    assert rows(db, "select state from worker.held_transfers()") == [("waiting",)]


@covers("G46")
def test_its_transfer_tells_that_a_payment_was_made(db: Connection) -> None:
    need_account(db)
    add_attempt(db)
    add_payment(db, "dispatching", BUYER, 500)
    step_back(db)
    apply(db, transfer(1, 0))
    assert attempt(db, "held_at") is None
    assert rows(db, "select count(*) from worker.worker_dispatching") == [(0,)]


def test_doubts_end_when_nothing_is_left_of_them(db: Connection) -> None:
    db.execute("update worker.worker_turn set worker_turn_subphase = 10")
    need_account(db)
    add_attempt(db)
    step_back(db)
    db.execute("select worker.limit_doubts(%s)", (TURN,))
    assert rows(db, "select worker.doubtful_turns()") == [(TURN,)]
    apply(db, transfer(1, 0))
    db.execute("select worker.limit_doubts(%s)", (TURN + 3,))
    assert rows(db, "select worker.doubtful_turns()") == [(None,)]


# Decisions


def decide(db: Connection, decision: str) -> None:
    db.execute("select worker.decide_transfer(%s, %s, %s, %s, %s, %s, 'me')", (*KEY, decision))


@pytest.mark.parametrize("decision", ["paid", "try again"])
def test_an_operator_decides_once(db: Connection, decision: str) -> None:
    need_account(db)
    add_attempt(db, **STATES["initiated"])
    add_payment(db, "dispatching", BUYER, 500)
    step_back(db)
    set_clock(db, QUIET)
    decide(db, decision)
    held = attempt(db, "held_at", "rescheduled_for")
    assert held == (None if decision == "paid" else (None, QUIET))
    assert rows(db, "select count(*) from worker.worker_dispatching") == [(int(decision != "paid"),)]
    assert rows(db, "select decision, decided_by, creditor_id from worker.transfer_decision") == [
        (decision, "me", BUYER)
    ]
    with pytest.raises(psycopg.Error) as error:
        decide(db, decision)
    assert error.value.sqlstate == "ST088"


def test_a_collector_whose_last_payment_was_made_is_done(db: Connection) -> None:
    need_account(db)
    done = {"started_sending": True, "all_sent": True, "all_received": True, "started_dispatching": True}
    add_status(db, 500, 0, 0, 500, total_collected_amount=500, total_received_amount=0, **done)
    add_attempt(db, **STATES["initiated"])
    add_payment(db, "dispatching", BUYER, 500)
    step_back(db)
    set_clock(db, QUIET)
    decide(db, "paid")
    assert rows(db, "table worker.dispatching_status") == []


def test_nobody_may_try_again_too_early(db: Connection) -> None:
    need_account(db)
    add_attempt(db)
    step_back(db)
    with pytest.raises(psycopg.Error) as error:
        decide(db, "try again")
    assert error.value.sqlstate == "ST089"
    decide(db, "paid")


def test_after_a_planned_change_nothing_is_in_doubt(db: Connection) -> None:
    need_account(db)
    add_attempt(db, **STATES["initiated"])
    step_back(db, None)
    assert rows(db, "select worker.end_doubts('me')") == [(1,)]
    apply(db, prepared(TRANSFER))
    assert finalize_messages(db)[0][:2] == (TRANSFER, 500)
    assert rows(db, "select worker.doubtful_turns()") == [(None,)]


# What came in


SELLER = BUYER + 1


def expect_payment(db: Connection, forgotten: bool) -> None:
    """Stepped back while the collector waits for a seller, and perhaps more has moved than is known."""
    need_account(db)
    add_status(db, 800, 0, 0, 800)
    add_payment(db, "collecting", SELLER, 800, purge_after=QUIET)
    add_payment(db, "dispatching", BUYER, 800)
    step_back(db)
    db.execute("update worker.worker_account set last_transfer_number = %s", (int(forgotten),))


def expected(db: Connection) -> list[tuple[Any, ...]]:
    return rows(db, "select kind, other_id, amount from worker.list_expected_payments()")


def receive(db: Connection, has_come: bool) -> None:
    key = ("collecting", COLLECTOR, TURN, DEBTOR, SELLER)
    db.execute("select worker.decide_expected_payment(%s, %s, %s, %s, %s, %s, 'me')", (*key, has_come))


def test_a_payment_that_may_have_come_is_not_given_up(db: Connection) -> None:
    """Its message was handled in the time that was lost, and nobody sends it again."""
    expect_payment(db, forgotten=True)
    set_clock(db, QUIET + timedelta(days=1))
    assert expected(db) == [("collecting", SELLER, 800)]
    assert rows(db, "select worker.scan_worker_collectings(0, 1000, 100)") == [(0,)]


def test_a_payment_that_has_not_come_is_given_up_as_ever(db: Connection) -> None:
    """The authority knows of no transfer that was not told."""
    expect_payment(db, forgotten=False)
    set_clock(db, QUIET + timedelta(days=1))
    assert expected(db) == []
    assert rows(db, "select worker.scan_worker_collectings(0, 1000, 100)") == [(1,)]


@pytest.mark.parametrize("has_come", [True, False])
def test_an_operator_says_whether_a_payment_has_come(db: Connection, has_come: bool) -> None:
    expect_payment(db, forgotten=True)
    receive(db, has_come)
    amounts = rows(db, "select nominal_amount, held_at is not null from worker.transfer_attempt")
    assert amounts == ([(800.0, True)] if has_come else [])
    decision = "has come" if has_come else "never came"
    assert rows(db, "select decision, decided_by, creditor_id from worker.transfer_decision") == [
        (decision, "me", SELLER)
    ]
    assert expected(db) == []
    with pytest.raises(psycopg.Error) as error:
        receive(db, has_come)
    assert error.value.sqlstate == "ST088"

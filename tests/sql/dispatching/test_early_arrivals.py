"""Payments and notices that come before this shard knows the result of the turn are kept until it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from sql import Kind
from tests.conftest import Connection
from tests.covering import covers
from tests.databases import connection_to
from tests.sql.delivery.queues import put
from tests.sql.dispatching.arrivals import collected, note, received, transfer
from tests.sql.dispatching.rows import advance, count, flags, totals
from tests.sql.messages import apply, message
from tests.sql.transfers.rows import (
    COLLECTOR,
    DEBTOR,
    NOW,
    OTHER_COLLECTOR,
    SELLER,
    STATES,
    TURN,
    add_account,
    add_attempt,
    add_payment,
    add_status,
    add_turn,
    insert,
    rows,
)

LATER = 8
PAID = {"transfer_note": note("collecting", COLLECTOR, SELLER, LATER)}
SENT = {"transfer_note": note("sending", OTHER_COLLECTOR, COLLECTOR, LATER)}


def payment(amount: int = 1000, **fields: Any) -> dict[str, Any]:
    return transfer("collecting", COLLECTOR, SELLER, COLLECTOR, amount, **{**PAID, **fields})


def sending(amount: int = 1000) -> dict[str, Any]:
    return transfer("sending", OTHER_COLLECTOR, COLLECTOR, COLLECTOR, amount, **SENT)


def unpaid(kind: str = "collecting", payer: int = SELLER, turn_id: int = LATER) -> dict[str, Any]:
    key = {"collector_id": COLLECTOR, "turn_id": turn_id, "debtor_id": DEBTOR, "creditor_id": payer}
    return message("TriggerTransfer", **key, is_dispatching=False, unpaid=kind)


def early(db: Connection) -> list[tuple[Any, ...]]:
    return rows(db, "select kind, other_id, amount from worker.early_arrival order by kind, other_id")


def lane(db: Connection, collector_id: int = COLLECTOR) -> int:
    return int(rows(db, "select worker.lane_of(worker.hash32(%s::bigint))", collector_id)[0][0])


def begins_with_1(db: Connection, collector_id: int) -> bool:
    """Whether the hash of the ID does, as the hash of COLLECTOR does."""
    return bool(rows(db, "select worker.hash32(%s::bigint) < 0", collector_id)[0][0])


def finish_lane(db: Connection) -> int:
    """What step 3/0 does in the collector's lane once its rows are inserted."""
    insert(db, "worker_turn_lane", turn_id=LATER, phase=3, subphase=0, lane=lane(db))
    return int(rows(db, "select worker.merge_early_arrivals(%s, %s)", LATER, lane(db))[0][0])


@covers("V12.6", "G5")
@pytest.mark.parametrize("known", [None, (1, 10), (2, 5), (3, 0)])
def test_a_payment_that_comes_before_the_result_is_kept(db: Connection, known: tuple[int, int] | None) -> None:
    """The payment comes before 3/0, whatever this shard knows of the turn."""
    if known:
        add_turn(db, LATER, *known)
    apply(db, payment(), sending(990))
    apply(db, payment(), sending(990))
    assert early(db) == [("collecting", SELLER, 1000), ("sending", OTHER_COLLECTOR, 990)]
    db.execute("delete from worker.worker_turn where turn_id = %s", (LATER,))
    add_turn(db, LATER, 3, 0)
    assert advance(db) == 0
    add_status(db, 1000, 0, 1000, 2000, turn_id=LATER)
    add_payment(db, "collecting", SELLER, 1000, turn_id=LATER)
    add_payment(db, "receiving", OTHER_COLLECTOR, 1000, turn_id=LATER)
    assert finish_lane(db) == 2
    assert collected(db) == [(1000, True)]
    assert received(db) == [990]
    assert early(db) == []


def test_smaller_and_larger_early_payments(db: Connection) -> None:
    add_turn(db, LATER, 3, 0)
    apply(
        db,
        payment(999),
        transfer("collecting", COLLECTOR, 5, COLLECTOR, 1001, transfer_note=note("collecting", COLLECTOR, 5, LATER)),
    )
    for seller in (SELLER, 5):
        add_payment(db, "collecting", seller, 1000, turn_id=LATER)
    notices: list[str | None] = []
    db.add_notice_handler(lambda d: notices.append(d.message_primary))
    assert finish_lane(db) == 2
    assert collected(db) == [(1000, False), (999, True)]
    assert notices == ["sellers paid more than they were to"]
    assert early(db) == []


def test_unmatched_early_arrivals_are_deleted_too(db: Connection) -> None:
    apply(db, payment())
    apply(db, unpaid("sending", OTHER_COLLECTOR))
    add_turn(db, LATER, 3, 0)
    assert finish_lane(db) == 2
    assert early(db) == []


@covers("G5")
def test_nothing_is_kept_when_the_lane_knows_the_result(db: Connection) -> None:
    """The other lanes may still be before 3/0."""
    add_turn(db, LATER, 3, 0)
    assert finish_lane(db) == 0
    other = next(c for c in range(1, 99) if lane(db, c) != lane(db))
    apply(db, payment())
    apply(db, transfer("collecting", other, SELLER, other, 7, transfer_note=note("collecting", other, SELLER, LATER)))
    assert rows(db, "select collector_id, amount from worker.early_arrival") == [(other, 7)]


@covers("G5")
def test_a_payment_is_kept_whatever_is_known_of_others(db: Connection) -> None:
    """Other steps of the lane, and payments whose key differs in one column, tell nothing about it."""
    add_turn(db, LATER, 3, 0)
    for phase, subphase, number in ((2, 0, lane(db)), (3, 5, lane(db)), (3, 0, (lane(db) + 1) % 8)):
        insert(db, "worker_turn_lane", turn_id=LATER, phase=phase, subphase=subphase, lane=number)
    for kind, me, other_id in (
        ("collecting", "collector_id", SELLER),
        ("receiving", "to_collector_id", OTHER_COLLECTOR),
    ):
        for key in ({me: COLLECTOR + 9}, {"debtor_id": DEBTOR + 1}, {"turn_id": TURN}):
            add_payment(db, kind, other_id, 1000, **{"turn_id": LATER, **key})
        add_payment(db, kind, other_id + 9, 1000, turn_id=LATER)
    apply(db, payment(), sending(900))
    assert early(db) == [("collecting", SELLER, 1000), ("sending", OTHER_COLLECTOR, 900)]


def test_nothing_is_kept_after_3_5_whatever_the_lanes_say(db: Connection) -> None:
    db.execute("delete from worker.worker_turn_lane")
    late = {"transfer_note": note("collecting", COLLECTOR, SELLER, TURN)}
    apply(db, {**payment(), **late})
    apply(db, unpaid(turn_id=TURN))
    assert early(db) == []


def test_turn_0_is_never_kept(db: Connection) -> None:
    apply(db, payment(transfer_note=note("collecting", COLLECTOR, SELLER, 0)))
    apply(db, unpaid(turn_id=0))
    assert early(db) == []


@covers("V14.42", "N4.2")
def test_payments_of_turns_far_ahead_are_not_kept(db: Connection) -> None:
    notices: list[str] = []
    db.add_notice_handler(lambda diagnostic: notices.append(str(diagnostic.message_primary)))
    add_turn(db, 40, 2, 0)
    for turn_id in (41, 1040):
        apply(db, payment(transfer_note=note("collecting", COLLECTOR, SELLER, turn_id)))
    assert (len(early(db)), notices) == (2, [])
    apply(db, *(payment(transfer_note=note("collecting", COLLECTOR, SELLER, turn_id)) for turn_id in (1041, 2000)))
    assert len(early(db)) == 2
    assert notices == ["payments for turns far in the future were ignored"]


def test_payments_by_collectors_of_unknown_turns_are_kept_until_the_result_comes(db: Connection) -> None:
    to_collector, to_buyer = (
        note("sending", COLLECTOR, OTHER_COLLECTOR, LATER),
        note("dispatching", COLLECTOR, 5, LATER),
    )
    for _ in range(2):
        apply(
            db,
            transfer("sending", COLLECTOR, OTHER_COLLECTOR, COLLECTOR, -6, transfer_note=to_collector),
            transfer("dispatching", COLLECTOR, 5, COLLECTOR, -5, transfer_note=to_buyer),
        )
    assert early(db) == [("paid", 5, 5), ("paid", OTHER_COLLECTOR, 6)]
    assert rows(db, "select worker.merge_early_arrivals(%s, %s)", LATER, lane(db)) == [(2,)]
    assert early(db) == []


def test_same_early_payment_in_two_spellings(db: Connection) -> None:
    paid = payment()
    apply(db, paid, {**paid, "transfer_note": paid["transfer_note"].replace("\n", "\r\n")})
    assert early(db) == [("collecting", SELLER, 1000)]


def test_payment_wins_over_notice_and_the_first_payment_stays(db: Connection) -> None:
    apply(db, unpaid())
    assert early(db) == [("collecting", SELLER, None)]
    apply(db, payment(1000))
    apply(db, payment(999))
    apply(db, unpaid())
    assert early(db) == [("collecting", SELLER, 1000)]


@covers("V13.16")
@pytest.mark.parametrize("first", ["payment", "notice", None])
def test_a_notice_that_comes_before_the_result_is_kept(db: Connection, first: str | None) -> None:
    if first == "payment":
        apply(db, payment(9000))
    apply(db, unpaid())
    if first == "notice":
        apply(db, payment(9000))
    add_turn(db, LATER, 3, 0)
    add_status(db, 9000, 0, 0, 9000, turn_id=LATER)
    add_payment(db, "collecting", SELLER, 9000, turn_id=LATER)
    add_payment(db, "dispatching", 5, 9000, turn_id=LATER)
    finish_lane(db)
    assert collected(db) == ([(9000, True)] if first else [])
    advance(db)
    assert rows(db, "select count(*) from worker.transfer_attempt") == [(1 if first else 0,)]
    if first:
        assert totals(db) == (9000, 0)


@covers("V13.15", "G31")
def test_a_notice_makes_the_amount_missing_and_lets_the_collector_go_on(db: Connection) -> None:
    """The notice makes the amount missing, and lets the collector go on."""
    add_status(db, 9500, 0, 0, 9500)
    add_payment(db, "collecting", SELLER, 9000)
    add_payment(db, "collecting", SELLER + 1, 500)
    add_payment(db, "dispatching", 5, 9500)
    apply(db, unpaid(turn_id=TURN))
    assert collected(db) == [(500, False)]
    assert flags(db) == [(False, False, False, False)]
    apply(db, transfer("collecting", COLLECTOR, SELLER + 1, COLLECTOR, 500))
    assert totals(db) == (500, 0)
    assert flags(db) == [(True, True, True, False)]


def test_notice_as_the_last_obstacle(db: Connection) -> None:
    add_status(db, 9000, 0, 0, 9000)
    add_payment(db, "collecting", SELLER, 9000)
    apply(db, unpaid(turn_id=TURN))
    assert count(db, "dispatching_status") == 0


def test_a_notice_ends_the_waiting_for_a_sending(db: Connection) -> None:
    add_payment(db, "receiving", OTHER_COLLECTOR, 1000)
    add_payment(db, "receiving", OTHER_COLLECTOR + 1, 1000)
    add_payment(db, "receiving", OTHER_COLLECTOR + 2, 1000, received_amount=1)
    apply(db, *[unpaid("sending", OTHER_COLLECTOR + n, TURN) for n in (1, 2)])
    query = "select from_collector_id - %s, received_amount from worker.worker_receiving order by 1"
    assert rows(db, query, OTHER_COLLECTOR) == [(0, 0), (2, 1)]


@covers("V13.17")
@pytest.mark.parametrize("kind", ["collecting", "sending"])
def test_in_a_batch_no_notice_overtakes_the_payment(db: Connection, kind: str) -> None:
    """The notice comes after the payment, but behind a message of its own type that came before both."""
    add_status(db, 9000, 0, 9000, 18000)
    add_payment(db, "collecting", SELLER, 9000)
    add_payment(db, "receiving", OTHER_COLLECTOR, 9000)
    payer, first, second = {
        "collecting": (SELLER, COLLECTOR, SELLER),
        "sending": (OTHER_COLLECTOR, OTHER_COLLECTOR, COLLECTOR),
    }[kind]
    other = {"collector_id": COLLECTOR, "turn_id": TURN, "debtor_id": DEBTOR, "creditor_id": 5, "is_dispatching": True}
    put(
        db,
        lane(db),
        message("TriggerTransfer", **other),
        transfer(kind, first, second, COLLECTOR, 9000),
        unpaid(kind, payer, TURN),
    )
    assert rows(db, "select taken from worker.drain_inbox(%s, 100, 0)", lane(db)) == [(3,)]
    if kind == "collecting":
        assert totals(db) == (9000, None)
    else:
        assert received(db) == [9000]


@covers("V13.17")
def test_a_payment_that_came_wins_over_its_notice(db: Connection) -> None:
    """A payment that came always wins; a key that nobody knows is no reason to keep anything."""
    add_payment(db, "collecting", SELLER, 9000, collected=True)
    apply(db, unpaid(turn_id=TURN))
    apply(db, unpaid(turn_id=TURN, payer=5))
    assert collected(db) == [(9000, True)]
    assert early(db) == []


@covers("M30")
def test_a_notice_touches_no_attempt(db: Connection) -> None:
    """The five fields of a notice may be those of a transfer attempt."""
    add_account(db)
    add_attempt(db, **STATES["ready"], creditor_id=OTHER_COLLECTOR, is_dispatching=False)
    apply(db, unpaid("sending", OTHER_COLLECTOR, TURN))
    assert rows(db, "select attempted_at from worker.transfer_attempt") == [(None,)]


@covers("V14.41")
def test_left_over_arrivals_are_applied_by_the_pass(db: Connection) -> None:
    apply(db, payment())
    add_turn(db, LATER, 3, 5)
    add_payment(db, "collecting", SELLER, 1000, turn_id=LATER)
    add_status(db, 1000, 0, 0, 0, turn_id=LATER)
    assert advance(db) == 5
    assert early(db) == []
    assert count(db, "dispatching_status") == 0


def test_left_over_arrivals_are_applied_once_their_lane_knows_the_result(db: Connection) -> None:
    apply(db, payment())
    add_turn(db, LATER, 3, 0)
    add_payment(db, "collecting", SELLER, 1000, turn_id=LATER)
    other = (lane(db) + 1) % 8
    steps = [(LATER, 2, 0, lane(db)), (LATER, 3, 5, lane(db)), (LATER, 3, 0, other)]
    for turn_id, phase, subphase, number in steps:
        insert(db, "worker_turn_lane", turn_id=turn_id, phase=phase, subphase=subphase, lane=number)
    assert advance(db) == 0
    insert(db, "worker_turn_lane", turn_id=LATER, phase=3, subphase=0, lane=lane(db))
    assert advance(db) == 1
    assert (early(db), collected(db)) == ([], [(1000, True)])


def test_early_arrivals_of_other_lanes_turns_and_realms_stay(db: Connection) -> None:
    add_turn(db, LATER, 3, 0)
    other = next(c for c in range(1, 99) if lane(db, c) != lane(db))
    foreign = next(c for c in range(1, 999) if lane(db, c) == lane(db) and not begins_with_1(db, c))
    for collector_id, turn_id in ((COLLECTOR, LATER), (COLLECTOR, 9), (other, LATER), (foreign, LATER)):
        key = {"collector_id": collector_id, "turn_id": turn_id, "debtor_id": DEBTOR, "other_id": 5}
        insert(db, "early_arrival", kind="collecting", **key, amount=1, inserted_at=NOW)
    db.execute("update worker.configuration set realm_mask = -2147483648, realm = -2147483648")
    assert finish_lane(db) == 1
    assert rows(db, "select count(*) from worker.early_arrival") == [(3,)]


@covers("G5")
def test_who_keeps_an_arrival_waits_for_step_3_0(new_database: Callable[[Kind], str]) -> None:
    """While 3/0 inserts its rows, nothing may be stored behind its merge."""
    url = new_database("worker")
    with connection_to(url, autocommit=False) as step, connection_to(url) as handler:
        step.execute("select worker.lock_turn_exclusive(%s)", (LATER,))
        handler.execute("set lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            apply(handler, payment())
        step.rollback()
        apply(handler, payment())
        assert early(handler) == [("collecting", SELLER, 1000)]


def test_payments_of_many_invented_turns_take_few_locks(db: Connection) -> None:
    turns = range(400, 1_000)
    notices = [unpaid(turn_id=turn_id) for turn_id in turns]
    with db.transaction():
        apply(db, *notices)
        ((locks,),) = rows(db, "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()")
    assert len(early(db)) == 600
    assert locks <= 256

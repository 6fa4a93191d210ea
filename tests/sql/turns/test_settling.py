"""Step 3/0: what a lane takes over of the solver's results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from sql import Kind
from tests.covering import covers
from tests.databases import connection_to
from tests.sql.turns.rows import NOW, Connection, insert, insert_worker_turn, rows, stop_clock, value

LANES = 8
MAX64 = 2**63 - 1


@pytest.fixture
def worker(worker_db: Connection) -> Connection:
    """A worker in step 3/0 of turn 1, with nothing staged yet."""
    stop_clock(worker_db, "2026-03-01T03:11:00Z")
    insert_worker_turn(worker_db, 3, 0)
    return worker_db


def _stage(worker: Connection, kind: str, collector_id: int, other_id: int, amount: int, debtor_id: int = 666) -> None:
    row = {
        "turn_id": 1,
        "kind": kind,
        "collector_id": collector_id,
        "debtor_id": debtor_id,
        "other_id": other_id,
        "amount": amount,
    }
    insert(worker, "worker.staged_collector_payment", row)


def _settle(worker: Connection) -> None:
    worker.execute("select worker.stamp_staging(1, 3, 0) where not exists (select from worker.staging_stamp)")
    for lane in range(LANES):
        assert value(worker, "select worker.settle_lane(1, %s)", lane)


def _advance(worker: Connection) -> int:
    """One pass over all lanes, as the worker makes now and then."""
    return sum(value(worker, "select worker.advance_dispatching(%s, 100)", lane) for lane in range(LANES))


@covers("V3.14")
def test_payments_are_kept_by_their_kind(worker: Connection) -> None:
    for kind in ("collecting", "sending", "receiving", "dispatching"):
        _stage(worker, kind, 999, 5, 7)
    _settle(worker)
    dates = {
        table: value(worker, f"select to_char(purge_after at time zone 'UTC', 'MM-DD HH24:MI') from worker.{table}")
        for table in ("worker_collecting", "worker_sending", "worker_receiving", "worker_dispatching")
    }
    assert dates == {
        "worker_collecting": "05-31 00:00",
        "worker_sending": "08-29 00:00",
        "worker_receiving": "08-29 00:00",
        "worker_dispatching": "09-28 00:00",
    }


def test_payments_and_sums_by_collector_and_currency(worker: Connection) -> None:
    _stage(worker, "collecting", 999, 5, 1000)
    _stage(worker, "collecting", 999, 6, 1)
    _stage(worker, "collecting", 999, 999, 300)
    _stage(worker, "sending", 999, 998, 600)
    _stage(worker, "sending", 999, 997, 1)
    _stage(worker, "dispatching", 999, 7, 400)
    _stage(worker, "dispatching", 999, 8, 1)
    _stage(worker, "dispatching", 999, 999, 200)
    _stage(worker, "receiving", 999, 996, 50, 667)
    _stage(worker, "receiving", 999, 995, 60, 667)
    _stage(worker, "receiving", 999, 994, 1, 667)
    _stage(worker, "receiving", 998, 999, 600)
    _settle(worker)
    query = "select collector_id, debtor_id, creditor_id, amount, collected from worker.worker_collecting order by 3"
    assert rows(worker, query) == [(999, 666, 5, 1000, False), (999, 666, 6, 1, False)]
    query = "select from_collector_id, debtor_id, to_collector_id, amount from worker.worker_sending"
    assert rows(worker, query) == [(999, 666, 998, 600)]
    query = "select collector_id, debtor_id, creditor_id, amount from worker.worker_dispatching"
    assert rows(worker, query) == [(999, 666, 7, 400)]
    query = (
        "select to_collector_id, debtor_id, from_collector_id, expected_amount, received_amount"
        " from worker.worker_receiving order by 1, 3"
    )
    assert rows(worker, query) == [(998, 666, 999, 600, 0), (999, 667, 995, 60, 0), (999, 667, 996, 50, 0)]
    assert rows(
        worker,
        "select collector_id, turn_id, debtor_id, amount_to_collect, amount_to_send, amount_to_receive,"
        " number_to_receive, amount_to_dispatch, inserted_at = worker.now(), total_collected_amount, started_sending"
        " from worker.dispatching_status order by 1, 3",
    ) == [
        (998, 1, 666, 0, 0, 600, 1, 0, True, None, False),
        (999, 1, 666, 1001, 600, 0, 0, 400, True, None, False),
        (999, 1, 667, 0, 0, 110, 2, 0, True, None, False),
    ]


def test_sums_of_payments_are_cut_to_64_bits(worker: Connection) -> None:
    for other_id in (5, 6):
        _stage(worker, "collecting", 999, other_id, MAX64)
        _stage(worker, "dispatching", 999, other_id, MAX64)
    _settle(worker)
    query = "select amount_to_collect, amount_to_dispatch from worker.dispatching_status"
    assert rows(worker, query) == [(MAX64, MAX64)]


@covers("G21")
@pytest.mark.parametrize(("collected", "expected"), [(True, {998: 600.0}), (False, {998: 500.0})])
def test_a_collector_sends_its_own_tokens_too(worker: Connection, collected: bool, expected: dict[int, float]) -> None:
    """They are not paid in, so nothing is missing when only they are there."""
    _stage(worker, "collecting", 999, 5, 100)
    _stage(worker, "collecting", 999, 999, 500)
    _stage(worker, "sending", 999, 998, 600)
    _settle(worker)
    query = "select amount_to_collect, amount_to_send, self_taken_amount from worker.dispatching_status"
    assert rows(worker, query) == [(100, 600, 500)]
    assert rows(worker, "select amount from worker.worker_sending") == [(600,)]
    if collected:
        worker.execute("update worker.worker_collecting set collected = true")
    else:
        worker.execute("delete from worker.worker_collecting")
    assert _advance(worker) == 1
    assert dict(rows(worker, "select creditor_id, nominal_amount from worker.transfer_attempt")) == expected


@covers("G21")
def test_a_collector_sends_nothing_but_its_own_tokens(worker: Connection) -> None:
    _stage(worker, "collecting", 999, 999, 500)
    _stage(worker, "sending", 999, 998, 500)
    _stage(worker, "collecting", 997, 997, 500)
    _settle(worker)
    query = "select collector_id, amount_to_collect, amount_to_send, self_taken_amount from worker.dispatching_status"
    assert rows(worker, query) == [(999, 0, 500, 500)]
    assert _advance(worker) == 1
    assert rows(worker, "select creditor_id, nominal_amount from worker.transfer_attempt") == [(998, 500.0)]


def test_a_collector_that_is_to_send_what_it_can_not_have_stops_nobody(worker: Connection) -> None:
    """No right answer of the solver says so. Nothing is sent, and the receiver hears of it."""
    _stage(worker, "sending", 999, 998, 500)
    _settle(worker)
    assert _advance(worker) == 4
    for table in ("dispatching_status", "worker_sending", "transfer_attempt"):
        assert rows(worker, f"select * from worker.{table}") == []
    lane = value(worker, "select worker.lane_of(worker.hash32(998::bigint))")
    query = f"select message ->> 'unpaid', message ->> 'creditor_id' from pgmq.q_inbox_{lane}"
    assert rows(worker, query) == [("sending", "999")]


def _lock(worker: Connection, debtor_id: int, amount: int, **columns: Any) -> None:
    row = {
        "creditor_id": 1,
        "debtor_id": debtor_id,
        "turn_id": 1,
        "collector_id": 999,
        "initiated_at": "2026-03-01T02:11:00Z",
        "amount": amount,
        "collection_deadline": "2026-04-01T00:00:00Z",
        "transfer_id": 5,
        **columns,
    }
    insert(worker, "worker.account_lock", row)


def _participate(worker: Connection, debtor_id: int, amount: int) -> None:
    row = {"turn_id": 1, "creditor_id": 1, "debtor_id": debtor_id, "amount": amount, "collector_id": 999}
    insert(worker, "worker.staged_participation", row)


def test_every_lock_of_the_turn_gets_its_verdict(worker: Connection) -> None:
    _lock(worker, 101, -5000)
    _participate(worker, 101, -3000)
    _lock(worker, 102, 4000)
    _participate(worker, 102, 2500)
    _lock(worker, 103, 4000)
    _participate(worker, 103, 1)
    _lock(worker, 104, -5000)
    _lock(worker, 105, -5000, turn_id=2)
    _settle(worker)
    assert rows(
        worker,
        "select debtor_id, amount, finalized_at is not null, has_been_revised from worker.account_lock order by 1",
    ) == [(101, -3000, True, True), (102, 2500, False, True), (105, -5000, False, False)]
    query = "select debtor_id, committed_amount from outbox.finalize_transfer order by 1"
    assert rows(worker, query) == [(101, 3000), (103, 0), (104, 0)]
    assert value(worker, "select count(*) from worker.creditor_participation") == 0


@covers("V12.6", "G5")
def test_payments_that_came_early_are_merged(worker: Connection) -> None:
    for other_id, amount in ((5, 1000), (6, None), (7, 1000)):
        early = {
            "kind": "collecting",
            "collector_id": 999,
            "turn_id": 1,
            "debtor_id": 666,
            "other_id": other_id,
            "amount": amount,
            "inserted_at": "2026-03-01T03:10:30Z",
        }
        insert(worker, "worker.early_arrival", early)
    for other_id in (5, 6, 8):
        _stage(worker, "collecting", 999, other_id, 1000)
    _settle(worker)
    query = "select creditor_id, collected from worker.worker_collecting order by 1"
    assert rows(worker, query) == [(5, True), (8, False)]
    assert rows(worker, "select amount_to_collect from worker.dispatching_status") == [(3000,)]
    assert value(worker, "select count(*) from worker.early_arrival") == 0


def test_results_of_another_turn_do_not_count(worker: Connection) -> None:
    payment = {"collector_id": 999, "debtor_id": 666, "other_id": 5, "amount": 1000}
    insert(worker, "worker.staged_collector_payment", {"turn_id": 2, "kind": "collecting", **payment})
    insert(worker, "worker.early_arrival", {"turn_id": 2, "kind": "sending", **payment, "inserted_at": NOW})
    _lock(worker, 101, -5000)
    verdict = {"creditor_id": 1, "debtor_id": 101, "amount": -3000, "collector_id": 999}
    for table in ("staged_participation", "creditor_participation"):
        insert(worker, f"worker.{table}", {"turn_id": 2, **verdict})
    _settle(worker)
    assert (
        rows(worker, "select from worker.account_lock") == rows(worker, "select from worker.dispatching_status") == []
    )
    assert value(worker, "select count(*) from worker.early_arrival") == 1
    assert value(worker, "select count(*) from worker.creditor_participation") == 1


def test_a_repeated_step_does_no_lane_twice(worker: Connection) -> None:
    _stage(worker, "collecting", 999, 5, 1000)
    _settle(worker)
    worker.execute("delete from worker.worker_collecting; delete from worker.dispatching_status")
    _settle(worker)
    assert value(worker, "select count(*) from worker.worker_collecting") == 0


def test_the_step_ends_after_the_last_lane(worker: Connection) -> None:
    worker.execute("select worker.stamp_staging(1, 3, 0)")
    for lane in range(LANES - 1):
        assert value(worker, "select worker.settle_lane(1, %s)", lane)
    assert not value(worker, "select worker.end_settling(1)")
    assert value(worker, "select worker.settle_lane(1, %s)", LANES - 1)
    assert value(worker, "select worker.end_settling(1)")
    assert rows(worker, "select phase, worker_turn_subphase from worker.worker_turn") == [(3, 5)]
    assert value(worker, "select count(*) from worker.staging_stamp") == 0
    assert value(worker, "select worker.end_settling(1)")


def test_a_lane_without_its_solver_rows_fails_and_does_nothing(worker: Connection) -> None:
    _lock(worker, 101, -5000)
    for lane in range(LANES):
        with pytest.raises(psycopg.Error) as raised:
            value(worker, "select worker.settle_lane(1, %s)", lane)
        assert raised.value.sqlstate == "ST020"
    assert value(worker, "select count(*) from worker.account_lock") == 1


def test_a_turn_not_in_this_step_is_left_alone(worker: Connection) -> None:
    _stage(worker, "collecting", 999, 5, 1000)
    worker.execute("update worker.worker_turn set worker_turn_subphase = 5")
    _settle(worker)
    assert value(worker, "select count(*) from worker.worker_collecting") == 0


@pytest.mark.parametrize("is_read", [False, True], ids=["alone", "beside a dump"])
def test_many_staged_rows_go_at_once_unless_somebody_reads_them(
    new_database: Callable[[Kind], str], is_read: bool
) -> None:
    url = new_database("worker")
    with connection_to(url) as worker, connection_to(url, autocommit=False) as dump:
        insert_worker_turn(worker, 3, 0)
        _stage(worker, "collecting", 999, 5, 1000)
        _participate(worker, 101, -3000)
        worker.execute("select worker.stamp_staging(1, 3, 100001)")
        before = value(worker, "select pg_relation_filenode('worker.staged_participation')")
        if is_read:
            dump.execute("lock table worker.staged_collector_payment in access share mode")
        worker.execute("select worker.clear_staging(1, 3)")
        assert (value(worker, "select pg_relation_filenode('worker.staged_participation')") == before) is is_read
        dump.rollback()
        for table in ("staged_participation", "staged_collector_payment", "staging_stamp"):
            assert value(worker, f"select count(*) from worker.{table}") == 0

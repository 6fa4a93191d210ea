"""What scans do besides deleting rows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.locks.rows import take_finalized
from tests.sql.scans.rows import INITIATED, NOW, RELEASED, REVISED, SETTLED, WHOLE, add, ago, keys, run


def solver_requests(db: Connection) -> list[tuple[str, int, int]]:
    return db.execute(
        """
        select message ->> 'type', (message ->> 'creditor_id')::bigint, (message ->> 'debtor_id')::bigint
        from pgmq.q_solver_request order by msg_id
        """
    ).fetchall()


@covers("V13.22")
def test_a_buyer_whose_payment_never_comes_is_freed(db: Connection) -> None:
    add(db, "account_locks", 1, **REVISED, collection_deadline=ago(209), coordinator_request_id=71)
    assert run(db, "account_locks") == 0
    add(db, "account_locks", 2, **REVISED, collection_deadline=ago(211), coordinator_request_id=72)
    assert run(db, "account_locks") == 1
    assert keys(db, "account_locks") == [1]
    row = db.execute(
        "select creditor_id, debtor_id, transfer_id, coordinator_id, coordinator_request_id, committed_amount, "
        "transfer_note_format, transfer_note, ts from outbox.finalize_transfer"
    ).fetchall()
    assert row == [(2, 666, 7, 2, 72, 0, "", "", NOW)]


def test_a_restored_database_frees_sellers_that_may_have_paid(db: Connection) -> None:
    """Their transfers were told in the time that was lost. Other sellers wait for the message that is to come."""
    sold = {**SETTLED, "amount": -5}
    add(db, "account_locks", 1, **sold, turn_id=7, collection_deadline=ago(31), coordinator_request_id=71)
    assert run(db, "account_locks") == 0
    db.execute(
        "insert into worker.step_back (noticed_at, last_seen_at, reason, last_turn_id)"
        " values (worker.now(), worker.now(), 'a test', 7)"
    )
    add(db, "account_locks", 2, **sold, turn_id=7, collection_deadline=ago(29), coordinator_request_id=72)
    add(db, "account_locks", 3, **sold, turn_id=8, collection_deadline=ago(31), coordinator_request_id=73)
    assert run(db, "account_locks") == 1
    assert keys(db, "account_locks") == [2, 3]


def test_only_prepared_transfers_are_dismissed(db: Connection) -> None:
    old = {"initiated_at": ago(400)}
    add(db, "account_locks", 1, **old, coordinator_request_id=71)
    add(db, "account_locks", 2, **old, transfer_id=7, coordinator_request_id=72)
    add(db, "account_locks", 3, **old, **{**SETTLED, "transfer_id": 8}, amount=-5, coordinator_request_id=73)
    add(db, "account_locks", 4, **old, **{**RELEASED, "transfer_id": 9}, coordinator_request_id=74)
    add(db, "account_locks", 5, **old, transfer_id=0, coordinator_request_id=75)  # the collector's own
    assert run(db, "account_locks") == 5
    assert take_finalized(db) == [(7, 0, "")]


@covers("G27")
def test_a_buyer_waits_for_the_longer_slack(db: Connection) -> None:
    db.execute("update worker.configuration set sending_slack = '200 d'")
    add(db, "account_locks", **REVISED, collection_deadline=ago(229))
    assert run(db, "account_locks") == 0


@covers("G14")
def test_dead_collectors_are_replaced(db: Connection) -> None:
    add(db, "worker_accounts", 1, last_heartbeat_ts=ago(366))
    add(db, "worker_accounts", 2, last_heartbeat_ts=ago(366))
    add(db, "needed_worker_accounts", 1)
    assert run(db, "worker_accounts") == 2
    assert db.execute("select creditor_id, purged_at, is_purged from worker.needed_worker_account").fetchall() == [
        (1, NOW, False)
    ]
    assert solver_requests(db) == [("DisableCollector", 1, 666)]


def test_interest_history_is_compacted(db: Connection) -> None:
    """Rates before 210 days are not asked for, except the last one of them."""
    rates = {300: -3.0, 250: -2.0, 211: -1.0, 100: 1.0, 50: 2.0}
    for days, rate in rates.items():
        add(db, "interest_rate_changes", 1, change_ts=ago(days), interest_rate=rate)
        add(db, "interest_rate_changes", 2, change_ts=ago(days - 50), interest_rate=rate)
    assert run(db, "interest_rate_changes") == 2
    assert db.execute(
        "select creditor_id, array_agg(interest_rate order by change_ts) from worker.interest_rate_change "
        "group by 1 order by 1"
    ).fetchall() == [(1, [-1.0, 1.0, 2.0]), (2, [-3.0, -2.0, -1.0, 1.0, 2.0])]


@covers("G28")
@pytest.mark.parametrize(
    ("seconds", "backoff_counter", "transfer_id", "is_ended"),
    [
        pytest.param(7200 + 86400 + 1, 0, None, True, id="over", marks=covers("V13.13")),
        pytest.param(7200 + 86400, 0, None, False, id="last-moment"),
        pytest.param(8 * 7200 + 86400, 3, None, False, id="longer-try"),
        pytest.param(8 * 7200 + 86400 + 1, 3, None, True, id="longer-try-over"),
        pytest.param(7200 + 86400 + 1, 0, 905, False, id="settled", marks=covers("V13.13")),
    ],
)
def test_an_attempt_without_an_answer_times_out(
    db: Connection, seconds: int, backoff_counter: int, transfer_id: int | None, is_ended: bool
) -> None:
    attempted_at = NOW - timedelta(seconds=seconds)
    columns = {**INITIATED, "attempted_at": attempted_at, "backoff_counter": backoff_counter}
    columns |= {"transfer_id": transfer_id, "finalized_at": transfer_id and NOW}
    add(db, "transfer_attempts", **columns)
    assert run(db, "transfer_attempts") == is_ended
    (row,) = db.execute("select failure_code, rescheduled_for is not null from worker.transfer_attempt").fetchall()
    assert row == ((1, True) if is_ended else (None, False))
    assert run(db, "transfer_attempts") == 0


@covers("G28")
def test_time_outs_go_on_after_the_limit(db: Connection) -> None:
    for request_id in range(5):
        columns = {**INITIATED, "attempted_at": ago(2), "coordinator_request_id": request_id}
        add(db, "transfer_attempts", request_id, **columns)
    query = "select worker.scan_transfer_attempts(%s, %s, 2)"
    assert [db.execute(query, WHOLE).fetchall() for _ in range(4)] == [[(2,)], [(2,)], [(1,)], [(0,)]]

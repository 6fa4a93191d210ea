"""The inbox: what goes in comes out once, in rounds, and what can not be applied is set aside with its reason."""

from __future__ import annotations

import json
from collections.abc import Callable

import psycopg
import pytest

from sql import Kind
from tests.conftest import Connection
from tests.covering import covers
from tests.databases import connection_to
from tests.sql.delivery.queues import ledger, put, waiting
from tests.sql.messages import COLLECTOR, CUSTOMER, TS, message


def test_batch_is_applied_and_gone(worker_db: Connection) -> None:
    put(worker_db, 3, ledger(1, debtor_id=1), ledger(1, debtor_id=2), message("UpdatedFlags", debtor_id=1))
    assert worker_db.execute("select * from worker.drain_inbox(3, 100, 0)").fetchone() == (
        False,
        3,
        3,
        {"UpdatedLedger": 2, "UpdatedFlags": 1},
    )
    assert worker_db.execute("select * from worker.drain_inbox(3, 100, 3)").fetchone() == (False, 0, 3, {})
    assert waiting(worker_db, 3) == 0
    assert worker_db.execute("select count(*) from worker.trading_policy").fetchone() == (2,)


def test_messages_of_one_key_are_applied_in_order(worker_db: Connection) -> None:
    put(worker_db, 0, *[ledger(n, principal=n * 10) for n in (1, 2, 5, 4, 3)])
    # Each in a round of its own.
    row = worker_db.execute("select types from worker.drain_inbox(0, 100, 0)").fetchone()
    assert row == ({"UpdatedLedger": 5},)
    rows = worker_db.execute("select principal, latest_ledger_update_id from worker.trading_policy").fetchall()
    assert rows == [(50, 5)]


def test_messages_of_one_account_keep_their_order_whatever_their_types(worker_db: Connection) -> None:
    """A purge must not overtake the account's last update: the dead account would come back and stay for a year."""
    account = {"creditor_id": COLLECTOR, "debtor_id": 666}
    worker_db.execute(
        "insert into worker.needed_worker_account (creditor_id, debtor_id, configured_at) values (%s, 666, %s)",
        (COLLECTOR, TS),
    )
    worker_db.execute("select set_config('swpt.now', %s, false)", (TS,))
    put(
        worker_db,
        0,
        message("AccountPurge", debtor_id=777),
        message("AccountUpdate", **account),
        message("AccountPurge", **account),
        message("RejectedConfig", **account),
        message("AccountUpdate", **account, creation_date="2026-03-02"),
        message("AccountPurge", **account, creation_date="2026-03-02"),
    )
    assert worker_db.execute("select taken from worker.drain_inbox(0, 100, 0)").fetchone() == (6,)
    assert worker_db.execute("select count(*) from worker.worker_account").fetchone() == (0,)
    assert worker_db.execute("select rejections from worker.needed_worker_account").fetchone() == (0,)


def test_draining_has_a_limit_and_goes_on_from_a_floor(worker_db: Connection) -> None:
    put(worker_db, 0, *[ledger(1, debtor_id=n) for n in range(1, 6)])
    assert worker_db.execute("select busy, taken, floor from worker.drain_inbox(0, 2, 0)").fetchone() == (False, 2, 2)
    assert worker_db.execute("select busy, taken, floor from worker.drain_inbox(0, 2, 3)").fetchone() == (False, 2, 5)
    assert worker_db.execute("select busy, taken, floor from worker.drain_inbox(0, 2, 0)").fetchone() == (False, 1, 3)


def test_lane_is_worked_by_one_transaction_at_a_time(new_database: Callable[[Kind], str]) -> None:
    url = new_database("worker")
    with connection_to(url, autocommit=False) as one, connection_to(url) as two:
        put(two, 0, ledger(1))
        put(two, 1, ledger(1))
        one.execute("select worker.try_lock_lane(0)")
        assert two.execute("select busy, taken from worker.drain_inbox(0, 10, 0)").fetchone() == (True, 0)
        assert two.execute("select busy, taken from worker.drain_inbox(1, 10, 0)").fetchone() == (False, 1)
        one.rollback()
        assert two.execute("select busy, taken from worker.drain_inbox(0, 10, 0)").fetchone() == (False, 1)


def test_poison_is_set_aside_and_stops_nothing(worker_db: Connection) -> None:
    bad = ledger(1, debtor_id=2, principal=2**63)
    put(worker_db, 0, ledger(1, debtor_id=1), bad, {"type": "Nonsense"}, ledger(1, debtor_id=3))
    with pytest.raises(psycopg.Error):
        worker_db.execute("select * from worker.drain_inbox(0, 100, 0)")
    assert waiting(worker_db, 0) == 4
    answer = worker_db.execute(
        "select busy, taken, set_aside, types from worker.drain_inbox_singly(0, 100, 0)"
    ).fetchone()
    assert answer == (False, 4, 2, {"UpdatedLedger": 2})
    assert waiting(worker_db, 0) == 0
    rows = worker_db.execute(
        "select queue, message_type, body, sqlstate, failures from worker.set_aside order by set_aside_id"
    ).fetchall()
    assert rows == [
        ("inbox_0", "UpdatedLedger", bad, "22003", 2),
        ("inbox_0", "Nonsense", {"type": "Nonsense"}, "ST001", 2),
    ]
    assert worker_db.execute("select array_agg(debtor_id order by 1) from worker.trading_policy").fetchone() == (
        [1, 3],
    )


def test_trouble_of_the_surroundings_sets_nothing_aside(worker_db: Connection) -> None:
    put(worker_db, 0, ledger(1))
    worker_db.execute("alter function worker.apply_updated_ledger rename to gone")
    with pytest.raises(psycopg.errors.UndefinedFunction):
        worker_db.execute("select * from worker.drain_inbox_singly(0, 100, 0)")
    assert waiting(worker_db, 0) == 1
    assert worker_db.execute("select count(*) from worker.set_aside").fetchone() == (0,)


def test_singly_takes_at_most_fifty(worker_db: Connection) -> None:
    put(worker_db, 0, *[ledger(1, debtor_id=n) for n in range(1, 61)])
    assert worker_db.execute("select taken from worker.drain_inbox_singly(0, 1000, 0)").fetchone() == (50,)


@covers("G37")
@pytest.mark.parametrize(
    ("local_delivery", "binding_key", "is_local"),
    [(True, "#", True), (True, "0.#", False), (False, "#", False)],
)
def test_messages_for_the_own_shard_stay_in_the_database(
    worker_db: Connection, local_delivery: bool, binding_key: str, is_local: bool
) -> None:
    """The key of CUSTOMER has a hash beginning with bit 0 or 1; a shard of the other half has to use the broker."""
    bit = worker_db.execute("select (worker.hash32(%s::bigint) < 0)::int", (CUSTOMER,)).fetchone()
    assert bit is not None
    foreign = f"{1 - bit[0]}.#" if binding_key != "#" else "#"
    mask, realm = (0, 0) if foreign == "#" else (-(2**31), -(2**31) * (1 - bit[0]))
    settings = {"local_delivery": local_delivery, "binding_key": foreign, "realm_mask": mask, "realm": realm}
    worker_db.execute("select worker.set_configuration(%s)", (json.dumps(settings),))
    body = message("ReviseAccountLock")
    worker_db.execute(
        "select worker.send_internal('ReviseAccountLock', array[worker.hash32(%s::bigint)], array[%s::jsonb])",
        (CUSTOMER, json.dumps(body)),
    )
    lane = worker_db.execute("select worker.lane_of(worker.hash32(%s::bigint))", (CUSTOMER,)).fetchone()
    assert lane is not None
    assert waiting(worker_db, lane[0]) == (1 if is_local else 0)
    out = worker_db.execute("select message from worker.take_outbox('ReviseAccountLock', 10, 0)").fetchall()
    assert out == ([] if is_local else [(body,)])


def test_sending_needs_a_hash_for_each_message(worker_db: Connection) -> None:
    with pytest.raises(psycopg.Error, match="one key hash"):
        worker_db.execute("select worker.send_internal('StartSending', array[1], array['{}', '{}']::jsonb[])")
    worker_db.execute("select worker.send_internal('StartSending', null, null)")


def test_outbox_comes_back_after_a_crash(new_database: Callable[[Kind], str]) -> None:
    url = new_database("worker")
    with connection_to(url) as connection:
        connection.execute("select worker.send_configure_accounts(array['{\"n\": 1}', '{\"n\": 2}']::jsonb[])")
        with connection.transaction(force_rollback=True):
            taken = connection.execute("select message from worker.take_outbox('ConfigureAccount', 10, 0)").fetchall()
            assert taken == [({"n": 1},), ({"n": 2},)]
            with connection_to(url) as other:  # a second publisher skips what is taken
                assert other.execute("select * from worker.take_outbox('ConfigureAccount', 10, 0)").fetchall() == []
        assert connection.execute("select count(*) from worker.take_outbox('ConfigureAccount', 10, 0)").fetchone() == (
            2,
        )


def test_unroutable_messages_are_offered_again(worker_db: Connection) -> None:
    finalize = {
        "type": "FinalizeTransfer",
        "creditor_id": 1,
        "debtor_id": 2,
        "transfer_id": 3,
        "coordinator_type": "agent",
        "coordinator_id": 4,
        "coordinator_request_id": 5,
        "committed_amount": 0,
        "transfer_note_format": "",
        "transfer_note": "",
        "ts": "2026-03-01T02:00:00+00:00",
    }
    for body in (finalize, message("StartSending")):
        worker_db.execute("select worker.park_unroutable(%s, array[%s::jsonb])", (body["type"], json.dumps(body)))
    assert worker_db.execute("select worker.requeue_unroutable(10)").fetchone() == (2,)
    assert worker_db.execute(
        "select creditor_id, debtor_id, transfer_id, coordinator_id, coordinator_request_id from "
        "worker.take_finalize_transfers(10, 0)"
    ).fetchall() == [(1, 2, 3, 4, 5)]
    assert worker_db.execute("select message from worker.take_outbox('StartSending', 10, 0)").fetchall() == [
        (message("StartSending"),)
    ]
    assert worker_db.execute("select count(*) from worker.unroutable_message").fetchone() == (0,)


def test_configuration_is_taken_over_once(worker_db: Connection) -> None:
    new = json.dumps({"amount_cut": 1e-6, "healthy_max_commit_delay": "10 minutes"})
    assert worker_db.execute("select worker.set_configuration(%s)", (new,)).fetchone() == (True,)
    assert worker_db.execute("select worker.set_configuration(%s)", (new,)).fetchone() == (False,)
    assert worker_db.execute(
        "select amount_cut, extract(epoch from healthy_max_commit_delay)::int, lane_count from worker.configuration"
    ).fetchall() == [(1e-6, 600, 8)]
    with pytest.raises(psycopg.Error, match="lanes"):
        worker_db.execute("select worker.set_configuration('{\"lane_count\": 4}')")

"""What a worker database tells about one of its queues."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.conftest import Connection

NOW = "2026-03-01T12:00:00Z"


@pytest.fixture
def db(worker_db: Connection) -> Connection:
    worker_db.execute("select set_config('swpt.now', %s, false)", (NOW,))
    return worker_db


def messages(db: Connection, queue: str, after: int | None = None, limit: int = 10) -> list[tuple[Any, ...]]:
    query = "select message_id, message_type, body from worker.queue_messages(%s, %s, %s)"
    return db.execute(query, (queue, after, limit)).fetchall()


def put(db: Connection, queue: str, *bodies: dict[str, Any]) -> None:
    insert = f"insert into pgmq.q_{queue} (vt, message, enqueued_at) values ('-infinity', %s, '2026-03-01T11:00:00Z')"
    for body in bodies:
        db.execute(insert.encode(), (Jsonb(body),))


def test_the_messages_of_a_lane_come_in_order_and_in_parts(db: Connection) -> None:
    bodies = [{"type": "UpdatedFlags", "update_id": number} for number in range(3)]
    put(db, "inbox_2", *bodies)
    assert messages(db, "inbox_2", None, 2) == [(1, "UpdatedFlags", bodies[0]), (2, "UpdatedFlags", bodies[1])]
    assert messages(db, "inbox_2", 2, 2) == [(3, "UpdatedFlags", bodies[2])]
    state = db.execute("select * from worker.queue_state('inbox_2', 2)").fetchone()
    assert state == ("inbox", "", 2, 3600.0)


def test_whoever_looks_waits_for_nobody_and_takes_nothing(db: Connection) -> None:
    put(db, "inbox_2", {"type": "UpdatedFlags"})
    with db.transaction():
        db.execute("select worker.try_lock_lane(2)")
        db.execute("select * from pgmq.q_inbox_2 for update")
        assert len(messages(db, "inbox_2")) == 1
    assert db.execute("select count(*) from pgmq.q_inbox_2").fetchone() == (1,)


def test_what_is_kept_in_columns_is_shown_as_a_message(db: Connection) -> None:
    db.execute(
        "insert into outbox.finalize_transfer (creditor_id, debtor_id, transfer_id, coordinator_id,"
        " coordinator_request_id, committed_amount, transfer_note_format, transfer_note, ts)"
        " values (1, 2, 3, 1, 4, 0, '', '', %s)",
        (NOW,),
    )
    ((message_id, message_type, body),) = messages(db, "out_finalize_transfer")
    assert (message_id, message_type) == (1, "FinalizeTransfer")
    assert body == {
        **{"creditor_id": 1, "debtor_id": 2, "transfer_id": 3, "coordinator_id": 1, "coordinator_request_id": 4},
        "ts": "2026-03-01T12:00:00+00:00",
    }


def test_of_messages_that_wait_only_whom_they_are_about_is_shown(db: Connection) -> None:
    """What they say, amounts and notes and account IDs, is not for operators; of what was set aside it is."""
    body = {"type": "AccountTransfer", "creditor_id": 1, "ts": "2026", "transfer_note": "secret", "sender": "secret"}
    for queue in ("inbox_2", "out_start_sending", "solver_request"):
        put(db, queue, body, {"type": "X", "texts": ["secret"]})
        assert [row[2] for row in messages(db, queue)] == [
            {"type": "AccountTransfer", "creditor_id": 1, "ts": "2026"},
            {"type": "X"},
        ]
    put(db, "inbox_3", {"note": "secret"})
    assert messages(db, "inbox_3") == [(1, "", None)]


@pytest.mark.parametrize("queue", ["inbox_99", "applied_file", "q_inbox_0", "inbox_0'; select 1 --", "", '"'])
def test_a_queue_that_does_not_exist_has_no_messages(db: Connection, queue: str) -> None:
    assert messages(db, queue) == []
    assert db.execute("select * from worker.queue_state(%s, 5)", (queue,)).fetchone() == (None,) * 4


def test_every_queue_can_be_looked_into(db: Connection) -> None:
    for (queue,) in db.execute("select queue from worker.queue_figures(1)").fetchall():
        assert messages(db, queue) == [], queue
    db.execute(
        "insert into worker.set_aside (queue, message_type, body, sqlstate, error, failures, set_aside_at)"
        " values ('inbox_0', 'X', '{\"a\": 1}', '22003', 'too large', 2, %s)",
        (NOW,),
    )
    assert messages(db, "set_aside") == [(1, "", {"a": 1})]
    db.execute(
        "insert into worker.unroutable_message (message_type, message, parked_at)"
        " values ('StartSending', '{\"type\": \"StartSending\"}', %s)",
        (NOW,),
    )
    assert messages(db, "unroutable") == [(1, "StartSending", {"type": "StartSending"})]


def test_processes_that_are_connected_are_named_with_the_lanes_that_they_work_on(db: Connection) -> None:
    query = "select process, connections, lanes from worker.connected_processes()"
    db.execute("set application_name = 'psql'")
    assert db.execute(query).fetchall() == []
    db.execute("set application_name = 'swpt-trade drain'")
    assert db.execute(query).fetchall() == [("drain", 1, None)]
    with db.transaction():
        db.execute("select worker.try_lock_lane(5), worker.try_lock_lane(3), pg_advisory_xact_lock(9, 9)")
        assert db.execute(query).fetchall() == [("drain", 1, [3, 5])]

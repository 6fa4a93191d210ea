"""What the metrics server reads from the databases."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg.types.json import Jsonb

from bridge.messages.names import OUTGOING_TYPES
from tests.conftest import Connection
from tests.covering import covers

NOW = "2026-03-01T12:00:00Z"


def queue_figures(worker: Connection, limit: int = 100) -> dict[str, tuple[str, str, int, float]]:
    worker.execute("select set_config('swpt.now', %s, false)", (NOW,))
    query = "select queue, kind, message_type, messages, oldest_seconds from worker.queue_figures(%s)"
    return {queue: tuple(rest) for queue, *rest in worker.execute(query, (limit,))}  # type: ignore[misc]


def test_every_queue_has_figures(worker_db: Connection) -> None:
    figures = queue_figures(worker_db)
    assert {row[2:] for row in figures.values()} == {(0, 0.0)}
    assert {row[1] for row in figures.values() if row[0] == "outbox"} == set(OUTGOING_TYPES)
    assert sum(row[0] == "inbox" for row in figures.values()) == 8
    assert {row[0] for row in figures.values()} == {"inbox", "outbox", "requests", "unroutable", "set_aside", "failed"}
    tables = worker_db.execute("select count(*) from pg_class where relname like 'q\\_%' and relkind = 'r'").fetchone()
    assert tables is not None
    assert len(figures) == tables[0] + 5


@pytest.mark.parametrize("type_name", OUTGOING_TYPES)
def test_names_of_queues_and_types_belong_together(worker_db: Connection, type_name: str) -> None:
    row = worker_db.execute("select worker.message_type_of(worker.outgoing_queue(%s))", (type_name,)).fetchone()
    assert row == (type_name,)


def test_waiting_messages_are_counted_up_to_a_limit(worker_db: Connection) -> None:
    for minutes in (5, 10, 3):
        worker_db.execute(
            "insert into pgmq.q_inbox_3 (vt, message, enqueued_at)"
            " values ('-infinity', '{}', %s::timestamptz - make_interval(mins => %s))",
            (NOW, minutes),
        )
    # From the future: clocks differ.
    worker_db.execute(
        "insert into pgmq.q_solver_request (vt, message, enqueued_at) values ('-infinity', '{}', '2027-01-01')"
    )
    figures = queue_figures(worker_db)
    assert figures["inbox_3"] == ("inbox", "", 3, 600.0)
    assert figures["inbox_2"] == ("inbox", "", 0, 0.0)
    assert figures["solver_request"] == ("requests", "", 1, 0.0)
    assert queue_figures(worker_db, 2)["inbox_3"] == ("inbox", "", 2, 600.0)


def test_messages_in_columns_and_in_trouble(worker_db: Connection) -> None:
    worker_db.execute(
        "insert into outbox.finalize_transfer (creditor_id, debtor_id, transfer_id, coordinator_id,"
        " coordinator_request_id, committed_amount, transfer_note_format, transfer_note, ts)"
        " values (1, 1, 1, 1, 1, 0, '', '', %s::timestamptz - interval '1 hour')",
        (NOW,),
    )
    worker_db.execute(
        "insert into worker.unroutable_message (message_type, message, parked_at)"
        " values ('TriggerTransfer', '{}', %s::timestamptz - interval '1 day')",
        (NOW,),
    )
    worker_db.execute(
        "insert into worker.set_aside (queue, body, sqlstate, error, failures, set_aside_at)"
        " values ('inbox_0', %s, '22003', 'too large', 2, %s::timestamptz - interval '1 minute')",
        (Jsonb({}), NOW),
    )
    figures = queue_figures(worker_db)
    assert figures["out_finalize_transfer"] == ("outbox", "FinalizeTransfer", 1, 3600.0)
    assert figures["unroutable"] == ("unroutable", "", 1, 86400.0)
    assert figures["set_aside"] == ("set_aside", "", 1, 60.0)


@covers("G11")
def test_payments_that_were_given_up_are_counted(worker_db: Connection) -> None:
    tried = {"coordinator_request_id": 1, "final_interest_rate_ts": NOW, "amount": 5, "failure_code": 0}
    for creditor_id, error in ((1, "RECIPIENT_SAME_AS_SENDER"), (2, None)):
        attempt = {"creditor_id": creditor_id, **tried, "coordinator_request_id": creditor_id, "fatal_error": error}
        worker_db.execute(
            "insert into worker.transfer_attempt (collector_id, turn_id, debtor_id, creditor_id, is_dispatching,"
            " nominal_amount, collection_started_at, inserted_at, recipient, attempted_at, coordinator_request_id,"
            " final_interest_rate_ts, amount, failure_code, fatal_error)"
            " values (9, 1, 1, %(creditor_id)s, true, 6, %(final_interest_rate_ts)s, %(final_interest_rate_ts)s, 'a',"
            " %(final_interest_rate_ts)s::timestamptz - interval '1 day', %(coordinator_request_id)s,"
            " %(final_interest_rate_ts)s, %(amount)s, %(failure_code)s, %(fatal_error)s)",
            attempt,
        )
    assert queue_figures(worker_db)["failed_transfer"] == ("failed", "", 1, 86400.0)


def insert_turn(solver: Connection, turn_id: int, phase: int, deadline: str | None) -> None:
    solver.execute(
        "insert into solver.turn (turn_id, started_at, base_debtor_info_locator, base_debtor_id, max_distance_to_base,"
        " min_trade_amount, phase, phase_deadline, collection_started_at, collection_deadline)"
        " values (%s, '2026-03-01T10:00:00Z', 'https://x', 1, 10, 1000, %s, %s, '2026-03-01T11:30:00Z', '2026-04-01')",
        (turn_id, phase, deadline),
    )


@covers("G36")
@pytest.mark.parametrize(
    ("phase", "deadline", "figures"),
    [
        (1, "2026-03-01T12:05:00Z", (300.0, 0.0)),
        (2, "2026-03-01T11:58:00Z", (-120.0, 120.0)),
        (3, None, (None, 1800.0)),
        (4, None, (None, 0.0)),
    ],
)
def test_an_open_phase_can_be_watched(
    solver_db: Connection, phase: int, deadline: str | None, figures: tuple[Any, ...]
) -> None:
    """A dead worker keeps phase 3 open: the time that it has been open is there to be watched."""
    insert_turn(solver_db, 7, phase, deadline)
    solver_db.execute("select set_config('swpt.now', %s, false)", (NOW,))
    rows = solver_db.execute("select * from solver.turn_figures()").fetchall()
    assert rows == [(7, phase, 7200.0, *figures)]


def test_finished_turns_have_no_figures_but_the_latest(solver_db: Connection) -> None:
    for turn_id, phase in ((1, 4), (2, 3), (3, 4), (4, 4)):
        insert_turn(solver_db, turn_id, phase, None)
    rows = solver_db.execute("select turn_id from solver.turn_figures()").fetchall()
    assert rows == [(2,), (4,)]


def test_steps_of_a_worker(worker_db: Connection) -> None:
    worker_db.execute("select set_config('swpt.now', %s, false)", (NOW,))
    for turn_id, phase, subphase, deadline in (
        (1, 3, 10, None),
        (2, 3, 5, None),
        (3, 2, 0, "2026-03-01T12:01:00Z"),
        (4, 1, 0, "2026-03-01T11:59:00Z"),
    ):
        worker_db.execute(
            "insert into worker.worker_turn (turn_id, started_at, base_debtor_info_locator, base_debtor_id,"
            " max_distance_to_base, min_trade_amount, phase, phase_deadline, collection_started_at,"
            " collection_deadline, worker_turn_subphase)"
            " values (%s, '2026-03-01T10:00:00Z', 'https://x', 1, 10, 1000, %s, %s, '2026-03-01T11:30:00Z',"
            " '2026-04-01', %s)",
            (turn_id, phase, deadline, subphase),
        )
    assert worker_db.execute("select * from worker.turn_figures()").fetchall() == [
        (2, 3, 5, None, 1800.0),
        (3, 2, 0, 60.0, 0.0),
        (4, 1, 0, -60.0, 60.0),
    ]

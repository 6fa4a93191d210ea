"""Rows and looks of the tests of payments: one turn, one currency and one collector, unless said otherwise."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.conftest import Connection

NOW = datetime.fromisoformat("2026-03-20T12:00:00+00:00")
STARTED = NOW - timedelta(days=3)
TURN = 7
DEBTOR = 666
COLLECTOR = 0x10000000000
OTHER_COLLECTOR = 0x10000000001
SELLER = 0x10100000001
BUYER = 0x10100000002
REQUEST = 71
TRANSFER = 905
MIN64 = -(2**63)
MAX64 = 2**63 - 1

ATTEMPT = {
    "collector_id": COLLECTOR,
    "turn_id": TURN,
    "debtor_id": DEBTOR,
    "creditor_id": BUYER,
    "is_dispatching": True,
    "nominal_amount": 1e6,
    "collection_started_at": STARTED,
    "inserted_at": STARTED,
}
INITIATED = {
    "recipient": "a",
    "recipient_version": 1,
    "attempted_at": NOW,
    "coordinator_request_id": REQUEST,
    "final_interest_rate_ts": STARTED,
    "amount": 500,
}
SETTLED = {**INITIATED, "transfer_id": TRANSFER, "finalized_at": NOW}
FAILED = {**INITIATED, "failure_code": 0}
STATES: dict[str, dict[str, Any]] = {
    "unknown": {},
    "ready": {"recipient": "a", "recipient_version": 1},
    "waiting": {**FAILED, "rescheduled_for": NOW + timedelta(hours=1)},
    "initiated": INITIATED,
    "settled": SETTLED,
    "failed": FAILED,
    "fatal": {**FAILED, "fatal_error": "TRANSFER_NOTE_IS_TOO_LONG"},
}


def insert(db: Connection, table: str, **columns: Any) -> None:
    names = ", ".join(columns)
    places = ", ".join(["%s"] * len(columns))
    db.execute(f"insert into worker.{table} ({names}) values ({places})".encode(), list(columns.values()))


def add_turn(db: Connection, turn_id: int = TURN, phase: int = 3, subphase: int = 5) -> None:
    """A turn that entered phase 3 at STARTED; with sub-phase 5 this shard knows its result in all lanes."""
    insert(
        db,
        "worker_turn",
        turn_id=turn_id,
        started_at=STARTED - timedelta(hours=1),
        base_debtor_info_locator="https://example.com/101",
        base_debtor_id=101,
        max_distance_to_base=10,
        min_trade_amount=1000,
        phase=phase,
        phase_deadline=NOW if phase < 3 else None,
        collection_started_at=STARTED if phase == 3 else None,
        collection_deadline=STARTED + timedelta(days=30),
        worker_turn_subphase=subphase,
    )
    if phase == 3 and subphase >= 5:
        db.execute(
            "insert into worker.worker_turn_lane (turn_id, phase, subphase, lane) "
            "select %s, 3, 0, lane from generate_series(0, 7) as lane",
            (turn_id,),
        )


def add_account(db: Connection, changes: dict[float, float] | None = None, demurrage_rate: float = -50.0) -> None:
    """The collector's account. `changes`: {days before NOW: interest rate}, the newest one first."""
    changes = {1000.0: 0.0} if changes is None else changes
    moments = [(NOW - timedelta(days=days), rate) for days, rate in changes.items()]
    insert(
        db,
        "worker_account",
        creditor_id=COLLECTOR,
        debtor_id=DEBTOR,
        creation_date="2026-01-01",
        last_change_ts=NOW,
        last_change_seqnum=1,
        principal=0,
        interest=0.0,
        interest_rate=moments[0][1],
        last_interest_rate_change_ts=moments[0][0],
        last_config_ts=NOW,
        config_flags=0,
        negligible_amount=1e30,
        account_id="collector-account",
        last_transfer_number=0,
        last_transfer_committed_at=NOW,
        demurrage_rate=demurrage_rate,
        commit_period=2592000,
        transfer_note_max_bytes=500,
        last_heartbeat_ts=NOW,
    )
    for ts, rate in moments:
        insert(db, "interest_rate_change", creditor_id=COLLECTOR, debtor_id=DEBTOR, change_ts=ts, interest_rate=rate)


def add_attempt(db: Connection, **columns: Any) -> None:
    insert(db, "transfer_attempt", **{**ATTEMPT, **columns})


def add_status(db: Connection, collect: int, send: int, receive: int, dispatch: int, **columns: Any) -> None:
    key = {"collector_id": COLLECTOR, "turn_id": TURN, "debtor_id": DEBTOR}
    amounts = {
        "amount_to_collect": collect,
        "amount_to_send": send,
        "amount_to_receive": receive,
        "amount_to_dispatch": dispatch,
        "number_to_receive": 0,
    }
    insert(db, "dispatching_status", **{**key, "inserted_at": STARTED, **amounts, **columns})


def add_payment(db: Connection, kind: str, other_id: int, amount: int, **columns: Any) -> None:
    """A payment that the collector expects (collecting, receiving) or owes (sending, dispatching)."""
    me, other, name = {
        "collecting": ("collector_id", "creditor_id", "amount"),
        "sending": ("from_collector_id", "to_collector_id", "amount"),
        "receiving": ("to_collector_id", "from_collector_id", "expected_amount"),
        "dispatching": ("collector_id", "creditor_id", "amount"),
    }[kind]
    row = {me: COLLECTOR, "turn_id": TURN, "debtor_id": DEBTOR, other: other_id, name: amount, "purge_after": NOW}
    insert(db, f"worker_{kind}", **{**row, **columns})


def rows(db: Connection, query: str, *values: Any) -> list[tuple[Any, ...]]:
    return db.execute(query.encode(), values).fetchall()


def attempt(db: Connection, *columns: str) -> tuple[Any, ...] | None:
    """Some columns of the only attempt, or None if there is none."""
    found = rows(db, f"select {', '.join(columns)} from worker.transfer_attempt")
    assert len(found) <= 1
    return found[0] if found else None


def internal_messages(db: Connection, type_: str) -> list[dict[str, Any]]:
    """The internal messages of a type that wait in the lanes of this shard, without type and ts."""
    union = " union all ".join(f"select msg_id, message from pgmq.q_inbox_{lane}" for lane in range(8))
    found = rows(db, f"select message - 'type' - 'ts' from ({union}) as q where message ->> 'type' = %s", type_)
    return [message for (message,) in found]


def finalize_messages(db: Connection) -> list[tuple[int, int, str]]:
    """(transfer_id, committed_amount, transfer_note) of what was sent."""
    query = "select transfer_id, committed_amount, transfer_note from outbox.finalize_transfer order by outbox_id"
    return [(t, a, n) for t, a, n in rows(db, query)]


def prepare_count(db: Connection) -> int:
    return int(rows(db, "select count(*) from outbox.prepare_transfer")[0][0])


def set_clock(db: Connection, moment: datetime) -> None:
    db.execute("select set_config('swpt.now', %s, false)", (moment.isoformat(),))

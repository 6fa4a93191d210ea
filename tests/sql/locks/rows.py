"""Rows and looks of the tests of account locks: one turn, one currency, one customer, unless said otherwise."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.conftest import Connection

NOW = datetime.fromisoformat("2026-03-01T02:00:00+00:00")
DEADLINE = NOW + timedelta(days=30)
TURN = 1
DEBTOR = 666
SELLER = 777
COLLECTOR = 999
REQUEST = 71
TRANSFER = 905

STATES: dict[str, dict[str, Any]] = {
    "initiated": {},
    "prepared": {"transfer_id": TRANSFER},
    "revised": {"transfer_id": TRANSFER, "has_been_revised": True},
    "settled": {"transfer_id": TRANSFER, "has_been_revised": True, "finalized_at": NOW},
    "released": {
        "transfer_id": TRANSFER,
        "has_been_revised": True,
        "finalized_at": NOW,
        "released_at": NOW,
        "account_creation_date": "2024-05-01",
        "account_last_transfer_number": 321,
    },
}


def insert(db: Connection, table: str, **fields: Any) -> None:
    names = ", ".join(fields)
    values = ", ".join(f"%({name})s" for name in fields)
    db.execute(f"insert into worker.{table} ({names}) values ({values})".encode(), fields)


def add_lock(db: Connection, state: str, amount: int, **fields: Any) -> None:
    defaults = {
        "creditor_id": SELLER,
        "debtor_id": DEBTOR,
        "turn_id": TURN,
        "collector_id": COLLECTOR,
        "initiated_at": NOW,
        "coordinator_request_id": REQUEST,
        "collection_deadline": DEADLINE,
    }
    insert(db, "account_lock", **{**defaults, **STATES[state], "amount": amount, **fields})


def add_participation(db: Connection, amount: int, **fields: Any) -> None:
    defaults = {"creditor_id": SELLER, "debtor_id": DEBTOR, "turn_id": TURN, "collector_id": COLLECTOR}
    insert(db, "creditor_participation", **{**defaults, "amount": amount, **fields})


def lock_states(db: Connection) -> list[tuple[str, int]]:
    """State and amount of every lock, by creditor."""
    return db.execute(
        """
        select
          case
            when released_at is not null then 'released'
            when finalized_at is not null then 'settled'
            when transfer_id is not null and has_been_revised then 'revised'
            when transfer_id is not null then 'prepared'
            else 'initiated'
          end,
          amount
        from worker.account_lock
        order by creditor_id, debtor_id
        """
    ).fetchall()


def participations(db: Connection) -> int:
    row = db.execute("select count(*) from worker.creditor_participation").fetchone()
    assert row is not None
    return int(row[0])


def take_finalized(db: Connection) -> list[tuple[int, int, str]]:
    """Takes out the FinalizeTransfer messages: transfer, committed amount, note."""
    return db.execute(
        """
        with taken as (delete from outbox.finalize_transfer returning *)
        select transfer_id, committed_amount, transfer_note from taken order by outbox_id
        """
    ).fetchall()


def take_notices(db: Connection) -> list[tuple[int, int, int, int, str]]:
    """Takes out the notices of payments that will not come: collector, turn, debtor, payer, kind."""
    rows: list[tuple[int, int, int, int, str]] = []
    for lane in range(8):
        rows += db.execute(
            f"""
            with taken as (delete from pgmq.q_inbox_{lane} returning message)
            select x.collector_id, x.turn_id, x.debtor_id, x.creditor_id, x.unpaid
            from taken
            cross join lateral jsonb_to_record(message) as x (
              type text, collector_id bigint, turn_id int, debtor_id bigint, creditor_id bigint, unpaid text,
              is_dispatching bool
            )
            where x.type = 'TriggerTransfer' and not x.is_dispatching
            """.encode()
        ).fetchall()
    return sorted(rows)

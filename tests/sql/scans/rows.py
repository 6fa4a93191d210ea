"""Rows of every scanned table: fresh ones, which no scan touches, unless columns say otherwise."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bridge.wire.sharding import Realm
from pipelines.turns.scan import full_pass
from sql.scans import SCANS
from tests.conftest import Connection

NOW = datetime.fromisoformat("2026-03-01T02:00:00+00:00")
WHOLE = (0, 2**32 - 1)  # all blocks of any table
OTHER = 5  # another account, debtor, or collector


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


FRESH: dict[str, dict[str, Any]] = {
    "debtor_info_documents": {"debtor_id": 666, "fetched_at": NOW},
    "debtor_locator_claims": {
        "debtor_info_locator": "https://example.com/666",
        "latest_locator_fetch_at": NOW,
        "latest_discovery_fetch_at": NOW,
    },
    "trading_policies": {"debtor_id": 666, "policy_name": "conservative", "latest_policy_update_ts": NOW},
    "worker_accounts": {
        "debtor_id": 666,
        "creation_date": NOW,
        "last_change_ts": NOW,
        "last_change_seqnum": 1,
        "principal": 0,
        "interest": 0.0,
        "interest_rate": 0.0,
        "last_interest_rate_change_ts": NOW,
        "last_config_ts": NOW,
        "config_flags": 0,
        "negligible_amount": 1e30,
        "account_id": "account",
        "last_transfer_number": 0,
        "last_transfer_committed_at": NOW,
        "demurrage_rate": -50.0,
        "commit_period": 2592000,
        "transfer_note_max_bytes": 500,
        "last_heartbeat_ts": NOW,
    },
    "interest_rate_changes": {"debtor_id": 666, "change_ts": NOW, "interest_rate": 0.0},
    "needed_worker_accounts": {"debtor_id": 666, "configured_at": NOW},
    "recently_needed_collectors": {"needed_at": NOW},
    "account_locks": {
        "debtor_id": 666,
        "turn_id": 1,
        "collector_id": OTHER,
        "initiated_at": NOW,
        "coordinator_request_id": 71,
        "amount": 50000,
        "collection_deadline": NOW + timedelta(days=30),
    },
    "creditor_participations": {"debtor_id": 666, "turn_id": 1, "amount": 50000, "collector_id": OTHER},
    "dispatching_statuses": {
        "turn_id": 1,
        "debtor_id": 666,
        "inserted_at": NOW,
        "amount_to_collect": 0,
        "amount_to_send": 0,
        "amount_to_receive": 0,
        "number_to_receive": 0,
        "amount_to_dispatch": 0,
    },
    "worker_collectings": {"turn_id": 1, "debtor_id": 666, "creditor_id": OTHER, "amount": 5, "purge_after": NOW},
    "worker_sendings": {"turn_id": 1, "debtor_id": 666, "to_collector_id": OTHER, "amount": 5, "purge_after": NOW},
    "worker_receivings": {
        "turn_id": 1,
        "debtor_id": 666,
        "from_collector_id": OTHER,
        "expected_amount": 5,
        "purge_after": NOW,
    },
    "worker_dispatchings": {"turn_id": 1, "debtor_id": 666, "creditor_id": OTHER, "amount": 5, "purge_after": NOW},
    "transfer_attempts": {
        "turn_id": 1,
        "debtor_id": 666,
        "creditor_id": OTHER,
        "is_dispatching": True,
        "nominal_amount": 5000.0,
        "collection_started_at": NOW,
        "inserted_at": NOW,
    },
    "early_arrivals": {
        "kind": "collecting",
        "turn_id": 1,
        "debtor_id": 666,
        "other_id": OTHER,
        "amount": 5,
        "inserted_at": NOW,
    },
}
"""A fresh row of each table without the column of the sharding key."""

KEYS = dict.fromkeys(SCANS, "collector_id") | {
    "debtor_info_documents": "debtor_info_locator",
    "debtor_locator_claims": "debtor_id",
    "trading_policies": "creditor_id",
    "worker_accounts": "creditor_id",
    "interest_rate_changes": "creditor_id",
    "needed_worker_accounts": "creditor_id",
    "recently_needed_collectors": "debtor_id",
    "account_locks": "creditor_id",
    "creditor_participations": "creditor_id",
    "worker_sendings": "from_collector_id",
    "worker_receivings": "to_collector_id",
}
"""The column of the sharding key."""

INITIATED = {
    "recipient": "a",
    "recipient_version": 1,
    "attempted_at": NOW,
    "coordinator_request_id": 71,
    "final_interest_rate_ts": NOW,
    "amount": 500,
}
REVISED = {"transfer_id": 7, "has_been_revised": True}
SETTLED = {**REVISED, "finalized_at": NOW}
RELEASED = {
    **SETTLED,
    "released_at": NOW,
    "account_creation_date": "2024-05-01",
    "account_last_transfer_number": 321,
}


def add(db: Connection, scan: str, key: int | str = 777, **columns: Any) -> None:
    """Adds a row to the table of the scan: a fresh one except for these columns."""
    row = {KEYS[scan]: _key(scan, key), **FRESH[scan], **columns}
    names = ", ".join(row)
    places = ", ".join(f"%({name})s" for name in row)
    db.execute(f"insert into worker.{SCANS[scan].table} ({names}) values ({places})".encode(), row)


def add_many(db: Connection, scan: str, count: int) -> None:
    """Adds that many fresh rows with different keys."""
    row = dict(FRESH[scan])
    if scan == "account_locks":
        del row["coordinator_request_id"]
    names = ", ".join(row)
    places = ", ".join(f"%({name})s" for name in row)
    key = "'https://example.com/' || n" if scan == "debtor_info_documents" else "n"
    query = f"""
        insert into worker.{SCANS[scan].table} ({KEYS[scan]}, {names})
        select {key}, {places} from generate_series(1000, 999 + %(rows_to_add)s::int) as n
    """
    db.execute(query.encode(), {**row, "rows_to_add": count})


def add_turn(db: Connection, collection_started_at: datetime | None, turn_id: int = 1) -> None:
    """A turn, in phase 2 if collecting has not started."""
    is_settling = collection_started_at is not None
    db.execute(
        """
        insert into worker.worker_turn (turn_id, started_at, base_debtor_info_locator, base_debtor_id,
          max_distance_to_base, min_trade_amount, phase, phase_deadline, collection_started_at, collection_deadline)
        values (%s, %s, 'https://example.com/101', 101, 10, 1000, %s, %s, %s, %s)
        """,
        (turn_id, NOW, 3 if is_settling else 2, None if is_settling else NOW, collection_started_at, NOW),
    )


def keys(db: Connection, scan: str) -> list[int | str]:
    """The sharding keys of the rows that are there."""
    query = f"select {KEYS[scan]} from worker.{SCANS[scan].table} order by 1"
    return [key for (key,) in db.execute(query.encode()).fetchall()]


def run(db: Connection, scan: str) -> int:
    """Scans the whole table."""
    return full_pass(db, scan)


def shard(db: Connection, binding_key: str, deletes_parent_rows: bool) -> None:
    """Makes the database one of this shard."""
    realm = Realm.parse(binding_key)
    db.execute(
        """
        update worker.configuration set binding_key = %s, realm_mask = %s, realm = %s, parent_realm_mask = %s,
          parent_realm = %s, delete_parent_shard_records = %s
        """,
        (realm.binding_key, realm.mask, realm.realm, realm.parent_mask, realm.parent_realm, deletes_parent_rows),
    )


def key_in(binding_key: str, scan: str) -> int | str:
    """A sharding key of this shard, of the type that the table of the scan has."""
    realm = Realm.parse(binding_key)
    candidates = (_key(scan, number) for number in range(1000, 2000))
    return next(key for key in candidates if realm.matches(key))


def _key(scan: str, key: int | str) -> int | str:
    return f"https://example.com/{key}" if scan == "debtor_info_documents" and isinstance(key, int) else key

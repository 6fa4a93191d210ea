"""No loop acts on rows of another shard, and everything that is left of it can be counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Connection
from tests.sql.messages import message
from tests.sql.shards.queues import ledger, put
from tests.sql.shards.realms import OWN, SIBLING, STRANGER, set_realm
from tests.sql.turns.rows import NOW, insert, insert_worker_turn, rows, stop_clock, value

LANES = range(8)
LATER = "2026-03-01T02:40:00Z"
DEADLINE = "2026-04-01T00:00:00Z"
OTHER = 0x10000000001


def add_lock(db: Connection, key: int, amount: int, debtor_id: int = 5) -> None:
    lock = {"creditor_id": key, "debtor_id": debtor_id, "turn_id": 1, "collector_id": 9, "amount": amount}
    insert(db, "worker.account_lock", {**lock, "initiated_at": NOW, "collection_deadline": DEADLINE, "transfer_id": 1})


def add_status(db: Connection, key: int) -> None:
    status = {"collector_id": key, "turn_id": 1, "debtor_id": 5, "inserted_at": NOW}
    amounts = dict.fromkeys(("amount_to_collect", "amount_to_send", "amount_to_receive", "amount_to_dispatch"), 0)
    insert(db, "worker.dispatching_status", {**status, **amounts, "number_to_receive": 0})


def every_lane(db: Connection, call: str) -> int:
    return sum(value(db, f"select {call}", lane) for lane in LANES)


def register_documents(db: Connection, key: int) -> int:
    insert(
        db,
        "worker.debtor_locator_claim",
        {
            "debtor_id": key,
            "debtor_info_locator": "L",
            "latest_locator_fetch_at": NOW,
            "latest_discovery_fetch_at": NOW,
        },
    )
    return int(value(db, "select count(*) from worker.claims_to_register(1)"))


def bid(db: Connection, key: int) -> int:
    insert(db, "worker.trading_policy", {"creditor_id": key, "debtor_id": 1, "account_id": "a"})
    return sum(value(db, "select count(*) from worker.priced_bids(1, %s)", lane) for lane in LANES)


def ship(db: Connection, key: int) -> int:
    add_lock(db, key, -5000)
    add_lock(db, key, 5000, debtor_id=6)
    sales = value(db, "select count(*) from worker.sell_offers_to_ship(1)")
    return int(sales + value(db, "select count(*) from worker.buy_offers_to_ship(1)"))


def revise(db: Connection, key: int) -> int:
    add_lock(db, key, -5000)
    return every_lane(db, "worker.revise_account_locks(1, %s)")


def settle(db: Connection, key: int) -> int:
    """The staged rows of the parent are still there when the database was copied in the middle of step 3/0."""
    insert_worker_turn(db, 3, 0)
    insert(db, "worker.staging_stamp", {"turn_id": 1, "phase": 3, "row_count": 5})
    verdict = {"turn_id": 1, "creditor_id": key, "debtor_id": 5, "amount": -1000, "collector_id": 9}
    insert(db, "worker.staged_participation", verdict)
    for kind in ("collecting", "sending", "receiving", "dispatching"):
        payment = {"turn_id": 1, "collector_id": key, "debtor_id": 5, "other_id": OTHER, "amount": 1000}
        insert(db, "worker.staged_collector_payment", {**payment, "kind": kind})
    every_lane(db, "worker.settle_lane(1, %s)::int")
    tables = ("collecting", "sending", "receiving", "dispatching")
    counts = [value(db, f"select count(*) from worker.worker_{table}") for table in tables]
    # Without a lock the participation turns into a notice at once.
    notices = value(db, "select sum(queue_length)::int from pgmq.metrics_all()")
    return int(sum(counts) + value(db, "select count(*) from worker.dispatching_status") + notices)


def advance(db: Connection, key: int) -> int:
    add_status(db, key)
    return every_lane(db, "worker.advance_dispatching(%s, 100)")


def merge(db: Connection, key: int) -> int:
    insert_worker_turn(db, 3, 5)
    insert(
        db,
        "worker.early_arrival",
        {
            "kind": "collecting",
            "collector_id": key,
            "turn_id": 1,
            "debtor_id": 5,
            "other_id": OTHER,
            "amount": 10,
            "inserted_at": NOW,
        },
    )
    return every_lane(db, "worker.advance_dispatching(%s, 100)")


def trigger(db: Connection, key: int) -> int:
    attempt = {"collector_id": key, "turn_id": 1, "debtor_id": 5, "creditor_id": OTHER, "is_dispatching": True}
    times = dict.fromkeys(("collection_started_at", "inserted_at", "rescheduled_for"), NOW)
    insert(db, "worker.transfer_attempt", {**attempt, "nominal_amount": 10.0, **times})
    return every_lane(db, "worker.trigger_due_transfers(%s, 100)")


LOOPS: list[tuple[Callable[[Connection, int], int], int]] = [
    (register_documents, 1),
    (bid, 1),
    (ship, 2),
    (revise, 1),
    (settle, 6),
    (advance, 4),
    (merge, 1),
    (trigger, 1),
]


@pytest.mark.parametrize(("loop", "count"), LOOPS, ids=lambda item: getattr(item, "__name__", ""))
@pytest.mark.parametrize("key", [OWN, SIBLING, STRANGER])
def test_loop_acts_on_own_rows_only(
    worker_db: Connection, loop: Callable[[Connection, int], int], count: int, key: int
) -> None:
    stop_clock(worker_db, LATER)
    set_realm(worker_db, "1.0.#", delete=True)
    assert loop(worker_db, key) == (count if key == OWN else 0)


@pytest.mark.parametrize(("iri", "urls"), [("https://example.com/2", 1), ("https://example.com/iri", 0)])
def test_fetcher_drops_foreign_fetches(worker_db: Connection, iri: str, urls: int) -> None:
    """The hash of the second address begins with bits 01."""
    stop_clock(worker_db, LATER)
    set_realm(worker_db, "1.#", delete=True)
    fetch = {"iri": iri, "debtor_id": 1, "scheduled_at": NOW, "next_attempt_at": NOW}
    insert(worker_db, "worker.debtor_info_fetch", fetch)
    assert len(rows(worker_db, "select * from worker.take_due_fetches(10, '1 minute')")) == urls
    assert value(worker_db, "select count(*) from worker.debtor_info_fetch") == urls


def foreign(db: Connection) -> dict[str, int]:
    return dict(rows(db, "select table_name, row_count from worker.foreign_rows()"))


def test_foreign_rows_are_counted(worker_db: Connection) -> None:
    for key in (OWN, SIBLING, STRANGER):
        add_rows(worker_db, key)
    assert foreign(worker_db) == {}
    set_realm(worker_db, "1.0.#", delete=True)
    assert foreign(worker_db) == {
        "worker.account_lock": 2,
        "worker.dispatching_status": 2,
        "pgmq.q_inbox_4": 2,
        "pgmq.q_solver_request": 2,
        "pgmq.q_out_configure_account": 2,
        "outbox.finalize_transfer": 2,
        "worker.unroutable_message": 2,
    }


def add_rows(db: Connection, key: int) -> None:
    add_lock(db, key, -5000)
    add_status(db, key)
    put(db, "inbox_4", ledger(key))
    put(db, "solver_request", message("NeededCollector", debtor_id=key))
    put(db, "out_configure_account", {"type": "ConfigureAccount", "creditor_id": key})
    # Internal messages of other shards leave by the broker from any shard.
    put(db, "out_trigger_transfer", message("TriggerTransfer", collector_id=key))
    finalize: dict[str, Any] = {
        **dict.fromkeys(("creditor_id", "coordinator_id"), key),
        **dict.fromkeys(("debtor_id", "transfer_id", "coordinator_request_id"), 1),
        "committed_amount": 0,
        "transfer_note_format": "",
        "transfer_note": "",
        "ts": NOW,
    }
    insert(db, "outbox.finalize_transfer", finalize)
    for type_ in ("FinalizeTransfer", "TriggerTransfer"):
        body = {"message_type": type_, "message": f'{{"type": "{type_}", "creditor_id": {key}}}', "parked_at": NOW}
        insert(db, "worker.unroutable_message", body)

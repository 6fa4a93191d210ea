"""What a split leaves in the queues of both halves: each half applies its own messages only."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.drain import Drain
from bridge.messages.names import CONSUMED_TYPES
from bridge.wire.sharding import hash32
from tests.conftest import Connection
from tests.databases import connection_to
from tests.sql.messages import message
from tests.sql.outgoing import solver_requests
from tests.sql.shards.queues import ledger, put
from tests.sql.shards.realms import OWN, SIBLING, STRANGER, set_realm

BY_DEBTOR = {"DiscoverDebtor", "ConfirmDebtor", "NeededCollector"}
BY_COLLECTOR = {"TriggerTransfer", "AccountIdResponse", "StartSending", "StartDispatching"}


def applied(connection: Connection) -> list[int]:
    rows = connection.execute("select creditor_id from worker.trading_policy order by creditor_id").fetchall()
    return [row[0] for row in rows]


def set_aside(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "select queue, sqlstate, (body ->> 'creditor_id')::bigint from worker.set_aside order by set_aside_id"
    ).fetchall()


def waiting(connection: Connection, queue: str) -> int:
    row = connection.execute(f"select count(*) from pgmq.q_{queue}".encode()).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("type_", sorted(CONSUMED_TYPES))
def test_sharding_hash_is_that_of_the_bridge(worker_db: Connection, type_: str) -> None:
    body = message(type_, creditor_id=11, debtor_id=22, collector_id=33)
    if type_ in BY_DEBTOR:
        key: int | str = 22
    elif type_ in BY_COLLECTOR:
        key = 33
    elif type_ == "FetchDebtorInfo":
        key = body["iri"] = "https://example.com/монета"
    elif type_ == "StoreDocument":
        key = body["debtor_info_locator"] = "https://example.com/монета"
    else:
        key = 11
    row = worker_db.execute("select worker.sharding_hash(%s)", (json.dumps(body),)).fetchone()
    assert row == (hash32(key),)


@pytest.mark.parametrize("creditor_id", ["11", 2**63, -(2**63) - 1, None, True, [1]])
def test_message_without_a_usable_key_has_no_hash(worker_db: Connection, creditor_id: object) -> None:
    body = json.dumps({"type": "UpdatedLedger", "creditor_id": creditor_id})
    assert worker_db.execute("select worker.sharding_hash(%s)", (body,)).fetchone() == (None,)
    assert worker_db.execute("select worker.sharding_hash('{}')").fetchone() == (None,)


@pytest.mark.parametrize("function", ["drain_inbox", "drain_inbox_singly"])
def test_copies_are_deleted_and_strangers_set_aside(worker_db: Connection, function: str) -> None:
    set_realm(worker_db, "1.0.#", delete=True)
    put(worker_db, "inbox_2", *[ledger(key) for key in (SIBLING, OWN, STRANGER, SIBLING)])
    answer = worker_db.execute(f"select busy, taken from worker.{function}(2, 10, 0)".encode()).fetchone()
    assert answer == (False, 1)
    assert applied(worker_db) == [OWN]
    assert set_aside(worker_db) == [("inbox_2", "ST004", STRANGER)]
    assert waiting(worker_db, "inbox_2") == 0


@pytest.mark.parametrize("function", ["drain_inbox", "drain_inbox_singly"])
def test_more_copies_than_a_batch_holds(worker_db: Connection, function: str) -> None:
    """The messages that move up into the batch are looked at, too."""
    set_realm(worker_db, "1.0.#", delete=True)
    put(worker_db, "inbox_0", *[ledger(SIBLING, debtor_id=n) for n in range(1, 8)], ledger(OWN), ledger(SIBLING))
    worker_db.execute(f"select worker.{function}(0, 2, 0)".encode())
    assert applied(worker_db) == [OWN]
    assert waiting(worker_db, "inbox_0") == 0


def test_without_the_option_all_foreign_messages_are_set_aside(worker_db: Connection) -> None:
    set_realm(worker_db, "1.0.#", delete=False)
    put(worker_db, "inbox_1", ledger(OWN), ledger(SIBLING), ledger(STRANGER))
    assert Drain(worker_db, 8).run_once() == 1
    assert applied(worker_db) == [OWN]
    assert set_aside(worker_db) == [("inbox_1", "ST004", SIBLING), ("inbox_1", "ST004", STRANGER)]


def test_drain_checks_long_lanes_from_end_to_end(worker_db: Connection) -> None:
    set_realm(worker_db, "1.0.#", delete=False)
    put(worker_db, "inbox_1", *[ledger(OWN, debtor_id=n) for n in range(1, 8)], ledger(SIBLING))
    drain = Drain(worker_db, 8, limit=3)
    assert [drain.run_once() for _ in range(4)] == [3, 3, 1, 0]
    assert set_aside(worker_db) == [("inbox_1", "ST004", SIBLING)]


def test_lane_is_not_drained_before_it_was_checked(worker_db: Connection) -> None:
    set_realm(worker_db, "1.0.#", delete=False)
    put(worker_db, "inbox_1", ledger(SIBLING))
    drain = Drain(worker_db, 8)
    with connection_to(worker_db.info.dsn, autocommit=False) as other:
        other.execute("select worker.try_lock_lane(1)")
        assert drain.run_once() == 0
        assert waiting(worker_db, "inbox_1") == 1
    assert drain.run_once() == 0
    assert (applied(worker_db), waiting(worker_db, "inbox_1")) == ([], 0)


def test_unsplit_shard_has_no_foreign_messages(worker_db: Connection) -> None:
    set_realm(worker_db, "#", delete=True)
    put(worker_db, "inbox_0", ledger(OWN), ledger(SIBLING), ledger(STRANGER))
    worker_db.execute("select worker.drain_inbox(0, 10, 0)")
    assert applied(worker_db) == [SIBLING, STRANGER, OWN]
    assert set_aside(worker_db) == []


def test_poison_is_left_to_the_drain(worker_db: Connection) -> None:
    """A message without a usable key is nobody's: it is set aside for what it is."""
    set_realm(worker_db, "1.0.#", delete=True)
    put(worker_db, "inbox_0", ledger(2**63), {"type": "Nonsense"}, ledger(OWN), ledger(SIBLING))
    assert Drain(worker_db, 8).run_once() == 3
    rows = worker_db.execute("select sqlstate from worker.set_aside order by set_aside_id").fetchall()
    assert rows == [("22003",), ("ST001",)]
    assert applied(worker_db) == [OWN]


@pytest.mark.parametrize(("delete", "left"), [(True, [OWN, STRANGER]), (False, [OWN, SIBLING, STRANGER])])
def test_requests_to_the_solver(worker_db: Connection, delete: bool, left: list[int]) -> None:
    """The sibling makes its own request; a request repeated does no harm."""
    set_realm(worker_db, "1.0.#", delete=delete)
    put(worker_db, "solver_request", *[message("NeededCollector", debtor_id=key) for key in (OWN, SIBLING, STRANGER)])
    assert [request["debtor_id"] for request in solver_requests(worker_db)] == left


def test_requests_to_the_solver_are_sharded_by_their_receiver(worker_db: Connection) -> None:
    set_realm(worker_db, "1.0.#", delete=True)
    put(
        worker_db,
        "solver_request",
        message("ActivateCollector", creditor_id=OWN, debtor_id=SIBLING),
        message("ActivateCollector", creditor_id=SIBLING, debtor_id=OWN),
    )
    assert [request["creditor_id"] for request in solver_requests(worker_db)] == [OWN]

"""What was set aside can be replayed or discarded, and it stays known who decided so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.drain import Drain
from bridge.errors import POISON_CLASSES
from bridge.loopback import LoopbackBroker
from bridge.outbound import Outbound
from bridge.wire.sharding import Realm
from bridge.wire.topology import worker_topology
from tests.conftest import Connection
from tests.covering import covers
from tests.sql.delivery.queues import ledger, put, waiting
from tests.sql.messages import CUSTOMER, message

BAD = ledger(1, principal=2**63)


def ids(db: Connection) -> list[int]:
    return [row[0] for row in db.execute("select set_aside_id from worker.set_aside order by 1")]


def failures(db: Connection) -> list[int]:
    return [row[0] for row in db.execute("select failures from worker.set_aside order by set_aside_id")]


def call(db: Connection, function: str, *arguments: Any) -> int:
    places = ", ".join(["%s"] * len(arguments))
    row = db.execute(f"select worker.{function}({places})".encode(), arguments).fetchone()
    assert row is not None
    return int(row[0])


def lane_of(db: Connection, creditor_id: int) -> int:
    return call(db, "lane_of", call(db, "hash32", creditor_id))


@covers("G29")
def test_a_replayed_message_fails_again_and_the_failures_are_counted_on(worker_db: Connection) -> None:
    lane = lane_of(worker_db, CUSTOMER)
    put(worker_db, lane, BAD, ledger(1, debtor_id=7))
    drain = Drain(worker_db, 8)
    assert drain.run_once() == 2
    for expected in (2, 4, 6):
        assert failures(worker_db) == [expected]
        assert call(worker_db, "replay_set_aside", ids(worker_db), "Olga") == 1
        assert ids(worker_db) == []
        assert waiting(worker_db, lane) == 1
        assert drain.run_once() == 1
    rows = worker_db.execute(
        "select is_replay, decided_by, sqlstate, failures from worker.set_aside_decision order by failures"
    ).fetchall()
    assert rows == [(True, "Olga", "22003", 2), (True, "Olga", "22003", 4), (True, "Olga", "22003", 6)]


@covers("G29")
def test_a_replayed_message_is_applied_once_the_cause_is_gone(worker_db: Connection) -> None:
    lane = lane_of(worker_db, CUSTOMER)
    worker_db.execute("alter table worker.trading_policy add constraint broken check (debtor_id <> 666)")
    put(worker_db, lane, ledger(1))
    drain = Drain(worker_db, 8)
    drain.run_once()
    worker_db.execute("alter table worker.trading_policy drop constraint broken")
    worker_db.execute("update worker.set_aside set queue = 'inbox_' || %s", ((lane + 1) % 8,))
    assert call(worker_db, "replay_set_aside", ids(worker_db)) == 1
    assert waiting(worker_db, lane) == 1  # the lane is found by key
    drain.run_once()
    assert worker_db.execute("select debtor_id from worker.trading_policy").fetchall() == [(666,)]
    assert ids(worker_db) == []
    assert worker_db.execute("select decided_by = session_user from worker.set_aside_decision").fetchone() == (True,)


def test_what_has_no_key_goes_back_to_its_own_lane(worker_db: Connection) -> None:
    put(worker_db, 5, {"type": "Nonsense"}, {"type": "UpdatedFlags", "creditor_id": "x"})
    drain = Drain(worker_db, 8)
    drain.run_once()
    assert failures(worker_db) == [2, 2]
    assert call(worker_db, "replay_set_aside", ids(worker_db), "Olga") == 2
    assert waiting(worker_db, 5) == 2
    drain.run_once()
    assert failures(worker_db) == [4, 4]


def test_a_message_of_another_shard_is_not_replayed(worker_db: Connection) -> None:
    put(worker_db, 0, BAD)
    Drain(worker_db, 8).run_once()
    word = 0 if call(worker_db, "hash32", CUSTOMER) < 0 else -(2**31)
    settings = {"binding_key": "0.#", "realm_mask": -(2**31), "realm": word}
    worker_db.execute("select worker.set_configuration(%s)", (json.dumps(settings),))
    assert call(worker_db, "replay_set_aside", ids(worker_db), "Olga") == 0
    assert failures(worker_db) == [2]


def test_discarded_messages_are_gone_but_known(worker_db: Connection) -> None:
    put(worker_db, 0, BAD, ledger(1, principal=2**63, debtor_id=5))
    Drain(worker_db, 8).run_once()
    first, second = ids(worker_db)
    assert call(worker_db, "discard_set_aside", [first, 999], "Olga") == 1
    assert call(worker_db, "discard_set_aside", [first], "Olga") == 0
    assert ids(worker_db) == [second]
    rows = worker_db.execute("select is_replay, decided_by, body, queue from worker.set_aside_decision").fetchall()
    assert rows == [(False, "Olga", BAD, "inbox_0")]
    # A discarded message that comes again is a new one.
    put(worker_db, 0, BAD)
    Drain(worker_db, 8).run_once()
    assert failures(worker_db) == [2, 2]


OUTGOING: dict[str, dict[str, Any]] = {
    "StartSending": message("StartSending", debtor_id=0),
    "FinalizeTransfer": {
        "type": "FinalizeTransfer",
        "creditor_id": 1,
        "debtor_id": 2,
        "transfer_id": 3,
        "coordinator_type": "agent",
        "coordinator_id": 1,
        "coordinator_request_id": 5,
        "committed_amount": 8,
        "transfer_note_format": "too long a format",
        "transfer_note": "note",
        "ts": "2026-03-01T02:00:00+00:00",
    },
    "PrepareTransfer": {
        "type": "PrepareTransfer",
        "creditor_id": 1,
        "debtor_id": 2,
        "coordinator_type": "agent",
        "coordinator_id": 1,
        "coordinator_request_id": 5,
        "min_locked_amount": 0,
        "max_locked_amount": 9,
        "recipient": "кто-то",
        "final_interest_rate_ts": "9999-12-31T23:59:59+00:00",
        "max_commit_delay": 8,
        "ts": "2026-03-01T02:00:00+00:00",
    },
}


@pytest.mark.parametrize("type_name", sorted(OUTGOING))
def test_outgoing_messages_are_replayed_too(worker_db: Connection, type_name: str) -> None:
    broker = LoopbackBroker()
    broker.declare(worker_topology("q", "#"))
    outbound = Outbound(worker_db, broker.target(), Realm.parse("#"))
    worker_db.execute(
        "select worker.requeue_outgoing(%s, array[%s::jsonb])", (type_name, json.dumps(OUTGOING[type_name]))
    )
    for expected in (1, 2, 3):
        assert outbound.run_once() == 1
        assert failures(worker_db) == [expected]
        assert call(worker_db, "replay_set_aside", ids(worker_db), "Olga") == 1


def test_bridge_and_database_agree_about_the_message_s_own_errors(worker_db: Connection) -> None:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    classes = [first + second for first in digits for second in digits]
    rows = worker_db.execute(
        "select c from unnest(%s::text[]) as c where worker.is_data_error(c || '000')", (classes,)
    ).fetchall()
    assert {row[0] for row in rows} == POISON_CLASSES

"""Bad messages among good ones: the good ones are applied, the bad ones set aside, and nothing stops or is repeated."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from bridge.drain import Drain
from bridge.inbound import Inbound
from bridge.loopback import LoopbackBroker
from bridge.messages.catalogue import SHARDING_FIELDS
from bridge.messages.names import CONSUMED_TYPES
from bridge.wire.ports import Publication
from bridge.wire.sharding import Realm, binary_routing_key
from bridge.wire.topology import worker_topology
from tests.conftest import Connection
from tests.covering import covers
from tests.sql.locks.rows import add_lock
from tests.sql.messages import COLLECTOR, CUSTOMER, message
from tests.sql.transfers.rows import (
    BUYER,
    DEBTOR,
    INITIATED,
    MAX64,
    NOW,
    SETTLED,
    TURN,
    add_account,
    add_attempt,
    add_status,
    add_turn,
    insert,
    set_clock,
)

LANES = 8
BATCH = 40
FLAGS = message("UpdatedFlags")
UPDATES = ("UpdatedFlags", "UpdatedLedger", "UpdatedPolicy")


def raw(type_name: str, **replaced: str) -> bytes:
    """A good message, but with these fields' values written as given."""
    fields = message(type_name)
    parts = [f"{json.dumps(name)}:{replaced.get(name, json.dumps(value))}" for name, value in fields.items()]
    parts += [f'"{name}":{text}' for name, text in replaced.items() if name not in fields]
    return ("{" + ",".join(parts) + "}").encode("utf-8", "surrogatepass")


TRANSFER_REPLIES = ("RejectedTransfer", "PreparedTransfer", "FinalizedTransfer")

# What rule 3 or 4 of the protocol refuses: type and body, by name.
GARBAGE: dict[str, tuple[str, bytes]] = {
    "empty": ("UpdatedFlags", b""),
    "not_json": ("UpdatedFlags", b"{"),
    "not_utf8": ("UpdatedFlags", raw("UpdatedFlags")[:-1] + b',"x":"\xff"}'),
    "array": ("UpdatedFlags", b"[1]"),
    "number": ("UpdatedFlags", b"7"),
    "null": ("UpdatedFlags", b"null"),
    "field_missing": ("UpdatedFlags", b'{"type":"UpdatedFlags"}'),
    "other_type": ("UpdatedFlags", raw("UpdatedLedger")),
    "m5_deep_lists": ("UpdatedFlags", b"[" * 200_000),
    "m5_deep_objects": ("UpdatedFlags", raw("UpdatedFlags", x='{"a":' * 100_000 + "1" + "}" * 100_000)),
    "m5_deep_known_field": ("UpdatedLedger", raw("UpdatedLedger", account_id="[" * 100_000 + "]" * 100_000)),
    "m5_huge_integer": ("UpdatedLedger", raw("UpdatedLedger", principal="9" * 5000)),
    "m5_huge_exponent": ("UpdatedLedger", raw("UpdatedLedger", principal="1e999999999")),
    "m5_lone_surrogate": ("UpdatedLedger", raw("UpdatedLedger", account_id='"\\ud800"')),
    "m5_raw_surrogate": ("UpdatedLedger", raw("UpdatedLedger", account_id='"\ud800"')),
    "m6_nul": ("UpdatedLedger", raw("UpdatedLedger", account_id='"a\\u0000"')),
    "m6_raw_nul": ("UpdatedPolicy", raw("UpdatedPolicy", policy_name='"a\0"')),
    "m6_nul_unlimited": ("UpdatedPolicy", raw("UpdatedPolicy", policy_name='"\\u0000"')),
    "m10_before_year_1": ("UpdatedFlags", raw("UpdatedFlags", ts='"0001-01-01T00:00:00+05:00"')),
    "m10_after_year_9999": ("UpdatedFlags", raw("UpdatedFlags", ts='"9999-12-31T23:59:59-05:00"')),
    "m10_no_such_day": ("AccountPurge", raw("AccountPurge", creation_date='"2026-02-30"')),
    "m10_year_0": ("AccountPurge", raw("AccountPurge", creation_date='"0000-01-01"')),
    "m12_fraction": ("UpdatedLedger", raw("UpdatedLedger", principal="7.9")),
    "m12_numeric_string": ("UpdatedLedger", raw("UpdatedLedger", principal='"7"')),
    "m12_boolean": ("DiscoverDebtor", raw("DiscoverDebtor", force_locator_refetch="1")),
    "m12_nan": ("AccountUpdate", raw("AccountUpdate", interest="NaN")),
    "m12_infinity": ("AccountUpdate", raw("AccountUpdate", interest="1e999")),
    "int64_overflow": ("UpdatedLedger", raw("UpdatedLedger", principal=str(2**63))),
    "int32_overflow": ("UpdatedFlags", raw("UpdatedFlags", config_flags=str(2**31))),
    "int16_overflow": ("FetchDebtorInfo", raw("FetchDebtorInfo", recursion_level="32768")),
    "rate_below_100": ("AccountUpdate", raw("AccountUpdate", interest_rate="-100.1")),
    "m15_not_ascii": ("UpdatedLedger", raw("UpdatedLedger", account_id='"é"')),
    "m16_debtor_0": ("StartSending", raw("StartSending", debtor_id="0")),
    "m17_no_iri": ("DiscoverDebtor", raw("DiscoverDebtor", iri='""')),
    "m30_other_notice": ("TriggerTransfer", raw("TriggerTransfer", unpaid='"dispatching"')),
    "not_consumed": ("ConfigureAccount", b"{}"),
    "unknown_type": ("Nonsense", b'{"type":"Nonsense"}'),
    **{f"m14_{name}": (name, raw(name, coordinator_type='"direct"')) for name in TRANSFER_REPLIES},
}


class Service:
    """A shard's queue, bridge and lanes, without threads."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.broker = LoopbackBroker()
        self.broker.declare(worker_topology("q", "#"))
        self.source = self.broker.source("q")
        self.inbound = Inbound(self.source, connection, Realm.parse("#"), LANES, BATCH)
        self.drain = Drain(connection, LANES)

    def send(self, type_name: str, body: bytes, key: int | str = 1, content_type: str = "application/json") -> None:
        item = Publication("to_trade", binary_routing_key(key), type_name, body, content_type=content_type)
        assert self.broker.target().publish([item]) == []

    def send_good(self, fields: dict[str, Any]) -> None:
        self.send(fields["type"], json.dumps(fields).encode(), fields[SHARDING_FIELDS[fields["type"]]])

    def work(self) -> int:
        """Works until nothing is left; returns how many messages the bridge took."""
        total = 0
        while count := self.inbound.run_once(0.0):
            total += count
            self.drain.run_once()
        while self.drain.run_once():
            pass
        return total

    def count(self, query: str) -> int:
        row = self.connection.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])

    def set_aside(self) -> list[tuple[str, str, int]]:
        query = "select message_type, sqlstate, failures from worker.set_aside order by message_type"
        return self.connection.execute(query.encode()).fetchall()

    def waiting(self) -> int:
        lanes = " union all ".join(f"select * from pgmq.q_inbox_{lane}" for lane in range(LANES))
        return self.count(f"select count(*) from ({lanes}) as q")


@pytest.fixture
def service(worker_db: Connection) -> Service:
    return Service(worker_db)


def test_garbage_goes_to_the_dead_letters_and_nowhere_else(service: Service) -> None:
    wrong = []
    for number, (name, (type_name, body)) in enumerate(GARBAGE.items(), 1):
        service.send_good(message("UpdatedFlags", debtor_id=number))
        service.send(type_name, body)
        worked = service.work()
        policies = service.count("select count(*) from worker.trading_policy")
        if (worked, service.broker.depth("q.XQ"), service.waiting(), policies) != (2, number, 0, number):
            wrong.append(name)
    assert wrong == []
    assert (service.broker.depth("q"), service.source._unsettled) == (0, {})


@pytest.mark.parametrize("content_type", ["", "application/json; charset=utf-8", "text/plain"])
def test_other_content_types_go_to_the_dead_letters(service: Service, content_type: str) -> None:
    service.send("UpdatedFlags", json.dumps(FLAGS).encode(), CUSTOMER, content_type)
    assert service.work() == 1
    assert (service.broker.depth("q.XQ"), service.waiting()) == (1, 0)


@dataclass(frozen=True)
class Good:
    """A message, and a query that says whether it was applied."""

    message: dict[str, Any]
    effect: str


ATTEMPT = {"collector_id": COLLECTOR, "turn_id": TURN, "creditor_id": BUYER, "is_dispatching": True}
STATUS = {"collector_id": COLLECTOR, "turn_id": TURN}
REPLY = {"creditor_id": COLLECTOR, "coordinator_id": COLLECTOR}
SALE = {"creditor_id": CUSTOMER, "acquired_amount": -500}
NOTE = f"Trading session: {TURN}\nBuyer: {COLLECTOR:x}\nSeller: {CUSTOMER:x}\n"


def attempts(debtor_id: int, condition: str) -> str:
    return f"select count(*) = 1 from worker.transfer_attempt where debtor_id = {debtor_id} and {condition}"


def gone(table: str, debtor_id: int) -> str:
    return f"select count(*) = 0 from worker.{table} where debtor_id = {debtor_id}"


# One of each of the 23 types, each about a currency of its own.
GOOD = (
    Good(message("RejectedConfig", debtor_id=20), "select sum(rejections) = 1 from worker.needed_worker_account"),
    Good(
        message("AccountUpdate", debtor_id=21, ts=NOW.isoformat()),
        "select count(*) = 1 from worker.worker_account where debtor_id = 21",
    ),
    Good(message("AccountPurge", debtor_id=DEBTOR), gone("worker_account", DEBTOR)),
    Good(
        message("AccountTransfer", debtor_id=23, transfer_note=NOTE, **SALE),
        "select count(*) = 1 from worker.account_lock where debtor_id = 23 and released_at is not null",
    ),
    Good(
        message("RejectedTransfer", debtor_id=24, coordinator_request_id=24, **REPLY), attempts(24, "failure_code = 1")
    ),
    Good(
        message("PreparedTransfer", debtor_id=25, coordinator_request_id=25, **REPLY), attempts(25, "transfer_id = 905")
    ),
    Good(
        message("FinalizedTransfer", debtor_id=26, coordinator_request_id=26, committed_amount=500, **REPLY),
        gone("transfer_attempt", 26),
    ),
    Good(
        message("UpdatedLedger", debtor_id=27, principal=-(2**63)),
        "select min(principal) = -9223372036854775808 from worker.trading_policy",
    ),
    Good(
        message("UpdatedPolicy", debtor_id=28, min_principal=MAX64, max_principal=MAX64),
        "select count(*) = 1 from worker.trading_policy where min_principal = max_principal",
    ),
    Good(
        message("UpdatedFlags", debtor_id=29, config_flags=-(2**31)),
        "select min(config_flags) = -2147483648 from worker.trading_policy",
    ),
    Good(message("FetchDebtorInfo", debtor_id=30), "select count(*) = 1 from worker.debtor_info_fetch"),
    Good(message("StoreDocument", debtor_id=31), "select count(*) = 1 from worker.debtor_info_document"),
    Good(
        message("DiscoverDebtor", debtor_id=32),
        "select count(*) = 1 from worker.debtor_locator_claim where debtor_id = 32",
    ),
    Good(
        message("ConfirmDebtor", debtor_id=33, ts=NOW.isoformat()),
        "select count(*) = 1 from worker.debtor_locator_claim where debtor_id = 33",
    ),
    Good(message("ActivateCollector", debtor_id=34), "select count(*) = 2 from pgmq.q_solver_request"),
    Good(
        message("CandidateOffer", debtor_id=35, turn_id=8),
        "select count(*) = 1 from worker.account_lock where debtor_id = 35",
    ),
    Good(message("NeededCollector", debtor_id=36), "select count(*) = 1 from worker.recently_needed_collector"),
    Good(message("ReviseAccountLock", debtor_id=37, turn_id=TURN), gone("account_lock", 37)),
    Good(message("TriggerTransfer", **{**ATTEMPT, "debtor_id": 38}), attempts(38, "backoff_counter > 0")),
    Good(message("AccountIdRequest", debtor_id=39), "select count(*) = 1 from pgmq.q_out_account_id_response"),
    Good(message("AccountIdResponse", **{**ATTEMPT, "debtor_id": 40}), attempts(40, "recipient = 'customer-account'")),
    Good(
        message("StartSending", **STATUS, debtor_id=41),
        "select bool_and(started_sending) from worker.dispatching_status where debtor_id = 41",
    ),
    Good(
        message("StartDispatching", **STATUS, debtor_id=42),
        "select bool_and(started_dispatching) from worker.dispatching_status where debtor_id = 42",
    ),
)


def prepare(db: Connection) -> None:
    """What the good messages are about."""
    # What follows from a message shall wait in the outbox.
    db.execute("update worker.configuration set local_delivery = false")
    set_clock(db, NOW)
    add_turn(db)
    add_turn(db, 8, 2, 5)
    for debtor_id in (20, 21):
        insert(db, "needed_worker_account", creditor_id=COLLECTOR, debtor_id=debtor_id, configured_at=NOW)
    add_account(db)
    insert(db, "active_collector", debtor_id=35, collector_id=COLLECTOR, account_id="a")
    for debtor_id, state in ((23, "settled"), (37, "prepared")):
        lock = {"turn_id": TURN, "coordinator_request_id": debtor_id, "debtor_id": debtor_id}
        add_lock(db, state, -500, creditor_id=CUSTOMER, collector_id=COLLECTOR, **lock)
    for debtor_id, state in ((24, INITIATED), (25, INITIATED), (26, SETTLED), (38, {}), (40, {})):
        known = {**state, "coordinator_request_id": debtor_id} if state else {}
        add_attempt(db, debtor_id=debtor_id, **known)
    add_status(db, 0, 0, 0, 0, debtor_id=41, awaiting_signal_flag=True)
    done = {"started_sending": True, "total_collected_amount": 0, "all_sent": True}
    add_status(db, 0, 0, 0, 0, debtor_id=42, awaiting_signal_flag=True, **done)
    db.execute("select setval('worker.coordinator_request_id_seq', 1000)")
    # A legal message never breaks a handler; this stands for a fault of ours.
    db.execute("alter table worker.trading_policy add constraint fault check (debtor_id <> 13)")


def applied(service: Service) -> dict[str, bool]:
    rows = {good.message["type"]: service.connection.execute(good.effect.encode()).fetchone() for good in GOOD}
    return {name: bool(row and row[0]) for name, row in rows.items()}


@covers("G29")
@pytest.mark.parametrize("seed", [1, 2])
def test_bad_messages_stop_no_good_ones(worker_db: Connection, seed: int) -> None:
    assert {good.message["type"] for good in GOOD} == CONSUMED_TYPES
    service = Service(worker_db)
    prepare(worker_db)
    assert not any(applied(service).values())
    posts: list[Callable[[], None]] = [partial(service.send_good, good.message) for good in GOOD]
    posts += [partial(service.send, *garbage) for garbage in GARBAGE.values()]
    broken = [message(name, debtor_id=13, creditor_id=CUSTOMER + n) for n in range(9) for name in UPDATES]
    posts += [partial(service.send_good, fields) for fields in broken]
    random.Random(seed).shuffle(posts)
    for post in posts:
        post()
    assert service.work() == len(posts)

    assert [name for name, is_applied in applied(service).items() if not is_applied] == []
    assert service.broker.depth("q.XQ") == len(GARBAGE)
    assert service.set_aside() == sorted((fields["type"], "23514", 2) for fields in broken)
    bodies = worker_db.execute("select body - 'ts' from worker.set_aside").fetchall()
    assert sorted(row[0]["creditor_id"] for row in bodies) == sorted(fields["creditor_id"] for fields in broken)
    assert (service.waiting(), service.broker.depth("q"), service.source._unsettled) == (0, 0, {})

    # Nothing comes back, and what comes later is worked as ever.
    assert (service.work(), service.drain.run_once()) == (0, 0)
    service.send_good(message("UpdatedFlags", debtor_id=99))
    assert service.work() == 1
    assert service.count("select count(*) from worker.trading_policy where debtor_id = 99") == 1
    assert len(service.set_aside()) == len(broken)


@covers("G29")
def test_replayed_messages_are_applied_after_the_repair(worker_db: Connection) -> None:
    service = Service(worker_db)
    prepare(worker_db)
    for name in UPDATES:
        service.send_good(message(name, debtor_id=13))
    service.work()
    assert len(service.set_aside()) == 3
    worker_db.execute("alter table worker.trading_policy drop constraint fault")
    assert service.count("select worker.replay_set_aside(array_agg(set_aside_id), 'Olga') from worker.set_aside") == 3
    service.work()
    assert service.set_aside() == []
    assert service.count("select count(*) from worker.trading_policy where debtor_id = 13") == 1

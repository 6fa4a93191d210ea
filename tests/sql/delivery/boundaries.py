"""Legal messages at the edges of what the wire allows, and a shard full of rows at the edges of what tables allow."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, Literal

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from msgspec import inspect

from bridge.messages.catalogue import STRUCTS
from tests.conftest import Connection
from tests.sql.transfers.rows import MAX64, MIN64, insert

NOW = datetime.fromisoformat("2026-03-20T12:00:00+00:00")
FIRST_MOMENT = "0001-01-01T00:00:00Z"
LAST_MOMENT = "9999-12-31T23:59:59.999999Z"
COLLECTOR, OTHER_COLLECTOR, CUSTOMER = 0x10000000000, 0x10000000001, 0x10100000001
TURN = 7
MAX32, MIN32 = 2**31 - 1, -(2**31)

MOMENTS = [FIRST_MOMENT, "1970-01-01T00:00:00Z", "2026-03-13T12:00:00Z", "2026-03-20T12:00:00Z", LAST_MOMENT]
DATES = ["0001-01-01", "1970-01-01", "2026-03-01", "9999-12-31"]
FLOATS = [-1.7976931348623157e308, -3.4028236e38, -100.0, -99.99999999, -50.0, -1e-45, -5e-324, -0.0, 0.0]
FLOATS += [5e-324, 2.2250738585072014e-308, 1e-45, 1.1754943508222875e-38, 1.5, 1e30, 3.4028236e38]
FLOATS += [1.7976931348623157e308]
IDS = [MIN64, -1, 0, 1, 666, COLLECTOR, CUSTOMER, MAX64]

LOCK_STATES = ("initiated", "prepared", "revised", "settled", "released")
LOCK_AMOUNTS = (-MAX64, MAX64, -1, 1, 0)
ATTEMPT_STATES = ("unknown", "ready", "initiated", "settled", "waiting", "unreachable")


def lock_keys() -> list[dict[str, int]]:
    """Debtor and request ID of each account lock of the shard."""
    cases = [(state, amount) for state in LOCK_STATES for amount in LOCK_AMOUNTS]
    return [{"debtor_id": 100 + n, "coordinator_request_id": 100 + n} for n in range(len(cases))]


def attempt_keys() -> list[dict[str, Any]]:
    """Debtor, request ID, recipient and direction of each transfer attempt of the shard."""
    return [
        {
            "debtor_id": 300 + n,
            "coordinator_request_id": 300 + n,
            "creditor_id": CUSTOMER if n % 2 else OTHER_COLLECTOR,
            "is_dispatching": bool(n % 2),
        }
        for n in range(4 * len(ATTEMPT_STATES))
    ]


def fill(db: Connection) -> None:
    """Rows for every handler to meet, with amounts, rates and moments as extreme as they can be."""
    db.execute("select set_config('swpt.now', %s, false)", (NOW.isoformat(),))
    db.execute("set time zone 'Pacific/Kiritimati'")  # the last moment of the wire is in the year 10000 here
    db.execute("select setval('worker.coordinator_request_id_seq', 1000000)")
    turn = {
        "started_at": NOW - timedelta(hours=1),
        "base_debtor_info_locator": "https://example.com/101",
        "base_debtor_id": 101,
        "max_distance_to_base": 10,
        "min_trade_amount": MAX64,
        "collection_deadline": NOW + timedelta(days=30),
    }
    insert(db, "worker_turn", turn_id=TURN, phase=2, phase_deadline=NOW, worker_turn_subphase=5, **turn)
    insert(db, "worker_turn", turn_id=MIN32, phase=3, collection_started_at=NOW, worker_turn_subphase=0, **turn)
    cases = [(state, amount) for state in LOCK_STATES for amount in LOCK_AMOUNTS]
    for key, (state, amount) in zip(lock_keys(), cases, strict=True):
        _add_lock(db, key, state, amount)
        insert(db, "active_collector", debtor_id=key["debtor_id"], collector_id=COLLECTOR, account_id="a" * 100)
    for key in attempt_keys():
        _add_attempt(db, key)
    for debtor_id in (MIN64, 0, 666, MAX64):
        _add_account(db, debtor_id)


def _add_lock(db: Connection, key: dict[str, int], state: str, amount: int) -> None:
    known: dict[str, Any] = {} if state == "initiated" else {"transfer_id": 5}
    if state not in ("initiated", "prepared"):
        known["has_been_revised"] = True
    if state in ("settled", "released"):
        known["finalized_at"] = NOW
    if state == "released":
        known |= {"released_at": NOW, "account_creation_date": "0001-01-01", "account_last_transfer_number": MAX64}
    insert(
        db,
        "account_lock",
        creditor_id=CUSTOMER,
        turn_id=TURN,
        collector_id=COLLECTOR,
        initiated_at=NOW,
        amount=amount,
        collection_deadline=NOW + timedelta(days=30),
        **key,
        **known,
    )
    if amount not in (0, 1):
        verdict = MIN64 if amount < 0 else MAX64
        row = {"creditor_id": CUSTOMER, "turn_id": TURN, "collector_id": COLLECTOR, "amount": verdict}
        insert(db, "creditor_participation", debtor_id=key["debtor_id"], **row)


def _add_attempt(db: Connection, key: dict[str, Any]) -> None:
    state = ATTEMPT_STATES[(key["debtor_id"] - 300) // 4]
    tried = {
        "recipient": "b" * 100,
        "attempted_at": NOW - timedelta(days=400),
        "coordinator_request_id": key["coordinator_request_id"],
        "final_interest_rate_ts": NOW,
        "amount": MAX64,
    }
    known: dict[str, dict[str, Any]] = {
        "unknown": {},
        "ready": {"recipient": "b"},
        "initiated": tried,
        "settled": {**tried, "transfer_id": 5, "finalized_at": NOW},
        "waiting": {**tried, "failure_code": 2, "rescheduled_for": NOW},
        "unreachable": {**tried, "failure_code": 3, "rescheduled_for": NOW},
    }
    attempt = {
        "collector_id": COLLECTOR,
        "turn_id": MIN32,
        "debtor_id": key["debtor_id"],
        "creditor_id": key["creditor_id"],
        "is_dispatching": key["is_dispatching"],
    }
    insert(
        db,
        "transfer_attempt",
        nominal_amount=1e300 if key["is_dispatching"] else 1.0,
        collection_started_at=NOW - timedelta(days=100_000 if key["debtor_id"] & 2 else 1),
        inserted_at=NOW,
        backoff_counter=32767,
        **attempt,
        **known[state],
    )
    _add_account(db, key["debtor_id"])
    status = {name: attempt[name] for name in ("collector_id", "turn_id", "debtor_id")}
    amounts = ("amount_to_collect", "amount_to_send", "amount_to_receive", "amount_to_dispatch")
    insert(
        db,
        "dispatching_status",
        inserted_at=NOW,
        number_to_receive=2,
        **status,
        **dict.fromkeys(amounts, MAX64),
        awaiting_signal_flag=state == "ready",
    )
    for other_id, amount in ((CUSTOMER, MAX64), (MIN64, MAX64), (MAX64, 1)):
        collecting = {**status, "creditor_id": other_id, "amount": amount, "collected": amount == 1}
        insert(db, "worker_collecting", purge_after=NOW, **collecting)
    debtor_id, turn_id = key["debtor_id"], MIN32
    row = {"debtor_id": debtor_id, "turn_id": turn_id, "purge_after": NOW}
    for other_id in (OTHER_COLLECTOR, MIN64):
        insert(db, "worker_sending", from_collector_id=COLLECTOR, to_collector_id=other_id, amount=MAX64, **row)
        receiving = {"to_collector_id": COLLECTOR, "from_collector_id": other_id, "expected_amount": MAX64}
        insert(db, "worker_receiving", **receiving, **row)
        insert(db, "worker_dispatching", collector_id=COLLECTOR, creditor_id=other_id, amount=MAX64, **row)


def _add_account(db: Connection, debtor_id: int) -> None:
    insert(db, "needed_worker_account", creditor_id=COLLECTOR, debtor_id=debtor_id, configured_at=NOW)
    for moment in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        change = {"change_ts": moment, "interest_rate": -100 if debtor_id & 2 else 3.4e38}
        insert(db, "interest_rate_change", creditor_id=COLLECTOR, debtor_id=debtor_id, **change)
    insert(
        db,
        "worker_account",
        creditor_id=COLLECTOR,
        debtor_id=debtor_id,
        creation_date="2026-03-01",
        last_change_ts=NOW,
        last_change_seqnum=MIN32,
        principal=MIN64,
        interest=-1e308,
        interest_rate=0.0,
        last_interest_rate_change_ts=NOW,
        last_config_ts=NOW,
        config_flags=0,
        negligible_amount=0.0,
        account_id="c",
        last_transfer_number=MAX64,
        last_transfer_committed_at=NOW,
        demurrage_rate=0.0,
        commit_period=MAX32,
        transfer_note_max_bytes=500,
        last_heartbeat_ts=NOW,
    )


def _numbers(kind: inspect.IntType | inspect.FloatType, name: str) -> SearchStrategy[Any]:
    low = kind.ge if kind.ge is not None else float("-inf")
    high = kind.le if kind.le is not None else float("inf")
    if isinstance(kind, inspect.FloatType):
        return st.sampled_from([value for value in FLOATS if low <= value <= high])
    if name == "turn_id":
        return st.sampled_from([MIN32, -1, 0, TURN, MAX32])
    candidates = IDS if name.endswith("_id") else []
    candidates = [*candidates, int(low), int(low) + 1, -1, 0, 1, 5, int(high) - 1, int(high)]
    return st.sampled_from(sorted({value for value in candidates if low <= value <= high}))


def _texts(kind: inspect.StrType, is_ascii: bool, name: str) -> SearchStrategy[str]:
    if name == "transfer_note":
        return st.sampled_from(_notes())
    if name == "transfer_note_format":
        return st.sampled_from(["-cXchge", "", "........"])
    if name == "debtor_info_sha256":
        return st.sampled_from(["", "0" * 64])
    if name == "status_code":
        codes = ["OK", "TIMEOUT", "NEWER_INTEREST_RATE", "RECIPIENT_IS_UNREACHABLE", "INSUFFICIENT_AVAILABLE_AMOUNT"]
        return st.sampled_from([*codes, "RECIPIENT_SAME_AS_SENDER", "", "%s" * 15, "\x01\t\n"])
    longest = kind.max_length if kind.max_length is not None else 1000
    odd = ["", "https://example.com/iri", "\\N\\.", "%s%I", "'\"{}", "\x01\x7f\t\r\n", "x" * longest]
    if not is_ascii:
        odd += ["\U0010ffff" * longest, "\ufffe\u2028\u0301", "é" * (longest // 2)]
    return st.sampled_from([text for text in odd if (kind.min_length or 0) <= len(text) <= longest])


def _notes() -> list[str]:
    ids = {"collector": 0x10000000000, "other": 0x10000000001, "customer": CUSTOMER}
    labels = (("Buyer", "Seller"), ("From", "To"), ("Seller", "Buyer"))
    notes = []
    for turn in (TURN, 2**31, 2**32 - 1, 0):
        for one, two in labels:
            pairs = [("collector", "customer"), ("other", "collector"), ("collector", "other")]
            hexes = [(f"{ids[a]:x}", f"{ids[b]:x}") for a, b in pairs] + [("f" * 16, "8" + "0" * 15)]
            notes += [f"Trading session: {turn}\n{one}: {a}\n{two}: {b}\n" for a, b in hexes]
    overlong = "Trading session: 4294967296\nBuyer: 1\nSeller: 2\n"
    return [*notes, overlong, "Trading session: 1\nBuyer: " + "f" * 17 + "\nSeller: 2", "", "x" * 500, "é" * 250]


def _field(item: inspect.Field) -> SearchStrategy[Any]:
    kinds = item.type.types if isinstance(item.type, inspect.UnionType) else (item.type,)
    choices: list[SearchStrategy[Any]] = []
    for kind in kinds:
        is_ascii = False
        if isinstance(kind, inspect.Metadata):
            is_ascii, kind = bool((kind.extra or {}).get("ascii")), kind.type
        if isinstance(kind, inspect.NoneType):
            choices.append(st.none())
        elif isinstance(kind, inspect.BoolType):
            choices.append(st.booleans())
        elif isinstance(kind, inspect.LiteralType):
            choices.append(st.sampled_from(kind.values))
        elif isinstance(kind, inspect.DateTimeType):
            choices.append(st.sampled_from(MOMENTS))
        elif isinstance(kind, inspect.DateType):
            choices.append(st.sampled_from(DATES))
        elif isinstance(kind, inspect.StrType):
            choices.append(_texts(kind, is_ascii, item.name))
        elif isinstance(kind, inspect.IntType | inspect.FloatType):
            choices.append(_numbers(kind, item.name))
    return st.one_of(choices)


def bodies(type_name: str) -> SearchStrategy[bytes]:
    """Bodies of one type; nearly all are legal. Half of them are about a row of the shard."""
    info = inspect.type_info(STRUCTS[type_name])
    assert isinstance(info, inspect.StructType)
    fields = {item.name: _field(item) for item in info.fields if item.name != "unpaid"}
    fields["coordinator_type"] = st.just("agent")
    random = st.fixed_dictionaries(fields)
    aimed: list[dict[str, Any]] = [{}]
    lock = {"creditor_id": CUSTOMER, "coordinator_id": CUSTOMER, "turn_id": TURN}
    aimed += [{**lock, **key, "transfer_id": 5} for key in lock_keys()]
    attempt = {"collector_id": COLLECTOR, "coordinator_id": COLLECTOR, "turn_id": MIN32, "transfer_id": 5}
    for key in attempt_keys():
        creditor_id = key["creditor_id"] if "collector_id" in fields else COLLECTOR
        aimed.append({**attempt, **key, "creditor_id": creditor_id})
    unpaid = st.sampled_from(["collecting", "sending"]) if type_name == "TriggerTransfer" else st.none()
    return st.builds(_body, random, st.sampled_from(aimed), unpaid | st.none())


def _body(fields: dict[str, Any], aim: dict[str, Any], unpaid: Literal["collecting", "sending"] | None) -> bytes:
    message = {**fields, **{name: value for name, value in aim.items() if name in fields}}
    if unpaid is not None:
        message["unpaid"] = unpaid
    # Whatever two fields have to agree on.
    if message.get("peg_debtor_id", 0) is None or message.get("peg_exchange_rate", 0) is None:
        message |= {"peg_debtor_id": None, "peg_exchange_rate": None}
    if message.get("peg_debtor_info_locator", 0) is None or message.get("peg_debtor_id", 0) is None:
        pegs = ("peg_debtor_info_locator", "peg_debtor_id", "peg_exchange_rate")
        message |= {name: None for name in pegs if name in message}
    if message.get("status_code") != "OK" and "committed_amount" in message:
        message["committed_amount"] = 0
    if "min_principal" in message:
        low, high = sorted((message["min_principal"], message["max_principal"]))
        message |= {"min_principal": low, "max_principal": high}
    return json.dumps(message).encode()

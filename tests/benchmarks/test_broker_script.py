"""A stand-in says what a shard has said, each message when what caused it has come."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from benchmarks.broker_script import make_script
from benchmarks.broker_stub import Player
from bridge.wire.ports import Delivery
from bridge.wire.sharding import Realm
from sandbox.protocol.identity import DEFAULT_MIN_COLLECTOR_ID as COLLECTOR

EVERYTHING = Realm.parse("#")
DEBTOR, SELLER, BUYER = 666, COLLECTOR + 5000, COLLECTOR + 5001
TS = "2026-03-01T02:00:00+00:00"


def prepare(payer: int, payee: int, number: int) -> bytes:
    return json.dumps(
        {
            "type": "PrepareTransfer",
            "debtor_id": DEBTOR,
            "creditor_id": payer,
            "coordinator_type": "agent",
            "coordinator_id": payer,
            "coordinator_request_id": number,
            "min_locked_amount": 1,
            "max_locked_amount": 10,
            "recipient": str(payee),
            "final_interest_rate_ts": TS,
            "max_commit_delay": 30,
            "ts": TS,
        }
    ).encode()


def finalize(payer: int, number: int, amount: int) -> bytes:
    return json.dumps(
        {
            "type": "FinalizeTransfer",
            "debtor_id": DEBTOR,
            "creditor_id": payer,
            "transfer_id": 77,
            "coordinator_type": "agent",
            "coordinator_id": payer,
            "coordinator_request_id": number,
            "committed_amount": amount,
            "transfer_note_format": "-cXf",
            "transfer_note": "note" if amount else "",
            "ts": TS,
        }
    ).encode()


RECORD = [
    prepare(SELLER, COLLECTOR, 1),
    prepare(BUYER, COLLECTOR, 2),
    finalize(BUYER, 2, 0),
    finalize(SELLER, 1, 10),
    prepare(COLLECTOR, BUYER, 3),
    finalize(COLLECTOR, 3, 9),
]


def delivery(type_name: str, **fields: int) -> Delivery:
    body = json.dumps({"type": type_name, "debtor_id": DEBTOR, **fields}).encode()
    return Delivery(1, "to_trade", "", type_name, "application/json", {}, body)


def prepared(payer: int, number: int, transfer_id: int) -> Delivery:
    return delivery(
        "PreparedTransfer",
        creditor_id=payer,
        coordinator_id=payer,
        coordinator_request_id=number,
        transfer_id=transfer_id,
    )


def test_a_stand_in_waits_for_causes_and_for_nothing_else() -> None:
    player = Player(make_script(RECORD, EVERYTHING, {}))
    assert [message.type for message in player.begin()] == ["PrepareTransfer"] * 2
    # No verdict before everybody has answered.
    assert player.hear([prepared(SELLER, 1, 501)]) == []
    said = [json.loads(message.body) for message in player.hear([prepared(BUYER, 2, 502)])]
    assert [(message["transfer_id"], message["committed_amount"]) for message in said] == [(501, 10), (502, 0)]
    # A collector pays when it has been paid.
    (payment,) = player.hear([delivery("AccountTransfer", creditor_id=COLLECTOR, acquired_amount=10)])
    assert payment.type == "PrepareTransfer"
    assert datetime.fromisoformat(json.loads(payment.body)["ts"]) > datetime.now(UTC)
    (last,) = player.hear([prepared(COLLECTOR, 3, 503)])
    assert json.loads(last.body)["transfer_id"] == 503
    assert not player.is_over
    player.hear([delivery("FinalizedTransfer", creditor_id=SELLER)] * 3)
    # Both ends of two payments.
    player.hear([delivery("AccountTransfer", creditor_id=SELLER, acquired_amount=-10)] * 3)
    assert player.is_over


def test_every_shard_says_only_its_own() -> None:
    halves = [make_script(RECORD, Realm.parse(key), {"AccountIdRequest": 2}) for key in ("0.#", "1.#")]
    assert sum(half.finalized for half in halves) == 3
    assert sum(half.replies for half in halves) == 3
    assert sum(half.transfers for half in halves) == 4
    for half in halves:
        assert [message.type for message in half.internal] == ["AccountIdRequest"] * 2

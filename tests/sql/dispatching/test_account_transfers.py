"""Where a transfer goes: by the kind of its note and by who reports it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.dispatching.arrivals import LABELS, collected, note, received, transfer
from tests.sql.dispatching.rows import count, flags, nominal_amounts, totals
from tests.sql.messages import apply
from tests.sql.transfers.rows import (
    BUYER,
    COLLECTOR,
    DEBTOR,
    NOW,
    OTHER_COLLECTOR,
    SELLER,
    TURN,
    add_payment,
    add_status,
    finalize_messages,
    insert,
    rows,
)


def add_lock(db: Connection, creditor_id: int, amount: int, **columns: Any) -> None:
    insert(
        db,
        "account_lock",
        **{
            "creditor_id": creditor_id,
            "debtor_id": DEBTOR,
            "turn_id": TURN,
            "collector_id": COLLECTOR,
            "initiated_at": NOW,
            "amount": amount,
            "collection_deadline": NOW,
            "transfer_id": 5,
            "has_been_revised": True,
            **columns,
        },
    )


@pytest.fixture(autouse=True)
def waiting(db: Connection) -> None:
    """A status that nothing here completes, so that rows stay to be looked at."""
    add_payment(db, "collecting", 1, 5)


@pytest.mark.parametrize("acquired", [1000, 999, 1])
def test_the_payment_of_a_seller_counts_once(db: Connection, acquired: int) -> None:
    add_payment(db, "collecting", SELLER, 1000)
    add_payment(db, "collecting", SELLER + 1, 1000)
    paid = transfer("collecting", COLLECTOR, SELLER, COLLECTOR, acquired)
    for _ in range(2):
        apply(db, paid)
        assert collected(db) == [(5, False), (acquired, True), (1000, False)]
    apply(db, transfer("collecting", COLLECTOR, SELLER, COLLECTOR, 1))
    assert collected(db) == [(5, False), (acquired, True), (1000, False)]


def test_a_payment_above_the_agreed_amount_does_not_count(db: Connection) -> None:
    notices: list[str | None] = []
    db.add_notice_handler(lambda d: notices.append(d.message_primary))
    add_payment(db, "collecting", SELLER, 1000)
    apply(db, transfer("collecting", COLLECTOR, SELLER, COLLECTOR, 1001))
    assert collected(db) == [(5, False), (1000, False)]
    assert notices == ["sellers paid more than they were to"]
    assert count(db, "early_arrival") == 0


@pytest.mark.parametrize("field", [{"debtor_id": 1}, {"transfer_note": note("collecting", COLLECTOR, SELLER, 8)}])
def test_a_payment_for_another_currency_or_turn_does_not_count(db: Connection, field: dict[str, Any]) -> None:
    add_payment(db, "collecting", SELLER, 1000)
    apply(db, transfer("collecting", COLLECTOR, SELLER, COLLECTOR, 1000, **field))
    assert collected(db) == [(5, False), (1000, False)]


def test_a_payment_between_collectors_counts_on_both_sides(db: Connection) -> None:
    add_payment(db, "receiving", OTHER_COLLECTOR, 1000)
    add_payment(db, "receiving", OTHER_COLLECTOR + 1, 1000)
    add_payment(db, "sending", OTHER_COLLECTOR, 1000)
    add_payment(db, "sending", OTHER_COLLECTOR + 1, 1000)
    got = transfer("sending", OTHER_COLLECTOR, COLLECTOR, COLLECTOR, 998)
    gave = transfer("sending", COLLECTOR, OTHER_COLLECTOR + 1, COLLECTOR, -998)
    for _ in range(2):
        apply(db, got, gave)
        assert received(db) == [998, 0]
        assert rows(db, "select to_collector_id from worker.worker_sending") == [(OTHER_COLLECTOR,)]
    apply(db, {**got, "acquired_amount": 7})
    assert received(db) == [998, 0]


def test_a_payment_to_a_buyer_ends_its_row(db: Connection) -> None:
    add_payment(db, "dispatching", BUYER, 1000)
    add_payment(db, "dispatching", BUYER + 1, 1000)
    for _ in range(2):
        apply(db, transfer("dispatching", COLLECTOR, BUYER, COLLECTOR, -1000))
        assert rows(db, "select creditor_id from worker.worker_dispatching") == [(BUYER + 1,)]


def test_customers_locks_are_released(db: Connection) -> None:
    add_lock(db, SELLER, -1000, finalized_at=NOW)
    add_lock(db, BUYER, 1000)
    apply(
        db,
        transfer("collecting", COLLECTOR, SELLER, SELLER, -1000, transfer_number=3),
        transfer("dispatching", COLLECTOR, BUYER, BUYER, 998, transfer_number=4),
    )
    query = "select creditor_id, released_at, account_last_transfer_number from worker.account_lock order by 1"
    assert rows(db, query) == [(SELLER, NOW, 3), (BUYER, NOW, 4)]
    assert finalize_messages(db) == [(5, 0, "")]


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("sign", [1, -1])
def test_reporter_has_to_be_the_right_party(db: Connection, kind: str, sign: int) -> None:
    """The account must be the payer if it lost, the payee if it gained; here it is the other one, or none."""
    notices: list[tuple[str | None, str | None]] = []
    db.add_notice_handler(lambda d: notices.append((d.message_primary, d.message_detail)))
    add_payment(db, "collecting", SELLER, 1000)
    add_payment(db, "sending", OTHER_COLLECTOR, 1000)
    add_payment(db, "receiving", OTHER_COLLECTOR, 1000)
    add_payment(db, "dispatching", BUYER, 1000)
    add_lock(db, SELLER, -1000, finalized_at=NOW)
    add_lock(db, BUYER, 1000)
    first, second = {
        "collecting": (COLLECTOR, SELLER),
        "sending": (OTHER_COLLECTOR, COLLECTOR) if sign < 0 else (COLLECTOR, OTHER_COLLECTOR),
        "dispatching": (COLLECTOR, BUYER),
    }[kind]
    payer, payee = (second, first) if kind == "collecting" else (first, second)
    wrong = payee if sign < 0 else payer
    apply(
        db,
        transfer(kind, first, second, wrong, 1000 * sign),
        transfer(kind, first, second, 12345, 1000 * sign),
    )
    assert collected(db) == [(5, False), (1000, False)]
    assert received(db) == [0]
    assert count(db, "worker_sending") == count(db, "worker_dispatching") == 1
    assert rows(db, "select count(*) from worker.account_lock where released_at is null") == [(2,)]
    assert notices == [("transfers without a valid note were ignored", "2 of 2 AccountTransfer messages")]


@pytest.mark.parametrize(
    ("fields", "warnings"),
    [
        ({"coordinator_type": "direct"}, 0),
        ({"coordinator_type": "direct", "transfer_note": "thank you", "transfer_note_format": ""}, 0),
        ({"transfer_note_format": ""}, 1),
        ({"transfer_note_format": "-CXchge"}, 1),
        ({"transfer_note": ""}, 1),
        ({"transfer_note": note("collecting", COLLECTOR, SELLER) + "\n"}, 1),
    ],
)
def test_other_transfers_are_ignored(db: Connection, fields: dict[str, Any], warnings: int) -> None:
    notices: list[str | None] = []
    db.add_notice_handler(lambda d: notices.append(d.message_primary))
    add_payment(db, "collecting", SELLER, 1000)
    odd = transfer("collecting", COLLECTOR, SELLER, COLLECTOR, 1000, **fields)
    apply(db, odd, {**odd, "debtor_id": 1})
    assert collected(db) == [(5, False), (1000, False)]
    assert len(notices) == warnings


def test_same_payment_in_two_spellings(db: Connection) -> None:
    """Different notes, one key: the messages come in one batch, and count once."""
    add_payment(db, "collecting", SELLER, 1000)
    paid = transfer("collecting", COLLECTOR, SELLER, COLLECTOR, 1000)
    apply(db, paid, {**paid, "transfer_note": paid["transfer_note"].replace("\n", "\r\n")})
    assert collected(db) == [(5, False), (1000, True)]


def test_last_payment_lets_the_collector_send_at_once(db: Connection) -> None:
    db.execute("delete from worker.worker_collecting")
    add_status(db, 2000, 600, 0, 1400)
    add_payment(db, "collecting", SELLER, 1000)
    add_payment(db, "collecting", SELLER + 1, 1000)
    add_payment(db, "sending", OTHER_COLLECTOR, 600)
    add_payment(db, "dispatching", BUYER, 1400)
    apply(db, transfer("collecting", COLLECTOR, SELLER, COLLECTOR, 1000))
    assert flags(db) == [(False, False, False, False)]
    apply(db, transfer("collecting", COLLECTOR, SELLER + 1, COLLECTOR, 900))
    assert flags(db) == [(True, False, False, False)]
    assert totals(db) == (1900, None)
    assert nominal_amounts(db) == {OTHER_COLLECTOR: 600 * (500 / 600)}
    apply(db, transfer("sending", COLLECTOR, OTHER_COLLECTOR, COLLECTOR, -499))
    assert flags(db) == [(True, True, True, False)]
    assert nominal_amounts(db)[BUYER] == 1400.0
    apply(db, transfer("dispatching", COLLECTOR, BUYER, COLLECTOR, -1399))
    assert count(db, "dispatching_status") == 0


def test_last_received_payment_lets_the_collector_dispatch_at_once(db: Connection) -> None:
    add_status(db, 0, 0, 1000, 1000, started_sending=True, total_collected_amount=0, all_sent=True)
    add_payment(db, "receiving", OTHER_COLLECTOR, 1000)
    add_payment(db, "dispatching", BUYER, 1000)
    apply(db, transfer("sending", OTHER_COLLECTOR, COLLECTOR, COLLECTOR, 990))
    assert flags(db) == [(True, True, True, False)]
    assert nominal_amounts(db) == {BUYER: 1000 * (990 / 1000)}


@covers("V14.4", "N1.4")
@pytest.mark.parametrize(
    ("account", "acquired", "is_valid"),
    [
        (COLLECTOR, -5, True),
        (OTHER_COLLECTOR, 5, True),
        (OTHER_COLLECTOR, -5, False),
        (COLLECTOR, 5, False),
    ],
)
def test_a_surplus_that_moves_has_no_effect(db: Connection, account: int, acquired: int, is_valid: bool) -> None:
    notices: list[str] = []
    db.add_notice_handler(lambda diagnostic: notices.append(str(diagnostic.message_primary)))
    add_lock(db, account, acquired)
    add_payment(db, "sending", OTHER_COLLECTOR, 5)
    before = rows(db, "select * from worker.account_lock"), received(db), collected(db)
    text = f"Trading session: {TURN}\nSurplus: {COLLECTOR:x}\nTo: {OTHER_COLLECTOR:x}\n"
    apply(db, transfer("sending", 0, 0, account, acquired, transfer_note=text))
    assert (rows(db, "select * from worker.account_lock"), received(db), collected(db)) == before
    assert rows(db, "select count(*) from worker.early_arrival") == [(0,)]
    assert notices == ([] if is_valid else ["transfers without a valid note were ignored"])

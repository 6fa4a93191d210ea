"""The AccountTransfer that ends a trade: a seller has paid, a buyer was paid."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.locks.rows import (
    COLLECTOR,
    DEBTOR,
    NOW,
    SELLER,
    STATES,
    TRANSFER,
    TURN,
    add_lock,
    add_participation,
    lock_states,
    participations,
    take_finalized,
)
from tests.sql.messages import apply, message


def release(db: Connection, *amounts: int, **fields: Any) -> None:
    """One call with one routed transfer for each acquired amount; transfer numbers count from 12."""
    transfers = [
        {
            "creditor_id": SELLER,
            "debtor_id": DEBTOR,
            "turn_id": TURN,
            "acquired_amount": amount,
            "creation_date": "2025-06-01",
            "transfer_number": 12 + n,
            **fields,
        }
        for n, amount in enumerate(amounts)
    ]
    db.execute(
        "select worker.release_account_locks(array_agg(t order by n))"
        " from jsonb_array_elements(%s) with ordinality as e (transfer, n)"
        " cross join lateral jsonb_populate_record(null::worker.releasing_transfer, e.transfer) as t",
        (json.dumps(transfers),),
    )


def account_state(db: Connection) -> list[tuple[object, ...]]:
    return db.execute(
        """
        select finalized_at, released_at, account_creation_date::text, account_last_transfer_number
        from worker.account_lock
        """
    ).fetchall()


def test_a_seller_is_released_by_his_payment(db: Connection) -> None:
    add_lock(db, "settled", -9000)
    for _ in range(2):
        release(db, -9000)
        assert lock_states(db) == [("released", -9000)]
        assert account_state(db) == [(NOW, NOW, "2025-06-01", 12)]
    assert take_finalized(db) == []


@covers("V6.17")
def test_a_buyer_is_released_by_the_first_payment(db: Connection) -> None:
    add_lock(db, "prepared", 80000)
    add_participation(db, 50000)
    apply(db, message("ReviseAccountLock", creditor_id=SELLER, debtor_id=DEBTOR, turn_id=TURN))
    release(db, 49998)
    assert lock_states(db) == [("released", 50000)]
    assert account_state(db) == [(NOW, NOW, "2025-06-01", 12)]
    assert take_finalized(db) == [(TRANSFER, 0, "")]
    release(db, 49998)
    assert take_finalized(db) == []


@covers("V6.19")
def test_a_seller_is_not_released_by_another_amount(db: Connection) -> None:
    add_lock(db, "settled", -80000)
    release(db, -79999)
    assert lock_states(db) == [("settled", -80000)]


@covers("V12.5")
def test_money_that_overtakes_the_verdict_releases_the_buyer(db: Connection) -> None:
    """The money overtakes the verdict."""
    add_lock(db, "prepared", 80000)
    release(db, 49998)
    assert lock_states(db) == [("released", 80000)]
    assert take_finalized(db) == [(TRANSFER, 0, "")]
    add_participation(db, 50000)
    apply(db, message("ReviseAccountLock", creditor_id=SELLER, debtor_id=DEBTOR, turn_id=TURN))
    assert lock_states(db) == [("released", 80000)]
    assert participations(db) == 0
    assert take_finalized(db) == []


@pytest.mark.parametrize("state", [state for state in STATES if state != "settled"])
def test_collecting_needs_a_settled_lock(db: Connection, state: str) -> None:
    add_lock(db, state, -9000)
    before = account_state(db)
    release(db, -9000)
    assert lock_states(db) == [(state, -9000)]
    assert account_state(db) == before


@pytest.mark.parametrize("state", ["initiated", "released"])
def test_dispatching_needs_a_prepared_lock(db: Connection, state: str) -> None:
    add_lock(db, state, 9000)
    before = account_state(db)
    release(db, 9000)
    assert lock_states(db) == [(state, 9000)]
    assert account_state(db) == before
    assert take_finalized(db) == []


@pytest.mark.parametrize("state", ["prepared", "settled"])
def test_dispatching_does_not_release_a_seller(db: Connection, state: str) -> None:
    add_lock(db, state, -9000)
    release(db, 9000)
    assert lock_states(db) == [(state, -9000)]
    assert take_finalized(db) == []


@pytest.mark.parametrize("field", ["creditor_id", "debtor_id", "turn_id"])
def test_all_ids_must_match(db: Connection, field: str) -> None:
    add_lock(db, "settled", -9000)
    release(db, -9000, **{field: 5})
    assert lock_states(db) == [("settled", -9000)]


def test_payments_for_one_lock_in_one_batch(db: Connection) -> None:
    """They end as if they came one by one."""
    add_lock(db, "settled", -9000)
    release(db, -8999, 9000, -9000, -9000)
    assert account_state(db) == [(NOW, NOW, "2025-06-01", 14)]
    add_lock(db, "revised", 9000, creditor_id=778, coordinator_request_id=72)
    release(db, 5, 9000, creditor_id=778)
    assert db.execute(
        "select account_last_transfer_number from worker.account_lock where creditor_id = 778"
    ).fetchone() == (12,)
    assert take_finalized(db) == [(TRANSFER, 0, "")]


@pytest.mark.parametrize(
    ("creditor_id", "state"),
    [
        (998, ("2025-06-01", 12)),
        (999, ("1970-01-01", 0)),
        (1005, ("1970-01-01", 0)),
        (1006, ("2025-06-01", 12)),
    ],
)
def test_collectors_store_the_placeholder(db: Connection, creditor_id: int, state: tuple[str, int]) -> None:
    db.execute("update worker.configuration set min_collector_id = %s, max_collector_id = 1005", (COLLECTOR,))
    add_lock(db, "settled", -9000, creditor_id=creditor_id, collector_id=COLLECTOR + 1)
    release(db, -9000, creditor_id=creditor_id)
    assert [row[2:] for row in account_state(db)] == [state]


@pytest.mark.parametrize(("state", "amount", "paid"), [("settled", -5000, -5000), ("revised", 5000, 4999)])
def test_what_was_paid_is_kept_until_the_account_takes_part_again(
    db: Connection, state: str, amount: int, paid: int
) -> None:
    add_lock(db, state, amount)
    release(db, paid)
    assert db.execute("select amount, paid_amount from worker.account_lock").fetchall() == [(amount, paid)]

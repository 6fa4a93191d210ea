"""Who bears the loss when money is missing: other collectors first, then the own buyers."""

from __future__ import annotations

import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.transfers.rows import MAX64, rows

Amounts = tuple[int, int, int, int]


def available(db: Connection, amounts: Amounts, collected: int | None, received: int | None) -> dict[str, int]:
    query = "select to_jsonb(a) from worker.available_amounts(%s, %s, %s, %s, %s, %s) as a"
    found: dict[str, int] = rows(db, query, *amounts, collected, received)[0][0]
    return found


@covers("V7.1")
def test_without_any_collected_money_nothing_can_be_sent(db: Connection) -> None:
    assert available(db, (50000, 5000, 10000, 55000), None, None) == {
        "missing_collected": 50000,
        "available_to_send": 0,
        "hoarded": 5000,
        "missing_received": 10000,
        "available_to_dispatch": 0,
    }


@covers("V7.2")
def test_missing_money_is_missing_in_what_is_sent(db: Connection) -> None:
    assert available(db, (50000, 5000, 10000, 55000), 46000, 9900) == {
        "missing_collected": 4000,
        "available_to_send": 1000,
        "hoarded": 4000,
        "missing_received": 100,
        "available_to_dispatch": 54900,
    }


@covers("V7.3")
@pytest.mark.parametrize(
    ("collected", "to_send", "to_dispatch"), [(10000, 3000, 7000), (9000, 2000, 7000), (6000, 0, 6000), (0, 0, 0)]
)
def test_sending_suffers_before_dispatching_does(
    db: Connection, collected: int, to_send: int, to_dispatch: int
) -> None:
    found = available(db, (10000, 3000, 0, 7000), collected, 0)
    assert (found["available_to_send"], found["available_to_dispatch"]) == (to_send, to_dispatch)


@covers("V7.4")
def test_what_was_received_can_be_dispatched(db: Connection) -> None:
    found = available(db, (10000, 3000, 5000, 12000), 10000, 999 + 3996)
    assert found["available_to_dispatch"] == 11995


@covers("V7.5")
def test_what_was_collected_can_be_dispatched_without_the_rest(db: Connection) -> None:
    assert available(db, (10000, 0, 5000, 15000), 8000, 0)["available_to_dispatch"] == 8000


@pytest.mark.parametrize("collected", [0, 1, MAX64])
@pytest.mark.parametrize("received", [0, MAX64])
def test_no_available_amount_overflows(db: Connection, collected: int, received: int) -> None:
    found = available(db, (MAX64, MAX64, MAX64, MAX64), collected, received)
    assert found["available_to_send"] == collected
    # All that is missing was charged to other collectors, except what they owe.
    assert found["available_to_dispatch"] == received

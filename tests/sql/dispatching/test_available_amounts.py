"""Who bears the loss when money is missing: other collectors first, then the own buyers."""

from __future__ import annotations

import pytest

from tests.conftest import Connection
from tests.sql.transfers.rows import MAX64, rows

Amounts = tuple[int, int, int, int]


def available(db: Connection, amounts: Amounts, collected: int | None, received: int | None) -> dict[str, int]:
    query = "select to_jsonb(a) from worker.available_amounts(%s, %s, %s, %s, %s, %s) as a"
    found: dict[str, int] = rows(db, query, *amounts, collected, received)[0][0]
    return found


def test_v7_1(db: Connection) -> None:
    assert available(db, (50000, 5000, 10000, 55000), None, None) == {
        "missing_collected": 50000,
        "available_to_send": 0,
        "hoarded": 5000,
        "missing_received": 10000,
        "available_to_dispatch": 0,
    }


def test_v7_2(db: Connection) -> None:
    assert available(db, (50000, 5000, 10000, 55000), 46000, 9900) == {
        "missing_collected": 4000,
        "available_to_send": 1000,
        "hoarded": 4000,
        "missing_received": 100,
        "available_to_dispatch": 54900,
    }


@pytest.mark.parametrize(
    ("collected", "to_send", "to_dispatch"), [(10000, 3000, 7000), (9000, 2000, 7000), (6000, 0, 6000), (0, 0, 0)]
)
def test_v7_3(db: Connection, collected: int, to_send: int, to_dispatch: int) -> None:
    found = available(db, (10000, 3000, 0, 7000), collected, 0)
    assert (found["available_to_send"], found["available_to_dispatch"]) == (to_send, to_dispatch)


def test_v7_4(db: Connection) -> None:
    found = available(db, (10000, 3000, 5000, 12000), 10000, 999 + 3996)
    assert found["available_to_dispatch"] == 11995


def test_v7_5(db: Connection) -> None:
    assert available(db, (10000, 0, 5000, 15000), 8000, 0)["available_to_dispatch"] == 8000


@pytest.mark.parametrize("collected", [0, 1, MAX64])
@pytest.mark.parametrize("received", [0, MAX64])
def test_no_amount_overflows(db: Connection, collected: int, received: int) -> None:
    found = available(db, (MAX64, MAX64, MAX64, MAX64), collected, received)
    assert found["available_to_send"] == collected
    # All that is missing was charged to other collectors, except what they owe.
    assert found["available_to_dispatch"] == received

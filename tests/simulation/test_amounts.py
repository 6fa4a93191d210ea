"""The checker's own arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.simulation.amounts import (
    MAX_INT64,
    Rates,
    Till,
    amount_to_pay,
    is_delay,
    nominal_amount,
    seconds_to_reckon_with,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("till", "to_send", "to_dispatch"),
    [
        (Till(50000, 5000, 10000, 55000, 0, 0), 0, 0),
        (Till(50000, 5000, 10000, 55000, 46000, 9900), 1000, 54900),
        (Till(10000, 3000, 0, 7000, 9000, 0), 2000, 7000),
        (Till(10000, 3000, 0, 7000, 6000, 0), 0, 6000),
        (Till(10000, 3000, 5000, 12000, 10000, 4995), 3000, 11995),
        (Till(10000, 0, 5000, 15000, 8000, 0), 0, 8000),
    ],
)
def test_other_collectors_do_without_before_buyers_do(till: Till, to_send: int, to_dispatch: int) -> None:
    assert (till.available_to_send, till.available_to_dispatch) == (to_send, to_dispatch)


def test_everybody_gets_the_same_share_of_what_is_there() -> None:
    assert [nominal_amount(amount, 2000, 3000) for amount in (2399, 600)] == [2399 * (2000 / 3000), 600 * (2000 / 3000)]


@pytest.mark.parametrize(
    ("nominal", "rate", "days", "delay", "cut", "amount"),
    [
        (1e9, -20.0, 30, 10800, 1e-8, 981759772),
        (1e6, 0.0, 3, 7200, 1e-5, 999990),
        (1e6, -10.0, 3, 7200, 1e-5, 999098),
        (1e6, -10.0, 3, 57600, 1e-5, 998930),
        (1.0, 0.0, 0, 7200, 1e-5, 0),
        (1.00002, 0.0, 0, 7200, 1e-5, 1),
        (9.3e18, 0.0, 0, 7200, 1e-10, MAX_INT64),
    ],
)
def test_only_what_is_surely_there_is_paid(
    nominal: float, rate: float, days: int, delay: int, cut: float, amount: int
) -> None:
    seconds = seconds_to_reckon_with(NOW - timedelta(days=days), NOW, delay)
    assert amount_to_pay(nominal, rate, seconds, cut) == amount


@pytest.mark.parametrize(
    ("changes", "demurrage_rate", "started", "rate"),
    [
        ({0: 5.0, 10: -20.0, 1000: -10.0}, 0.0, 30, -20.0),
        ({0: 5.0, 10: -20.0, 1000: -10.0}, 0.0, 5, -20.0),
        ({0: 5.0, 50: 3.0, 100: -30.0}, 0.0, 30, 0.0),
        ({1: -5.0, 3: 2.0}, -50.0, 10, -50.0),
        ({1: -5.0, 20: 2.0}, -50.0, 10, -5.0),
    ],
)
def test_the_worst_rate_since_the_collection_began_counts(
    changes: dict[int, float], demurrage_rate: float, started: int, rate: float
) -> None:
    known = {(NOW - timedelta(days=days), rate) for days, rate in changes.items()}
    rates = Rates(frozenset(known), max(known), demurrage_rate)
    assert rates.lowest(NOW - timedelta(days=started)) == rate


def test_tries_take_longer_and_longer() -> None:
    assert [seconds for seconds in (7200, 14400, 57600, 115200, 921600, 2**31 - 1, 2**31) if is_delay(seconds)] == [
        7200,
        57600,
        115200,
        921600,
        2**31 - 1,
    ]

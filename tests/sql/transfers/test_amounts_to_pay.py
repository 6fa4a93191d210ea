"""How much of a nominal amount is paid: demurrage, cut, back-off and the lowest interest rate."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.transfers.rows import COLLECTOR, DEBTOR, MAX64, NOW, add_account, rows

DAY = 86400


def backoff(db: Connection, counter: int, wait: str = "7200 s") -> int:
    return int(rows(db, "select worker.transfer_backoff_seconds(%s, %s)", wait, counter)[0][0])


def amount(db: Connection, nominal: float, rate: float, seconds: float, cut: float) -> int:
    return int(rows(db, "select worker.amount_to_pay(%s, %s, %s, %s)", nominal, rate, seconds, cut)[0][0])


def lowest_rate(db: Connection, started_days_ago: float) -> float:
    query = "select interest_rate from worker.lowest_interest_rate(%s, %s, %s)"
    return float(rows(db, query, COLLECTOR, DEBTOR, NOW - timedelta(days=started_days_ago))[0][0])


@covers("V7.7")
def test_a_payment_is_less_by_the_worst_rate_of_its_time(db: Connection) -> None:
    add_account(db, {0: 5, 10: -20, 1000: -10})
    rate = lowest_rate(db, 30)
    assert rate == -20
    seconds = 600 + 30 * DAY + 3 * 3600
    assert rows(db, "select worker.demurrage(%s, %s)", rate, seconds)[0][0] == pytest.approx(
        0.98175978199154, abs=1e-14
    )
    assert amount(db, 1e9, rate, seconds, 1e-8) == 981759772


@covers("V7.8")
def test_a_payment_is_less_by_the_cut(db: Connection) -> None:
    assert amount(db, 1e6, 0, 3 * DAY, 1e-5) == 999990


@covers("V7.9")
@pytest.mark.parametrize(("counter", "expected"), [(0, 999098), (3, 998930)])
def test_a_later_try_pays_less(db: Connection, counter: int, expected: int) -> None:
    assert amount(db, 1e6, -10, 600 + 3 * DAY + backoff(db, counter), 1e-5) == expected


@covers("V7.10")
@pytest.mark.parametrize(("nominal", "expected"), [(1.0, 0), (1.00002, 1), (2.0, 1)])
def test_one_token_is_too_little_to_pay(db: Connection, nominal: float, expected: int) -> None:
    assert amount(db, nominal, 0, 600, 1e-5) == expected


@covers("V7.11")
@pytest.mark.parametrize(
    ("nominal", "expected"),
    [(9.3e18, MAX64), (2.0**63 * (1 + 2**-30), MAX64), (2.0**62, 4611686017966219485 - 4611686017966219485 % 512)],
)
def test_huge_payments_are_never_rounded_up(db: Connection, nominal: float, expected: int) -> None:
    assert amount(db, nominal, 0, 600, 1e-10) == pytest.approx(expected, abs=512)
    assert amount(db, nominal, 0, 600, 1e-10) <= min(nominal, MAX64)


@covers("V7.12")
@pytest.mark.parametrize(
    ("counter", "expected"),
    [
        (0, 7200),
        (3, 57600),
        (4, 115200),
        (17, 943718400),
        (18, 1887436800),
        (19, 2147483647),
        (100, 2147483647),
        (32767, 2147483647),
    ],
)
def test_the_pause_doubles_with_each_failure(db: Connection, counter: int, expected: int) -> None:
    assert backoff(db, counter) == expected


def test_backoff_counts_whole_seconds(db: Connection) -> None:
    assert backoff(db, 3, "7.9 s") == 56
    assert backoff(db, 31, "100000 days") == 2147483647


@covers("V7.14")
def test_the_last_rate_before_the_start_counts(db: Connection) -> None:
    add_account(db, {0: 5, 10: -20, 1000: -10})
    assert lowest_rate(db, 5) == -20


@covers("V7.15")
def test_growth_takes_nothing_off(db: Connection) -> None:
    add_account(db, {0: 5, 50: 3, 100: -30})
    assert lowest_rate(db, 30) == 0


def test_unknown_account_has_no_rate(db: Connection) -> None:
    assert rows(db, "select * from worker.lowest_interest_rate(%s, %s, %s)", COLLECTOR, DEBTOR, NOW) == []


@covers("V13.12", "G24")
@pytest.mark.parametrize(("older", "rate"), [({3: 2}, -50), ({20: 2}, -5), ({8: 2}, -5)])
def test_close_changes_cast_doubt_on_all_rates_since(db: Connection, older: dict[float, float], rate: float) -> None:
    """Changes that are closer than eight days cast doubt on all rates since."""
    days = next(iter(older))
    add_account(db, {(1 if days != 8 else 0): -5, **older}, demurrage_rate=-50)
    assert lowest_rate(db, 10) == rate


@covers("G24")
def test_close_changes_before_the_start_do_not_count(db: Connection) -> None:
    add_account(db, {20: -5, 22: 2})
    assert lowest_rate(db, 10) == -5
    assert lowest_rate(db, 21) == -50

"""Vectors about single decisions and formulas."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import pytest

from bridge.wire.sharding import binary_routing_key
from sandbox.authority.interest import (
    SECONDS_IN_YEAR,
    accumulated_interest,
    as_float32,
    demurrage_factor,
    floor_balance,
    transit_interest,
)
from sandbox.authority.rules import (
    amount_to_capitalise,
    commit_deadline,
    is_expendable,
    is_reserved,
    lockable_amount,
    root_min_balance,
)
from sandbox.protocol.identity import (
    DEFAULT_MAX_COLLECTOR_ID,
    DEFAULT_MIN_COLLECTOR_ID,
    is_later_seqnum,
    last_transfer_id,
    next_seqnum,
    parse_u64,
    same_agent,
    u64,
)
from tests.covering import covers

YEAR = SECONDS_IN_YEAR
DAY = 86400.0
MAX64 = 2**63 - 1


@covers("A1")
@pytest.mark.parametrize(
    ("creditor_id", "account_id"),
    [(0, "0"), (-1, "18446744073709551615"), (1103806595073, "1103806595073"), (-(2**63), "9223372036854775808")],
)
def test_account_ids_are_unsigned_creditor_ids(creditor_id: int, account_id: str) -> None:
    assert u64(creditor_id) == account_id
    assert parse_u64(account_id) == creditor_id


@covers("A1")
@pytest.mark.parametrize("text", ["", "-1", "18446744073709551616", "12a", " 1", "1\n", "١"])
def test_other_texts_are_no_account_ids(text: str) -> None:
    assert parse_u64(text) is None


@covers("A2")
@pytest.mark.parametrize(
    ("created", "first_id"),
    [
        (date(2026, 11, 23), 22847851625185281),
        (date(2026, 1, 5), 22493808881041409),
        (date(2024, 5, 20), 21839599462514689),
    ],
)
def test_transfer_numbers_begin_with_the_day_of_creation(created: date, first_id: int) -> None:
    assert last_transfer_id(created) + 1 == first_id


@covers("A3")
@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (1103806595073, 1099511628721, True),
        (4294967306, 1099511627776, False),
        (4294967306, 4294967307, False),
        (-1, -123, True),
        (-1, 1099511627776, False),
        (1099511627777, 0, False),
    ],
)
def test_agents_are_told_apart_by_the_upper_bits(a: int, b: int, expected: bool) -> None:
    assert same_agent(a, b) is expected
    assert same_agent(b, a) is expected


@covers("A4")
@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (1, 0, True),
        (-2147483648, 2147483647, True),
        (0, 0, False),
        (2147483647, -2147483648, False),
        (0, -2147483648, False),
    ],
)
def test_numbers_of_configurations_wrap_around(a: int, b: int, expected: bool) -> None:
    assert is_later_seqnum(a, b) is expected


@covers("A4")
def test_the_successor_of_the_biggest_number_is_the_smallest() -> None:
    assert next_seqnum(2147483647) == -2147483648
    assert next_seqnum(-1) == 0


@covers("A5")
def test_numbers_go_through_32_bits() -> None:
    assert as_float32(1e30) == 1.0000000150474662e30
    assert as_float32(1e30) >= 0.99999e30
    assert math.isfinite(as_float32(1e300))


@covers("A6")
@pytest.mark.parametrize(
    ("limit", "negligible", "expected"),
    [
        (MAX64, 0.0, 0),
        (MAX64, 1e30, -MAX64),
        (500000, 1e30, -500000),
        (500000, 2e5, -200000),
        (MAX64, 1234.9, -1234),
    ],
)
def test_the_root_may_go_as_low_as_both_limits_allow(limit: int, negligible: float, expected: int) -> None:
    assert root_min_balance(limit, negligible) == expected


@covers("A7")
@pytest.mark.parametrize(
    ("principal", "interest", "rate", "seconds", "expected"),
    [
        (10000, 0.0, 5.0, YEAR, 10500.0),
        (10000, 0.0, -50.0, 2592000, 9446.582976965),
        (10000, 25.5, 5.0, 864000, 10038.901030454),
        (-100, 0.0, 5.0, YEAR, -100),
        (-100, 150.0, 5.0, YEAR, 52.5),
        (0, -0.5, 5.0, YEAR, -0.5),
    ],
)
def test_balances_grow_and_shrink_with_interest(
    principal: int, interest: float, rate: float, seconds: float, expected: float
) -> None:
    balance = principal + accumulated_interest(principal, interest, rate, seconds)
    assert balance == pytest.approx(expected, abs=1e-8)


@covers("A7")
def test_big_balances_are_exact() -> None:
    principal = 2**62 + 1
    assert floor_balance(principal, accumulated_interest(principal, 0.0, 0.0, YEAR)) == principal
    assert floor_balance(principal, -0.25) == principal - 1


@covers("A8")
def test_payments_earn_interest_on_their_way() -> None:
    assert transit_interest(70000, 0.0, 0, 10.0, 2) == pytest.approx(0.000422828, abs=1e-9)
    assert transit_interest(70000, 0.0, 0, 10.0, DAY) == pytest.approx(18.268536994, abs=1e-8)
    assert transit_interest(70000, 0.0, 5 * DAY, 10.0, 5 * DAY) == pytest.approx(91.390374480, abs=1e-8)


@covers("A9")
@pytest.mark.parametrize(
    ("principal", "rate", "days", "expected"),
    [(1000000, 5.0, 14, 1871), (70000, -10.0, 14, -283), (5000, 5.0, 14, 9), (1, 5.0, 30, 0)],
)
def test_whole_tokens_of_interest_are_capitalised(principal: int, rate: float, days: int, expected: int) -> None:
    assert amount_to_capitalise(principal, accumulated_interest(principal, 0.0, rate, days * DAY)) == expected


@covers("A10")
@pytest.mark.parametrize(
    ("least", "most", "balance", "locked", "min_balance", "expected"),
    [
        (1059, 84687, 100000, 0, 0, 84687),
        (1059, 84687, 50000, 0, 0, 50000),
        (1059, 84687, 50000, 49000, 0, None),
        (0, 0, -5, 0, 0, 0),
        (1000, 1000, 1000.9, 0, 0, 1000),
        (1, 5, 0.99, 0, 0, None),
        (100000, 100000, 0, 0, 0, None),
        (100000, 100000, 0, 0, -150000, 100000),
    ],
)
def test_a_lock_takes_what_is_available(
    least: int, most: int, balance: float, locked: int, min_balance: int, expected: int | None
) -> None:
    amount = lockable_amount(most, math.floor(balance) - locked, min_balance)
    assert (amount if amount >= least else None) == expected


@covers("A11")
@pytest.mark.parametrize(
    ("sent", "delay", "processed", "expected"),
    [
        ("2026-11-23T16:12:06", 2**31 - 1, "2026-11-23T16:12:07", "2027-02-21T16:12:07"),
        ("2026-11-23T16:12:30", 7200, "2026-11-23T16:12:31", "2026-11-23T18:12:30"),
        ("2026-11-23T10:00:00", 7200, "2026-11-23T16:12:31", "2026-11-23T12:00:00"),
        ("9999-12-31T23:00:00", 2**31 - 1, "2026-11-23T16:12:31", "2027-02-21T16:12:31"),
    ],
)
def test_a_lock_ends_as_asked_or_after_90_days(sent: str, delay: int, processed: str, expected: str) -> None:
    deadline = commit_deadline(_moment(processed), timedelta(seconds=7776000), _moment(sent), delay)
    assert deadline == _moment(expected)


@covers("A12")
@pytest.mark.parametrize(
    ("amount", "locked", "balance", "others", "seconds", "is_root", "expected"),
    [
        (69999, 0, 70000, 0, 1, False, True),
        (69999, 0, 70000, 2, 1, False, False),
        (69999, 0, 69998.99, 0, 1, False, False),
        (1200, 1000, 1200, 0, 1, False, True),
        (1200, 1000, 1200, 1, 1, False, False),
        (981, 1000, 0, 0, 864000, False, True),
        (982, 1000, 0, 0, 864000, False, False),
        (1000, 1000, 0, 0, 864000, True, True),
    ],
)
def test_a_commit_is_covered_by_the_balance_or_by_its_lock(
    amount: int, locked: int, balance: float, others: int, seconds: float, is_root: bool, expected: bool
) -> None:
    covered = is_expendable(amount, math.floor(balance), others, 0) or is_reserved(
        amount, locked, -50.0, seconds, is_root
    )
    assert covered is expected


@covers("A12")
def test_ten_days_at_minus_50_leave_98_percent() -> None:
    assert demurrage_factor(-50.0, 864000) == pytest.approx(0.981201600396, abs=1e-11)


@covers("A15")
@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (1103806595073, "0.0.0.0.0.0.0.1.1.1.1.0.1.0.1.1.0.0.1.0.1.0.1.1"),
        (1103806595074, "1.1.1.1.0.1.1.0.0.1.0.0.1.1.1.0.1.1.0.1.0.1.0.1"),
        (1099511628721, "1.0.1.0.1.1.1.0.1.0.0.0.1.1.1.1.1.0.0.1.1.0.0.0"),
    ],
)
def test_collectors_and_creditors_have_the_known_routing_keys(key: int, expected: str) -> None:
    assert binary_routing_key(key) == expected


def test_collectors_are_customers_of_the_same_agent() -> None:
    assert same_agent(DEFAULT_MIN_COLLECTOR_ID, DEFAULT_MAX_COLLECTOR_ID)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)

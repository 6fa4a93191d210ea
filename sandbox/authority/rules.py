"""The decisions about one account that need nothing but numbers. Amounts are tokens."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from sandbox.authority.interest import demurrage_factor
from sandbox.protocol.identity import MAX_INT64

OK = "OK"
TIMEOUT = "TIMEOUT"
NEWER_INTEREST_RATE = "NEWER_INTEREST_RATE"
INSUFFICIENT_AVAILABLE_AMOUNT = "INSUFFICIENT_AVAILABLE_AMOUNT"
SENDER_IS_UNREACHABLE = "SENDER_IS_UNREACHABLE"
RECIPIENT_IS_UNREACHABLE = "RECIPIENT_IS_UNREACHABLE"
RECIPIENT_SAME_AS_SENDER = "RECIPIENT_SAME_AS_SENDER"
TOO_MANY_TRANSFERS = "TOO_MANY_TRANSFERS"

_FAR_FUTURE = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def root_min_balance(limit: int, negligible_amount: float) -> int:
    """How negative the root account may become: both the issuing limit and the negligible amount restrict it."""
    floor = MAX_INT64 if negligible_amount > MAX_INT64 else math.floor(negligible_amount)
    return -min(limit, floor, MAX_INT64)


def lockable_amount(max_amount: int, available: int, min_balance: int) -> int:
    """How much of `max_amount` can be locked. `available` is the balance rounded down, without what is locked."""
    return max(0, min(max_amount, available - min_balance))


def later_by(moment: datetime, delay: timedelta) -> datetime:
    """`moment + delay`, at most the end of the calendar."""
    try:
        return min(moment + delay, _FAR_FUTURE)
    except OverflowError:
        return _FAR_FUTURE


def commit_deadline(now: datetime, commit_period: timedelta, request_ts: datetime, max_commit_delay: int) -> datetime:
    """The last moment for a commit; it may already be over when an old request is prepared."""
    return min(later_by(now, commit_period), later_by(request_ts, timedelta(seconds=max_commit_delay)))


def is_expendable(amount: int, balance: int, other_locks: int, min_balance: int) -> bool:
    """Whether free money covers the commit, whatever was locked for it."""
    return amount <= balance - other_locks - min_balance


def is_reserved(amount: int, locked_amount: int, demurrage_rate: float, seconds: float, is_root: bool) -> bool:
    """Whether the lock covers the commit, after the worst demurrage since the preparation (not for the issuer)."""
    if amount > locked_amount:
        return False
    if is_root or seconds <= 0:
        return True
    return amount <= locked_amount * demurrage_factor(demurrage_rate, seconds)


def is_negligible(coordinator_type: str, acquired_amount: int, negligible_amount: float) -> bool:
    """Whether the owner wants to hear nothing of a transfer. Agent transfers never are negligible."""
    return coordinator_type != "agent" and 0 < acquired_amount <= negligible_amount


def amount_to_capitalise(principal: int, accumulated: float) -> int:
    """Whole tokens of interest to move into the principal; 0 when it is not worth a transfer."""
    amount = math.floor(accumulated)
    return amount if abs(amount) / (1 + abs(principal)) > 0.0001 else 0

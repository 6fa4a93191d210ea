"""Interest and demurrage. Rates are percent per year, times are seconds, money is in the smallest unit (tokens)."""

from __future__ import annotations

import math
import struct

SECONDS_IN_YEAR = 31557600.0
_MAX_FLOAT32 = 3.4028234663852886e38


def growth_constant(rate: float) -> float:
    """Exponent per second of a yearly rate; rates of -100 and below have no constant and raise ValueError."""
    return math.log1p(rate / 100.0) / SECONDS_IN_YEAR


def accumulated_interest(principal: int, interest: float, rate: float, seconds: float) -> float:
    """Interest that is not in the principal, `seconds` after the account's last change.

    Negative balances bear none. Kept apart from the principal, which as a double would lose its last digits.
    """
    balance = principal + interest
    if balance <= 0 or rate == 0.0:
        return interest
    return interest + balance * math.expm1(growth_constant(rate) * max(0.0, seconds))


def floor_balance(principal: int, accumulated: float) -> int:
    """The balance rounded down, exactly, however big the principal is."""
    return principal + math.floor(accumulated)


def demurrage_factor(rate: float, seconds: float) -> float:
    """Share of a locked amount that is left in the worst case after `seconds`."""
    if rate <= -100.0:
        return 1.0 if seconds <= 0 else 0.0
    return math.exp(growth_constant(rate) * max(0.0, seconds))


def transit_interest(amount: int, previous_rate: float, before: float, current_rate: float, after: float) -> float:
    """What a recipient gets for money that travelled `before` seconds at the previous rate and `after` at this one."""
    if previous_rate == 0.0 and current_rate == 0.0:
        return 0.0
    return amount * math.expm1(growth_constant(previous_rate) * before + growth_constant(current_rate) * after)


def as_float32(number: float) -> float:
    """The number as a 32-bit float keeps it; numbers too big become the biggest one."""
    result: float = struct.unpack("<f", struct.pack("<f", min(number, _MAX_FLOAT32)))[0]
    return result

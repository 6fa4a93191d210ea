"""Value units: the integers in which the circulation is computed.

A unit is a power of two of the base token, so a token is worth exactly numerator / denominator units: both are
integers taken from the bits of its price. Tokens and units are converted in 128-bit integers, without any rounding
that is not asked for.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.solver.limits import comparable_prices, price_shift

# All capacities together stay below 2 ** 60 units.
TOTAL_BITS = 59
MANTISSA_BITS = 53
# Beyond these a token is worth more than everything, or less than 2 ** -67 units.
SHIFTS = (-8, 120)


def add_units(offers: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Adds `numerator`, `denominator` (Int128) and `most_units` (the limit, rounded up), as fine as 64 bits allow.

    Returns the frame and the exponent `k` of the scale: a base token is worth 2 ** k units.
    """
    price = offers["price"].to_numpy()
    total = float((offers["limit"].cast(pl.Float64).to_numpy() * comparable_prices(offers)).sum())
    scale = TOTAL_BITS - int(np.frexp(total)[1]) - price_shift(price)

    some, number = one_of_each_currency(offers)
    fraction, exponent = np.frexp(price[some])
    mantissa = np.ldexp(fraction, MANTISSA_BITS).astype(np.int64)
    shift = np.clip(MANTISSA_BITS - exponent.astype(np.int64) - scale, *SHIFTS)
    low = np.clip(shift, 0, 60)
    one = np.int64(1)
    numerator = pl.Series(mantissa << np.maximum(-shift, 0))
    denominator = pl.Series(one << low).cast(pl.Int128) * pl.Series(one << (np.maximum(shift, 0) - low))
    rows = pl.Series(number)
    with_units = offers.with_columns(numerator=numerator.gather(rows), denominator=denominator.gather(rows))
    return with_units.with_columns(most_units=units("limit", is_rounded_up=True)), scale


def one_of_each_currency(offers: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The row of one offer of each currency, and for each offer the number of its currency's row among these."""
    currency = offers["currency"].to_numpy()
    row = np.full(1 + currency.max(initial=-1), -1)
    row[currency] = np.arange(currency.size)
    is_there = row >= 0
    number = np.cumsum(is_there, dtype=np.int32) - 1
    return row[is_there], number[currency]


def units(tokens: str | pl.Expr, is_rounded_up: bool) -> pl.Expr:
    """The value of `tokens` (a column) in units; 2 ** 62, which is beyond all capacities, stands for more."""
    amount = pl.col(tokens) if isinstance(tokens, str) else tokens
    exact = amount.cast(pl.Int128) * pl.col("numerator")
    rounding = pl.col("denominator") - 1 if is_rounded_up else 0
    return ((exact + rounding) // pl.col("denominator")).clip(upper_bound=2**62).cast(pl.Int64)


def whole_tokens(value: str) -> pl.Expr:
    """The tokens worth at most the column `value`, in units."""
    return (pl.col(value).cast(pl.Int128) * pl.col("denominator")) // pl.col("numerator")


def has_fraction(value: str) -> pl.Expr:
    """Whether something is missing from `whole_tokens` to the exact quotient."""
    return (pl.col(value).cast(pl.Int128) * pl.col("denominator")) % pl.col("numerator") > 0


def base_value(value_units: int, scale: int) -> float:
    """A number of units in base tokens; infinite, where absurd prices make it more than floats can hold."""
    with np.errstate(over="ignore"):
        return float(np.ldexp(float(value_units), -scale))

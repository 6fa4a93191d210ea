"""Value units: the integers in which the circulation is computed.

A unit is a power of two of the base token, so a token is worth exactly numerator / denominator units: both are
integers taken from the bits of its price. Tokens and units are converted in 128-bit integers, without any rounding
that is not asked for.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.limits import comparable_prices, price_shift

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

    fraction, exponent = np.frexp(price)
    mantissa = np.ldexp(fraction, MANTISSA_BITS).astype(np.int64)
    shift = np.clip(MANTISSA_BITS - exponent.astype(np.int64) - scale, *SHIFTS)
    low = np.clip(shift, 0, 60)
    one = np.int64(1)
    with_units = offers.with_columns(
        numerator=pl.Series(mantissa << np.maximum(-shift, 0)),
        denominator=pl.Series(one << low).cast(pl.Int128) * pl.Series(one << (np.maximum(shift, 0) - low)),
    )
    return with_units.with_columns(most_units=units("limit", is_rounded_up=True)), scale


def units(tokens: str, is_rounded_up: bool) -> pl.Expr:
    """The value of the column `tokens` in units; 2 ** 62, which is beyond all capacities, stands for more."""
    exact = pl.col(tokens).cast(pl.Int128) * pl.col("numerator")
    rounding = pl.col("denominator") - 1 if is_rounded_up else 0
    return ((exact + rounding) // pl.col("denominator")).clip(upper_bound=2**62).cast(pl.Int64)


def whole_tokens(value: str) -> pl.Expr:
    """The tokens worth at most the column `value`, in units."""
    return (pl.col(value).cast(pl.Int128) * pl.col("denominator")) // pl.col("numerator")


def has_fraction(value: str) -> pl.Expr:
    """Whether something is missing from `whole_tokens` to the exact quotient."""
    return (pl.col(value).cast(pl.Int128) * pl.col("denominator")) % pl.col("numerator") > 0


def base_value(value_units: int, scale: int) -> float:
    """A number of units in base tokens."""
    return float(np.ldexp(float(value_units), -scale))

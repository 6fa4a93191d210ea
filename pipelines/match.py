"""Who trades how much value: a maximum circulation in which every trade reaches the minimum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.circulation import maximum_circulation
from pipelines.limits import dense_numbers
from pipelines.market import MAX_AMOUNT, LeftOut
from pipelines.units import add_units, base_value, units, whole_tokens

# An offer of fewer units than this is too coarse to be served well on the scale of the others.
FEWEST_UNITS = 1024
MAX_SCALES = 4
# After these rounds offers that nobody needs no longer come back, which makes the rest settle fast.
FREE_ROUNDS = 8
# After these rounds more and more of the small trades go, twice as big ones each time: so it ends for sure.
GENTLE_ROUNDS = 30
MAX_ROUNDS = GENTLE_ROUNDS + 64


@dataclass(frozen=True)
class Match:
    """Offers with their `flow` > 0 (units), for each scale on its own, and the upper bound in base tokens."""

    parts: list[pl.DataFrame]
    upper_bound: float


def match(offers: pl.DataFrame, minimum: int, left_out: LeftOut) -> Match:
    """Matches offers with limits. Each returned flow is a circulation, and worth at least `minimum` tokens.

    The upper bound is the value of the greatest circulation without the minimum and without whole tokens.
    Offers of so little value that they drown in the scale of the others are matched among themselves, afterwards.
    """
    parts: list[pl.DataFrame] = []
    upper_bound = 0.0
    rest = offers
    for scale_number in range(MAX_SCALES):
        if rest.height == 0:
            break
        with_units, scale = add_units(rest)
        relaxed = _circulate(with_units, with_units["most_units"].to_numpy())
        if scale_number == 0:
            sold = relaxed[with_units["is_sell"].to_numpy()]
            upper_bound = base_value(int(sold.sum()), scale)
        is_fine = with_units["most_units"] >= FEWEST_UNITS
        fine = with_units.filter(is_fine)
        parts.append(_reach_minimum(fine, relaxed if fine.height == rest.height else None, minimum))
        rest = rest.filter(~is_fine)
    left_out.add("value too small for the scale", rest.height)
    return Match(parts, upper_bound)


def _reach_minimum(offers: pl.DataFrame, relaxed: np.ndarray | None, minimum: int) -> pl.DataFrame:
    """Takes out the offers whose share is below the minimum and matches the others again, until there are none.

    `relaxed` is the greatest circulation of these very offers, if it is known already.
    """
    # A capacity rounded up may exceed its limit by a part of a unit. Settling can put that right only where all these
    # parts of a currency make less than a token (see settle.py).
    is_precise = pl.col("denominator").cast(pl.Float64) * pl.len().over("debtor_id") <= pl.col("numerator")
    most_units = offers["most_units"].to_numpy()
    capacity = (
        offers.select(pl.when(is_precise).then(pl.col("most_units")).otherwise(units("limit", is_rounded_up=False)))
        .to_series()
        .to_numpy()
    )
    is_known = relaxed is not None and np.array_equal(capacity, most_units)
    flow = relaxed if relaxed is not None and is_known else _circulate(offers, capacity)
    for round_number in range(MAX_ROUNDS):
        served = offers.with_columns(flow=pl.Series(flow))
        tokens = served.select(whole_tokens("flow").cast(pl.Int64)).to_series().to_numpy()
        if not ((flow > 0) & (tokens < minimum)).any():
            return served.filter(pl.col("flow") > 0)
        least = min(minimum << max(0, round_number - GENTLE_ROUNDS), MAX_AMOUNT)
        is_needless = flow == 0 if round_number >= FREE_ROUNDS else False
        capacity = np.where((flow > 0) & (tokens < least) | is_needless, 0, capacity)
        flow = _circulate(offers, capacity)
    return served.clear()


def _circulate(offers: pl.DataFrame, capacity: np.ndarray) -> np.ndarray:
    """The flow (units) through each offer. Offers without capacity do not get into the optimiser."""
    is_open = capacity > 0
    flow = np.zeros(capacity.size, np.int64)
    flow[is_open] = maximum_circulation(
        dense_numbers(offers, "creditor_id")[is_open],
        dense_numbers(offers, "debtor_id")[is_open],
        offers["is_sell"].to_numpy()[is_open],
        capacity[is_open],
    )
    return flow

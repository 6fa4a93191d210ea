"""Who trades how much value: a maximum circulation in which every trade reaches the minimum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.circulation import maximum_circulation
from pipelines.limits import dense_numbers
from pipelines.market import LeftOut
from pipelines.units import add_units, base_value, units

# An offer of fewer units than this is too coarse to be served well on the scale of the others.
FEWEST_UNITS = 1024
MAX_SCALES = 4
# So many rounds may send the value of dropped offers anywhere; later ones only take away, which soon comes to an end.
FREE_ROUNDS = 1
# After these rounds more and more of the small trades go, twice as big ones each time: so it ends for sure.
GENTLE_ROUNDS = 100
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
    """Drops offers until each one left has a flow > 0 worth at least `minimum` tokens.

    `relaxed` is the greatest circulation of these very offers, if it is known already.
    """
    # A capacity rounded up may exceed its limit by a part of a unit. Settling can put that right only where all these
    # parts of a currency make less than a token (see settle.py).
    is_precise = pl.col("denominator").cast(pl.Float64) * pl.len().over("debtor_id") <= pl.col("numerator")
    offers = offers.with_columns(
        capacity=pl.when(is_precise).then("most_units").otherwise(units("limit", is_rounded_up=False)),
        minimum=pl.lit(minimum, dtype=pl.Int64),
    ).with_columns(least_units=units("minimum", is_rounded_up=True))
    most = offers["most_units"].to_numpy()
    capacity = offers["capacity"].to_numpy()
    least = offers["least_units"].to_numpy()

    is_known = relaxed is not None and np.array_equal(capacity, most)
    flow = relaxed if relaxed is not None and is_known else _circulate(offers, capacity)
    room = capacity
    for round_number in range(MAX_ROUNDS):
        if not ((flow > 0) & (flow < least)).any():
            break
        if round_number >= FREE_ROUNDS:
            room = flow
        doublings = max(0, round_number - GENTLE_ROUNDS)
        room = np.where((flow > 0) & (flow >> doublings < least), 0, room)
        flow = _circulate(offers, room)
    else:
        return offers.clear().with_columns(flow=pl.lit(None, dtype=pl.Int64))

    # All that is served now stays served, but as well as possible.
    is_served = pl.Series(flow > 0)
    served = offers.filter(is_served)
    better = _maximum_circulation(served, least[flow > 0], capacity[flow > 0])
    return served.with_columns(flow=pl.Series(flow[flow > 0] if better is None else better))


def _circulate(offers: pl.DataFrame, capacity: np.ndarray) -> np.ndarray:
    """The flow (units) of each offer up to its capacity; no flow at all if the optimiser fails."""
    is_open = capacity > 0
    flow = np.zeros(capacity.size, np.int64)
    found = _maximum_circulation(
        offers.filter(pl.Series(is_open)), np.zeros(int(is_open.sum()), np.int64), capacity[is_open]
    )
    if found is not None:
        flow[is_open] = found
    return flow


def _maximum_circulation(offers: pl.DataFrame, least: np.ndarray, capacity: np.ndarray) -> np.ndarray | None:
    return maximum_circulation(
        dense_numbers(offers, "creditor_id"),
        dense_numbers(offers, "debtor_id"),
        offers["is_sell"].to_numpy(),
        least,
        capacity,
    )

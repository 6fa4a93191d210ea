"""Who trades how much value: a maximum circulation in which every trade reaches the minimum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.circulation import maximum_circulation
from pipelines.limits import dense_numbers, limit_offers
from pipelines.progress import Watch
from pipelines.units import add_units, base_value, units, whole_tokens
from pipelines.untraded import Untraded

# An offer of fewer units than this is too coarse to be served well on the scale of the others.
FEWEST_UNITS = 1024
MAX_SCALES = 4
# After these rounds more and more of the small trades go, twice as big ones each time: so it ends for sure.
GENTLE_ROUNDS = 100
MAX_ROUNDS = GENTLE_ROUNDS + 64


@dataclass(frozen=True)
class Match:
    """Offers with their `flow` > 0 (units), for each scale on its own, and the upper bound in base tokens."""

    parts: list[pl.DataFrame]
    upper_bound: float


def match(offers: pl.DataFrame, minimum: int, untraded: Untraded, watch: Watch) -> Match:
    """Matches eligible offers. Each returned flow is a circulation in which every flow is worth `minimum` tokens.

    The upper bound is the value of the greatest circulation without the minimum and without whole tokens.
    Offers of so little value that they drown in the scale of the others are matched among themselves, afterwards.
    """
    watch.tell("bound", offers=offers.height)
    relaxed, upper_bound = _relax(limit_offers(offers, 1, untraded), minimum)
    watch.count_max_flow()
    watch.tell("match", upper_bound=upper_bound)
    rest = limit_offers(relaxed, minimum, untraded)
    parts: list[pl.DataFrame] = []
    for _ in range(MAX_SCALES):
        with_units, _scale = add_units(rest)
        is_fine = with_units["most_units"] >= FEWEST_UNITS
        part = _reach_minimum(with_units.filter(is_fine), minimum)
        parts.append(part)
        lost = with_units.filter(is_fine).join(part, on=["creditor_id", "debtor_id"], how="anti")
        untraded.add("no circle", lost.filter(pl.col("relaxed") == 0))
        untraded.add("lost to the minimum", lost.filter(pl.col("relaxed") > 0))
        rest = rest.filter(~is_fine).with_columns(is_short=pl.lit(False))
        if rest.height == 0:
            break
    untraded.add("value too small for the scale", rest)
    return Match(parts, upper_bound)


def _relax(offers: pl.DataFrame, minimum: int) -> tuple[pl.DataFrame, float]:
    """Solves the problem without the minimum. Adds `is_short`: some flow, but less than the minimum.

    Returns also the value of all flows in base tokens. Capacities are rounded up, so that it is an upper bound.
    """
    with_units, scale = add_units(offers)
    flow = _circulate(with_units, with_units["most_units"].to_numpy())
    relaxed = with_units.with_columns(flow=pl.Series(flow))
    sold = int(relaxed.filter("is_sell")["flow"].sum())
    is_short = (pl.col("flow") > 0) & (whole_tokens("flow") < minimum)
    return relaxed.with_columns(is_short=is_short).rename({"flow": "relaxed"}), base_value(sold, scale)


def _reach_minimum(offers: pl.DataFrame, minimum: int) -> pl.DataFrame:
    """Drops offers until each one left has a flow > 0 worth at least `minimum` tokens.

    Those which were short without any minimum are not tried again. The value they leave may go anywhere; afterwards
    flows only shrink, which soon comes to an end.
    """
    # A capacity rounded up may exceed its limit by a part of a unit. Settling can put that right only where all these
    # parts of a currency make less than a token (see settle.py).
    is_precise = pl.col("denominator").cast(pl.Float64) * pl.len().over("debtor_id") <= pl.col("numerator")
    offers = offers.with_columns(
        capacity=pl.when(is_precise).then("most_units").otherwise(units("limit", is_rounded_up=False)),
        minimum=pl.lit(minimum, dtype=pl.Int64),
    ).with_columns(least_units=units("minimum", is_rounded_up=True))
    capacity = offers["capacity"].to_numpy()
    least = offers["least_units"].to_numpy()

    flow = _circulate(offers, np.where(offers["is_short"].to_numpy(), 0, capacity))
    for round_number in range(MAX_ROUNDS):
        if not ((flow > 0) & (flow < least)).any():
            break
        doublings = max(0, round_number - GENTLE_ROUNDS)
        flow = _circulate(offers, np.where(flow >> doublings < least, 0, flow))
    else:
        return offers.clear().with_columns(flow=pl.lit(None, dtype=pl.Int64))

    # All that is served now stays served, but as well as possible.
    is_served = flow > 0
    served = offers.filter(pl.Series(is_served))
    better = _maximum_circulation(served, least[is_served], capacity[is_served])
    return served.with_columns(flow=pl.Series(flow[is_served] if better is None else better))


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

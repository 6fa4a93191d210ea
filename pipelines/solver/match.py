"""Who trades how much value: a maximum circulation in which every trade reaches the minimum."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from pipelines.solver.limits import limit_offers
from pipelines.solver.progress import Watch
from pipelines.solver.search.circulation import NoTimeLeft, OptimiserFailed, Search, maximum_circulation
from pipelines.solver.search.minimum import prune, reach_minimum
from pipelines.solver.search.network import Network
from pipelines.solver.units import add_units, base_value, one_of_each_currency, units
from pipelines.solver.untraded import Untraded

# An offer of fewer units than this is too coarse to be served well on the scale of the others.
FEWEST_UNITS = 1024
MAX_SCALES = 4


@dataclass(frozen=True)
class Match:
    """Offers with their `flow` > 0 (units), for each scale on its own, and the upper bound in base tokens."""

    parts: list[pl.DataFrame]
    upper_bound: float
    warnings: list[str]


def match(offers: pl.DataFrame, minimum: int, untraded: Untraded, watch: Watch, deadline: float | None = None) -> Match:
    """Matches eligible offers. Each returned flow is a circulation in which every flow is worth `minimum` tokens.

    The upper bound is the value of the greatest circulation without the minimum and without whole tokens. Offers of
    so little value that they drown in the scale of the others are matched among themselves, afterwards. At `deadline`
    (a moment of `time.monotonic`) the search ends with the best answer found, or with none.
    """
    watch.tell("bound", offers=offers.height)
    offers = limit_offers(offers, untraded)
    search = Search(deadline, watch.count_max_flow, on_time_up=watch.note_time_up)
    parts: list[pl.DataFrame] = []
    bounds: list[float] = []
    warnings: list[str] = []
    for _ in range(MAX_SCALES):
        if offers.height == 0:
            break
        with_units, scale = add_units(offers)
        network = _network(with_units)
        is_fine = with_units["most_units"].to_numpy() >= FEWEST_UNITS
        try:
            # What the minimum asks for does not depend on the bound, so a second processor finds it meanwhile.
            with ThreadPoolExecutor(1) as aside:
                asked = aside.submit(_capacity_and_least, with_units, network, minimum, is_fine)
                relaxed = maximum_circulation(network, with_units["most_units"].to_numpy(), search=search)
                capacity, least = asked.result()
            bounds.append(base_value(int(relaxed.flow[network.is_sell].sum()), scale))
            watch.tell("match", upper_bound=bounds[0])
            flow = reach_minimum(network, capacity, least, relaxed, replace(search, on_found=_teller(watch, scale)))
        except (NoTimeLeft, OptimiserFailed) as problem:
            reason = "no time left" if isinstance(problem, NoTimeLeft) else "the optimiser failed"
            if isinstance(problem, NoTimeLeft):
                search.on_time_up()
            bounds.append(base_value(int(with_units.filter("is_sell")["most_units"].sum()), scale))
            untraded.add(reason, offers)
            warnings.append(f"{offers.height} offers not matched: {reason}")
            break
        is_served = flow > 0
        parts.append(with_units.with_columns(flow=pl.Series(flow)).filter(pl.Series(is_served)))
        is_lost = is_fine & ~is_served
        untraded.add("no circle", with_units.filter(pl.Series(is_lost & (relaxed.flow == 0))))
        untraded.add("lost to the minimum", with_units.filter(pl.Series(is_lost & (relaxed.flow > 0))))
        offers = offers.filter(pl.Series(~is_fine))
    else:
        untraded.add("value too small for the scale", offers)
    return Match(parts, bounds[0] if bounds else 0.0, warnings)


def _teller(watch: Watch, scale: int) -> Callable[[int], None]:
    return lambda value: watch.tell(traded_value=base_value(value, scale))


def _network(offers: pl.DataFrame) -> Network:
    return Network.of(offers["trader"].to_numpy(), offers["currency"].to_numpy(), offers["is_sell"].to_numpy())


def _capacity_and_least(
    offers: pl.DataFrame, network: Network, minimum: int, is_fine: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What each offer can carry at most and must carry at least, if anything, in units."""
    some, number = one_of_each_currency(offers)
    # A capacity rounded up may exceed its limit by a part of a unit. Settling can put that right only where all these
    # parts of a currency make less than a token (see settle.py).
    count = pl.Series(np.bincount(number, minlength=some.size))
    currencies = offers.select("numerator", "denominator")[some].select(
        least=units(pl.lit(minimum, dtype=pl.Int64), is_rounded_up=True),
        is_precise=pl.col("denominator").cast(pl.Float64) * pl.lit(count) <= pl.col("numerator"),
    )
    capacity = np.where(is_fine, offers["most_units"].to_numpy(), 0)
    is_coarse = np.flatnonzero(~currencies["is_precise"].to_numpy()[number])
    if is_coarse.size:
        whole = offers[is_coarse].select(units("limit", is_rounded_up=False)).to_series().to_numpy()
        capacity[is_coarse] = np.where(is_fine[is_coarse], whole, 0)
    least = currencies["least"].to_numpy()[number]
    return prune(network, capacity, least), least

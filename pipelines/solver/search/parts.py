"""Big markets: every flow reaches its minimum by changes among some of the traders, which is much faster.

Those are the traders concerned and those through whom most flows, who have room for everybody's changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pipelines.solver.search.circulation import Circulation, Search, maximum_circulation
from pipelines.solver.search.levels import Levels
from pipelines.solver.search.network import Network, Outside
from pipelines.solver.search.repair import raise_or_close, reopen

# Shares of the traders.
PARTS = (0.02, 0.05, 0.1)
# A flow of this share of its minimum is raised to it.
NEARLY = 0.5
# After so many rounds, everything near a trouble is left out at once; after the second number, it goes on with more.
GENTLE_ROUNDS = 30
MAX_ROUNDS = 200


def serve_in_parts(
    network: Network, capacity: np.ndarray, least: np.ndarray, start: Circulation, search: Search
) -> Circulation:
    """Raises or closes the offers with too small flows, shares what becomes free, and repairs the rest.

    More traders come in only where the first ones were not enough; in the end all.
    """
    is_short = (start.flow > 0) & (start.flow < least)
    is_concerned = is_short | (start.flow > capacity)
    is_raised = is_short & (start.flow >= NEARLY * least) & (capacity >= least)
    floor = np.where(is_raised, least, 0)
    capacity = np.where(is_short & ~is_raised, 0, capacity)
    is_chosen = np.zeros(network.traders, np.bool_)
    for share in PARTS:
        is_chosen[network.trader[is_concerned]] = True
        is_chosen |= _with_great_flows(network, start.flow, share)

        def repair(
            part: Network, chosen: np.ndarray, found: Circulation, outside: Outside, share: float = share
        ) -> Circulation:
            if share == PARTS[0]:
                found = maximum_circulation(part, capacity[chosen], floor[chosen], found, search, outside)
            return _repair(part, capacity[chosen], least[chosen], found, search, outside, share == PARTS[-1])

        start = _among(network, is_chosen, start, repair)
        if start.is_complete:
            return start
        is_concerned = (start.currency_surplus != 0)[network.currency]
    return raise_or_close(network, capacity, least, start, np.broadcast_to(NEARLY, least.shape), search)


def reopen_part(
    network: Network,
    capacity: np.ndarray,
    least: np.ndarray,
    wanted: np.ndarray,
    found: Circulation,
    search: Search,
    share: float,
) -> Circulation:
    """The same for the traders who lost something of the `wanted` flow, and for the share with the greatest flows."""
    is_chosen = _with_great_flows(network, wanted, share)
    is_chosen[network.trader[(wanted > 0) & (found.flow == 0)]] = True
    return _among(
        network,
        is_chosen,
        found,
        lambda part, chosen, flows, outside: reopen(part, capacity[chosen], least[chosen], flows, search, outside),
    )


def _among(
    network: Network,
    is_chosen: np.ndarray,
    start: Circulation,
    change: Callable[[Network, np.ndarray, Circulation, Outside], Circulation],
) -> Circulation:
    """Lets `change` improve the flows of some traders; those of all others stay what they are.

    It gets the network of these traders, the positions of their offers, their flows, and what flows outside.
    """
    chosen = np.flatnonzero(is_chosen[network.trader])
    is_inside = np.zeros(network.traders, np.bool_)
    is_inside[network.trader[chosen]] = True
    number = np.cumsum(is_inside, dtype=np.int32) - 1
    part = Network.of(number[network.trader[chosen]], network.currency[chosen], network.is_sell[chosen])
    part = replace(part, currencies=network.currencies)
    inflow = np.where(network.is_sell, start.flow, -start.flow)
    inflow[chosen] = 0
    outside = np.zeros(part.traders, np.int64), network.currency_sums(inflow)
    levels = Levels(start.levels.trader[is_inside], start.levels.currency)
    found = change(part, chosen, Circulation(start.flow[chosen], levels, *outside), outside)
    flow = start.flow.copy()
    flow[chosen] = found.flow
    trader_surplus = np.zeros(network.traders, np.int64)
    trader_surplus[is_inside] = found.trader_surplus
    return Circulation(flow, start.levels, trader_surplus, found.currency_surplus)


def _with_great_flows(network: Network, flow: np.ndarray, share: float) -> np.ndarray:
    """Says of each trader whether he is one of the share through whom most flows."""
    of_trader = network.trader_sums(flow)
    fewest = of_trader.size - 1 - int(of_trader.size * share)
    is_great: np.ndarray = of_trader > np.partition(of_trader, fewest)[fewest]
    return is_great


def _repair(
    network: Network,
    capacity: np.ndarray,
    least: np.ndarray,
    found: Circulation,
    search: Search,
    outside: Outside,
    is_thorough: bool,
) -> Circulation:
    """Closes what flows too little, and keeps all other flows at `least` or more, as far as that is possible.

    Where it is not, the offers of the traders and currencies in trouble may flow less; those which then do are
    closed as well, and all offers of traders for whom even that does not help. So in every round something is closed
    or loosened, and in the end it fits, or stays incomplete because of the flows `outside` of the part. When not
    `is_thorough`, currencies in trouble are left alone: a larger part helps them at less cost.
    """
    is_closed = found.flow < least
    is_loose = np.zeros(least.size, np.bool_)
    for round_number in range(MAX_ROUNDS):
        found = maximum_circulation(
            network,
            np.where(is_closed, 0, capacity),
            np.where(is_closed | is_loose, 0, least),
            found,
            search,
            outside,
        )
        is_short = (found.flow > 0) & (found.flow < least)
        if found.is_complete or (not is_thorough and not found.trader_surplus.any()):
            if not is_short.any():
                return found
            is_closed |= is_short | (is_loose & (found.flow == 0))
            is_loose[:] = False
            continue
        is_stuck = (found.trader_surplus != 0)[network.trader] & ~is_closed
        is_near = is_stuck
        if is_thorough:
            is_near = is_stuck | ((found.currency_surplus != 0)[network.currency] & ~is_closed)
        if round_number >= GENTLE_ROUNDS:
            is_closed |= is_near
        elif (is_near & ~is_loose).any():
            is_loose |= is_near
        elif is_stuck.any():
            is_closed |= is_stuck
        elif is_thorough and (is_around := network.of_same_traders(is_near) & ~is_closed & ~is_loose).any():
            is_loose |= is_around
        else:
            break
    return found

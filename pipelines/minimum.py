"""From the greatest circulation to one in which every trade reaches the minimum amount.

Which offers to leave out is a hard problem. The way here: raise the flows that are nearly great enough, leave out the
offers with smaller ones, let the others share what becomes free, and repair locally what does not fit any more. Then
look whether some of those left out can come back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pipelines.circulation import Circulation, NoTimeLeft, Search, maximum_circulation
from pipelines.levels import Levels
from pipelines.network import Network

Outside = tuple[np.ndarray, np.ndarray]
"""What traders and currencies get through offers that are not in a network (see maximum_circulation)."""

PRUNING_ROUNDS = 6
FEW = 1e-3
# A flow of this share of its minimum is nearly great enough.
NEARLY = 0.5
# After so many rounds, everything near a trouble is left out at once; after the second number, everything.
GENTLE_ROUNDS = 30
MAX_ROUNDS = 200
# Offers get a second chance when the minimum costs more than this share of the value, and again after a good gain.
WORTH_A_TRY = 1e-4
WORTH_A_TRY_WHEN_BIG = 1e-2
GOOD_GAIN = 1e-4
GOOD_GAIN_OF_PART = 1e-5
MAX_CHANCES = 6
# In a market of up to so many offers, other choices are tried as well, each without another share of the traders, when
# the minimum still costs more than a share of the value.
SMALL = 10_000
VARIATIONS = 16
WORTH_VARYING = 1e-3
LEFT_OUT = (0.1, 0.3, 0.5)
# In a market of more offers than this, not counting traders without a choice, repairs begin among a share of the
# traders, and go on among larger ones. Second chances are given to shares as well, if at all.
LARGE = 100_000
PARTS = (0.02, 0.05, 0.1)
CHANCES = (0.1, 0.3)
# From so many on, only a greater loss makes them worth while.
BIG = 400_000


def prune(network: Network, capacity: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Lowers capacities to what the trader's and the currency's other side can take, and closes those below `least`."""
    capacity = np.where(capacity >= least, capacity, 0)
    for _ in range(PRUNING_ROUNDS):
        sold, bought = np.where(network.is_sell, capacity, 0), np.where(network.is_sell, 0, capacity)
        of_trader = np.where(
            network.is_sell, network.trader_sums(bought)[network.trader], network.trader_sums(sold)[network.trader]
        )
        of_currency = np.where(
            network.is_sell,
            network.currency_sums(bought)[network.currency],
            network.currency_sums(sold)[network.currency],
        )
        lowered = np.minimum(capacity, np.minimum(of_trader, of_currency))
        lowered[lowered < least] = 0
        closed = np.count_nonzero((lowered == 0) & (capacity > 0))
        capacity = lowered
        if closed <= FEW * capacity.size:
            break
    return capacity


def reach_minimum(
    network: Network, capacity: np.ndarray, least: np.ndarray, start: Circulation, search: Search
) -> np.ndarray:
    """Returns flows of a circulation, each 0 or from `least` (> 0) to `capacity`, of as much value as possible.

    `capacity` is best pruned, `start` is a greatest circulation without the minimum. When time runs out, the best that
    was found is returned.
    """
    patient = replace(search, deadline=None)
    found = _serve(network, capacity, least, start, patient)
    most, best = _value(network, start.flow), _value(network, found.flow)
    search.on_found(best)
    worth = WORTH_A_TRY if network.complexity <= BIG else WORTH_A_TRY_WHEN_BIG
    good_gain = GOOD_GAIN if network.complexity <= LARGE else GOOD_GAIN_OF_PART
    gain = most if most - best > worth * most else 0
    for number in range(MAX_CHANCES if network.complexity <= LARGE else len(CHANCES)):
        if gain <= good_gain * most:
            break
        try:
            if network.complexity <= LARGE:
                found = _reopen(network, capacity, least, found, search)
            else:
                found = _reopen_part(network, capacity, least, start.flow, found, search, CHANCES[number])
        except NoTimeLeft:
            break
        gain = _value(network, found.flow) - best
        best += gain
        search.on_found(best)
    if network.trader.size > SMALL or most - best <= WORTH_VARYING * most:
        return found.flow
    return _vary(network, capacity, least, start, found.flow, search)


def _serve(
    network: Network, capacity: np.ndarray, least: np.ndarray, start: Circulation, search: Search
) -> Circulation:
    """Raises or closes the offers with too small flows, shares what becomes free, and repairs the rest.

    In a big market this happens among some of the traders first: those concerned, and those through whom most flows,
    who have room for everybody's changes. Others come in only where that was not enough.
    """
    is_short = (start.flow > 0) & (start.flow < least)
    is_concerned = is_short | (start.flow > capacity)
    is_raised = is_short & (start.flow >= NEARLY * least) & (capacity >= least)
    floor = np.where(is_raised, least, 0)
    capacity = np.where(is_short & ~is_raised, 0, capacity)
    if network.complexity <= LARGE:
        return _repair(network, capacity, least, maximum_circulation(network, capacity, floor, start, search), search)
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
    return _repair(network, capacity, least, start, search)


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


def _vary(
    network: Network, capacity: np.ndarray, least: np.ndarray, start: Circulation, best: np.ndarray, search: Search
) -> np.ndarray:
    """Tries other choices: leaves some traders out at first. The best choice of each part of the market stays."""
    component = network.components()
    chance = np.random.default_rng(VARIATIONS)
    for number in range(VARIATIONS):
        is_out = (chance.random(network.traders) < LEFT_OUT[number % len(LEFT_OUT)])[network.trader]
        try:
            without = np.where(is_out, 0, capacity)
            other = _serve(network, without, least, maximum_circulation(network, without, None, start, search), search)
            other = _reopen(network, capacity, least, other, search)
        except NoTimeLeft:
            break
        gain = np.zeros(network.traders, np.int64)
        np.add.at(gain, component, np.where(network.is_sell, other.flow - best, 0))
        best = np.where(gain[component] > 0, other.flow, best)
    search.on_found(_value(network, best))
    return best


def _value(network: Network, flow: np.ndarray) -> int:
    return int(flow[network.is_sell].sum())


def _repair(
    network: Network,
    capacity: np.ndarray,
    least: np.ndarray,
    found: Circulation,
    search: Search,
    outside: Outside | None = None,
    is_thorough: bool = True,
) -> Circulation:
    """Closes what flows too little, and keeps all other flows at `least` or more, as far as that is possible.

    Where it is not, the offers of the traders and currencies in trouble may flow less; those which then do are
    closed as well, and all offers of traders for whom even that does not help. So in every round something is closed
    or loosened, and in the end it fits. In a part of a market, with flows `outside`, it may be incomplete in the end.
    When not `is_thorough`, currencies in trouble are left alone: a larger part helps them at less cost.
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
        elif outside is not None:
            return found
        else:
            is_loose = ~is_closed
    if outside is not None:
        return found
    nothing = np.zeros(least.size, np.int64)
    return maximum_circulation(network, nothing, start=found, search=search)


def _reopen(
    network: Network,
    capacity: np.ndarray,
    least: np.ndarray,
    found: Circulation,
    search: Search,
    outside: Outside | None = None,
) -> Circulation:
    """Keeps what is served at `least` or more, and lets all other offers in that reach their minimum beside it."""
    is_served = found.flow > 0
    floor = np.where(is_served, least, 0)
    found = maximum_circulation(network, capacity, floor, found, search, outside)
    while ((found.flow > 0) & (found.flow < least)).any():
        capacity = np.where(is_served | (found.flow >= least), capacity, 0)
        found = maximum_circulation(network, capacity, floor, found, search, outside)
    return found


def _reopen_part(
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
        lambda part, chosen, flows, outside: _reopen(part, capacity[chosen], least[chosen], flows, search, outside),
    )

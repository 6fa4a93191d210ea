"""From the greatest circulation to one in which every trade reaches the minimum amount.

Which offers to leave out is a hard problem. The way here: raise the flows that are nearly great enough, leave out the
offers with smaller ones, let the others share what becomes free, and repair what does not fit any more. Then look
whether some of those left out can come back.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipelines.solver.search.circulation import Circulation, NoTimeLeft, Search, maximum_circulation
from pipelines.solver.search.network import Network
from pipelines.solver.search.parts import reopen_part, serve_in_parts
from pipelines.solver.search.repair import raise_or_close, reopen

PRUNING_ROUNDS = 6
FEW = 1e-3
# A flow of this share of its minimum is nearly great enough.
NEARLY = 0.4
# When more than this share of the flow is in offers that cannot reach their minimum, it is better to begin without.
WORTH_A_NEW_START = 1e-3
WORTH_A_NEW_START_WHEN_LARGE = 5e-3
# Offers get a second chance when the minimum costs more than this share of the value, and again after a good gain.
WORTH_A_TRY = 1e-4
WORTH_A_TRY_WHEN_BIG = 1e-2
GOOD_GAIN = 1e-4
GOOD_GAIN_OF_PART = 1e-5
MAX_CHANCES = 6
# In a market of up to so many offers, other choices are tried as well, so often, when the minimum still costs more than
# a share of the value.
SMALL = 10_000
VARIATIONS = 16
WORTH_VARYING = 1e-4
VARIED_NEARLY = (0.2, 0.9)
LEFT_OUT = (0.1, 0.3, 0.5)
# In a market of more offers than this, not counting traders without a choice, repairs begin among a share of the
# traders, and go on among larger ones. Second chances are given to shares as well, if at all.
LARGE = 100_000
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
    is_large = network.complexity > LARGE
    patient = replace(search, deadline=None)
    hopeless = _value(network, np.maximum(start.flow - capacity, 0))
    if hopeless > (WORTH_A_NEW_START_WHEN_LARGE if is_large else WORTH_A_NEW_START) * _value(network, start.flow):
        start = maximum_circulation(network, capacity, None, start, patient)
    if is_large:
        found = serve_in_parts(network, capacity, least, start, patient)
    else:
        found = raise_or_close(network, capacity, least, start, np.broadcast_to(NEARLY, least.shape), patient)
    most, best = _value(network, start.flow), _value(network, found.flow)
    search.on_found(best)
    worth = WORTH_A_TRY if network.complexity <= BIG else WORTH_A_TRY_WHEN_BIG
    good_gain = GOOD_GAIN_OF_PART if is_large else GOOD_GAIN
    gain = most if most - best > worth * most else 0
    for number in range(len(CHANCES) if is_large else MAX_CHANCES):
        if gain <= good_gain * most:
            break
        try:
            if is_large:
                found = reopen_part(network, capacity, least, start.flow, found, search, CHANCES[number])
            else:
                found = reopen(network, capacity, least, found, search)
        except NoTimeLeft:
            search.on_time_up()
            break
        gain = _value(network, found.flow) - best
        best += gain
        search.on_found(best)
    if network.trader.size > SMALL or most - best <= WORTH_VARYING * most:
        return found.flow
    return _vary(network, capacity, least, start, found.flow, search)


def _vary(
    network: Network, capacity: np.ndarray, least: np.ndarray, start: Circulation, best: np.ndarray, search: Search
) -> np.ndarray:
    """Tries other choices of what to raise and what to close, and leaves some traders out at first.

    The best choice of each part of the market stays.
    """
    component = network.components()
    chance = np.random.default_rng(VARIATIONS)
    for number in range(VARIATIONS):
        nearly = chance.uniform(*VARIED_NEARLY, least.size)
        is_out = (chance.random(network.traders) < LEFT_OUT[number % len(LEFT_OUT)])[network.trader]
        without = np.where(is_out, 0, capacity)
        try:
            other = maximum_circulation(network, without, None, start, search)
            other = raise_or_close(network, without, least, other, nearly, search)
            other = reopen(network, capacity, least, other, search)
        except NoTimeLeft:
            search.on_time_up()
            break
        gain = np.zeros(network.traders, np.int64)
        np.add.at(gain, component, np.where(network.is_sell, other.flow - best, 0))
        best = np.where(gain[component] > 0, other.flow, best)
    search.on_found(_value(network, best))
    return best


def _value(network: Network, flow: np.ndarray) -> int:
    return int(flow[network.is_sell].sum())

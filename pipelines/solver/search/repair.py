"""Lets every flow reach its minimum or be none, and brings offers that were left out back in."""

from __future__ import annotations

import numpy as np

from pipelines.solver.search.circulation import Circulation, Search, maximum_circulation
from pipelines.solver.search.network import Network, Outside

# After so many rounds, everything near a trouble is closed at once; after the second number, everything.
GENTLE_ROUNDS = 60
MAX_ROUNDS = 200


def raise_or_close(
    network: Network, capacity: np.ndarray, least: np.ndarray, found: Circulation, nearly: np.ndarray, search: Search
) -> Circulation:
    """Raises or closes the offers with too small flows, and keeps all other flows at `least` or more if possible.

    A flow of the share `nearly` of its least is raised. Where all that does not fit together, the offers of the traders
    and currencies in trouble may flow less; those which then do are closed, and never raised again. So in every round
    something is raised, loosened or closed for good, and in the end it fits.
    """
    is_closed = capacity < least
    is_final = np.zeros(least.size, np.bool_)
    for round_number in range(MAX_ROUNDS):
        is_short = (found.flow > 0) & (found.flow < least)
        is_raised = is_short & (found.flow >= nearly * least) & ~is_final & ~is_closed
        is_closed |= is_short & ~is_raised
        floor = np.where(is_raised | ((found.flow >= least) & ~is_closed), least, 0)
        while True:
            found = maximum_circulation(network, np.where(is_closed, 0, capacity), floor, found, search)
            if found.is_complete:
                break
            is_near = (found.trader_surplus != 0)[network.trader] | (found.currency_surplus != 0)[network.currency]
            if round_number >= GENTLE_ROUNDS:
                is_closed |= is_near
            is_loose = is_near & (floor > 0)
            if not is_loose.any():
                is_loose = network.of_same_traders(is_near) & (floor > 0)
            if not is_loose.any():
                is_loose = floor > 0
            is_final |= is_loose
            floor = np.where(is_loose, 0, floor)
        if not ((found.flow > 0) & (found.flow < least)).any():
            return found
    nothing = np.zeros(least.size, np.int64)
    return maximum_circulation(network, nothing, start=found, search=search)


def reopen(
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

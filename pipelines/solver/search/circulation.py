"""The maximum circulation: how much value can go round, and through which offers.

A primal-dual method (see docs/design.md): levels decide which offers have to be full or as empty as they may be, and a
maximum flow over the offers in between moves what some traders and currencies have too much of to where it is missing.
What cannot get there raises the levels, and the next maximum flow is larger. The end is an exact optimum.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipelines.solver.search.contraction import Contraction
from pipelines.solver.search.levels import Levels, guess_levels, raise_levels
from pipelines.solver.search.network import Network
from pipelines.solver.search.routing import route


class NoTimeLeft(Exception):
    """The time limit was reached before the circulation was complete."""


class OptimiserFailed(Exception):
    """The maximum flow could not be computed, which must not happen with the capacities that are allowed."""


@dataclass(frozen=True)
class Circulation:
    """The flow (units) of each offer, and the levels that prove that it is a greatest one.

    `trader_surplus` and `currency_surplus` are all 0, unless what must flow at least cannot form a circulation.
    """

    flow: np.ndarray
    levels: Levels
    trader_surplus: np.ndarray
    currency_surplus: np.ndarray

    @property
    def is_complete(self) -> bool:
        """Whether it is a circulation."""
        return not (self.trader_surplus.any() or self.currency_surplus.any())


@dataclass(frozen=True)
class Search:
    """How long to search (a moment of `time.monotonic`), whom to tell of each maximum flow, and of values (units).

    `on_time_up` is called when the deadline has cut something short.
    """

    deadline: float | None = None
    on_max_flow: Callable[[], None] = lambda: None
    on_found: Callable[[int], None] = lambda value: None
    on_time_up: Callable[[], None] = lambda: None

    def go_on(self) -> None:
        """Raises NoTimeLeft when it is time."""
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise NoTimeLeft


def maximum_circulation(
    network: Network,
    capacity: np.ndarray,
    least: np.ndarray | None = None,
    start: Circulation | None = None,
    search: Search | None = None,
    outside: tuple[np.ndarray, np.ndarray] | None = None,
) -> Circulation:
    """Finds flows from `least` (0 when not given) to `capacity` whose sum is greatest.

    The sum of the capacities must be below 2 ** 60. The nearer `start`, the sooner it ends; it may break any rule.
    `outside` is what each trader and each currency gets (or gives, below 0) through offers that are not in the
    network. Raises NoTimeLeft and OptimiserFailed.
    """
    search = search or Search()
    if least is None:
        least = np.zeros(capacity.size, np.int64)
    if outside is None:
        outside = np.zeros(network.traders, np.int64), np.zeros(network.currencies, np.int64)
    small = Contraction.of(network, capacity, least, outside[0])
    if small is None:
        levels = start.levels if start is not None else guess_levels(network, capacity)
        flow = start.flow if start is not None else least
        return _improve(network, capacity, least, flow, levels, search, outside)
    if start is not None:
        levels, flow = small.shrink_levels(start.levels), small.shrink_flow(start.flow)
    else:
        levels, flow = small.adjust(guess_levels(small.network, small.capacity)), small.least
    outside = small.shrink_traders(outside[0]), outside[1]
    found = _improve(small.network, small.capacity, small.least, flow, levels, search, outside)
    return Circulation(
        flow=small.expand_flow(found.flow),
        levels=small.expand_levels(found.levels),
        trader_surplus=small.expand_traders(found.trader_surplus),
        currency_surplus=found.currency_surplus,
    )


def _improve(
    network: Network,
    capacity: np.ndarray,
    least: np.ndarray,
    flow: np.ndarray,
    levels: Levels,
    search: Search,
    outside: tuple[np.ndarray, np.ndarray],
) -> Circulation:
    """Brings any flow, with any levels, to the greatest circulation."""
    costs = levels.reduced_costs(network)
    search.go_on()
    flow = np.where(costs < 0, capacity, np.where(costs > 0, least, np.clip(flow, least, capacity)))
    flow = _balance_traders(network, flow, costs == 0, least, capacity, outside[0])
    surplus = _surplus(network, flow, outside)
    while surplus[0].any() or surplus[1].any():
        search.go_on()
        free = np.flatnonzero(costs == 0)
        more, less = capacity[free] - flow[free], flow[free] - least[free]
        useful = (more > 0) | (less > 0)
        free, more, less = free[useful], more[useful], less[useful]
        routed = route(network, free, more, less, surplus)
        if routed is None:
            raise OptimiserFailed
        search.on_max_flow()
        change, surplus = routed
        flow[free] += change
        if not (surplus[0].any() or surplus[1].any()):
            break
        raised = raise_levels(network, levels, costs, (flow < capacity, flow > least), surplus)
        if raised is None:
            break
        levels = raised
        costs = levels.reduced_costs(network)
    return Circulation(flow, levels, *surplus)


def _surplus(
    network: Network, flow: np.ndarray, outside: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """What each trader and each currency gets beyond what it gives."""
    inflow = np.where(network.is_sell, -flow, flow)
    return network.trader_sums(inflow) + outside[0], network.currency_sums(-inflow) + outside[1]


def _balance_traders(
    network: Network,
    flow: np.ndarray,
    is_free: np.ndarray,
    least: np.ndarray,
    capacity: np.ndarray,
    outside: np.ndarray,
) -> np.ndarray:
    """Lets each trader give as much as he gets, as far as his free offers can do that, the first ones first."""
    surplus = network.trader_sums(np.where(network.is_sell, -flow, flow)) + outside
    if not surplus.any():
        return flow
    offers = np.flatnonzero(is_free & (surplus != 0)[network.trader])
    trader = network.trader[offers]
    grows = (surplus[trader] > 0) == network.is_sell[offers]
    can = np.where(grows, capacity[offers] - flow[offers], flow[offers] - least[offers])
    before = np.cumsum(can) - can
    is_first = np.ones(offers.size, np.bool_)
    is_first[1:] = trader[1:] != trader[:-1]
    before -= before[is_first][np.cumsum(is_first) - 1]
    change = np.clip(np.abs(surplus[trader]) - before, 0, can)
    balanced = flow.copy()
    balanced[offers] += np.where(grows, change, -change)
    return balanced

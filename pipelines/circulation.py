"""The maximum circulation: the one place that knows the optimiser."""

from __future__ import annotations

import logging

import numpy as np
from ortools.graph.python import min_cost_flow

logger = logging.getLogger(__name__)


def maximum_circulation(
    trader: np.ndarray, currency: np.ndarray, is_sell: np.ndarray, least: np.ndarray, capacity: np.ndarray
) -> np.ndarray | None:
    """Returns how much value (units) flows through each offer, so that the sum is greatest.

    Each flow is from `least` to `capacity`. Traders and currencies are numbered from 0; all arrays have one element
    per offer. A sell offer carries value from its trader to its currency, a buy offer from the currency to the trader.
    Every trader gives as much value as it receives, every currency too. The sum of the capacities must be below
    2 ** 60. None means that the optimiser failed, or that there is no such circulation.
    """
    if capacity.size == 0:
        return np.zeros(0, np.int64)
    currency_node = currency + int(trader.max()) + 1
    tail = np.where(is_sell, trader, currency_node)
    head = np.where(is_sell, currency_node, trader)
    # What must flow at least has flown already: it is missing at the tail and left over at the head.
    supply = np.zeros(int(currency_node.max()) + 1, np.int64)
    np.subtract.at(supply, tail, least)
    np.add.at(supply, head, least)

    optimiser = min_cost_flow.SimpleMinCostFlow()
    arcs = optimiser.add_arcs_with_capacity_and_unit_cost(
        tail.astype(np.int32), head.astype(np.int32), capacity - least, np.where(is_sell, -1, 0).astype(np.int64)
    )
    optimiser.set_nodes_supplies(np.arange(supply.size, dtype=np.int32), supply)
    status = optimiser.solve()
    if status != optimiser.OPTIMAL:
        logger.error("the optimiser failed with status %s", status)
        return None
    flow: np.ndarray = optimiser.flows(arcs) + least
    return flow

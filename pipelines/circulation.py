"""The maximum circulation: the one place that knows the optimiser."""

from __future__ import annotations

import logging

import numpy as np
from ortools.graph.python import min_cost_flow

logger = logging.getLogger(__name__)


def maximum_circulation(
    trader: np.ndarray, currency: np.ndarray, is_sell: np.ndarray, capacity: np.ndarray
) -> np.ndarray:
    """Returns how much value (units) flows through each offer, at most its capacity, so that the sum is greatest.

    Traders and currencies are numbered from 0; all arrays have one element per offer. A sell offer carries value from
    its trader to its currency, a buy offer from the currency to the trader. Every trader gives as much value as it
    receives, every currency too. The sum of the capacities must be below 2 ** 60. When the optimiser fails, nothing
    flows: that is always a circulation.
    """
    if capacity.size == 0:
        return np.zeros(0, np.int64)
    currency_node = currency + int(trader.max()) + 1
    flow = min_cost_flow.SimpleMinCostFlow()
    arcs = flow.add_arcs_with_capacity_and_unit_cost(
        np.where(is_sell, trader, currency_node).astype(np.int32),
        np.where(is_sell, currency_node, trader).astype(np.int32),
        capacity.astype(np.int64),
        np.where(is_sell, -1, 0).astype(np.int64),
    )
    nodes = np.arange(int(currency_node.max()) + 1, dtype=np.int32)
    flow.set_nodes_supplies(nodes, np.zeros(nodes.size, np.int64))
    status = flow.solve()
    if status != flow.OPTIMAL:
        logger.error("the optimiser failed with status %s, nothing is matched", status)
        return np.zeros(capacity.size, np.int64)
    flows: np.ndarray = flow.flows(arcs)
    return flows

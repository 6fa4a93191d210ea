"""What else one could take to find circular trades, each on the same graph without minimum amounts and whole tokens.

Traders and currencies are nodes. A sell offer is an arc from its trader to its currency, a buy offer one from the
currency to the trader; the capacity is the value offered. What is wanted is the circulation of the greatest value.
Every function returns the flow of each arc, in base tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from pipelines.solver.market import Market
from pipelines.solver.offers import ACCOUNT, eligible_offers
from pipelines.solver.price import price
from pipelines.solver.untraded import Untraded

LARGEST_SUM = 2.0**60
LARGEST_VALUE = 2.0**900
ROUNDS = 3
# Sums of doubles are no more exact than this.
PRECISION = 1e-9


@dataclass(frozen=True)
class Graph:
    """One element for an arc; `least` is the value of the minimum trade amount. Values are in base tokens."""

    tail: np.ndarray
    head: np.ndarray
    is_sell: np.ndarray
    capacity: np.ndarray
    least: np.ndarray
    nodes: int

    def whole_capacities(self) -> tuple[np.ndarray, float]:
        """The capacities as integers whose sum fits 64 bits, rounded up, and how many of them make a base token."""
        scale = 2.0 ** np.floor(np.log2(LARGEST_SUM / max(1.0, float(self.capacity.sum()))))
        return np.ceil(self.capacity * scale).astype(np.int64), scale


def graph_of(market: Market) -> Graph:
    """The graph of all offers that can take part.

    An offer is worth at most what its trader offers for it, and what others offer in its currency.
    """
    prices, _ = price(market.currencies, market.parameters)
    minimum = market.parameters.least_trade
    offers = eligible_offers(market, prices, minimum, Untraded())
    trader, currency = (offers[column].rank("dense").to_numpy().astype(np.int64) - 1 for column in ACCOUNT)
    is_sell = offers["is_sell"].to_numpy()
    rate = offers["price"].to_numpy()
    with np.errstate(over="ignore"):
        capacity = np.minimum(offers["amount"].to_numpy() * rate, LARGEST_VALUE)
    # Absurd prices make absurd values; what nobody can pay must not blur the rest.
    for _ in range(ROUNDS):
        capacity = _tightened(capacity, is_sell, trader, currency)
    node = currency + int(trader.max()) + 1
    return Graph(
        tail=np.where(is_sell, trader, node),
        head=np.where(is_sell, node, trader),
        is_sell=is_sell,
        capacity=capacity,
        least=minimum * rate,
        nodes=int(node.max()) + 1,
    )


def without_the_hopeless(graph: Graph) -> Graph:
    """The graph in which offers that cannot reach their minimum are worth nothing.

    They cannot when the other side of their trader, or of their currency, is too small. So the most that flows here in
    parts of tokens is a ceiling for every answer that keeps the minimum.
    """
    trader, currency = (np.where(graph.is_sell, *ends) for ends in ((graph.tail, graph.head), (graph.head, graph.tail)))
    capacity = graph.capacity
    closed = -1
    while closed < np.count_nonzero(capacity == 0):
        closed = np.count_nonzero(capacity == 0)
        hopeful = np.where(capacity < graph.least * (1 - PRECISION), 0.0, capacity)
        capacity = _tightened(hopeful, graph.is_sell, trader, currency)
    return replace(graph, capacity=capacity)


def _tightened(capacity: np.ndarray, is_sell: np.ndarray, *parties: np.ndarray) -> np.ndarray:
    """Capacities of at most what the other side of each party of an offer can take."""
    for party in parties:
        sold = np.bincount(party, np.where(is_sell, capacity, 0.0))
        bought = np.bincount(party, np.where(is_sell, 0.0, capacity))
        capacity = np.minimum(capacity, np.where(is_sell, bought[party], sold[party]))
    return capacity


def min_cost_flow(graph: Graph) -> np.ndarray:
    """OR-Tools' SimpleMinCostFlow."""
    from ortools.graph.python import min_cost_flow as ortools_flow

    capacity, scale = graph.whole_capacities()
    optimiser = ortools_flow.SimpleMinCostFlow()
    arcs = optimiser.add_arcs_with_capacity_and_unit_cost(
        graph.tail.astype(np.int32), graph.head.astype(np.int32), capacity, np.where(graph.is_sell, -1, 0)
    )
    optimiser.set_nodes_supplies(np.arange(graph.nodes, dtype=np.int32), np.zeros(graph.nodes, np.int64))
    if optimiser.solve() != optimiser.OPTIMAL:
        raise RuntimeError("the optimiser failed")
    flows: np.ndarray = optimiser.flows(arcs) / scale
    return flows


def network_simplex(graph: Graph) -> np.ndarray:
    """networkx' network simplex."""
    import networkx as nx

    capacity, scale = graph.whole_capacities()
    arcs = nx.DiGraph()
    arcs.add_nodes_from(range(graph.nodes))
    pairs = list(zip(graph.tail.tolist(), graph.head.tolist(), strict=True))
    arcs.add_edges_from(
        (tail, head, {"capacity": most, "weight": -1 if is_sell else 0})
        for (tail, head), most, is_sell in zip(pairs, capacity.tolist(), graph.is_sell.tolist(), strict=True)
    )
    _, flows = nx.network_simplex(arcs)
    return np.array([flows[tail][head] for tail, head in pairs], np.float64) / scale


def linear_program(graph: Graph) -> np.ndarray:
    """HiGHS, through scipy's linprog."""
    from scipy.optimize import linprog
    from scipy.sparse import csr_array

    arcs = np.arange(graph.tail.size)
    ends = np.concatenate([graph.tail, graph.head])
    signs = np.repeat([1.0, -1.0], arcs.size)
    balance = csr_array((signs, (ends, np.concatenate([arcs, arcs]))), shape=(graph.nodes, arcs.size))
    scale = graph.capacity.mean()
    found = linprog(
        np.where(graph.is_sell, -1.0, 0.0),
        A_eq=balance,
        b_eq=np.zeros(graph.nodes),
        bounds=np.column_stack([np.zeros(arcs.size), graph.capacity / scale]),
        method="highs",
    )
    if found.x is None:
        raise RuntimeError(found.message)
    flows: np.ndarray = found.x * scale
    return flows


def greedy_circles(graph: Graph) -> np.ndarray:
    """Finds one circle after the other, depth first, the largest offers first, and takes what fits through it.

    An arc is of use while what is left of it reaches the minimum. A node without such an arc is never looked at again,
    so the search ends soon. This is the simplest thing that works, and what circular trade is usually done with.
    """
    order = np.lexsort((-graph.capacity, graph.tail))
    head, tail = graph.head[order].tolist(), graph.tail[order].tolist()
    left, least = graph.capacity[order].tolist(), graph.least[order].tolist()
    position = np.searchsorted(graph.tail[order], np.arange(graph.nodes)).tolist()
    end = np.searchsorted(graph.tail[order], np.arange(graph.nodes), side="right").tolist()
    depth = [-1] * graph.nodes
    is_dead = [False] * graph.nodes
    for start in range(graph.nodes):
        path: list[int] = []
        node = start
        depth[node] = 0
        while True:
            arc = position[node]
            while arc < end[node] and (left[arc] < least[arc] or is_dead[head[arc]]):
                arc += 1
            position[node] = arc
            if arc == end[node]:
                is_dead[node] = True
                depth[node] = -1
                if not path:
                    break
                node = tail[path.pop()]
                continue
            path.append(arc)
            node = head[arc]
            if depth[node] < 0:
                depth[node] = len(path)
                continue
            circle = path[depth[node] :]
            value = min(left[arc] for arc in circle)
            for arc in circle:
                left[arc] -= value
                depth[tail[arc]] = -1
            del path[depth[node] if depth[node] >= 0 else len(path) - len(circle) :]
            depth[node] = len(path)
    flows = np.zeros(graph.capacity.size)
    flows[order] = graph.capacity[order] - np.array(left)
    return flows


ALTERNATIVES: dict[str, Callable[[Graph], np.ndarray]] = {
    "SimpleMinCostFlow (OR-Tools)": min_cost_flow,
    "greedy circles (plain Python)": greedy_circles,
    "linprog with HiGHS (scipy)": linear_program,
    "network_simplex (networkx)": network_simplex,
}
CEILING = "ceiling"
"""The most that offers can trade which can reach their minimum."""

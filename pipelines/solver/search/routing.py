"""Moves surpluses to where something is missing, over offers that cost nothing: one maximum flow.

The graph is made small first: a trader who can pass value on only between two of his offers becomes one edge between
two currencies, and such edges between the same currencies become one. Who cannot pass anything on is not in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ortools.graph.python import max_flow

from pipelines.solver.search.network import Network


def route(
    network: Network, offers: np.ndarray, more: np.ndarray, less: np.ndarray, surplus: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]] | None:
    """Moves as much surplus as possible to needs: by how much the flow of each of `offers` changes, and what is left.

    `offers` are positions in the network, in ascending order; their flows can grow by `more` and shrink by `less`.
    `surplus` is what each trader and each currency has too much of (or too little, below 0). None: the
    optimiser failed.
    """
    of_traders, of_currencies = surplus
    currency, is_sell = network.currency[offers], network.is_sell[offers]
    outward, inward = np.where(is_sell, more, less), np.where(is_sell, less, more)
    trader = network.trader[offers]

    # Who has no surplus and no way in, or no way out, or only one offer, is not passed through.
    ways = np.bincount(trader, minlength=network.traders)
    is_open = np.bincount(trader[inward > 0], minlength=network.traders) > 0
    is_open &= np.bincount(trader[outward > 0], minlength=network.traders) > 0
    is_open &= ways > 1
    is_open |= of_traders != 0
    is_bridge = is_open & (ways == 2) & (of_traders == 0)

    at_bridge = np.flatnonzero(is_bridge[trader])
    bridges = _Bridges.build(currency, inward, outward, at_bridge[0::2], at_bridge[1::2], network.currencies)
    is_open &= ~is_bridge
    hubs = np.flatnonzero(is_open)
    node = np.zeros(network.traders, np.int32)
    node[hubs] = network.currencies + np.arange(hubs.size, dtype=np.int32)
    is_at_hub = is_open[trader]
    entries, exits = np.flatnonzero(is_at_hub & (inward > 0)), np.flatnonzero(is_at_hub & (outward > 0))

    found = _maximum_flow(
        np.concatenate([bridges.tail, currency[entries], node[trader[exits]]]),
        np.concatenate([bridges.head, node[trader[entries]], currency[exits]]),
        np.concatenate([bridges.capacity, inward[entries], outward[exits]]),
        np.concatenate([of_currencies, of_traders[hubs]]),
    )
    if found is None:
        return None
    flows, left = found
    over_bridges, into, out_of = np.split(flows, [bridges.tail.size, bridges.tail.size + entries.size])
    inflow = bridges.spread(over_bridges, offers.size)
    inflow[entries] += into
    inflow[exits] -= out_of
    left_to_traders = np.zeros(network.traders, np.int64)
    left_to_traders[hubs] = left[network.currencies :]
    return np.where(is_sell, -inflow, inflow), (left_to_traders, left[: network.currencies])


@dataclass(frozen=True)
class _Bridges:
    """Edges between currencies, each made of many traders with two offers.

    Parts are ways from one currency over one trader to another, those of one edge stand together; `part_edge` is the
    edge of each part, `enter` and `leave` are its offers.
    """

    tail: np.ndarray
    head: np.ndarray
    capacity: np.ndarray
    part_capacity: np.ndarray
    part_edge: np.ndarray
    enter: np.ndarray
    leave: np.ndarray

    @staticmethod
    def build(
        currency: np.ndarray,
        inward: np.ndarray,
        outward: np.ndarray,
        one: np.ndarray,
        other: np.ndarray,
        currencies: int,
    ) -> _Bridges:
        enter, leave = np.concatenate([one, other]), np.concatenate([other, one])
        capacity = np.minimum(inward[enter], outward[leave])
        is_way = np.flatnonzero((capacity > 0) & (currency[enter] != currency[leave]))
        enter, leave, capacity = enter[is_way], leave[is_way], capacity[is_way]
        key = currency[enter].astype(np.int64) * currencies + currency[leave]
        order = np.argsort(key, kind="stable")
        key, enter, leave, capacity = key[order], enter[order], leave[order], capacity[order]
        is_first = np.ones(key.size, np.bool_)
        is_first[1:] = key[1:] != key[:-1]
        first = np.flatnonzero(is_first)
        return _Bridges(
            tail=(key[first] // currencies).astype(np.int32),
            head=(key[first] % currencies).astype(np.int32),
            capacity=np.add.reduceat(capacity, first) if first.size else capacity,
            part_capacity=capacity,
            part_edge=np.cumsum(is_first) - 1,
            enter=enter,
            leave=leave,
        )

    def spread(self, flows: np.ndarray, offers: int) -> np.ndarray:
        """What flows to the trader through each offer, when the first parts of each edge are filled first."""
        ends = np.cumsum(self.part_capacity)
        starts = np.cumsum(self.capacity) - self.capacity
        before = ends - self.part_capacity - starts[self.part_edge]
        filled = np.clip(flows[self.part_edge] - before, 0, self.part_capacity)
        inflow = np.zeros(offers, np.int64)
        # A trader may be a way in both directions: an offer can be in two parts.
        np.add.at(inflow, self.enter, filled)
        np.add.at(inflow, self.leave, -filled)
        return inflow


def _maximum_flow(
    tail: np.ndarray, head: np.ndarray, capacity: np.ndarray, surplus: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Takes as much surplus as possible (> 0) to needs (< 0): the flow of each edge, and what is left of the surplus.

    None: the optimiser failed.
    """
    givers = np.flatnonzero(surplus > 0).astype(np.int32)
    takers = np.flatnonzero(surplus < 0).astype(np.int32)
    source, sink = surplus.size, surplus.size + 1
    optimiser = max_flow.SimpleMaxFlow()
    edges = optimiser.add_arcs_with_capacity(
        np.concatenate([tail, np.full(givers.size, source, np.int32), takers]),
        np.concatenate([head, givers, np.full(takers.size, sink, np.int32)]),
        np.concatenate([capacity, surplus[givers], -surplus[takers]]),
    )
    if optimiser.solve(source, sink) != optimiser.OPTIMAL:
        return None
    flows, given, taken = np.split(optimiser.flows(edges), [tail.size, tail.size + givers.size])
    left = surplus.copy()
    left[givers] -= given
    left[takers] += taken
    return flows, left

"""Levels (integer potentials) of traders and currencies: the dual side of the maximum circulation.

The reduced cost of an offer says what one more unit of flow through it is worth at these levels: below 0 it should be
full, above 0 it should carry no more than it must, at 0 anything goes. Once a circulation obeys this, it is a greatest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.solver.search.network import Network

# The first guess uses this many levels, starts in the middle, and is repeated so often. After that it hardly changes.
GUESSED = 8
START = 3
ROUNDS = 1
UNREACHABLE = np.int32(2**20)


@dataclass(frozen=True)
class Levels:
    """One integer for each trader and for each currency (int32)."""

    trader: np.ndarray
    currency: np.ndarray

    def reduced_costs(self, network: Network) -> np.ndarray:
        """The reduced cost of each offer; selling a unit of value is worth 1, buying 0, or as the network says."""
        costs: np.ndarray = self.trader[network.trader] - self.currency[network.currency]
        np.negative(costs, out=costs, where=~network.is_sell)
        costs -= network.worth
        return costs


def guess_levels(network: Network, capacity: np.ndarray) -> Levels:
    """Levels that are nearly the best, by improving those of all traders and of all currencies in turns.

    Each has the best level, given those of its neighbours, when what it can get and what it can give at that level
    are in balance. Inexact, which only costs time later.
    """
    value = capacity.astype(np.float64)
    is_sell = network.is_sell.astype(np.int32)
    sold = np.bincount(network.trader, np.where(network.is_sell, value, 0.0), network.traders)
    bought = np.bincount(network.currency, np.where(network.is_sell, 0.0, value), network.currencies)
    currency = np.full(network.currencies, START, np.int32)
    trader = _best_levels(network.trader, currency[network.currency] + is_sell, value, sold)
    for _ in range(ROUNDS):
        currency = _best_levels(network.currency, np.maximum(trader[network.trader] - is_sell, 0), value, bought)
        currency = np.clip(currency, 1, GUESSED - 2)
        trader = _best_levels(network.trader, currency[network.currency] + is_sell, value, sold)
    return Levels(trader, currency)


def _best_levels(node: np.ndarray, threshold: np.ndarray, value: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """For each node the lowest level at which the values of offers up to that threshold reach what is wanted."""
    by_level = np.bincount(
        node * np.int64(GUESSED) + np.minimum(threshold, GUESSED - 1), value, wanted.size * GUESSED
    ).reshape(wanted.size, GUESSED)
    best = np.zeros(wanted.size, np.int32)
    reached = np.zeros(wanted.size)
    for level in range(GUESSED - 1):
        reached += by_level[:, level]
        best += reached < wanted
    return best


def raise_levels(
    network: Network,
    levels: Levels,
    costs: np.ndarray,
    room: tuple[np.ndarray, np.ndarray],
    surplus: tuple[np.ndarray, np.ndarray],
) -> Levels | None:
    """Raises levels by the distance from what has a surplus, so that some of it can move on at no cost.

    `costs` are the reduced costs, `room` says which offers can carry more and which less than they do, `surplus` is
    what each trader and each currency has too much of (or too little, below 0). Returns None when no surplus can reach
    any need.
    """
    to_trader, to_currency = _distances(network, costs, room, surplus)
    needs = np.concatenate([to_trader[surplus[0] < 0], to_currency[surplus[1] < 0]])
    needs = needs[needs < UNREACHABLE]
    if needs.size == 0:
        return None
    farthest = needs.max()
    return Levels(
        levels.trader + np.minimum(to_trader, farthest),
        levels.currency + np.minimum(to_currency, farthest),
    )


def _distances(
    network: Network,
    costs: np.ndarray,
    room: tuple[np.ndarray, np.ndarray],
    surplus: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Bellman-Ford in columns: the least cost of a way from any surplus to each trader and to each currency.

    Only offers of what came nearer in the last round are looked at.
    """
    can_grow, can_shrink = room
    sells = network.is_sell
    is_way_out = np.where(sells, can_grow, can_shrink)
    is_way_in = np.where(sells, can_shrink, can_grow)
    out_cost = np.where(sells, costs, -costs).astype(np.int32, copy=False)
    to_trader = np.where(surplus[0] > 0, np.int32(0), UNREACHABLE)
    to_currency = np.where(surplus[1] > 0, np.int32(0), UNREACHABLE)
    near_traders, near_currencies = np.flatnonzero(surplus[0] > 0), np.flatnonzero(surplus[1] > 0)
    while near_traders.size or near_currencies.size:
        ways = network.of_currencies(near_currencies, is_way_in)
        nearer = _come_nearer(to_trader, network.trader[ways], to_currency[network.currency[ways]] - out_cost[ways])
        near_traders = np.union1d(near_traders, nearer) if near_traders.size else nearer
        ways = network.of_traders(near_traders, is_way_out)
        near_currencies = _come_nearer(
            to_currency, network.currency[ways], to_trader[network.trader[ways]] + out_cost[ways]
        )
        near_traders = near_traders[:0]
    return to_trader, to_currency


def _come_nearer(distance: np.ndarray, node: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Lowers the distances of nodes to those found, and returns the nodes that came nearer."""
    is_nearer = found < distance[node]
    node, found = node[is_nearer], found[is_nearer]
    np.minimum.at(distance, node, found)
    is_near = np.zeros(distance.size, np.bool_)
    is_near[node] = True
    return np.flatnonzero(is_near)

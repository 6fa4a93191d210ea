"""Traders who buy in one currency and sell in another, and nothing else, as one trader for each pair of currencies.

Such traders have no choice: what they sell is what they buy. All those between the same two currencies are as good as
each other, so together they are one trader, which makes some markets many times smaller. Nothing is lost: a greatest
circulation among the joint traders becomes one among all of them, with levels that prove it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pipelines.solver.search.levels import Levels
from pipelines.solver.search.network import Network

# It takes some time itself, and pays in markets of so many offers, when at least this share of them is of such traders.
LARGE = 10_000
WORTH_IT = 0.5


@dataclass(frozen=True)
class Contraction:
    """A network in which the traders not joined come first, then the joint ones, each with a buy and a sell offer.

    `kept` are the offers of traders not joined that can flow at all, and `is_kept` says who these traders are. `buy`
    and `sell` are the offers of those joined, `low` and `high` the bounds of their flow; those of one joint trader
    stand together, from `first` on. `joint` is the number of the joint trader of each, from 0.
    """

    original: Network
    network: Network
    capacity: np.ndarray
    least: np.ndarray
    kept: np.ndarray
    is_kept: np.ndarray
    buy: np.ndarray
    sell: np.ndarray
    low: np.ndarray
    high: np.ndarray
    first: np.ndarray
    joint: np.ndarray
    bounds: tuple[np.ndarray, np.ndarray]

    @staticmethod
    def of(network: Network, capacity: np.ndarray, least: np.ndarray, outside: np.ndarray) -> Contraction | None:
        """Joins the traders who get (or give) nothing `outside` the network. None: it is not worth while."""
        if network.trader.size < LARGE:
            return None
        buy, sell, pair = network.simple_traders
        if buy.size * 2 < WORTH_IT * network.trader.size:
            return None
        low, high = np.maximum(least[buy], least[sell]), np.minimum(capacity[buy], capacity[sell])
        # A joint trader sells what counts.
        is_joined = (low <= high) & (outside[network.trader[buy]] == 0) & network.worth[sell] & ~network.worth[buy]
        if not is_joined.any():
            return None
        if not is_joined.all():
            buy, sell, pair, low, high = (values[is_joined] for values in (buy, sell, pair, low, high))
        # The smallest come first, so that as many as possible are served, and the last one most likely in full.
        order = np.lexsort((high, pair))
        buy, sell, pair, low, high = (values[order] for values in (buy, sell, pair, low, high))
        is_first = np.ones(pair.size, np.bool_)
        is_first[1:] = pair[1:] != pair[:-1]
        first = np.flatnonzero(is_first)

        is_kept = np.ones(network.traders, np.bool_)
        is_kept[network.trader[buy]] = False
        kept = np.flatnonzero(is_kept[network.trader] & (capacity + least > 0))
        number = np.cumsum(is_kept, dtype=np.int32) - 1
        joint = np.arange(first.size, dtype=np.int32) + np.int32(np.count_nonzero(is_kept))
        ends = np.column_stack([network.currency[buy[first]], network.currency[sell[first]]])
        contracted = Network.of(
            np.concatenate([number[network.trader[kept]], np.repeat(joint, 2)]),
            np.concatenate([network.currency[kept], ends.ravel()]),
            np.concatenate([network.is_sell[kept], np.tile([False, True], first.size)]),
        )
        return Contraction(
            original=network,
            network=replace(
                contracted,
                currencies=network.currencies,
                counted=None
                if network.counted is None
                else np.concatenate([network.counted[kept], np.tile([False, True], first.size)]),
            ),
            capacity=np.concatenate([capacity[kept], np.repeat(np.add.reduceat(high, first), 2)]),
            least=np.concatenate([least[kept], np.repeat(np.add.reduceat(low, first), 2)]),
            kept=kept,
            is_kept=is_kept,
            buy=buy,
            sell=sell,
            low=low,
            high=high,
            first=first,
            joint=np.cumsum(is_first) - 1,
            bounds=(capacity, least),
        )

    @cached_property
    def _sources(self) -> np.ndarray:
        """The currency in which each joint trader buys."""
        sources: np.ndarray = self.original.currency[self.buy[self.first]]
        return sources

    def shrink_flow(self, flow: np.ndarray) -> np.ndarray:
        """The flow of each offer in the contracted network, when that is the flow in the original one."""
        of_joined = np.clip(np.minimum(flow[self.buy], flow[self.sell]), self.low, self.high)
        return np.concatenate([flow[self.kept], np.repeat(np.add.reduceat(of_joined, self.first), 2)])

    def shrink_levels(self, levels: Levels) -> Levels:
        """The same for levels."""
        return self.adjust(Levels(np.concatenate([levels.trader[self.is_kept], self._sources]), levels.currency))

    def adjust(self, levels: Levels) -> Levels:
        """The levels, with those of joint traders such that each of them can buy just what he sells."""
        trader = levels.trader.copy()
        trader[trader.size - self.first.size :] = levels.currency[self._sources]
        return Levels(trader, levels.currency)

    def shrink_traders(self, values: np.ndarray) -> np.ndarray:
        """Values of traders, which are 0 for joined ones."""
        return np.concatenate([values[self.is_kept], np.zeros(self.first.size, values.dtype)])

    def expand_traders(self, values: np.ndarray) -> np.ndarray:
        """The other way round."""
        expanded = np.zeros(self.original.traders, values.dtype)
        expanded[self.is_kept] = values[: values.size - self.first.size]
        return expanded

    def expand_flow(self, flow: np.ndarray) -> np.ndarray:
        """The flow of each offer in the original network. The first of those joined are filled first."""
        room = self.high - self.low
        ends = np.cumsum(room)
        before = ends - room
        before -= before[self.first][self.joint]
        of_joint = flow[self.kept.size :: 2] - np.add.reduceat(self.low, self.first)
        of_joined = self.low + np.clip(of_joint[self.joint] - before, 0, room)
        expanded = np.zeros(self.original.trader.size, np.int64)
        expanded[self.kept] = flow[: self.kept.size]
        expanded[self.buy] = of_joined
        expanded[self.sell] = of_joined
        return expanded

    def expand_levels(self, levels: Levels) -> Levels:
        """Levels for the original network that prove as much.

        When more through a joined trader would be worth something, one of his two offers is full; when less would, one
        is at its least. That is the one whose reduced cost may differ from 0.
        """
        capacity, least = self.bounds
        buy, sell = self.buy, self.sell
        source, target = levels.currency[self.original.currency[buy]], levels.currency[self.original.currency[sell]]
        is_full = source <= target
        is_bound_by_sale = np.where(is_full, capacity[sell] <= capacity[buy], least[sell] >= least[buy])
        trader = self.expand_traders(levels.trader)
        trader[self.original.trader[buy]] = np.where(is_bound_by_sale, source, target + 1)
        return Levels(trader, levels.currency)

"""The market as a graph: traders and currencies are nodes, offers are edges that carry value.

A sell offer carries value from its trader to its currency, a buy offer from the currency to its trader. A circulation
is a flow in which every node passes on exactly what it gets.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

# The offers of some nodes are looked up one node after the other when they are less than one in so many.
FEW = 6

Outside = tuple[np.ndarray, np.ndarray]
"""What traders and currencies get (or give, below 0) through offers that are not in a network."""


@dataclass(frozen=True)
class Network:
    """Offers in the order of their traders, so that the offers of each trader stand together.

    Traders and currencies are numbered from 0 without gaps (int32). The offers of trader `i` are those from
    `first[i]` up to but not including `first[i + 1]`. What is sold counts, unless `counted` says which offers do.
    """

    trader: np.ndarray
    currency: np.ndarray
    is_sell: np.ndarray
    first: np.ndarray
    currencies: int
    counted: np.ndarray | None = None

    @staticmethod
    def of(trader: np.ndarray, currency: np.ndarray, is_sell: np.ndarray) -> Network:
        """The network of offers with these traders (ascending), currencies and sides."""
        traders = int(trader[-1]) + 1 if trader.size else 0
        return Network(
            trader=trader.astype(np.int32, copy=False),
            currency=currency.astype(np.int32, copy=False),
            is_sell=is_sell,
            first=np.searchsorted(trader, np.arange(traders + 1)),
            currencies=int(currency.max()) + 1 if currency.size else 0,
        )

    @property
    def traders(self) -> int:
        """How many traders there are."""
        return self.first.size - 1

    @property
    def worth(self) -> np.ndarray:
        """Whether a unit of value that flows through an offer is one unit of the whole."""
        return self.is_sell if self.counted is None else self.counted

    @cached_property
    def simple_traders(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The buy and the sell offers of those who have one of each and no other, and a number for the two currencies.

        In the order of that number.
        """
        first = self.first[:-1][np.diff(self.first) == 2]
        is_first_sell = self.is_sell[first]
        first, is_first_sell = (values[is_first_sell != self.is_sell[first + 1]] for values in (first, is_first_sell))
        buy, sell = first + is_first_sell, first + ~is_first_sell
        pair = self.currency[buy].astype(np.int64) * self.currencies + self.currency[sell]
        order = np.argsort(pair, kind="stable")
        return buy[order], sell[order], pair[order]

    def of_traders(self, traders: np.ndarray, is_wanted: np.ndarray) -> np.ndarray:
        """The wanted ones among the offers of some traders."""
        ranges = _Ranges.of(self.first, traders)
        if ranges.size * FEW > self.trader.size:
            return _of_nodes(self.trader, self.traders, traders, is_wanted)
        offers = ranges.numbers()
        wanted: np.ndarray = offers[is_wanted[offers]]
        return wanted

    def of_currencies(self, currencies: np.ndarray, is_wanted: np.ndarray) -> np.ndarray:
        """The wanted ones among the offers in some currencies."""
        order, first = self._by_currency
        ranges = _Ranges.of(first, currencies)
        if ranges.size * FEW > self.trader.size:
            return _of_nodes(self.currency, self.currencies, currencies, is_wanted)
        offers = order[ranges.numbers()]
        wanted: np.ndarray = offers[is_wanted[offers]]
        return wanted

    def of_same_traders(self, is_chosen: np.ndarray) -> np.ndarray:
        """Says of each offer whether its trader has one of the chosen offers."""
        is_trader = np.zeros(self.traders, np.bool_)
        is_trader[self.trader[is_chosen]] = True
        of_them: np.ndarray = is_trader[self.trader]
        return of_them

    @cached_property
    def _by_currency(self) -> tuple[np.ndarray, np.ndarray]:
        """The offers in the order of their currencies, and where in it the offers of each currency begin."""
        # Numbers of 16 bits are sorted much faster.
        is_short = self.currencies <= 2**16
        order = np.argsort(self.currency.astype(np.uint16) if is_short else self.currency, kind="stable")
        count = np.bincount(self.currency, minlength=self.currencies)
        return order.astype(np.int32), np.concatenate([[0], np.cumsum(count)])

    @property
    def complexity(self) -> int:
        """How many offers belong to traders who have a choice of what to sell or to buy."""
        return self.trader.size - 2 * self.simple_traders[0].size

    def components(self) -> np.ndarray:
        """For each offer the number of the independent part of the market to which it belongs."""
        of_trader = np.arange(self.traders)
        while True:
            of_currency = np.full(self.currencies, self.traders)
            np.minimum.at(of_currency, self.currency, of_trader[self.trader])
            lowest = of_trader.copy()
            np.minimum.at(lowest, self.trader, of_currency[self.currency])
            # A trader's number stands for a trader, whose own number may be lower by now.
            lowest = lowest[lowest]
            if (lowest == of_trader).all():
                part_of: np.ndarray = of_trader[self.trader]
                return part_of
            of_trader = lowest

    def trader_sums(self, values: np.ndarray) -> np.ndarray:
        """The sum of the offers' values (integers) of each trader, exact."""
        sums = np.zeros(values.size + 1, np.int64)
        np.cumsum(values, out=sums[1:])
        return np.diff(sums[self.first])

    def currency_sums(self, values: np.ndarray) -> np.ndarray:
        """The sum of the offers' values (integers) of each currency, exact."""
        sums = np.zeros(self.currencies, np.int64)
        np.add.at(sums, self.currency, values)
        return sums


@dataclass(frozen=True)
class _Ranges:
    """Ranges of numbers, each with its first number."""

    first: np.ndarray
    count: np.ndarray
    size: int

    @staticmethod
    def of(first: np.ndarray, nodes: np.ndarray) -> _Ranges:
        """From `first[i]` up to but not including `first[i + 1]` for each node `i`."""
        count = first[nodes + 1] - first[nodes]
        return _Ranges(first[nodes], count, int(count.sum()))

    def numbers(self) -> np.ndarray:
        """All the numbers, one range after the other."""
        skipped = np.cumsum(self.count) - self.count
        numbers: np.ndarray = np.repeat(self.first - skipped, self.count) + np.arange(self.size)
        return numbers


def _of_nodes(node: np.ndarray, nodes: int, chosen: np.ndarray, is_wanted: np.ndarray) -> np.ndarray:
    """The wanted offers of the chosen nodes, by looking at all offers: faster when there are many."""
    is_chosen = np.zeros(nodes, np.bool_)
    is_chosen[chosen] = True
    return np.flatnonzero(is_wanted & is_chosen[node])

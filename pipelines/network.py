"""The market as a graph: traders and currencies are nodes, offers are edges that carry value.

A sell offer carries value from its trader to its currency, a buy offer from the currency to its trader. A circulation
is a flow in which every node passes on exactly what it gets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Network:
    """Offers in the order of their traders, so that the offers of each trader stand together.

    Traders and currencies are numbered from 0 without gaps (int32). The offers of trader `i` are those from
    `first[i]` up to but not including `first[i + 1]`.
    """

    trader: np.ndarray
    currency: np.ndarray
    is_sell: np.ndarray
    first: np.ndarray
    currencies: int

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

    def before(self, values: np.ndarray) -> np.ndarray:
        """For each offer, the sum of the values of the trader's offers before it."""
        ends = np.cumsum(values)
        before: np.ndarray = ends - values
        before -= np.repeat(before[self.first[:-1]], np.diff(self.first))
        return before

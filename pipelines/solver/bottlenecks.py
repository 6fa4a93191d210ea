"""What would have let more trade: currencies in which more buyers, or more sellers, would have helped others."""

from __future__ import annotations

import time

import numpy as np
import polars as pl

from pipelines.solver.limits import SLACK, comparable_prices, token_amount
from pipelines.solver.market import Market
from pipelines.solver.offers import eligible_offers
from pipelines.solver.price import price
from pipelines.solver.search.circulation import Circulation, Search, maximum_circulation
from pipelines.solver.search.levels import Levels
from pipelines.solver.search.network import Network
from pipelines.solver.units import add_units, base_value
from pipelines.solver.untraded import Untraded

BOTTLENECKS: dict[str, pl.DataType | type[pl.DataType]] = {
    "debtor_id": pl.Int64,
    "is_buyer": pl.Boolean,
    "unserved_value": pl.Float64,
    "extra_value": pl.Float64,
}


def bottlenecks(market: Market, most: int = 10, time_limit: float | None = None) -> pl.DataFrame:
    """For the currencies with most unserved value: what one more trader there would have let the others trade more.

    He takes a currency (`is_buyer`) against any other one, or gives it against any other one, without limit, and what
    he trades himself does not count. Columns: debtor_id, is_buyer, unserved_value (offered and not in a greatest
    circulation: by sellers, if he is a buyer) and extra_value, both in base tokens; largest extra_value first. Like the
    upper bound this leaves out the minimum amount and whole tokens. Raises NoTimeLeft after `time_limit` seconds.
    """
    prices, _ = price(market.currencies, market.parameters)
    offers = eligible_offers(market, prices, market.parameters.least_trade, Untraded())
    if offers.height == 0:
        return pl.DataFrame(schema=BOTTLENECKS)
    offers, scale = add_units(_limited(offers))
    currency, is_sell = offers["currency"].to_numpy(), offers["is_sell"].to_numpy()
    capacity = offers["most_units"].to_numpy()
    # Those that were left out have left gaps.
    trader = np.unique(offers["trader"].to_numpy(), return_inverse=True)[1].astype(np.int32)
    network = Network.of(trader, currency, is_sell)
    search = Search(None if time_limit is None else time.monotonic() + time_limit)
    greatest = maximum_circulation(network, capacity, search=search)

    left = (capacity - greatest.flow).astype(np.float64)
    unserved = {
        side: np.bincount(currency[is_sell == side], left[is_sell == side], network.currencies)
        for side in (True, False)
    }
    chosen = np.argsort(-np.maximum(unserved[True], unserved[False]), kind="stable")[:most]
    debtor_of = np.zeros(network.currencies, np.int64)
    debtor_of[currency] = offers["debtor_id"].to_numpy()
    rows = []
    for number in chosen.tolist():
        for is_buyer in (True, False):
            missing = unserved[is_buyer][number]
            if missing > 0:
                extra = _extra_units(network, capacity, greatest, number, is_buyer, search)
                values = base_value(round(missing), scale), base_value(extra, scale)
                rows.append((int(debtor_of[number]), is_buyer, *values))
    return pl.DataFrame(rows, BOTTLENECKS, orient="row").sort(
        ["extra_value", "unserved_value", "debtor_id", "is_buyer"], descending=[True, True, False, True]
    )


def _limited(offers: pl.DataFrame) -> pl.DataFrame:
    """Adds `limit`: no trader gives more value than he takes, or the other way round."""
    value = offers["amount"].to_numpy() * comparable_prices(offers)
    side = offers["trader"].to_numpy().astype(np.int64) * 2 + offers["is_sell"].to_numpy()
    other_side = np.bincount(side, value, 2 + side.max(initial=0))[side ^ 1]
    amount = offers["amount"].to_numpy()
    tokens = token_amount(np.minimum(value, other_side) * SLACK, comparable_prices(offers))
    limit = np.where(other_side < value, np.maximum(np.minimum(tokens, amount), 1), amount)
    return offers.with_columns(limit=pl.Series(limit, dtype=pl.Int64))


def _extra_units(
    network: Network, capacity: np.ndarray, greatest: Circulation, number: int, is_buyer: bool, search: Search
) -> int:
    """How much more the others trade beside a trader who takes (gives) one currency against all others."""
    helper = network.traders
    others = np.flatnonzero(np.arange(network.currencies) != number)
    # He can not use more than others offer here, and want there.
    here, there = (
        np.bincount(network.currency[chosen], capacity[chosen].astype(np.float64), network.currencies)
        for chosen in (network.is_sell == is_buyer, network.is_sell != is_buyer)
    )
    most, there = here[number], there[others]
    own = np.ceil(np.minimum(np.concatenate([[most], there]), most)).astype(np.int64)
    sides = np.concatenate([[not is_buyer], np.full(others.size, is_buyer)])
    is_sell = np.concatenate([network.is_sell, sides])
    wider = Network(
        trader=np.concatenate([network.trader, np.full(own.size, helper, np.int32)]),
        currency=np.concatenate([network.currency, [number], others]).astype(np.int32),
        is_sell=is_sell,
        first=np.append(network.first, is_sell.size),
        currencies=network.currencies,
        counted=np.concatenate([network.is_sell, np.zeros(own.size, np.bool_)]),
    )
    level = greatest.levels.currency[number]
    start = Circulation(
        flow=np.concatenate([greatest.flow, np.zeros(own.size, np.int64)]),
        levels=Levels(np.append(greatest.levels.trader, level).astype(np.int32), greatest.levels.currency),
        trader_surplus=np.append(greatest.trader_surplus, 0),
        currency_surplus=greatest.currency_surplus,
    )
    found = maximum_circulation(wider, np.concatenate([capacity, own]), start=start, search=search)
    before = int(greatest.flow[network.is_sell].sum())
    return int(found.flow[: network.is_sell.size][network.is_sell].sum()) - before

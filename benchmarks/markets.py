"""Invents markets of any size for the benchmarks, column by column."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.market import Market, TurnParameters

BASE_LOCATOR = "https://example.com/base"
OFFERS_PER_TRADER = 5.0
COMMUNITY = 2000
"""Traders per community; each community has a few currencies of its own."""


def make_market(seed: int, traders: int, minimum: int) -> Market:
    """An economy of communities: local currencies pegged below popular ones, heavy-tailed amounts.

    Every trader has at least one sell and one buy offer; no account has both, and none is below the minimum (tokens).
    """
    rng = np.random.default_rng(seed)
    communities = max(1, traders // COMMUNITY)
    popular, local = 5, 8
    count = popular + communities * local
    debtor_ids = np.arange(1, count + 1, dtype=np.int64)
    peg = np.where(np.arange(count) < popular, 0, rng.integers(0, popular, count))
    rate = np.where(np.arange(count) == 0, 1.0, rng.lognormal(0.0, 1.0, count))
    price = np.where(np.arange(count) < popular, rate, rate * rate[peg])
    home = rng.integers(0, communities, traders)
    size = rng.lognormal(12.0, 1.5, traders)

    trader = np.repeat(np.arange(traders), rng.poisson(OFFERS_PER_TRADER - 2.0, traders) + 2)
    is_local = rng.random(trader.size) < 0.75
    chosen_local = popular + home[trader] * local + rng.integers(0, local, trader.size)
    currency = np.where(is_local, chosen_local, rng.integers(0, popular, trader.size))
    amount = size[trader] * rng.lognormal(0.0, 1.0, trader.size) / price[currency]
    first = np.concatenate([[True], trader[1:] != trader[:-1]])
    is_sell = np.where(first, True, rng.random(trader.size) < 0.5)
    is_sell[np.concatenate([[False], first[:-1]])] = False  # the second offer of each trader buys
    offers = pl.DataFrame(
        {
            "creditor_id": trader.astype(np.int64) + 0x10100000000,
            "debtor_id": debtor_ids[currency],
            "amount": np.minimum(np.maximum(amount, minimum), 2.0**62).astype(np.int64),
            "collector_id": 0x10000000000 + rng.integers(0, 3, trader.size),
            "is_sell": is_sell,
        }
    ).unique(["creditor_id", "debtor_id"], keep="first", maintain_order=True)
    collectors = pl.DataFrame({"debtor_id": debtor_ids}).join(
        pl.DataFrame({"collector_id": 0x10000000000 + np.arange(3, dtype=np.int64)}), how="cross"
    )
    locators = [BASE_LOCATOR, *(f"https://example.com/{debtor_id}" for debtor_id in debtor_ids[1:])]
    parent = np.where(np.arange(count) < popular, 0, peg)
    currencies = pl.DataFrame(
        {
            "debtor_info_locator": locators,
            "debtor_id": debtor_ids,
            "peg_debtor_info_locator": [None, *(locators[p] for p in parent[1:])],
            "peg_debtor_id": [None, *(int(debtor_ids[p]) for p in parent[1:])],
            "peg_exchange_rate": [None, *rate[1:].tolist()],
            "is_confirmed": [True] * count,
        }
    )
    return Market(
        parameters=TurnParameters(BASE_LOCATOR, 1, 10, minimum),
        currencies=currencies,
        collector_accounts=collectors,
        sell_offers=offers.filter("is_sell"),
        buy_offers=offers.filter(~pl.col("is_sell")),
    )

"""Invents markets of any size and several characters, column by column: no loop over traders or offers.

An economy consists of communities. Each one has local currencies, pegged below popular ones or to each other; a trader
has accounts at home, in popular currencies, and a few abroad. Values are heavy-tailed: a trader has a size, and offers
vary around it. The families differ in what is hard for a solver.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.solver.market import BUY_OFFERS, MAX_AMOUNT, SELL_OFFERS, Market, TurnParameters

BASE_LOCATOR = "https://example.com/base"
MAX_DISTANCE = 10
FIRST_COLLECTOR = 0x0000010000000000
TRADERS_PER_CURRENCY = 50
MOST_COLLECTORS = 8
LEAST_AMOUNT = 1000
"""Offers of fewer tokens are not even made. The minimum trade amount does not change the offers."""


@dataclass(frozen=True)
class Family:
    """A character of economies. Sizes are log-normal: `sigma` is the deviation of the logarithm.

    `accounts` of a trader on average, `abroad`: share of them in currencies that are not local, `ring`: in a
    community everybody sells one currency and buys the next one, so that a circle passes all of them, `untradable`:
    share of local currencies without a peg, and of those without confirmation.
    """

    about: str
    accounts: float = 5.0
    community: int = 2000
    abroad: float = 0.25
    sigma: float = 1.5
    ring: int = 0
    untradable: float = 0.03
    is_odd: bool = False


FAMILIES = {
    "typical": Family("about five offers of a trader, three quarters of them in local currencies"),
    "dense": Family("about nine offers of a trader", accounts=9.0),
    "sparse": Family("little more than one sell and one buy offer of a trader", accounts=2.6),
    "clustered": Family("communities of 200 with hardly any trade between them", community=200, abroad=0.03),
    "chains": Family(
        "circles of at least 20 traders", accounts=2.4, abroad=0.05, community=1000, ring=20, untradable=0.0
    ),
    "heavy": Family("sizes over ten orders of magnitude", sigma=3.0),
    "oddities": Family("unusable exchange rates, deep pegs, immense amounts, broken rows", is_odd=True),
}


def market_of_offers(offers: int, family: str, seed: int = 1, minimum: int = 1000) -> Market:
    """A market of about so many offers."""
    sample = make_market(seed, 4000, minimum, family)
    per_trader = (sample.sell_offers.height + sample.buy_offers.height) / 4000
    return make_market(seed, max(2, round(offers / per_trader)), minimum, family)


def make_market(seed: int, traders: int, minimum: int, family: str = "typical") -> Market:
    """A market of at most so many traders, each with at least one sell and one buy offer; no account has both.

    The offers are the same for every `minimum` (tokens). The same arguments give the same market.
    """
    kind = FAMILIES[family]
    rng = np.random.default_rng([seed, traders, list(FAMILIES).index(family)])
    communities = max(1, traders // kind.community)
    local = max(2, min(traders, kind.community) // TRADERS_PER_CURRENCY, kind.ring)
    popular = 4 + communities // 8
    currencies, price = _currencies(rng, kind, popular, communities, local)
    accounts = _accounts(rng, kind, traders, popular, communities, local, price)

    currency = accounts["currency"].to_numpy()
    users = np.bincount(currency, minlength=price.size)
    collectors = np.clip(1 + np.log2(1.0 + users / 64.0).astype(np.int64), 1, MOST_COLLECTORS)
    first = FIRST_COLLECTOR + np.cumsum(collectors) - collectors
    debtor_ids = currencies["debtor_id"].to_numpy()
    owner = np.repeat(np.arange(price.size), collectors)
    is_confirmed = currencies["is_confirmed"].to_numpy()
    offers = accounts.select(
        pl.Series("creditor_id", _ids(accounts["trader"].to_numpy(), 0x9E3779B97F4A7C15)),
        pl.Series("debtor_id", debtor_ids[currency]),
        "amount",
        pl.Series("collector_id", first[currency] + rng.integers(0, collectors[currency])),
        "is_sell",
    )
    sells = offers.filter("is_sell").select(list(SELL_OFFERS))
    buys = offers.filter(~pl.col("is_sell")).select(list(BUY_OFFERS))
    if kind.is_odd:
        sells, buys = _with_broken_rows(rng, sells), _with_broken_rows(rng, buys)
    return Market(
        parameters=TurnParameters(BASE_LOCATOR, int(debtor_ids[0]), MAX_DISTANCE, minimum),
        currencies=currencies,
        collector_accounts=pl.DataFrame(
            {"debtor_id": debtor_ids[owner], "collector_id": FIRST_COLLECTOR + np.arange(owner.size)}
        ).filter(pl.Series(is_confirmed[owner])),
        sell_offers=sells,
        buy_offers=buys,
    )


def as_shipped(market: Market) -> Market:
    """The market as a solver gets it from workers: they ship no offer below the minimum, and offers of both sides."""
    is_large = pl.col("amount") >= market.parameters.min_trade_amount
    sells, buys = market.sell_offers.filter(is_large), market.buy_offers.filter(is_large)
    return replace(
        market,
        sell_offers=sells.join(buys, on="creditor_id", how="semi", maintain_order="left"),
        buy_offers=buys.join(sells, on="creditor_id", how="semi", maintain_order="left"),
    )


def save_market(market: Market, folder: Path) -> None:
    """Writes the files that `swpt-trade solve` reads. The folder is made when missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("currencies", "collector_accounts", "sell_offers", "buy_offers"):
        getattr(market, name).write_parquet(folder / f"{name}.parquet")
    save_parameters(market.parameters, folder)


def save_parameters(parameters: TurnParameters, folder: Path) -> None:
    """Writes meta.json."""
    (folder / "meta.json").write_text(json.dumps(vars(parameters), indent=2) + "\n")


def _currencies(
    rng: np.random.Generator, kind: Family, popular: int, communities: int, local: int
) -> tuple[pl.DataFrame, np.ndarray]:
    """The currencies, the base first, then popular ones, then each community's own; and prices for inventing amounts.

    The first currency of a community is pegged to a popular one, most others to the first, some to the one before.
    """
    count = popular + communities * local
    place = (np.arange(count) - popular) % local
    is_popular = np.arange(count) < popular
    draw = rng.random(count)
    peg = np.where(draw < 0.3, rng.integers(0, popular, count), np.arange(count) - np.where(draw < 0.8, place, 1))
    peg = np.where(place == 0, rng.integers(0, popular, count), peg)
    peg = np.where(is_popular, 0, peg)
    rate = np.where(is_popular, rng.lognormal(0.0, 0.5, count), rng.lognormal(0.0, 1.0, count))
    if kind.is_odd:
        # Each local currency in one of ten communities is pegged to the one before: deeper than a turn allows.
        is_deep = ~is_popular & (place > 0) & ((np.arange(count) - popular) // local % 10 == 0)
        peg = np.where(is_deep, np.arange(count) - 1, peg)
        odd = rng.choice([0.0, np.inf, np.nan, -1.0, 1e-310, 1e300], count)
        rate = np.where(~is_popular & (rng.random(count) < 0.04), odd, rate)

    price = np.where(is_popular, rate, np.nan)
    price[0] = 1.0
    with np.errstate(all="ignore"):
        for _ in range(local + 1):
            price = np.where(is_popular, price, price[peg] * rate)
    price = np.where(np.isfinite(price) & (price > 1e-9) & (price < 1e9), price, 1.0)

    debtor_ids = pl.Series("debtor_id", _ids(np.arange(count), 0xD1342543DE82EF95))
    locators = pl.Series([BASE_LOCATOR, *(f"https://example.com/{number:x}" for number in range(1, count))])
    has_peg = pl.Series(np.arange(count) > 0) & pl.Series(is_popular | (rng.random(count) >= kind.untradable))
    rows = pl.Series(peg)
    frame = pl.DataFrame(
        {
            "debtor_info_locator": locators,
            "debtor_id": debtor_ids,
            "peg_debtor_info_locator": locators.gather(rows),
            "peg_debtor_id": debtor_ids.gather(rows),
            "peg_exchange_rate": pl.Series(rate),
            "is_confirmed": pl.Series(is_popular | (rng.random(count) >= kind.untradable)),
        }
    )
    pegs = ("peg_debtor_info_locator", "peg_debtor_id", "peg_exchange_rate")
    return frame.with_columns(pl.when(has_peg).then(column).alias(column) for column in pegs), price


def _accounts(
    rng: np.random.Generator,
    kind: Family,
    traders: int,
    popular: int,
    communities: int,
    local: int,
    price: np.ndarray,
) -> pl.DataFrame:
    """(trader, currency, amount, is_sell): one row for an offer."""
    home = rng.integers(0, communities, traders)
    size = rng.normal(12.5, kind.sigma, traders)
    number = np.minimum(2 + rng.geometric(1.0 / (kind.accounts - 1.0), traders) - 1, 40)
    trader = np.repeat(np.arange(traders), number)
    ordinal = np.arange(trader.size) - np.repeat(np.cumsum(number) - number, number)

    draw = rng.random(trader.size)
    is_popular = draw < 0.8 * kind.abroad
    is_elsewhere = ~is_popular & (draw < kind.abroad)
    community = np.where(is_elsewhere, rng.integers(0, communities, trader.size), home[trader])
    within = _popularity(rng, local, trader.size)
    is_sell = rng.random(trader.size) < 0.5
    # The first two accounts: one sells, one buys.
    is_sell = np.where(ordinal < 2, ordinal == 0, is_sell)
    if kind.ring:
        position = np.where(is_sell, rng.integers(0, kind.ring, traders)[trader], 0)
        start = np.repeat(position[np.cumsum(number) - number], number)
        within = (start + ~is_sell) % kind.ring
        is_popular &= ordinal >= 2
        community = np.where(ordinal < 2, home[trader], community)
    currency = np.where(is_popular, _popularity(rng, popular, trader.size), popular + community * local + within)

    # One exponential of a sum: a trader's size, the offer's own deviation, the price of a token.
    amount = np.exp(size[trader] + rng.normal(0.0, 1.0, trader.size) - np.log(price[currency]))
    amount = np.minimum(amount, 2.0**62).astype(np.int64)
    if kind.is_odd:
        amount = np.where(rng.random(trader.size) < 0.0002, MAX_AMOUNT, amount)
    return (
        pl.DataFrame({"trader": trader, "currency": currency, "amount": amount, "is_sell": is_sell})
        .filter(pl.col("amount") >= LEAST_AMOUNT)
        .filter(pl.struct(pl.col("trader"), pl.col("currency")).is_first_distinct())
        .filter(pl.col("is_sell").any().over("trader") & ~pl.col("is_sell").all().over("trader"))
    )


def _popularity(rng: np.random.Generator, size: int, count: int) -> np.ndarray:
    """Numbers below `size`; how often each one comes falls with the number, like the ranks of Zipf's law."""
    rank = np.exp(rng.random(count) * np.log(size + 1.0)).astype(np.int64) - 1
    return np.clip(rank, 0, size - 1)


def _ids(numbers: np.ndarray, factor: int) -> np.ndarray:
    """Different signed 64-bit IDs for different numbers, in no visible order, never 0. The factor must be odd."""
    with np.errstate(over="ignore"):
        ids: np.ndarray = ((numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(factor)).astype(np.int64)
    return ids


def _with_broken_rows(rng: np.random.Generator, offers: pl.DataFrame) -> pl.DataFrame:
    """Adds offers as no worker should ever send them: of nobody, of nothing, in unknown currencies, twice."""
    count = max(4, offers.height // 1000)
    broken = offers.sample(count, with_replacement=True, seed=int(rng.integers(2**31)))
    kind = pl.int_range(pl.len()) % 4
    return pl.concat(
        [
            offers,
            broken.with_columns(
                pl.when(kind == 0).then(0).otherwise("creditor_id").alias("creditor_id"),
                pl.when(kind == 1).then(7).otherwise("debtor_id").alias("debtor_id"),
                pl.when(kind == 2).then(0).otherwise("amount").alias("amount"),
            ),
        ]
    ).cast(dict.fromkeys(("creditor_id", "debtor_id", "amount"), pl.Int64))

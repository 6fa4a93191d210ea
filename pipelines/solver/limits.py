"""How many tokens each offer could trade at most, given what the others offer."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.solver.market import MAX_AMOUNT
from pipelines.solver.untraded import Untraded

# Sums of doubles are off by less than this share, so a limit is never too low.
SLACK = 1.0 + 1e-9
MAX_ROUNDS = 12
# Another round is worth while if the last one brought the total of all values below this share.
ENOUGH = 0.9
# Values are kept below 2 ** 984, so that no sum of them overflows.
MAX_PRICE_EXPONENT = 900


def limit_offers(offers: pl.DataFrame, untraded: Untraded) -> pl.DataFrame:
    """Adds `limit` (tokens, from 1 to `amount`) and drops offers which cannot trade.

    An offer trades no more value than its trader's offers on the other side, and no more than its currency's. That
    keeps an immense offer from setting the scale for everybody else. Without a counterpart it cannot trade at all.
    """
    limit = offers["amount"].to_numpy()
    price, of_trader, of_currency = comparable_prices(offers), _sides(offers, "trader"), _sides(offers, "currency")
    for _ in range(MAX_ROUNDS):
        value = limit * price
        bound = np.minimum(_other_side(value, of_trader), value)
        bound = np.minimum(_other_side(value, of_currency), bound)
        is_cut = np.flatnonzero(bound < value)
        tokens = token_amount(bound[is_cut] * SLACK, price[is_cut])
        limit = limit.copy()
        limit[is_cut] = np.minimum(limit[is_cut] - 1, tokens) + 1
        has_counterpart = bound > 0.0
        is_settled = bool(has_counterpart.all()) and bound.sum() > ENOUGH * value.sum()
        if not has_counterpart.all():
            untraded.add("no circle", offers.filter(pl.Series(~has_counterpart)))
            offers, limit = offers.filter(pl.Series(has_counterpart)), limit[has_counterpart]
            price, of_trader, of_currency = (x[has_counterpart] for x in (price, of_trader, of_currency))
        if is_settled:
            break
    fitting = _fit_sums(offers.with_columns(limit=pl.Series(limit, dtype=pl.Int64)))
    untraded.add("no circle", fitting.filter(pl.col("limit") < 1))
    return fitting.filter(pl.col("limit") >= 1)


def token_amount(values: np.ndarray, prices: np.ndarray) -> np.ndarray:
    """Tokens (int64) worth `values` at `prices`: the quotient rounded half away from zero.

    0 for what is not a positive number; the greatest amount when there is no bigger one.
    """
    with np.errstate(all="ignore"):
        quotient = np.asarray(values, np.float64) / np.asarray(prices, np.float64)
        whole = np.floor(quotient)
        whole += quotient - whole >= 0.5
        is_number = (np.asarray(values) > 0.0) & (np.asarray(prices) > 0.0) & (quotient > 0.0)
        is_big = is_number & ~(quotient < 2.0**63)
        plain = np.where(is_number & ~is_big, whole, 0.0).astype(np.int64)
    return np.where(is_big, np.int64(MAX_AMOUNT), plain)


def comparable_prices(offers: pl.DataFrame) -> np.ndarray:
    """The prices, all divided by one power of two when some are so high that sums of values could overflow."""
    price: np.ndarray = offers["price"].to_numpy()
    comparable: np.ndarray = np.ldexp(price, -price_shift(price))
    return comparable


def price_shift(price: np.ndarray) -> int:
    """The exponent by which `comparable_prices` divides."""
    if price.size == 0:
        return 0
    return max(0, int(np.frexp(price.max())[1]) - MAX_PRICE_EXPONENT)


def _sides(offers: pl.DataFrame, column: str) -> np.ndarray:
    """For every offer, the number of the side of its trader or its currency on which it stands."""
    number: np.ndarray = offers[column].to_numpy().astype(np.int64)
    number *= 2
    number += offers["is_sell"].to_numpy()
    return number


def _other_side(value: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """For every offer, the summed value of the opposite side."""
    sums = np.bincount(sides, value, 2 + sides.max(initial=0))
    # The other side of an even number is the next one, that of an odd number is the one before.
    other: np.ndarray = sums[sides ^ 1]
    return other


def _fit_sums(offers: pl.DataFrame) -> pl.DataFrame:
    """Cuts sell offers, the biggest first, in currencies where the sums of both sides could leave 64 bits.

    All that is collected, sent, received and dispatched in a currency is part of one sum of takings, so this bound
    is enough for every collector.
    """
    if offers["limit"].cast(pl.Float64).sum() < MAX_AMOUNT / 2:
        return offers
    tokens = pl.col("limit").cast(pl.Int128)
    sold = tokens.filter(pl.col("is_sell")).sum().over("debtor_id")
    bought = tokens.filter(~pl.col("is_sell")).sum().over("debtor_id")
    is_huge = (sold > MAX_AMOUNT) & (bought > MAX_AMOUNT) & pl.col("is_sell")
    offers = offers.with_columns(is_huge=is_huge)
    huge = offers.filter("is_huge").sort("debtor_id", "limit", "creditor_id")
    if huge.height == 0:
        return offers.drop("is_huge")
    room = MAX_AMOUNT + tokens - tokens.cum_sum().over("debtor_id")
    cut = huge.with_columns(pl.min_horizontal(tokens, room).clip(0).cast(pl.Int64).alias("limit"))
    return pl.concat([offers.filter(~pl.col("is_huge")), cut]).drop("is_huge").sort("creditor_id", "debtor_id")

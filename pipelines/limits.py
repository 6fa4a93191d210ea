"""How many tokens each offer could trade at most, given what the others offer."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.market import MAX_AMOUNT
from pipelines.untraded import Untraded

# Sums of doubles are off by less than this share, so a limit is never too low.
SLACK = 1.0 + 1e-9
MAX_ROUNDS = 12
# Another round is worth while if the last one brought the total of all values below this share.
ENOUGH = 0.9
# Values are kept below 2 ** 984, so that no sum of them overflows.
MAX_PRICE_EXPONENT = 900


def limit_offers(offers: pl.DataFrame, minimum: int, untraded: Untraded) -> pl.DataFrame:
    """Adds `limit` (tokens, at least `minimum`, at most `amount`) and drops offers which cannot trade.

    An offer trades no more value than its trader's offers on the other side, and no more than its currency's. That
    keeps an immense offer from setting the scale for everybody else. Without a counterpart it cannot trade at all.
    """
    offers = offers.with_columns(limit=pl.col("amount"))
    for _ in range(MAX_ROUNDS):
        trader = dense_numbers(offers, "creditor_id")
        currency = dense_numbers(offers, "debtor_id")
        is_sell = offers["is_sell"].to_numpy()
        price = comparable_prices(offers)
        value = offers["limit"].cast(pl.Float64).to_numpy() * price
        bound = np.minimum(_other_side(value, trader, is_sell), _other_side(value, currency, is_sell))
        bound = np.minimum(bound, value)
        tokens = token_amount(bound * SLACK, price)
        limit = np.where(bound < value, np.minimum(offers["limit"].to_numpy() - 1, tokens) + 1, offers["limit"])
        offers = offers.with_columns(limit=pl.Series(limit, dtype=pl.Int64))
        has_counterpart = pl.Series(bound > 0.0)
        # Who lost his counterpart to the minimum would have had one without it.
        untraded.add("no circle" if minimum == 1 else "lost to the minimum", offers.filter(~has_counterpart))
        untraded.add("lost to the minimum", offers.filter(has_counterpart & (offers["limit"] < minimum)))
        kept = offers.filter(has_counterpart & (offers["limit"] >= minimum))
        if kept.height == offers.height and bound.sum() > ENOUGH * value.sum():
            break
        offers = kept
    fitting = _fit_sums(offers)
    untraded.add("lost to the minimum", fitting.filter(pl.col("limit") < minimum))
    return fitting.filter(pl.col("limit") >= minimum)


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


def dense_numbers(offers: pl.DataFrame, column: str) -> np.ndarray:
    """Numbers from 0 for the distinct values of a column, in the order of the values."""
    numbers: np.ndarray = (offers[column].rank("dense").cast(pl.Int64) - 1).to_numpy()
    return numbers


def _other_side(value: np.ndarray, group: np.ndarray, is_sell: np.ndarray) -> np.ndarray:
    """For every offer, the summed value of its group's offers on the opposite side."""
    if value.size == 0:
        return value
    sold = np.bincount(group, weights=np.where(is_sell, value, 0.0))
    bought = np.bincount(group, weights=np.where(is_sell, 0.0, value))
    other: np.ndarray = np.where(is_sell, bought[group], sold[group])
    return other


def _fit_sums(offers: pl.DataFrame) -> pl.DataFrame:
    """Cuts sell offers, the biggest first, in currencies where the sums of both sides could leave 64 bits.

    All that is collected, sent, received and dispatched in a currency is part of one sum of takings, so this bound
    is enough for every collector.
    """
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
    return (
        pl.concat([offers.filter(~pl.col("is_huge")), cut])
        .drop("is_huge")
        .sort(["debtor_id", "is_sell", "creditor_id"], descending=[False, True, False])
    )

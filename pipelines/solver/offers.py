"""Which offers can take part at all, in one frame for both sides of the market."""

from __future__ import annotations

import logging

import numpy as np
import polars as pl

from pipelines.solver.market import Market
from pipelines.solver.untraded import Untraded

logger = logging.getLogger(__name__)

ACCOUNT = ["creditor_id", "debtor_id"]
# Whoever sends such offers makes a mistake.
ERRORS = ("missing value", "creditor 0", "collector 0", "amount not positive", "second offer of an account")


def eligible_offers(market: Market, prices: pl.DataFrame, minimum: int, untraded: Untraded) -> pl.DataFrame:
    """Returns the offers that take part, sorted by creditor and debtor.

    The columns are creditor_id, debtor_id, is_sell, amount (tokens, at least `minimum`), collector_id (null for buy
    offers), price, and two numbers from 0, with gaps, in the order of the IDs: trader and currency (Int32). One row for
    an account: an account with both a sell and a buy offer nets to nothing. What is left out is added to `untraded`.
    """
    offers = pl.concat(
        [
            market.sell_offers.with_columns(is_sell=pl.lit(True)),
            market.buy_offers.with_columns(collector_id=pl.lit(None, dtype=pl.Int64), is_sell=pl.lit(False)),
        ]
    ).join(
        prices.with_columns(pl.int_range(pl.len(), dtype=pl.Int32).alias("currency")),
        on="debtor_id",
        how="left",
        maintain_order="left",
    )
    is_incomplete = pl.any_horizontal(pl.col(*ACCOUNT, "amount").is_null())
    offers = _leave_out(
        offers,
        {
            "missing value": is_incomplete | (pl.col("is_sell") & pl.col("collector_id").is_null()),
            "creditor 0": pl.col("creditor_id") == 0,
            "collector 0": pl.col("is_sell") & (pl.col("collector_id") == 0),
            "amount not positive": pl.col("amount") <= 0,
            "below minimum": pl.col("amount") < minimum,
            "no price": pl.col("price").is_null(),
        },
        untraded,
    )
    offers = _one_per_account(_sort(offers), untraded)

    trader, is_sell = offers["trader"].to_numpy(), offers["is_sell"].to_numpy()
    is_two_sided = (np.bincount(trader[is_sell], minlength=1 + trader.max(initial=0)) > 0)[trader]
    is_two_sided &= (np.bincount(trader[~is_sell], minlength=1 + trader.max(initial=0)) > 0)[trader]
    return _leave_out(offers, {"one-sided trader": ~pl.lit(pl.Series(is_two_sided))}, untraded)


def _leave_out(offers: pl.DataFrame, reasons: dict[str, pl.Expr], untraded: Untraded) -> pl.DataFrame:
    """Takes out the offers for which one of the reasons holds, the first one that does."""
    number = pl.lit(None, dtype=pl.UInt8)
    for i, is_bad in reversed(list(enumerate(reasons.values()))):
        number = pl.when(is_bad).then(pl.lit(i, dtype=pl.UInt8)).otherwise(number)
    numbers = offers.select(number.alias("number"))["number"]
    if numbers.null_count() == numbers.len():
        return offers
    for i, reason in enumerate(reasons):
        bad = offers.filter((numbers == i).fill_null(False))
        untraded.add(reason, bad)
        if bad.height and reason in ERRORS:
            logger.error("ignored %d offers: %s", bad.height, reason)
    return offers.filter(numbers.is_null())


def _sort(offers: pl.DataFrame) -> pl.DataFrame:
    """Numbers the traders and sorts by account. Sorting by a single number is much faster than by columns."""
    creditor = offers["creditor_id"].to_numpy()
    by_creditor = np.argsort(creditor)
    is_new = np.ones(creditor.size, np.bool_)
    is_new[1:] = np.diff(creditor[by_creditor]) != 0
    trader = np.empty(creditor.size, np.int32)
    trader[by_creditor] = np.cumsum(is_new, dtype=np.int32) - 1
    currency = offers["currency"].to_numpy()
    account = trader * np.int64(1 + currency.max(initial=0)) + currency
    return offers.with_columns(trader=pl.Series(trader))[pl.Series(np.argsort(account))]


def _one_per_account(offers: pl.DataFrame, untraded: Untraded) -> pl.DataFrame:
    """Leaves one offer of each account, the best one; none of accounts with offers on both sides."""
    account = ["trader", "currency"]
    is_repeated = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in account)
    if not offers.select(is_repeated.any()).item():
        return offers
    offers = _leave_out(offers, {"both sides of an account": pl.col("is_sell").n_unique().over(account) > 1}, untraded)
    # The order makes the choice, and all that follows, repeatable.
    offers = offers.sort([*account, "amount", "collector_id"], descending=[False, False, True, False])
    return _leave_out(offers, {"second offer of an account": is_repeated.fill_null(False)}, untraded)

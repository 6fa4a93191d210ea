"""Which offers can take part at all, in one frame for both sides of the market."""

from __future__ import annotations

import logging

import polars as pl

from pipelines.market import Market
from pipelines.untraded import Untraded

logger = logging.getLogger(__name__)

ACCOUNT = ["creditor_id", "debtor_id"]


def eligible_offers(market: Market, prices: pl.DataFrame, minimum: int, untraded: Untraded) -> pl.DataFrame:
    """Returns (creditor_id, debtor_id, is_sell, amount, collector_id, price), sorted by debtor, side and creditor.

    Amounts are tokens, at least `minimum`; `collector_id` is null for buy offers. One row for an account: an account
    with both a sell and a buy offer nets to nothing. What is left out is added to `untraded`.
    """
    offers = pl.concat(
        [
            market.sell_offers.with_columns(is_sell=pl.lit(True)),
            market.buy_offers.with_columns(collector_id=pl.lit(None, dtype=pl.Int64), is_sell=pl.lit(False)),
        ]
    )

    def leave_out(reason: str, is_bad: pl.Expr, is_error: bool = False) -> None:
        nonlocal offers
        kept = offers.filter(~is_bad)
        if kept.height < offers.height:
            untraded.add(reason, offers.filter(is_bad))
            if is_error:
                logger.error("ignored %d offers: %s", offers.height - kept.height, reason)
        offers = kept

    is_incomplete = pl.any_horizontal(pl.col(*ACCOUNT, "amount").is_null())
    leave_out("missing value", is_incomplete | (pl.col("is_sell") & pl.col("collector_id").is_null()), is_error=True)
    leave_out("creditor 0", pl.col("creditor_id") == 0, is_error=True)
    leave_out("collector 0", pl.col("is_sell") & (pl.col("collector_id") == 0), is_error=True)
    leave_out("amount not positive", pl.col("amount") <= 0, is_error=True)
    leave_out("below minimum", pl.col("amount") < minimum)
    leave_out("both sides of an account", pl.col("is_sell").n_unique().over(ACCOUNT) > 1)

    # The best offer of an account stays; the order makes the choice, and all that follows, repeatable.
    offers = offers.sort(
        ["debtor_id", "is_sell", "creditor_id", "amount", "collector_id"],
        descending=[False, True, False, True, False],
    )
    leave_out("second offer of an account", ~pl.struct(ACCOUNT).is_first_distinct(), is_error=True)
    offers = offers.join(prices, on="debtor_id", how="left", maintain_order="left")
    leave_out("no price", pl.col("price").is_null())
    leave_out("one-sided trader", pl.col("is_sell").n_unique().over("creditor_id") < 2)
    return offers.select(*ACCOUNT, "is_sell", "amount", "collector_id", "price")

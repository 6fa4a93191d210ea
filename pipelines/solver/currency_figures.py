"""What a turn did in each currency, in a row: price, peg, and how much was offered, wanted and traded."""

from __future__ import annotations

import polars as pl

from pipelines.solver.market import MAX_AMOUNT, Market, Trades

FIGURES: dict[str, pl.DataType | type[pl.DataType]] = {
    "debtor_id": pl.Int64,
    "debtor_info_locator": pl.String,
    "is_confirmed": pl.Boolean,
    "price": pl.Float64,
    "peg_debtor_id": pl.Int64,
    "peg_exchange_rate": pl.Float64,
    "path": pl.List(pl.Int64),
    "path_rates": pl.List(pl.Float64),
    "sell_offers": pl.Int64,
    "offered_amount": pl.Int64,
    "buy_offers": pl.Int64,
    "wanted_amount": pl.Int64,
    "takings": pl.Int64,
    "givings": pl.Int64,
    "traded_amount": pl.Int64,
    "collector_transfers": pl.Int64,
}


def currency_figures(market: Market, trades: Trades, prices: pl.DataFrame) -> pl.DataFrame:
    """A row, as FIGURES says, for each currency that somebody knew, offered or wanted, sorted by debtor.

    `prices` are those of peg_paths. A currency without one has no price, and the document that names it may be nobody's
    confirmed one: then locator and peg are those of one of its documents. Amounts are in tokens; MAX_AMOUNT stands for
    more. What sellers give is what buyers get, so there is one traded amount.
    """
    known = (
        market.currencies.filter(pl.col("debtor_id").is_not_null())
        .sort("is_confirmed", "debtor_info_locator", descending=[True, False], nulls_last=True)
        .unique("debtor_id", keep="first", maintain_order=True)
        .select("debtor_id", "debtor_info_locator", "is_confirmed", "peg_debtor_id", "peg_exchange_rate")
    )
    sums = [
        _sums(market.sell_offers, "sell_offers", "offered_amount"),
        _sums(market.buy_offers, "buy_offers", "wanted_amount"),
        _sums(trades.takings, "takings", "traded_amount"),
        _sums(trades.givings, "givings", None),
        _sums(trades.collector_transfers, "collector_transfers", None),
    ]
    debtors = pl.concat([frame["debtor_id"] for frame in (known, prices, *sums)]).unique().sort()
    figures = debtors.to_frame().join(known, on="debtor_id", how="left").join(prices, on="debtor_id", how="left")
    is_priced = pl.col("price").is_not_null()
    figures = figures.with_columns(
        pl.when(is_priced).then(f"{name}_right").otherwise(name).alias(name)
        for name in ("debtor_info_locator", "peg_debtor_id", "peg_exchange_rate")
    )
    for frame in sums:
        figures = figures.join(frame, on="debtor_id", how="left")
    counts = [name for name in FIGURES if name in ("takings", "givings") or name.endswith(("_offers", "_amount"))]
    return (
        figures.with_columns(
            pl.col("is_confirmed").fill_null(False), pl.col(*counts, "collector_transfers").fill_null(0)
        )
        .select(pl.col(name).cast(dtype) for name, dtype in FIGURES.items())
        .sort("debtor_id")
    )


def _sums(frame: pl.DataFrame, count: str, amount: str | None) -> pl.DataFrame:
    figures = [pl.len().alias(count)]
    if amount is not None:
        total = pl.col("amount").cast(pl.Int128).sum()
        figures.append(total.clip(0, MAX_AMOUNT).cast(pl.Int64).alias(amount))
    return frame.filter(pl.col("debtor_id").is_not_null()).group_by("debtor_id").agg(figures)

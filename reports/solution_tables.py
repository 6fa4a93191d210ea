"""What a solved market looks like from its currencies: frames for reports."""

from __future__ import annotations

import polars as pl

from pipelines.names import names_in
from pipelines.solver.market import Market, Trades
from reports.currency_labels import currency_labels


def currency_names(market: Market) -> pl.DataFrame:
    """(debtor_id, name): what the currencies are called on a page; a debtor with several locators has none of these."""
    known = market.currencies.drop_nulls(["debtor_id", "debtor_info_locator"])
    located = known.filter(pl.col("debtor_id").is_unique()).select("debtor_id", "debtor_info_locator")
    labels = currency_labels(names_in(market.names), dict(located.iter_rows()))
    return pl.DataFrame(list(labels.items()), schema={"debtor_id": pl.Int64, "name": pl.String}, orient="row")


def with_names(frame: pl.DataFrame, names: pl.DataFrame, column: str = "debtor_id", name: str = "name") -> pl.DataFrame:
    """Adds the name of the currency in `column`."""
    named = frame.join(names.rename({"debtor_id": column, "name": name}), on=column, how="left", maintain_order="left")
    return named.with_columns(
        pl.col(name).fill_null("currency " + pl.col(column).reinterpret(signed=False).cast(pl.String))
    )


def currency_table(market: Market, prices: pl.DataFrame, trades: Trades) -> pl.DataFrame:
    """(debtor_id, price, sellers, buyers, supply, demand, traded, traders, value) of tradable currencies with offers.

    `supply`, `demand` and `traded` are tokens (Int128), `value` is that of `traded` in base tokens, the largest first.
    """
    tokens = pl.col("amount").cast(pl.Int128).sum()
    sides = (
        market.sell_offers.group_by("debtor_id").agg(sellers=pl.len(), supply=tokens),
        market.buy_offers.group_by("debtor_id").agg(buyers=pl.len(), demand=tokens),
        trades.takings.group_by("debtor_id").agg(traded=tokens, served=pl.len()),
        trades.givings.group_by("debtor_id").agg(paid=pl.len()),
    )
    table = prices
    for side in sides:
        table = table.join(side, on="debtor_id", how="left")
    table = table.with_columns(pl.exclude("debtor_id", "price").fill_null(0))
    return (
        table.filter(pl.col("sellers") + pl.col("buyers") > 0)
        .with_columns(
            traders=pl.col("served") + pl.col("paid"), value=pl.col("traded").cast(pl.Float64) * pl.col("price")
        )
        .drop("served", "paid")
        .sort(["value", "debtor_id"], descending=[True, False])
    )


def flows_between_currencies(prices: pl.DataFrame, trades: Trades) -> pl.DataFrame:
    """(given, got, value): what traders gave for what, in base tokens, the largest first.

    A trader's givings count for each of its takings in proportion.
    """
    given = _values(trades.takings, prices).rename({"debtor_id": "given", "value": "out"})
    got = _values(trades.givings, prices).rename({"debtor_id": "got", "value": "in"})
    got = got.with_columns(share=pl.col("in") / pl.col("in").sum().over("creditor_id"))
    return (
        given.join(got, on="creditor_id")
        .group_by("given", "got")
        .agg(value=(pl.col("out") * pl.col("share")).sum())
        .sort(["value", "given", "got"], descending=[True, False, False])
    )


def offer_fates(
    market: Market, prices: pl.DataFrame, trades: Trades, untraded: pl.DataFrame, most: int
) -> pl.DataFrame:
    """(creditor_id, is_sell, debtor_id, offered, traded, value, reason): an offer each, of up to `most` traders.

    Those who give most come first, each with all offers together; `value` is that of `traded` in base tokens, `reason`
    says why nothing was traded.
    """
    offer = ["creditor_id", "debtor_id", "is_sell"]
    offers = _both_sides(market.sell_offers, market.buy_offers, "offered")
    traded = _both_sides(trades.takings, trades.givings, "traded")
    given = _values(trades.takings, prices).group_by("creditor_id").agg(given=pl.col("value").sum())
    chosen = (
        offers.select("creditor_id")
        .unique()
        .join(given, on="creditor_id", how="left")
        .sort([pl.col("given").fill_null(0.0), "creditor_id"], descending=[True, False])
        .head(most)
        .with_row_index("rank")
        .select("creditor_id", "rank")
    )
    reasons = untraded.select(*offer, pl.col("reason").cast(pl.String)).unique(offer, keep="first")
    return (
        offers.join(chosen, on="creditor_id")
        .join(traded, on=offer, how="left")
        .join(reasons, on=offer, how="left")
        .join(prices, on="debtor_id", how="left")
        .with_columns(pl.col("traded", "offered").fill_null(0))
        .with_columns(
            value=pl.col("traded").cast(pl.Float64) * pl.col("price").fill_null(0.0),
            reason=pl.when(pl.col("traded") == 0).then("reason"),
        )
        .sort(["rank", "is_sell", "value", "debtor_id"], descending=[False, True, True, False])
        .drop("rank", "price")
    )


def _both_sides(sellers: pl.DataFrame, buyers: pl.DataFrame, name: str) -> pl.DataFrame:
    """(creditor_id, debtor_id, is_sell, `name`), of accounts with an owner."""
    sides = [
        side.select("creditor_id", "debtor_id", pl.lit(is_sell).alias("is_sell"), pl.col("amount").alias(name))
        for is_sell, side in ((True, sellers), (False, buyers))
    ]
    return pl.concat(sides).drop_nulls("creditor_id")


def _values(side: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    return side.join(prices, on="debtor_id").select(
        "creditor_id", "debtor_id", value=pl.col("amount").cast(pl.Float64) * pl.col("price")
    )

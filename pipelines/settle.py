"""From value to whole tokens: every trade gets an integer amount, and every currency adds up exactly."""

from __future__ import annotations

import polars as pl

from pipelines.match import Match
from pipelines.units import token_fraction, whole_tokens

SIDE = ["debtor_id", "is_sell"]
SETTLED = {
    "creditor_id": pl.Int64,
    "debtor_id": pl.Int64,
    "is_sell": pl.Boolean,
    "collector_id": pl.Int64,
    "tokens": pl.Int64,
}


def settle(matched: Match) -> pl.DataFrame:
    """Returns (creditor_id, debtor_id, is_sell, collector_id, tokens) of all matched offers."""
    return pl.concat([pl.DataFrame(schema=SETTLED), *map(_settle_part, matched.parts)])


def _settle_part(offers: pl.DataFrame) -> pl.DataFrame:
    """Turns the `flow` (units) of a circulation into whole tokens.

    Each amount is the exact quotient of value and price, rounded down or up, and never above the offer's limit. So
    a trader's balance is off by less than one token of each of its currencies. Per currency, the flows of both sides
    have the same sum; so there is a whole number of tokens that both sides can reach by rounding:

    - rounding all down gives no side more than the sum, rounding all up gives none less, unless limits are in the way;
    - limits take away less than a token from a whole currency (match.py sees to that), and no whole number lies
      between the sum and that, except the one which is taken.

    The tokens to add to what was rounded down go to the largest fractions first.
    """
    rounded = offers.with_columns(least=whole_tokens("flow"), fraction=token_fraction("flow")).with_columns(
        most=pl.min_horizontal(
            pl.col("least") + (pl.col("fraction") > 0.0).cast(pl.Int128), pl.col("limit").cast(pl.Int128)
        )
    )
    rounded = rounded.with_columns(pl.min_horizontal("least", "most").alias("least"))
    # Currency's total: the quotient of the whole flow, rounded up, if both sides can reach it.
    side_flow = pl.col("flow").filter("is_sell").sum().over("debtor_id")
    rounded = rounded.with_columns(side_flow=side_flow)
    total = pl.min_horizontal(
        whole_tokens("side_flow") + (token_fraction("side_flow") > 0.0).cast(pl.Int128),
        pl.col("most").filter(pl.col("is_sell")).sum().over("debtor_id"),
        pl.col("most").filter(~pl.col("is_sell")).sum().over("debtor_id"),
    )
    to_add = total - pl.col("least").sum().over(SIDE)
    ranked = rounded.with_columns(to_add=to_add, can_grow=pl.col("most") > pl.col("least")).sort(
        [*SIDE, "can_grow", "fraction", "creditor_id"], descending=[False, True, True, True, False]
    )
    grows = pl.col("can_grow") & (pl.int_range(pl.len()).over(SIDE) < pl.col("to_add"))
    return ranked.with_columns(tokens=(pl.col("least") + grows.cast(pl.Int128)).cast(pl.Int64)).select(list(SETTLED))

"""From value to whole tokens: every trade gets an integer amount, and every currency adds up exactly."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.solver.match import Match
from pipelines.solver.units import has_fraction, whole_tokens

SETTLED = {
    "creditor_id": pl.Int64,
    "debtor_id": pl.Int64,
    "is_sell": pl.Boolean,
    "collector_id": pl.Int64,
    "tokens": pl.Int64,
}


def settle(matched: Match) -> pl.DataFrame:
    """Returns (creditor_id, debtor_id, is_sell, collector_id, tokens) of all matched offers, sorted by account."""
    settled = pl.concat([pl.DataFrame(schema=SETTLED), *map(_settle_part, matched.parts)])
    return settled if len(matched.parts) < 2 else settled.sort("creditor_id", "debtor_id")


def _settle_part(offers: pl.DataFrame) -> pl.DataFrame:
    """Turns the `flow` (units) of a circulation into whole tokens.

    Each amount is the exact quotient of value and price, rounded down or up, and never above the offer's limit. So
    a trader's balance is off by less than one token of each of its currencies. Per currency, the flows of both sides
    have the same sum; so there is a whole number of tokens that both sides can reach by rounding:

    - rounding all down gives no side more than the sum, rounding all up gives none less, unless limits are in the way;
    - limits take away less than a token from a whole currency (match.py sees to that), and no whole number lies
      between the sum and that, except the one which is taken.

    The tokens to add to what was rounded down go to the first offers that can take one.
    """
    rounded = (
        offers.lazy()
        .with_columns(whole=whole_tokens("flow"))
        .select(
            side=pl.col("currency") * 2 + pl.col("is_sell"),
            least=pl.min_horizontal("whole", pl.col("limit").cast(pl.Int128)).cast(pl.Int64),
            can_grow=(pl.col("whole") < pl.col("limit"))
            & (pl.col("flow").cast(pl.Int128) * pl.col("denominator") > pl.col("whole") * pl.col("numerator")),
        )
        .collect()
    )
    tokens = rounded["least"].to_numpy() + _additions(offers, rounded)
    return offers.with_columns(tokens=pl.Series(tokens, dtype=pl.Int64)).select(list(SETTLED))


def _additions(offers: pl.DataFrame, rounded: pl.DataFrame) -> np.ndarray:
    """Which offers get one token more than the quotient rounded down: 0 or 1 for each.

    The number of a side of a currency is twice that of the currency, and one more where it sells.
    """
    sides = rounded.group_by("side").agg(
        least=pl.col("least").cast(pl.Int128).sum(), can_grow=pl.col("can_grow").sum().cast(pl.Int128)
    )
    # A currency's total: the quotient of the whole flow, rounded up, if both sides can reach it.
    flows = (
        offers.filter("is_sell")
        .group_by("currency")
        .agg(pl.col("flow").sum(), pl.col("numerator", "denominator").first())
        .select("currency", total=whole_tokens("flow") + has_fraction("flow").cast(pl.Int128))
    )
    sides = sides.with_columns(currency=pl.col("side") // 2)
    totals = sides.group_by("currency").agg(most=(pl.col("least") + pl.col("can_grow")).min())
    wanted = sides.join(flows.join(totals, on="currency"), on="currency").select(
        "side", to_add=(pl.min_horizontal("total", "most") - pl.col("least")).cast(pl.Int64)
    )
    grows, side = rounded["can_grow"].to_numpy(), rounded["side"].to_numpy()
    to_add = np.zeros(2 + side.max(initial=0), np.int64)
    to_add[wanted["side"].to_numpy()] = wanted["to_add"].to_numpy()

    candidates = np.flatnonzero(grows)
    candidates = candidates[np.argsort(side[candidates], kind="stable")]
    of_side = side[candidates]
    is_added = np.arange(candidates.size) - np.searchsorted(of_side, of_side) < to_add[of_side]
    additions = np.zeros(grows.size, np.int64)
    additions[candidates[is_added]] = 1
    return additions

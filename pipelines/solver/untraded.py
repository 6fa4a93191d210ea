"""Offers that trade nothing, each with the reason."""

from __future__ import annotations

import polars as pl

# What an operator has to look at: offers which should not have come at all.
ODD_REASONS = (
    "missing value",
    "creditor 0",
    "collector 0",
    "amount not positive",
    "below minimum",
    "both sides of an account",
    "second offer of an account",
    "no price",
    "one-sided trader",
    "value too small for the scale",
    "trader dropped by the final check",
)
# What happens on every market. No circle: there was none through the offer, or none was left for it. Lost to the
# minimum: it would have traded if parts of the minimum amount could be traded.
USUAL_REASONS = ("no circle", "lost to the minimum", "no time left", "the optimiser failed")

REASON = pl.Enum([*ODD_REASONS, *USUAL_REASONS])
UNTRADED: dict[str, pl.DataType | type[pl.DataType]] = {
    "creditor_id": pl.Int64,
    "debtor_id": pl.Int64,
    "is_sell": pl.Boolean,
    "reason": REASON,
}

Values = dict[str, float]
"""What sell offers (`sell`) and buy offers (`buy`) are worth, in base tokens."""
NOTHING: Values = {"sell": 0.0, "buy": 0.0}


class Untraded:
    """Gathers offers that trade nothing. Each offer is added once."""

    def __init__(self, parts: list[tuple[pl.DataFrame, Values]] | None = None) -> None:
        self._parts = list(parts or [])

    def copy(self) -> Untraded:
        """The same offers, to which others can be added separately."""
        return Untraded(self._parts)

    def add(self, reason: str, offers: pl.DataFrame) -> None:
        """Adds offers (creditor_id, debtor_id, is_sell, amount, price, …) that trade nothing for this reason."""
        if offers.height:
            named = offers.select("creditor_id", "debtor_id", "is_sell", pl.lit(reason, dtype=REASON).alias("reason"))
            self._parts.append((named, values(offers)))

    def frame(self) -> pl.DataFrame:
        """All of them: (creditor_id, debtor_id, is_sell, reason)."""
        return pl.concat([pl.DataFrame(schema=UNTRADED), *(part for part, _ in self._parts)])

    def counts(self) -> dict[str, int]:
        """Offers by reason."""
        counts: dict[str, int] = {}
        for part, _ in self._parts:
            reason = str(part["reason"][0])
            counts[reason] = counts.get(reason, 0) + part.height
        return counts

    def values(self) -> dict[str, Values]:
        """What they are worth, by reason."""
        found: dict[str, Values] = {}
        for part, more in self._parts:
            reason = str(part["reason"][0])
            found[reason] = added(found.get(reason, NOTHING), more)
        return found


def values(offers: pl.DataFrame) -> Values:
    """What offers (is_sell, amount, price) are worth; those without a price are worth nothing."""
    value = (pl.col("amount").cast(pl.Float64) * pl.col("price")).fill_null(0.0)
    sums = offers.select(
        sell=pl.when("is_sell").then(value).otherwise(0.0).sum(),
        buy=pl.when("is_sell").then(0.0).otherwise(value).sum(),
    )
    return {"sell": float(sums["sell"][0]), "buy": float(sums["buy"][0])}


def added(one: Values, other: Values) -> Values:
    """The sum of both."""
    return {side: one[side] + other[side] for side in one}

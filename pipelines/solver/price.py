"""Prices of currencies: walks the peg tree from the base currency, level by level."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.solver.market import TurnParameters

logger = logging.getLogger(__name__)

SMALLEST_NORMAL = float(np.finfo(np.float64).smallest_normal)


def price(currencies: pl.DataFrame, parameters: TurnParameters) -> tuple[pl.DataFrame, list[str]]:
    """Returns the tradable currencies (debtor_id, price), sorted by debtor, and warnings.

    The price is the value of one token in base tokens. A currency is tradable when it is confirmed and its chain of
    pegs reaches the base in at most `max_distance_to_base` steps over usable prices (finite, normal, positive).
    Without a base currency nothing is tradable, which makes an empty turn.
    """
    walk, warnings = price_walk(currencies, parameters)
    if walk.no_base:
        # A wrong document at the base locator must not stop the turn (G4): it runs empty, and the operator is told.
        logger.error("no base currency, the turn runs empty: %s", walk.no_base)
    return walk.tradable.select("debtor_id", "price"), warnings


@dataclass(frozen=True)
class Walk:
    """The walk over the peg tree. Rows are those of `known`; `pegs` has the row of each one's peg currency, or -1.

    `tradable` has (row, debtor_id, price), sorted by debtor. `no_base` says why there is no base currency, if so.
    """

    known: pl.DataFrame
    pegs: np.ndarray
    tradable: pl.DataFrame
    no_base: str = ""


def price_walk(currencies: pl.DataFrame, parameters: TurnParameters) -> tuple[Walk, list[str]]:
    """The prices as in `price`, with the way to each, and warnings."""
    warnings: list[str] = []
    known, count = _unambiguous(currencies)
    if count:
        warnings.append(f"{count} currencies ignored: their locator is not unique")
    locator, debtor_id = known["debtor_info_locator"], known["debtor_id"]
    confirmed = known["is_confirmed"].fill_null(False).to_numpy()

    pegs = _pegs(known)
    base = np.flatnonzero((locator == parameters.base_debtor_info_locator).to_numpy())
    if base.size and debtor_id[int(base[0])] != parameters.base_debtor_id:
        return _no_base(known, pegs, warnings, "the locator of the base currency belongs to another debtor")
    prices, reached = _walk(pegs, known["peg_exchange_rate"], base, parameters.max_distance_to_base)
    usable = _is_usable(prices)
    tradable = usable & confirmed
    impostor = tradable & (debtor_id == parameters.base_debtor_id).to_numpy()
    impostor[base] = False
    if impostor.any() and not tradable[base].any():
        return _no_base(known, pegs, warnings, "the debtor of the base currency is confirmed under another locator")
    unusable = int((reached & ~usable).sum())
    if unusable:
        warnings.append(f"{unusable} currencies ignored: their price is not a finite, normal, positive number")

    result = (
        pl.DataFrame({"row": np.arange(prices.size), "debtor_id": debtor_id, "price": prices})
        .filter(pl.Series(tradable))
        .sort("debtor_id")
    )
    ambiguous = result["debtor_id"].is_duplicated()
    if ambiguous.any():
        warnings.append(f"{int(ambiguous.sum())} currencies ignored: several prices for one debtor")
        result = result.filter(~ambiguous)
    return Walk(known, pegs, result), warnings


def _no_base(known: pl.DataFrame, pegs: np.ndarray, warnings: list[str], reason: str) -> tuple[Walk, list[str]]:
    nothing = pl.DataFrame(schema={"row": pl.Int64, "debtor_id": pl.Int64, "price": pl.Float64})
    return Walk(known, pegs, nothing, reason), [*warnings, f"no base currency: {reason}"]


def _unambiguous(currencies: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Rows of real currencies with a locator of their own, in a fixed order, and the number of ambiguous ones."""
    real = currencies.filter(pl.col("debtor_info_locator").is_not_null() & (pl.col("debtor_id") != 0))
    is_unique = real["debtor_info_locator"].is_unique()
    return real.filter(is_unique).sort("debtor_info_locator"), int((~is_unique).sum())


def _pegs(currencies: pl.DataFrame) -> np.ndarray:
    """For each currency the row number of its peg currency, or -1. The stated peg debtor must be the row's debtor."""
    rows = currencies.with_row_index("row").select(
        pl.col("debtor_info_locator").alias("peg_debtor_info_locator"),
        pl.col("debtor_id").alias("peg_debtor_id"),
        pl.col("row").cast(pl.Int64),
    )
    linked = currencies.join(
        rows, on=["peg_debtor_info_locator", "peg_debtor_id"], how="left", maintain_order="left"
    ).select(
        pl.when(pl.col("peg_exchange_rate").is_null()).then(None).otherwise(pl.col("row")).fill_null(-1).alias("row")
    )
    rows_of_pegs: np.ndarray = linked["row"].to_numpy()
    return rows_of_pegs


def _walk(pegs: np.ndarray, rates: pl.Series, base: np.ndarray, max_distance: int) -> tuple[np.ndarray, np.ndarray]:
    """Prices by row (NaN where there is none), and which rows were reached. Each row is visited at most once.

    An unusable price ends its branch: whatever is pegged through it has no price either. The base's own peg is
    ignored, since the base is reached first.
    """
    rate = rates.fill_null(np.nan).to_numpy()
    prices = np.full(pegs.size, np.nan)
    reached = np.zeros(pegs.size, np.bool_)
    by_peg = np.argsort(pegs, kind="stable")
    sorted_pegs = pegs[by_peg]
    prices[base] = 1.0
    reached[base] = True
    level = base
    for _ in range(max_distance):
        first = np.searchsorted(sorted_pegs, level, side="left")
        count = np.searchsorted(sorted_pegs, level, side="right") - first
        # The positions first[i] .. first[i] + count[i] - 1 of every row of the level, one after the other.
        skipped = np.cumsum(count) - count
        children = by_peg[np.repeat(first - skipped, count) + np.arange(count.sum())]
        children = children[~reached[children]]
        if children.size == 0:
            break
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            prices[children] = prices[pegs[children]] * rate[children]
        reached[children] = True
        level = children[_is_usable(prices[children])]
    return prices, reached


def _is_usable(prices: np.ndarray) -> np.ndarray:
    usable: np.ndarray = np.isfinite(prices) & (prices >= SMALLEST_NORMAL)
    return usable

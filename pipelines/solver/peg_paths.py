"""Where prices come from: the chain of pegs from each currency to the base."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.solver.market import TurnParameters
from pipelines.solver.price import price_walk

LONGEST = 100
"""Pegs in a path. Longer ones are left out, so that thousands of pegs in a row do not make millions of entries."""

PRICES: dict[str, pl.DataType | type[pl.DataType]] = {
    "debtor_id": pl.Int64,
    "price": pl.Float64,
    "debtor_info_locator": pl.String,
    "peg_debtor_id": pl.Int64,
    "peg_exchange_rate": pl.Float64,
    "path": pl.List(pl.Int64),
    "path_rates": pl.List(pl.Float64),
}


def peg_paths(currencies: pl.DataFrame, parameters: TurnParameters) -> pl.DataFrame:
    """The tradable currencies, sorted by debtor, as PRICES says.

    The price is the value of a token in base tokens, the rate that in tokens of the peg currency; both are null for the
    base's own peg. `path` has the debtors from the currency itself to the base, and `path_rates` the rates of the pegs
    between them; both are null if there are more than LONGEST pegs.
    """
    walk, _ = price_walk(currencies, parameters)
    rows = walk.tradable["row"].to_numpy()
    named = walk.tradable.with_columns(
        walk.known[rows].select("debtor_info_locator", "peg_debtor_id", "peg_exchange_rate")
    )
    is_base = pl.col("debtor_info_locator") == parameters.base_debtor_info_locator
    paths, rates = _paths(walk.known, walk.pegs, rows, parameters)
    return named.select(
        "debtor_id",
        "price",
        "debtor_info_locator",
        *(pl.when(~is_base).then(pl.col(name)).alias(name) for name in ("peg_debtor_id", "peg_exchange_rate")),
        pl.Series("path", paths, dtype=PRICES["path"]),
        pl.Series("path_rates", rates, dtype=PRICES["path_rates"]),
    )


def _paths(
    known: pl.DataFrame, pegs: np.ndarray, rows: np.ndarray, parameters: TurnParameters
) -> tuple[list[list[int] | None], list[list[float] | None]]:
    """For each of the rows the debtors on the way to the base, and the rates of the pegs."""
    is_base = (known["debtor_info_locator"] == parameters.base_debtor_info_locator).to_numpy()
    debtors, exchange_rates = known["debtor_id"].to_numpy(), known["peg_exchange_rate"].to_list()
    paths: list[list[int] | None] = []
    rates: list[list[float] | None] = []
    for row in rows.tolist():
        path, rate = [int(debtors[row])], []
        at = row
        while not is_base[at] and len(path) <= LONGEST:
            rate.append(exchange_rates[at])
            at = int(pegs[at])
            path.append(int(debtors[at]))
        paths.append(path if is_base[at] else None)
        rates.append(rate if is_base[at] else None)
    return paths, rates

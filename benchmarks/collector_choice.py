"""What the choice of collectors saves: transfers between them, as they are and as if buyers had got any collector."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.solver.collectors import equalise
from pipelines.solver.market import Market, Trades
from pipelines.solver.price import price

KEY = ["debtor_id", "collector_id"]


def chosen_and_random(market: Market, trades: Trades, draws: int = 3) -> dict[str, float]:
    """The number of transfers, and their share of the traded value; for random payers the mean of so many draws.

    Transfers move tokens that move anyway; each is another payment, which takes time and costs fees.
    """
    prices, _ = price(market.currencies, market.parameters)
    traded = _value(trades.takings, prices)
    drawn = [random_transfers(market, trades, seed) for seed in range(draws)]
    return {
        "payments": trades.takings.height + trades.givings.height,
        "transfers": trades.collector_transfers.height,
        "random_transfers": float(np.mean([frame.height for frame in drawn])),
        "share": _value(trades.collector_transfers, prices) / traded if traded else 0.0,
        "random_share": float(np.mean([_value(frame, prices) for frame in drawn])) / traded if traded else 0.0,
    }


def random_transfers(market: Market, trades: Trades, seed: int) -> pl.DataFrame:
    """The collector transfers when each buyer is paid by any active collector of the currency, all alike.

    In a currency without an active collector buyers keep their payers.
    """
    active = market.collector_accounts.group_by("debtor_id", maintain_order=True).agg("collector_id")
    givings = trades.givings.join(active, on="debtor_id", how="left", suffix="s", maintain_order="left")
    count = givings["collector_ids"].list.len().fill_null(1).to_numpy()
    draw = np.random.default_rng(seed).integers(0, count)
    givings = givings.with_columns(draw=pl.Series(draw)).with_columns(
        pl.coalesce(pl.col("collector_ids").list.get(pl.col("draw")), "collector_id").alias("collector_id")
    )
    nets = (
        pl.concat(
            [
                trades.takings.select(*KEY, net=pl.col("amount").cast(pl.Int128)),
                givings.select(*KEY, net=0 - pl.col("amount").cast(pl.Int128)),
            ]
        )
        .group_by(KEY)
        .agg(pl.col("net").sum())
    )
    return equalise(nets)


def _value(amounts: pl.DataFrame, prices: pl.DataFrame) -> float:
    values = amounts.join(prices, on="debtor_id").select(pl.col("amount").cast(pl.Float64) * pl.col("price"))
    return float(values.to_series().sum())

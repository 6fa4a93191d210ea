"""Which collectors pay the buyers, and what collectors send each other for it."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.solver.market import GIVINGS, TAKINGS, Trades

KEY = ["debtor_id", "collector_id"]


def choose_collectors(settled: pl.DataFrame, collector_accounts: pl.DataFrame) -> Trades:
    """Adds the collectors to settled trades.

    Sellers pay to the collector of their offer. Buyers are spread over the collectors in proportion to what these
    collected, so that little has to be sent from one to another. `settled` is in the order of the creditors.
    """
    # Sorting what is in the order of the creditors by one number is much faster than sorting by two.
    amounts = settled.select(
        "creditor_id", "debtor_id", pl.col("tokens").alias("amount"), "collector_id", "is_sell"
    ).sort("debtor_id", maintain_order=True)
    takings = amounts.filter("is_sell").select(list(TAKINGS))
    buyers = amounts.filter(~pl.col("is_sell")).drop("is_sell", "collector_id")
    payers = _payers(takings, collector_accounts)
    givings = _spread(buyers, payers)
    transfers = equalise(_nets(takings, givings))

    # Nobody can be sent a single token: after the cut nothing would be left (S11). With one payer in a currency the
    # transfers are whole collections, never that small.
    too_small = transfers.filter(pl.col("amount") < 2).select("debtor_id").unique()
    if too_small.height:
        main_payers = payers.sort([*KEY[:1], "weight", "collector_id"], descending=[False, True, False]).unique(
            "debtor_id", keep="first", maintain_order=True
        )
        givings = pl.concat(
            [
                givings.join(too_small, on="debtor_id", how="anti"),
                _spread(
                    buyers.join(too_small, on="debtor_id", how="semi", maintain_order="left"),
                    main_payers.join(too_small, on="debtor_id", how="semi", maintain_order="left"),
                ),
            ]
        ).sort("debtor_id", "creditor_id")
        transfers = equalise(_nets(takings, givings))
    return Trades(takings, givings, transfers)


def _payers(takings: pl.DataFrame, collector_accounts: pl.DataFrame) -> pl.DataFrame:
    """The collectors that may pay, with a weight: (debtor_id, collector_id, weight), sorted by both ids.

    Active ones which collected something, by what they collected. Else all active ones alike. In a currency
    without any active one, those which collected.
    """
    collected = takings.group_by(KEY).agg(pl.col("amount").cast(pl.Float64).sum().alias("weight"))
    active = collector_accounts.with_columns(is_active=True)
    payers = (
        pl.concat([collected, active], how="diagonal")
        .group_by(KEY)
        .agg(pl.col("weight").sum(), pl.col("is_active").any())
        .filter(pl.col("weight").sum().over("debtor_id") > 0.0)
        .filter(pl.col("is_active") | ~pl.col("is_active").any().over("debtor_id"))
    )
    has_collected = pl.col("weight") > 0.0
    return (
        payers.filter(has_collected | ~has_collected.any().over("debtor_id"))
        .with_columns(pl.when(has_collected).then("weight").otherwise(1.0))
        .sort(KEY)
    )


def _spread(buyers: pl.DataFrame, payers: pl.DataFrame) -> pl.DataFrame:
    """Gives each buyer one payer, who pays the whole amount. Both are sorted by their IDs, first by debtor.

    Buyers stand in a row, each as long as its amount; payers beside them, stretched to the same length: a buyer gets
    the payer beside its middle.
    """
    amount = pl.col("amount").cast(pl.Float64)
    place = (amount.cum_sum() - amount / 2).over("debtor_id") / amount.sum().over("debtor_id")
    end = (pl.col("weight").cum_sum() / pl.col("weight").sum()).over("debtor_id")
    debtors, first = np.unique(payers["debtor_id"].to_numpy(), return_index=True)
    of_payers = np.searchsorted(debtors, payers["debtor_id"].to_numpy())
    of_buyers = np.searchsorted(debtors, buyers["debtor_id"].to_numpy())
    # All the rows one after the other, with gaps between them.
    ends = 2.0 * of_payers + payers.select(end).to_series().to_numpy()
    places = 2.0 * of_buyers + buyers.select(place).to_series().to_numpy()
    # Sums of doubles may put the last buyer behind the last payer.
    last = np.append(first[1:], payers.height) - 1
    chosen = np.minimum(np.searchsorted(ends, places), last[of_buyers])
    return buyers.with_columns(collector_id=payers["collector_id"].gather(pl.Series(chosen))).select(list(GIVINGS))


def _nets(takings: pl.DataFrame, givings: pl.DataFrame) -> pl.DataFrame:
    """(debtor_id, collector_id, net): what each collector has too much (> 0) or too little, in tokens."""
    return (
        pl.concat(
            [
                takings.select(*KEY, net=pl.col("amount").cast(pl.Int128)),
                givings.select(*KEY, net=0 - pl.col("amount").cast(pl.Int128)),
            ]
        )
        .group_by(KEY)
        .agg(pl.col("net").sum())
    )


def equalise(nets: pl.DataFrame) -> pl.DataFrame:
    """The transfers that bring all nets (debtor_id, collector_id, net) to zero; in each currency the nets sum to zero.

    Senders stand in a row, each as long as its surplus, receivers beside them, each as long as its need: whoever
    stand side by side make one transfer. That is at most senders + receivers - 1 for a currency. A collector never
    both sends and receives.
    """
    ends = (
        nets.filter(pl.col("net") != 0)
        .with_columns(is_sender=pl.col("net") > 0)
        .sort("debtor_id", "is_sender", "collector_id")
        .with_columns(end=pl.col("net").cast(pl.Int128).abs().cum_sum().over("debtor_id", "is_sender"))
    )
    cuts = ends.select("debtor_id", "end").unique().sort("debtor_id", "end")

    def standing(is_sender: bool, name: str) -> pl.Series:
        """The collector of one side at each cut: the one whose own end comes next."""
        side = ends.filter(pl.col("is_sender") == is_sender).select("debtor_id", "end", "collector_id")
        at_cuts = cuts.join(side, on=["debtor_id", "end"], how="left", maintain_order="left")
        return at_cuts.select(pl.col("collector_id").backward_fill().over("debtor_id").alias(name)).to_series()

    return cuts.select(
        "debtor_id",
        standing(True, "from_collector_id"),
        standing(False, "to_collector_id"),
        (pl.col("end") - pl.col("end").shift(1).over("debtor_id").fill_null(0)).cast(pl.Int64).alias("amount"),
    )

"""The contract of a solution (S1 to S11), checked exactly, from the market itself.

Sums of tokens are 128-bit integers. The balance of traders (S3) is decided in doubles only where these leave no doubt,
and in fractions elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import polars as pl

from pipelines.solver.market import MAX_AMOUNT, Market, Trades
from pipelines.solver.offers import ACCOUNT

KEY = ["debtor_id", "collector_id"]
# An odd number, so that no two creditors with the same debtor have the same mix: the fraction of the golden ratio.
MIXER = 0x9E3779B97F4A7C15
VIOLATIONS = {"invariant": pl.String, "creditor_id": pl.Int64, "debtor_id": pl.Int64}


def check(market: Market, prices: pl.DataFrame, minimum: int, trades: Trades) -> pl.DataFrame:
    """Returns the violations (invariant, creditor_id, debtor_id), one row each, sorted; no rows mean a valid answer.

    The creditor is null when a whole currency is at fault, the debtor is null when a trader is. `prices` are the
    tradable currencies, `minimum` is the least trade in tokens.
    """
    parts: list[Callable[[], Iterator[tuple[str, pl.DataFrame]]]] = [
        lambda: _check_traders(prices, trades),
        lambda: _check_trades(market, minimum, trades),
        lambda: _check_collectors(market, trades),
    ]
    with ThreadPoolExecutor(len(parts)) as pool:
        results = [result for part in pool.map(lambda part: list(part()), parts) for result in part]
    found = [
        offenders.select(
            pl.lit(invariant).alias("invariant"),
            *(
                pl.col(column) if column in offenders.columns else pl.lit(None, dtype=pl.Int64).alias(column)
                for column in ACCOUNT
            ),
        )
        for invariant, offenders in results
    ]
    violations: pl.DataFrame = pl.concat([pl.DataFrame(schema=VIOLATIONS), *found]).unique()
    return violations.sort(pl.all(), nulls_last=False)


def _check_trades(market: Market, minimum: int, trades: Trades) -> Iterator[tuple[str, pl.DataFrame]]:
    """One account at a time: S2, S4, S6, S8, S11 and the takings' part of S9."""
    for side, offers in ((trades.takings, market.sell_offers), (trades.givings, market.buy_offers)):
        limits = offers.rename({"amount": "limit", "collector_id": "of_offer"}, strict=False)
        limited = _join_by_account(side, limits)
        if limited.height > side.height:
            # Several offers of one account: the greatest counts.
            limited = limited.group_by(side.columns).agg(pl.col("limit").max())
        yield "S2", limited.filter((pl.col("amount") > pl.col("limit").fill_null(0)) | (pl.col("amount") < 1))
        if "of_offer" in limited.columns:
            yield "S9", limited.filter(pl.col("of_offer").ne_missing(pl.col("collector_id")))
        elif "collector_id" in offers.columns:
            yield "S9", side.join(offers, on=[*ACCOUNT, "collector_id"], how="anti")
        yield "S4", side.filter(pl.col("amount") < minimum)
        if not _ascends(side):
            yield "S6", side.filter(pl.struct(ACCOUNT).is_duplicated())
        yield "S8", side.filter((pl.col("amount") < 1) | pl.any_horizontal(pl.all().is_null()))
    yield "S6", trades.takings.join(trades.givings, on=ACCOUNT, how="semi")
    yield "S11", trades.givings.filter(pl.col("amount") == 1)
    yield "S11", trades.collector_transfers.filter(pl.col("amount") == 1)


def _join_by_account(side: pl.DataFrame, limits: pl.DataFrame) -> pl.DataFrame:
    """A left join, over a mix of both IDs: much faster than over two columns, as long as nothing else has that mix."""
    creditor, debtor = (pl.col(name).reinterpret(signed=False) for name in ACCOUNT)
    mix = (creditor * pl.lit(MIXER, dtype=pl.UInt64) + debtor).alias("mix")
    joined = side.with_columns(mix).join(limits.with_columns(mix), on="mix", how="left")
    is_same = pl.all_horizontal(pl.col(name) == pl.col(f"{name}_right") for name in ACCOUNT)
    if joined.height == side.height and joined.select(is_same.fill_null(False).all()).item():
        return joined.select(*side.columns, *(name for name in limits.columns if name not in ACCOUNT))
    return side.join(limits, on=ACCOUNT, how="left")


def _ascends(side: pl.DataFrame) -> bool:
    """Whether each row's account comes after the one before: then no account is there twice."""
    debtor, creditor = pl.col("debtor_id"), pl.col("creditor_id")
    is_next = (debtor > debtor.shift(1)) | ((debtor == debtor.shift(1)) & (creditor > creditor.shift(1)))
    return bool(side.select(is_next.slice(1).fill_null(False).all()).item())


def _check_traders(prices: pl.DataFrame, trades: Trades) -> Iterator[tuple[str, pl.DataFrame]]:
    """One trader or one currency at a time: S1, S3, S5 and S10."""
    changes = pl.concat(
        [
            trades.takings.select(*ACCOUNT, change=0 - pl.col("amount"), is_taking=pl.lit(True)),
            trades.givings.select(*ACCOUNT, change=pl.col("amount"), is_taking=pl.lit(False)),
        ]
    ).join(prices, on="debtor_id", how="left")
    yield "S10", changes.filter(pl.col("price").is_null())
    sums = changes.group_by("debtor_id").agg(pl.col("change").cast(pl.Int128).sum())
    yield "S1", sums.filter(pl.col("change") != 0)

    value = pl.col("change").cast(pl.Float64) * pl.col("price")
    # Each of the n products is rounded twice and each of the n sums once, all by at most 2 ** -53 of what they are.
    balances = changes.group_by("creditor_id").agg(
        imbalance=value.sum().abs(),
        allowed=pl.col("price").sum(),
        is_one_sided=pl.col("is_taking").any() == pl.col("is_taking").all(),
        doubt=(value.abs().sum() + pl.col("price").sum()) * (pl.len() + 4) * 2.0**-52,
    )
    most = pl.col("imbalance") + pl.col("doubt")
    is_fine = most.is_finite() & (most <= pl.col("allowed"))
    yield "S5", balances.filter("is_one_sided").select("creditor_id")
    doubtful = changes.filter(pl.col("price").is_not_null()).join(
        balances.filter(~is_fine), on="creditor_id", how="semi"
    )
    unbalanced = [
        creditor_id
        for (creditor_id,), rows in doubtful.sort(ACCOUNT).group_by("creditor_id", maintain_order=True)
        if not _is_balanced(rows["change"].to_list(), rows["price"].to_list())
    ]
    yield "S3", pl.DataFrame({"creditor_id": pl.Series(unbalanced, dtype=pl.Int64)})


def _is_balanced(changes: list[int], prices: list[float]) -> bool:
    """S3 without rounding: given and received value differ by at most one token of each traded currency."""
    exact = [Fraction(price) for price in prices]
    imbalance = sum((change * price for change, price in zip(changes, exact, strict=True)), Fraction(0))
    return abs(imbalance) <= sum(exact)


def _check_collectors(market: Market, trades: Trades) -> Iterator[tuple[str, pl.DataFrame]]:
    """One collector account at a time: S7, the sums of S8, and the givings' part of S9."""
    transfers = trades.collector_transfers
    yield "S7", transfers.filter(pl.col("from_collector_id") == pl.col("to_collector_id"))
    yield "S7", transfers.filter(pl.struct("debtor_id", "from_collector_id", "to_collector_id").is_duplicated())
    yield "S8", transfers.filter((pl.col("amount") < 1) | pl.any_horizontal(pl.all().is_null()))
    senders = transfers.select("debtor_id", collector_id="from_collector_id")
    receivers = transfers.select("debtor_id", collector_id="to_collector_id")
    yield "S7", senders.join(receivers, on=KEY, how="semi")

    amount = pl.col("amount").cast(pl.Int128).sum()
    nothing = pl.lit(0, pl.Int128)
    flows = pl.concat(
        [
            trades.takings.group_by(KEY).agg(incoming=amount, outgoing=nothing),
            trades.givings.group_by(KEY).agg(incoming=nothing, outgoing=amount),
            transfers.select(
                "debtor_id",
                collector_id="from_collector_id",
                incoming=nothing,
                outgoing=pl.col("amount").cast(pl.Int128),
            ),
            transfers.select(
                "debtor_id",
                collector_id="to_collector_id",
                incoming=pl.col("amount").cast(pl.Int128),
                outgoing=nothing,
            ),
        ]
    )
    sums = flows.group_by(KEY).agg(pl.col("incoming", "outgoing").sum())
    yield "S7", sums.filter(pl.col("incoming") != pl.col("outgoing"))
    yield "S8", sums.filter((pl.col("incoming") > MAX_AMOUNT) | (pl.col("outgoing") > MAX_AMOUNT))

    sellers = market.sell_offers.join(market.collector_accounts, on="debtor_id", how="anti").select(KEY)
    allowed = pl.concat([market.collector_accounts, sellers])
    forbidden = trades.givings.select(KEY).unique().join(allowed, on=KEY, how="anti")
    yield "S9", trades.givings.join(forbidden, on=KEY, how="semi", nulls_equal=True)

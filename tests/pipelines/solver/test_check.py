"""The checker finds every kind of broken answer, and agrees with a plain reading of the contract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import polars as pl
import pytest

from pipelines.solver.check import MIXER, check
from pipelines.solver.market import Market, Trades
from pipelines.solver.price import price
from pipelines.solver.solve import solve
from tests.pipelines.solver.markets import broken_rules, make_market

OFFERS = (
    "S 1 1 5000 997; S 2 1 6000 998; S 3 2 10000 999; B 1 2 20000; B 2 2 20000; B 3 1 30000;"
    "S 4 2 4000 999; B 4 3 4000; S 5 3 4000 996; B 5 2 4000"
)
MARKET = make_market(OFFERS, {2: 2.0, 3: 2.0}, collectors=[(1, 997), (1, 998), (2, 999)], minimum=2500)
PRICES = price(MARKET.currencies, MARKET.parameters)[0]


def with_taking(of: int, /, **columns: int) -> Callable[[Trades], Trades]:
    return lambda trades: replace(trades, takings=_changed(trades.takings, of, columns))


def with_giving(of: int, /, **columns: int) -> Callable[[Trades], Trades]:
    return lambda trades: replace(trades, givings=_changed(trades.givings, of, columns))


def with_transfers(*transfers: tuple[int, int, int, int]) -> Callable[[Trades], Trades]:
    def change(trades: Trades) -> Trades:
        frame = pl.DataFrame(transfers, schema=trades.collector_transfers.schema, orient="row")
        return replace(trades, collector_transfers=frame)

    return change


def _changed(frame: pl.DataFrame, creditor_id: int, columns: dict[str, int]) -> pl.DataFrame:
    is_row = pl.col("creditor_id") == creditor_id
    return frame.with_columns(
        pl.when(is_row).then(pl.lit(value, dtype=pl.Int64)).otherwise(name).alias(name)
        for name, value in columns.items()
    )


def found_rules(market: Market, trades: Trades) -> set[str]:
    return set(check(market, PRICES, market.parameters.least_trade, trades)["invariant"])


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        (lambda trades: trades, set()),
        (with_taking(4, amount=3999), {"S1", "S7"}),
        (with_taking(1, amount=5001), {"S1", "S2", "S7"}),
        (with_giving(3, amount=11003), {"S1", "S7"}),
        (with_giving(3, amount=11004), {"S1", "S3", "S7"}),
        (with_giving(1, amount=2499), {"S1", "S4", "S7"}),
        (with_taking(2, amount=0), {"S1", "S2", "S4", "S3", "S7", "S8"}),
        (lambda trades: replace(trades, givings=trades.givings.filter(pl.col("creditor_id") != 3)), {"S1", "S5"}),
        (lambda trades: replace(trades, takings=pl.concat([trades.takings, trades.takings[:1]])), {"S1", "S6"}),
        (with_giving(3, creditor_id=1), {"S2", "S5", "S6"}),
        (with_transfers(), {"S7"}),
        (with_transfers((1, 997, 997, 5000)), {"S7"}),
        (with_transfers((1, 997, 998, 1), (1, 998, 997, 1)), {"S7", "S11"}),
        (with_transfers((1, 998, 997, 3000), (1, 998, 997, 3000)), {"S7"}),
        (with_transfers((1, 998, 997, -6000)), {"S7", "S8"}),
        (with_taking(1, collector_id=998), {"S7", "S9"}),
        (with_giving(3, collector_id=995), {"S7", "S9"}),
        (with_giving(4, collector_id=995), {"S7", "S9"}),
        (with_taking(5, debtor_id=4), {"S1", "S2", "S7", "S9", "S10"}),
    ],
)
def test_broken_answers_are_found(change: Callable[[Trades], Trades], rules: set[str]) -> None:
    trades = change(solve(MARKET).trades)
    found = found_rules(MARKET, trades)
    assert rules <= found
    assert bool(found) == bool(rules)
    assert rules <= broken_rules(MARKET, dict(PRICES.iter_rows()), trades)


def test_the_check_is_exact_where_doubles_are_not() -> None:
    # 2 ** 60 + 1 tokens against 2 ** 60 - 1: two tokens of difference are allowed, three are not. In doubles both
    # differences are 0.
    big = 2**60
    market = make_market(f"S 1 1 {2 * big} 9; B 1 2 {2 * big}; S 2 2 {2 * big} 9; B 2 1 {2 * big}", {2: 1.0})
    prices = price(market.currencies, market.parameters)[0]

    def trades(of_1: int, of_2: int) -> Trades:
        schema = Trades.none().takings.schema
        takings = pl.DataFrame([(1, 1, of_1, 9), (2, 2, of_2, 9)], schema=schema, orient="row")
        givings = pl.DataFrame([(1, 2, of_2, 9), (2, 1, of_1, 9)], schema=schema, orient="row")
        return replace(Trades.none(), takings=takings, givings=givings)

    assert check(market, prices, 1000, trades(big + 1, big - 1)).rows() == []
    assert check(market, prices, 1000, trades(big + 2, big - 1)).rows() == [("S3", 1, None), ("S3", 2, None)]


def test_sums_of_collectors_are_checked_beyond_64_bits() -> None:
    big = 2**62
    offers = "; ".join(f"S {t} 1 {big} 9; B {t} 2 {big}; S {t + 10} 2 {big} 9; B {t + 10} 1 {big}" for t in (1, 2))
    market = make_market(offers, {2: 1.0})
    prices = price(market.currencies, market.parameters)[0]
    schema = Trades.none().takings.schema
    takings = pl.DataFrame([(t, c, big, 9) for t, c in ((1, 1), (2, 1), (11, 2), (12, 2))], schema=schema, orient="row")
    givings = pl.DataFrame([(t, c, big, 9) for t, c in ((1, 2), (2, 2), (11, 1), (12, 1))], schema=schema, orient="row")
    trades = replace(Trades.none(), takings=takings, givings=givings)
    assert set(check(market, prices, 1000, trades)["invariant"]) == {"S8"}


def account_like(creditor_id: int, debtor_id: int, other_creditor_id: int) -> int:
    """The debtor with which another creditor's account has the same mix of IDs."""
    mix = (creditor_id - other_creditor_id) * MIXER + debtor_id
    return (mix + 2**63) % 2**64 - 2**63


def test_offers_of_two_accounts_with_the_same_mix_are_told_apart() -> None:
    trades = solve(MARKET).trades
    creditor_id, debtor_id, amount, collector_id = trades.takings.row(0)
    other = account_like(creditor_id, debtor_id, 77)
    for of_other in (amount + 1, amount - 1):
        row = {"creditor_id": 77, "debtor_id": other, "amount": of_other, "collector_id": collector_id}
        twin = pl.DataFrame([row], schema=MARKET.sell_offers.schema)
        offers = pl.concat([MARKET.sell_offers, twin])
        assert found_rules(replace(MARKET, sell_offers=offers), trades) == set()
        own = (pl.col("creditor_id") == creditor_id) & (pl.col("debtor_id") == debtor_id)
        assert found_rules(replace(MARKET, sell_offers=offers.filter(~own)), trades) >= {"S2"}

"""The solver's vectors (behaviour 5.5) and its contract (5.4) on small and hostile markets."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.solver.collectors import equalise
from pipelines.solver.limits import token_amount
from pipelines.solver.market import Market, Solution
from pipelines.solver.solve import solve
from tests.covering import covers
from tests.examples import examples
from tests.pipelines.solver.markets import make_market, random_market
from tests.pipelines.solver.solving import AMOUNTS, MAX64, RATES, solve_and_check

TWO_TRADERS = "S 1 1 8000 999; B 1 2 6000; S 2 2 3000 999; B 2 1 5000"


def rows(frame: pl.DataFrame) -> list[tuple[int, ...]]:
    return sorted(frame.rows())


def is_empty(solution: Solution) -> bool:
    trades = solution.trades
    return trades.takings.height == trades.givings.height == trades.collector_transfers.height == 0


@covers("V5.1")
def test_two_traders_swap_through_one_collector() -> None:
    trades = solve_and_check(make_market(TWO_TRADERS, {2: 2.0})).trades
    assert rows(trades.takings) == [(1, 1, 5000, 999), (2, 2, 2500, 999)]
    assert rows(trades.givings) == [(1, 2, 2500, 999), (2, 1, 5000, 999)]
    assert rows(trades.collector_transfers) == []


@covers("V5.2")
def test_active_collectors_pay_the_buyers() -> None:
    trades = solve_and_check(make_market(TWO_TRADERS, {2: 2.0}, collectors=[(1, 998), (2, 998)])).trades
    assert rows(trades.takings) == [(1, 1, 5000, 999), (2, 2, 2500, 999)]
    assert rows(trades.givings) == [(1, 2, 2500, 998), (2, 1, 5000, 998)]
    assert rows(trades.collector_transfers) == [(1, 999, 998, 5000), (2, 999, 998, 2500)]


@covers("V5.3")
def test_a_circle_of_three_trades() -> None:
    offers = "S 1 1 9000 999; B 1 2 8000; S 2 2 3000 999; B 2 3 20000; S 3 3 11000 999; B 3 1 7000"
    trades = solve_and_check(make_market(offers, {2: 2.0, 3: 0.5})).trades
    assert rows(trades.takings) == [(1, 1, 5500, 999), (2, 2, 2750, 999), (3, 3, 11000, 999)]
    assert rows(trades.givings) == [(1, 2, 2750, 999), (2, 3, 11000, 999), (3, 1, 5500, 999)]


@covers("V5.4")
def test_a_sale_below_the_minimum_does_not_trade() -> None:
    assert is_empty(solve_and_check(make_market(TWO_TRADERS.replace("8000", "999"), {2: 2.0})))


@covers("V5.5")
def test_nobody_sells_more_than_offered() -> None:
    offers = "S 10 2 5001 9; B 10 1 100000; S 11 1 5001 9; S 12 1 5001 9; B 11 2 100000; B 12 2 100000"
    trades = solve_and_check(make_market(offers, {2: 2.0})).trades
    (taken,) = trades.takings.filter(pl.col("creditor_id") == 10)["amount"]
    assert 5000 <= taken <= 5001


@pytest.mark.parametrize(
    "amount",
    [
        pytest.param(16777219, id="beyond-32-bit-floats", marks=covers("V5.6")),
        pytest.param(123456789, id="nine-digits", marks=covers("V5.7")),
        10**12 + 7,
        2**53 + 1,
        10**17 + 7,
    ],
)
def test_large_amounts_are_exact(amount: int) -> None:
    offers = f"S 10 2 {amount} 9; B 10 1 {MAX64}; S 11 1 {MAX64} 9; B 11 2 {MAX64}"
    trades = solve_and_check(make_market(offers, {2: 1.0})).trades
    assert rows(trades.takings.filter(pl.col("creditor_id") == 10)) == [(10, 2, amount, 9)]


@pytest.mark.parametrize(
    ("rate", "amount"),
    [
        pytest.param(0.1, 1500, id="150-tokens", marks=covers("V5.8")),
        pytest.param(0.1, 1000, id="100-tokens", marks=covers("V5.10")),
        pytest.param(0.1, 1001, id="above", marks=covers("V5.10")),
    ],
)
def test_amounts_below_the_minimum_of_the_dearer_currency_do_not_trade(rate: float, amount: int) -> None:
    offers = f"S 10 2 {amount} 9; B 10 3 100000; S 11 3 100000 9; B 11 2 100000"
    assert is_empty(solve_and_check(make_market(offers, {2: rate, 3: 1.0})))


@covers("V5.9")
def test_nobody_sells_for_nothing() -> None:
    offers = "S 10 2 4000 9; B 10 3 100000; S 11 3 100000 9; B 11 2 100000"
    assert is_empty(solve_and_check(make_market(offers, {2: 1.0, 3: 10000.0})))


@covers("G3")
@pytest.mark.parametrize(("amount", "is_traded"), [(9_990_000, False), (10_000_000, True)])
def test_the_minimum_counts_in_tokens_of_each_currency(amount: int, is_traded: bool) -> None:
    """Whoever gives enough of a cheap currency may still get too little of an expensive one."""
    offers = f"S 10 2 {amount} 9; B 10 3 100000; S 11 3 100000 9; B 11 2 100000000"
    assert is_empty(solve_and_check(make_market(offers, {2: 1.0, 3: 10000.0}))) is not is_traded


@covers("V5.11")
def test_nobody_trades_with_himself() -> None:
    solution = solve_and_check(make_market("S 1 1 10000 9; B 1 1 20000"))
    assert is_empty(solution)
    assert solution.left_out == {"both sides of an account": 2}


@covers("V5.12")
def test_collectors_settle_with_as_few_payments_as_needed() -> None:
    nets = {1: 20000, 2: -15000, 3: -4000, 4: -7000, 5: 2000, 6: 4000}
    transfers = equalise(pl.DataFrame({"debtor_id": 7, "collector_id": nets.keys(), "net": nets.values()}))
    assert transfers["amount"].sum() == 26000
    assert set(transfers["from_collector_id"]) == {1, 5, 6}
    assert set(transfers["to_collector_id"]) == {2, 3, 4}
    for debtor_id, start, end, amount in transfers.iter_rows():
        assert debtor_id == 7
        nets[start] -= amount
        nets[end] += amount
    assert set(nets.values()) == {0}
    assert transfers.height <= 5


THREE_TRADERS = "S 1 1 5000 997; S 2 1 6000 998; S 3 2 10000 999; B 1 2 20000; B 2 2 20000; B 3 1 30000"


@covers("V5.13")
def test_collectors_of_one_currency_make_one_payment_and_the_minimum_holds() -> None:
    collectors = [(1, 997), (1, 998), (2, 999)]
    trades = solve_and_check(make_market(THREE_TRADERS, {2: 2.0}, collectors, minimum=2500)).trades
    assert rows(trades.takings) == [(1, 1, 5000, 997), (2, 1, 6000, 998), (3, 2, 5500, 999)]
    ((payer,),) = trades.givings.filter(pl.col("creditor_id") == 3).select("collector_id").rows()
    assert rows(trades.givings) == [(1, 2, 2500, 999), (2, 2, 3000, 999), (3, 1, 11000, payer)]
    expected = {997: [(1, 998, 997, 6000)], 998: [(1, 997, 998, 5000)]}
    assert rows(trades.collector_transfers) == expected[payer]
    assert is_empty(solve_and_check(make_market(THREE_TRADERS, {2: 2.0}, collectors, minimum=5000)))


@covers("V5.14")
def test_token_amounts_are_rounded_and_cut_to_64_bits() -> None:
    values = np.array([1000.0, 7.0, math.nan, math.inf, -5.0, 1e200, 5.0, 15.0, 0.49999999999999994])
    prices = np.array([10.0, 0.0, 10.0, 1e30, 1.0, 1.0, 10.0, 10.0, 1.0])
    assert token_amount(values, prices).tolist() == [100, 0, 0, MAX64, 0, MAX64, 1, 2, 0]


@covers("G1", "G2")
def test_books_with_contested_offers_never_exceed_an_offer() -> None:
    for seed in range(5):
        assert not is_empty(solve_and_check(random_market(seed, traders=200, currencies=6, minimum=1000)))


@covers("G2")
@pytest.mark.parametrize("price_of_2", [0.1, 1 / 3, 1e-9, 7e11, math.pi])
def test_offers_of_exactly_the_minimum_trade(price_of_2: float) -> None:
    offers = "S 1 2 1000 9; B 1 3 1000; S 2 3 1000 9; B 2 2 1000"
    solution = solve_and_check(make_market(offers, {2: price_of_2, 3: price_of_2}))
    assert rows(solution.trades.takings) == [(1, 2, 1000, 9), (2, 3, 1000, 9)]


@covers("G35")
def test_creditor_0_and_collector_0_are_ignored_with_an_error(caplog: pytest.LogCaptureFixture) -> None:
    offers = f"{TWO_TRADERS}; S 0 1 9000 999; B 0 2 9000; S 3 1 9000 0; B 3 2 9000"
    solution = solve_and_check(make_market(offers, {2: 2.0}, collectors=[(1, 0), (2, 0)]))
    assert rows(solution.trades.takings) == [(1, 1, 5000, 999), (2, 2, 2500, 999)]
    assert solution.left_out == {"creditor 0": 2, "collector 0": 1, "one-sided trader": 1}
    assert len(solution.warnings) == 3
    assert {record.levelname for record in caplog.records} == {"ERROR"}


def test_offers_of_untradable_currencies_stay_untouched() -> None:
    solution = solve_and_check(make_market(TWO_TRADERS, {2: 2.0}, unconfirmed=[2]))
    assert is_empty(solution)
    assert solution.left_out == {"no price": 2, "one-sided trader": 2}


def test_a_transfer_of_one_token_is_avoided() -> None:
    # Whoever pays whom, the natural choice of payers leaves a net of one token.
    offers = "S 1 1 5000 11; S 2 1 5002 12; B 3 1 5001; B 4 1 5001; S 3 2 5001 9; S 4 2 5001 9; B 1 2 5000; B 2 2 5002"
    trades = solve_and_check(make_market(offers, {2: 1.0}, collectors=[(1, 11), (1, 12)])).trades
    assert trades.takings["amount"].sum() == 20004
    assert (trades.collector_transfers["amount"] > 1).all()


def test_buyers_are_spread_over_the_collectors_that_collected() -> None:
    traders = range(1, 41)
    offers: list[tuple[str | int, ...]] = []
    for t in traders:
        offers += [
            ("S", t, 1, 1000, 11 + t % 4),
            ("B", t, 2, 1000),
            ("S", t + 100, 2, 1000, 9),
            ("B", t + 100, 1, 1000),
        ]
    market = make_market(offers, {2: 1.0}, collectors=[(1, k) for k in (11, 12, 13, 14, 15, 16)])
    trades = solve_and_check(market).trades
    payers = trades.givings.filter(pl.col("debtor_id") == 1)["collector_id"].value_counts().rows()
    assert sorted(payers) == [(11, 10), (12, 10), (13, 10), (14, 10)]
    assert trades.collector_transfers.height == 0


@covers("G35")
def test_sums_beyond_64_bits_are_cut() -> None:
    offers: list[tuple[str | int, ...]] = []
    for t in range(1, 4):
        offers += [("S", t, 1, MAX64, 9), ("B", t, 2, MAX64), ("S", t + 10, 2, MAX64, 9), ("B", t + 10, 1, MAX64)]
    trades = solve_and_check(make_market(offers, {2: 1.0})).trades
    assert trades.takings.filter(pl.col("debtor_id") == 1)["amount"].cast(pl.Int128).sum() > 2**62


def test_one_immense_trade_does_not_drown_the_others() -> None:
    immense = f"S 51 3 {MAX64} 9; B 51 4 {MAX64}; S 52 4 {MAX64} 9; B 52 3 {MAX64}"
    solution = solve_and_check(make_market(f"{TWO_TRADERS}; {immense}", {2: 2.0, 3: 1e280, 4: 1e280}))
    assert solution.trades.takings.filter(pl.col("creditor_id") < 10).height == 2
    assert solution.trades.takings.filter(pl.col("creditor_id") > 50).height == 2


def test_the_same_market_in_any_order_gives_the_same_answer() -> None:
    market = random_market(3, traders=150, currencies=8, minimum=1000)
    shuffled = Market(
        market.parameters,
        *(
            frame.sample(fraction=1.0, shuffle=True, seed=4)
            for frame in (market.currencies, market.collector_accounts, market.sell_offers, market.buy_offers)
        ),
    )
    first, second = solve(market).trades, solve(shuffled).trades
    assert first.takings.equals(second.takings)
    assert first.givings.equals(second.givings)
    assert first.collector_transfers.equals(second.collector_transfers)


@pytest.mark.parametrize(("minimum", "share"), [(1, 0.999), (1000, 0.99), (10000, 0.95)])
@pytest.mark.parametrize("sigma", [0.5, 1.5, 3.0])
def test_most_of_the_upper_bound_is_traded(minimum: int, share: float, sigma: float) -> None:
    solution = solve_and_check(random_market(1, 1000, 20, minimum, sigma))
    assert share * solution.upper_bound <= solution.traded_value <= solution.upper_bound * (1 + 1e-4)


IDS = st.sampled_from([-(2**63), -1, 0, 1, 2, 3, 4, 5, MAX64])


@settings(max_examples=examples(60), deadline=None, derandomize=True)
@given(
    offers=st.lists(
        st.one_of(
            st.tuples(st.just("S"), IDS, st.integers(0, 4), AMOUNTS, st.sampled_from([0, 7, 8, 9])),
            st.tuples(st.just("B"), IDS, st.integers(0, 4), AMOUNTS),
        ),
        max_size=40,
    ),
    rates=st.dictionaries(st.integers(2, 4), RATES),
    collectors=st.lists(st.tuples(st.integers(0, 4), st.sampled_from([0, 8, 9, 10])), max_size=6),
    minimum=st.sampled_from([1, 2, 10, 1000, MAX64]),
)
def test_hostile_markets_get_a_valid_answer(
    offers: list[tuple[str | int, ...]],
    rates: dict[int, float],
    collectors: list[tuple[int, int]],
    minimum: int,
) -> None:
    solve_and_check(make_market(offers, rates, collectors, minimum))


@settings(max_examples=examples(60), deadline=None, derandomize=True)
@given(data=st.data())
def test_small_contested_markets_get_a_valid_answer(data: st.DataObject) -> None:
    minimum = data.draw(st.sampled_from([1, 2, 5, 100]))
    accounts = data.draw(
        st.dictionaries(
            st.tuples(st.integers(1, 6), st.integers(1, 4)),
            st.tuples(st.booleans(), st.integers(1, 40), st.sampled_from([7, 8])),
            min_size=8,
        )
    )
    offers = [
        ("S", t, c, minimum * amount, k) if is_sell else ("B", t, c, minimum * amount)
        for (t, c), (is_sell, amount, k) in accounts.items()
    ]
    rates = dict(enumerate(data.draw(st.lists(st.floats(0.05, 20.0), min_size=3, max_size=3)), start=2))
    collectors = data.draw(st.sets(st.tuples(st.integers(1, 4), st.sampled_from([8, 9]))))
    solve_and_check(make_market(offers, rates, sorted(collectors), minimum))

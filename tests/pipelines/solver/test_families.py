"""The contract on every kind of invented market, on hostile values, and the same answer for the same market always."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.markets import FAMILIES, make_market, save_market
from pipelines.solver.load import load_directory
from pipelines.solver.market import BUY_OFFERS, COLLECTOR_ACCOUNTS, CURRENCIES, SELL_OFFERS, Market, TurnParameters
from pipelines.solver.price import price
from pipelines.solver.solve import solve
from tests.covering import covers
from tests.examples import examples
from tests.pipelines.solver.markets import BASE, broken_rules, locator
from tests.pipelines.solver.solving import AMOUNTS, RATES, fingerprint, solve_and_check

ROOT = Path(__file__).parents[3]
OFFERS = ("sell_offers", "buy_offers")


@pytest.mark.parametrize("minimum", [1, 1000, 100_000])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gets_a_valid_answer(family: str, minimum: int) -> None:
    market = make_market(1, 400, minimum, family)
    solution = solve_and_check(market)
    assert (solution.trades.takings.height > 0) == (family != "chains" or minimum < 100_000)
    trades = solution.trades
    offers = market.sell_offers.height + market.buy_offers.height
    assert trades.takings.height + trades.givings.height + solution.untraded.height == offers
    # Capacities of the bound are rounded up, amounts of the answer to whole tokens.
    tokens = (
        solution.trades.takings.select("debtor_id")
        .unique()
        .join(price(market.currencies, market.parameters)[0], on="debtor_id")
    )
    assert solution.traded_value <= solution.upper_bound * (1 + 1e-12) + tokens["price"].sum()


@settings(max_examples=examples(40), deadline=None, derandomize=True)
@given(
    family=st.sampled_from(sorted(FAMILIES)),
    seed=st.integers(0, 2**32),
    traders=st.integers(1, 200),
    minimum=st.sampled_from([1, 2, 3, 1000, 31_623, 100_000, 10**9, 2**63 - 1]),
)
def test_any_invented_market_gets_a_valid_answer(family: str, seed: int, traders: int, minimum: int) -> None:
    solve_and_check(make_market(seed, traders, minimum, family))


LOCATORS = st.sampled_from([None, "", BASE, *map(locator, range(2, 6))])
DEBTORS = st.sampled_from([None, 0, 1, 1, 2, 3, 4, 5, -1, 2**63 - 1])
CURRENCY = st.tuples(LOCATORS, DEBTORS, LOCATORS, DEBTORS, st.one_of(st.none(), RATES), st.booleans())
TRADERS = st.sampled_from([None, 0, 1, 2, 3, 4, -(2**63)])
COLLECTORS = st.sampled_from([None, 0, 7, 8, 9])


@covers("G4")
@settings(max_examples=examples(100), deadline=None, derandomize=True)
@given(
    currencies=st.lists(CURRENCY, max_size=8),
    collectors=st.lists(st.tuples(DEBTORS, COLLECTORS), max_size=6),
    sells=st.lists(st.tuples(TRADERS, DEBTORS, st.one_of(st.none(), AMOUNTS), COLLECTORS), max_size=20),
    buys=st.lists(st.tuples(TRADERS, DEBTORS, st.one_of(st.none(), AMOUNTS)), max_size=20),
    distance=st.integers(1, 4),
    minimum=st.sampled_from([1, 1000, 2**62]),
)
def test_any_rows_at_all_get_a_valid_answer(
    currencies: list[tuple[object, ...]],
    collectors: list[tuple[object, ...]],
    sells: list[tuple[object, ...]],
    buys: list[tuple[object, ...]],
    distance: int,
    minimum: int,
) -> None:
    """Missing values, wrong and doubled documents, cycles of pegs, offers of nobody, collectors of nothing."""
    market = Market(
        TurnParameters(BASE, 1, distance, minimum),
        *(
            pl.DataFrame(rows, schema=schema, orient="row")
            for rows, schema in (
                (currencies, CURRENCIES),
                (collectors, COLLECTOR_ACCOUNTS),
                (sells, SELL_OFFERS),
                (buys, BUY_OFFERS),
            )
        ),
    )
    prices, _ = price(market.currencies, market.parameters)
    solution = solve(market)
    complete = Market(
        market.parameters,
        market.currencies,
        market.collector_accounts,
        market.sell_offers.drop_nulls(),
        market.buy_offers.drop_nulls(),
    )
    assert broken_rules(complete, dict(prices.iter_rows()), solution.trades) == set()


def test_warnings_say_how_many_and_why() -> None:
    market = make_market(1, 6000, 1000, "oddities")
    solution = solve(market)
    assert {"creditor 0", "amount not positive", "second offer of an account", "no price"} <= set(solution.left_out)
    for reason, count in solution.left_out.items():
        assert any(reason in warning and f"{count}" in warning for warning in solution.warnings), reason
    assert any("price is not a finite, normal, positive number" in warning for warning in solution.warnings)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_order_of_rows_does_not_matter(family: str) -> None:
    market = make_market(3, 300, 1000, family)
    shuffled = Market(
        market.parameters,
        *(
            getattr(market, name).sample(fraction=1.0, shuffle=True, seed=4)
            for name in ("currencies", "collector_accounts", *OFFERS)
        ),
    )
    first, second = solve(market), solve(shuffled)
    for name in ("takings", "givings", "collector_transfers"):
        assert getattr(first.trades, name).equals(getattr(second.trades, name)), name
    assert (first.traded_value, first.upper_bound) == (second.traded_value, second.upper_bound)
    assert (first.untraded_counts, first.warnings) == (second.untraded_counts, second.warnings)


SCRIPT = """
import sys
from pathlib import Path
from pipelines.solver.load import load_directory
from pipelines.solver.solve import solve
from tests.pipelines.solver.solving import fingerprint
print(fingerprint(load_directory(Path(sys.argv[1]))))
"""


@pytest.fixture(scope="module")
def markets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {family: tmp_path_factory.mktemp(family) for family in ("typical", "oddities")}
    for family, folder in folders.items():
        save_market(make_market(5, 2000, 1000, family), folder)
    return folders


@pytest.mark.slow
@pytest.mark.parametrize(("hash_seed", "threads"), [("1", "1"), ("2", "2"), ("3", "7")])
def test_a_fresh_process_gives_the_same_answer(markets: dict[str, Path], hash_seed: str, threads: str) -> None:
    """Whatever Python's hash seed is, and however many threads polars uses."""
    for folder in markets.values():
        answer = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(folder)],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "POLARS_MAX_THREADS": threads, "PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
            text=True,
        )
        assert answer.stdout.strip() == fingerprint(load_directory(folder))

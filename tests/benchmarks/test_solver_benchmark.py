"""The solver's benchmark measures what it says: other ways find real circulations, collectors are chosen well."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import polars as pl
import pytest

from benchmarks.collector_choice import chosen_and_random, random_transfers
from benchmarks.markets import FAMILIES, as_shipped, make_market, market_of_offers
from benchmarks.relaxed import CEILING, Graph, graph_of, greedy_circles, min_cost_flow
from benchmarks.solver_document import alternative_rows, collector_rows, solver_rows, with_sizes
from pipelines.solver.report import Stopwatch, report_on
from pipelines.solver.solve import solve
from tests.examples import examples


def assert_is_circulation(graph: Graph, flows: np.ndarray) -> None:
    total = flows.sum()
    assert (flows >= -1e-9 * total).all()
    assert (flows <= graph.capacity + 1e-9 * total).all()
    out = np.bincount(graph.tail, flows, graph.nodes)
    back = np.bincount(graph.head, flows, graph.nodes)
    assert np.abs(out - back).max() < 1e-9 * total


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "oddities"])
def test_other_ways_find_circulations_up_to_the_bound(family: str) -> None:
    market = make_market(1, 1000, 1000, family)
    graph = graph_of(market)
    bound = solve(market).upper_bound
    best, greedy = min_cost_flow(graph), greedy_circles(graph)
    assert_is_circulation(graph, best)
    assert_is_circulation(graph, greedy)
    assert best[graph.is_sell].sum() == pytest.approx(bound, rel=1e-9)
    assert 0.5 * bound < greedy[graph.is_sell].sum() < bound


def test_greedy_circles_leaves_no_circle() -> None:
    graph = graph_of(make_market(2, 300, 1000))
    left = graph.capacity - greedy_circles(graph)
    is_open = left >= graph.least
    # Nodes that nothing enters or nothing leaves are on no circle; without them nothing may be left.
    while is_open.any():
        leaves = np.bincount(graph.tail[is_open], minlength=graph.nodes) > 0
        enters = np.bincount(graph.head[is_open], minlength=graph.nodes) > 0
        still = is_open & leaves[graph.head] & enters[graph.tail]
        assert (still != is_open).any()
        is_open = still


@pytest.mark.parametrize("traders", [50, 300, 2000])
@pytest.mark.parametrize("family", FAMILIES)
def test_chosen_collectors_are_never_worse_than_random_ones(family: str, traders: int) -> None:
    for seed in range(examples(3)):
        market = make_market(seed, traders, 1000, family)
        trades = solve(market).trades
        found = chosen_and_random(market, trades)
        assert found["transfers"] <= found["random_transfers"]
        assert found["share"] <= found["random_share"]


def test_random_collectors_are_put_right_by_transfers() -> None:
    market = make_market(1, 500, 1000)
    trades = solve(market).trades
    drawn = random_transfers(market, trades, 1)
    assert drawn.height > 0
    assert not drawn.equals(random_transfers(market, trades, 2))
    assert drawn.equals(random_transfers(market, trades, 1))
    assert (
        drawn.join(
            market.collector_accounts,
            left_on=["debtor_id", "from_collector_id"],
            right_on=["debtor_id", "collector_id"],
        ).height
        == drawn.height
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_market_has_about_as_many_offers_as_asked_for(family: str) -> None:
    market = market_of_offers(50_000, family)
    offers = market.sell_offers.height + market.buy_offers.height
    assert 45_000 < offers < 55_000
    assert market_of_offers(50_000, family, minimum=10_000).sell_offers.equals(market.sell_offers)
    if family != "oddities":
        accounts = pl.concat([market.sell_offers.select("creditor_id", "debtor_id"), market.buy_offers.drop("amount")])
        assert accounts.is_unique().all()
        assert set(market.sell_offers["creditor_id"]) == set(market.buy_offers["creditor_id"])


def test_workers_ship_what_reaches_the_minimum_and_has_another_side() -> None:
    whole = market_of_offers(5_000, "typical", minimum=100_000)
    shipped = as_shipped(whole)
    sells, buys = shipped.sell_offers, shipped.buy_offers
    assert 0 < sells.height < whole.sell_offers.height
    assert min(sells["amount"].min(), buys["amount"].min()) >= 100_000
    assert set(sells["creditor_id"]) == set(buys["creditor_id"])


def test_the_tables_tell_the_figures() -> None:
    market = make_market(1, 200, 1000)
    solution = solve(market)
    stopwatch = Stopwatch()
    for step in ("load", "write"):
        with stopwatch(step):
            pass
    report = asdict(report_on(market, 200, solution, stopwatch))
    case = {"size": 1000, "family": "typical", "minimum": 1000}
    other = {
        "seconds": 2.0,
        "memory_bytes": 2**20,
        "traded_value": 0.5 * report["upper_bound"],
        "trades": 9,
        "too_small": 3,
    }
    collectors = chosen_and_random(market, solution.trades)
    results = with_sizes(
        {
            "results": [
                {**case, "what": "solve", **report, "memory_bytes": 3 * 2**20, "collectors": collectors},
                {**case, "what": "SimpleMinCostFlow (OR-Tools)", **other},
                {**case, "what": CEILING, **other, "traded_value": 2 * report["traded_value"]},
                {**case, "what": "greedy", **other},
                {**case, "what": "slow", "more_than_seconds": 30.0},
            ]
        }
    )
    head, (row,) = solver_rows(results)
    assert len(head) == len(row)
    assert row[head.index("bare s")] == "2.00"
    assert row[head.index("peak MiB")] == "3"
    assert row[head.index("of ceiling")] == "50.0000%"
    assert row[1] == f"{report['offers']:,}"
    head, rows = alternative_rows(results)
    assert {len(row) for row in rows} == {len(head)}
    assert rows[2][1:] == ["greedy", "2.00", "1", "50.0000%", "9", "3", "no"]
    assert rows[3][1:3] == ["slow", "more than 30"]
    head, (row,) = collector_rows(results)
    assert row[:3] == ["typical", f"{report['offers']:,}", f"{report['takings'] + report['givings']:,}"]

"""The circles of a turn's value flow."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from admin.cli import main
from pipelines.solver.circles import CIRCLES, circles, value_flow
from pipelines.solver.market import Market
from pipelines.solver.solve import solve
from pipelines.solver.widest import Circulation, circles_of, circles_through
from tests.pipelines.solver.directories import save
from tests.pipelines.solver.markets import make_market, random_market

NODES = 9
STEPS = st.permutations(range(NODES)).flatmap(lambda x: st.integers(2, NODES).map(lambda n: x[:n]))
SUMS_OF_CYCLES = st.lists(st.tuples(STEPS, st.integers(1, 2**40)), max_size=12)


def circulation(cycles: list[tuple[list[int], int]]) -> Circulation:
    flows: dict[tuple[int, int], int] = defaultdict(int)
    for nodes, value in cycles:
        for edge in zip(nodes, nodes[1:] + nodes[:1], strict=True):
            flows[edge] += value
    edges = np.array(list(flows), dtype=np.int64).reshape(-1, 2)
    return Circulation(edges[:, 0], edges[:, 1], np.array(list(flows.values()), dtype=np.int64), NODES)


def flow_of(market: Market) -> pl.DataFrame:
    flow = solve(market, keeps_flow=True).flow
    assert flow is not None
    return flow


@given(SUMS_OF_CYCLES)
def test_cycles_add_up_to_the_flow_and_close(cycles: list[tuple[list[int], int]]) -> None:
    graph = circulation(cycles)
    found = circles_of(graph, 10**6)
    total = np.zeros_like(graph.flow)
    for value, edges in found:
        assert value > 0
        tails, heads = graph.tail[edges].tolist(), graph.head[edges].tolist()
        assert heads == tails[1:] + tails[:1]
        assert len(set(tails)) == len(tails)
        total[edges] += value
    assert total.tolist() == graph.flow.tolist()


@given(SUMS_OF_CYCLES, st.integers(1, 5))
def test_the_first_cycles_are_wider_than_all_later_ones(cycles: list[tuple[list[int], int]], enough: int) -> None:
    graph = circulation(cycles)
    found = circles_of(graph, 10**6)
    first = circles_of(graph, enough)
    later = found[len(first) :]
    assert first == found[: len(first)]
    assert len(first) >= min(enough, len(found))
    assert not later or max(value for value, _ in later) < min(value for value, _ in first)


@given(SUMS_OF_CYCLES, st.integers(0, NODES - 1))
def test_cycles_through_a_node_carry_all_its_flow(cycles: list[tuple[list[int], int]], node: int) -> None:
    graph = circulation(cycles)
    found = circles_through(graph, node, 10**6)
    assert all(node in graph.tail[edges] for _, edges in found)
    assert sum(value for value, _ in found) == graph.flow[graph.tail == node].sum()


def test_a_circle_of_three_is_told_step_by_step() -> None:
    market = make_market(
        "S 1 1 5500 9; B 1 3 99999; S 2 2 9999 9; B 2 1 5500; S 3 3 99999 9; B 3 2 9999", {2: 2.0, 3: 0.5}
    )
    assert circles(flow_of(market)).rows() == [
        (1, 5500.0, 1, 1, 1, 5500.0, 3, 11000.0),
        (1, 5500.0, 2, 2, 2, 2750.0, 1, 5500.0),
        (1, 5500.0, 3, 3, 3, 11000.0, 2, 2750.0),
    ]


def test_no_flow_has_no_circles() -> None:
    assert circles(value_flow([])).schema == pl.Schema(CIRCLES)
    assert circles(flow_of(make_market(""))).height == 0


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.integers(2, 40), st.integers(2, 6), st.integers(0, 2**32))
def test_circles_of_random_markets(seed: int, traders: int, currencies: int, shuffle: int) -> None:
    market = random_market(seed, traders, currencies, minimum=10)
    flow = flow_of(market)
    found = circles(flow)
    assert found.equals(circles(flow.sample(fraction=1.0, shuffle=True, seed=shuffle)))

    # They sum to the value traded, which every trader of a circle trades.
    traded = flow.filter("is_sell").select((pl.col("flow") * pl.col("unit")).sum()).item()
    assert found["value"].sum() == pytest.approx(traded, rel=1e-9)
    # Nobody appears with what they did not offer.
    sold = found.select("creditor_id", debtor_id="given_debtor_id")
    bought = found.select("creditor_id", debtor_id="taken_debtor_id")
    assert sold.join(market.sell_offers, on=["creditor_id", "debtor_id"], how="anti").height == 0
    assert bought.join(market.buy_offers, on=["creditor_id", "debtor_id"], how="anti").height == 0
    # Every circle closes, and the largest come first.
    for _, circle in found.group_by("circle"):
        given_away, taken = circle["given_debtor_id"].to_list(), circle["taken_debtor_id"].to_list()
        assert taken == given_away[-1:] + given_away[:-1]
        assert circle["creditor_id"].is_unique().all()
    assert found.filter(pl.col("step") == 1)["value"].is_sorted(descending=True)


def test_circles_through_a_trader_or_a_currency_carry_all_that_they_trade() -> None:
    flow = flow_of(random_market(5, traders=60, currencies=6, minimum=10))
    for column, through in (("creditor_id", "creditor_id"), ("debtor_id", "given_debtor_id")):
        for wanted in flow[column].unique():
            found = circles(flow, **{column: wanted})
            of_it = found.filter(pl.col(through) == wanted)
            assert of_it["circle"].n_unique() == found["circle"].n_unique()
            traded = flow.filter((pl.col(column) == wanted) & pl.col("is_sell"))
            assert of_it["value"].sum() == pytest.approx((traded["flow"] * traded["unit"]).sum(), rel=1e-9)
    assert circles(flow, creditor_id=-5).height == 0
    assert circles(flow, 3)["circle"].max() == 3


@pytest.mark.parametrize("name", ["circles.csv", "circles.parquet"])
def test_solve_writes_circles(tmp_path: Path, name: str) -> None:
    save(random_market(5, traders=60, currencies=6, minimum=10), tmp_path)
    path = tmp_path / name
    done = CliRunner().invoke(main, ["solve", str(tmp_path), str(tmp_path / "out"), "--circles", str(path)])
    assert done.exit_code == 0, done.output
    found = pl.read_csv(path) if name.endswith("csv") else pl.read_parquet(path)
    assert found.columns == list(CIRCLES)
    assert found.height > 0


def test_circles_need_a_name_of_a_known_kind(tmp_path: Path) -> None:
    save(make_market(""), tmp_path)
    done = CliRunner().invoke(main, ["solve", str(tmp_path), str(tmp_path / "out"), "--circles", f"{tmp_path}/x.txt"])
    assert (done.exit_code, "x.txt: call it .parquet or .csv" in done.output) == (1, True)

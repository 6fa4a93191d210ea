"""One more trader in a currency: how much more the others would have traded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ortools.graph.python import min_cost_flow

from pipelines.solver.bottlenecks import bottlenecks
from pipelines.solver.market import Market
from tests.examples import examples
from tests.pipelines.solver.markets import make_market

ANNA, BORIS, CLARA = 11, 12, 13
BASE, SILVER, COPPER = 1, 2, 3


def with_offers(sells: list[tuple[int, int, int]], buys: list[tuple[int, int, int]]) -> Market:
    """(creditor, debtor, tokens) of each offer; three currencies of the same value."""
    sell_rows = [("S", *sell, 99) for sell in sells]
    return make_market([*sell_rows, *(("B", *buy) for buy in buys)], {SILVER: 1.0, COPPER: 1.0})


def greatest(market: Market, helper: tuple[int, bool] | None = None) -> int:
    """What others can sell at most, by OR-Tools, where every token is worth one."""
    optimiser = min_cost_flow.SimpleMinCostFlow()
    nodes: dict[tuple[str, int], int] = {}

    def node(kind: str, number: int) -> int:
        return nodes.setdefault((kind, number), len(nodes))

    for row in market.sell_offers.iter_rows(named=True):
        ends = node("trader", row["creditor_id"]), node("currency", row["debtor_id"])
        optimiser.add_arc_with_capacity_and_unit_cost(*ends, row["amount"], -1)
    for row in market.buy_offers.iter_rows(named=True):
        ends = node("currency", row["debtor_id"]), node("trader", row["creditor_id"])
        optimiser.add_arc_with_capacity_and_unit_cost(*ends, row["amount"], 0)
    if helper is not None:
        debtor_id, is_buyer = helper
        here, him = node("currency", debtor_id), node("trader", 0)
        optimiser.add_arc_with_capacity_and_unit_cost(*((here, him) if is_buyer else (him, here)), 10**9, 0)
        for other in (BASE, SILVER, COPPER):
            if other != debtor_id:
                there = node("currency", other)
                optimiser.add_arc_with_capacity_and_unit_cost(*((him, there) if is_buyer else (there, him)), 10**9, 0)
    for number in nodes.values():
        optimiser.set_node_supply(number, 0)
    assert optimiser.solve() == optimiser.OPTIMAL
    return -int(optimiser.optimal_cost())


def test_more_buyers_of_a_currency_that_nobody_wants_would_have_helped() -> None:
    found = bottlenecks(
        with_offers(
            sells=[(ANNA, SILVER, 5000), (BORIS, BASE, 3000)],
            buys=[(ANNA, BASE, 5000), (BORIS, COPPER, 3000)],
        )
    )
    # Somebody who takes silver and gives copper and base money serves both in full.
    best = found.row(0, named=True)
    assert (best["debtor_id"], best["is_buyer"]) in ((SILVER, True), (COPPER, False))
    assert best["extra_value"] == pytest.approx(8000)
    assert best["unserved_value"] > 0


def test_where_everybody_is_served_nothing_would_have_helped() -> None:
    found = bottlenecks(
        with_offers(sells=[(ANNA, SILVER, 5000), (BORIS, BASE, 5000)], buys=[(ANNA, BASE, 5000), (BORIS, SILVER, 5000)])
    )
    assert found.height == 0


def test_a_market_without_offers_has_none() -> None:
    assert bottlenecks(with_offers([], [])).height == 0


OFFERS = st.lists(
    st.tuples(st.integers(11, 16), st.sampled_from([BASE, SILVER, COPPER]), st.integers(1000, 9000), st.booleans()),
    min_size=2,
    max_size=14,
    unique_by=lambda offer: offer[:2],
)


@settings(max_examples=examples(100), deadline=None, derandomize=True)
@given(offers=OFFERS)
def test_what_helps_is_what_ortools_says(offers: list[tuple[int, int, int, bool]]) -> None:
    made = with_offers([offer[:3] for offer in offers if offer[3]], [offer[:3] for offer in offers if not offer[3]])
    for row in bottlenecks(made).iter_rows(named=True):
        extra = greatest(made, (row["debtor_id"], row["is_buyer"])) - greatest(made)
        assert row["extra_value"] == pytest.approx(extra, abs=1e-6 * (1 + extra))
        assert row["extra_value"] >= 0


def test_the_answer_does_not_depend_on_the_order() -> None:
    rng = np.random.default_rng(1)
    places = sorted({(int(c), int(d)) for c, d in zip(rng.integers(11, 60, 80), rng.integers(1, 4, 80), strict=True)})
    offers = [(c, d, int(amount)) for (c, d), amount in zip(places, rng.integers(1000, 9000, 80), strict=False)]
    made = with_offers(offers[::2], offers[1::2])
    turned = replace(
        made,
        sell_offers=made.sell_offers.sample(fraction=1.0, shuffle=True, seed=2),
        buy_offers=made.buy_offers.sample(fraction=1.0, shuffle=True, seed=3),
    )
    assert bottlenecks(made).equals(bottlenecks(turned))
    assert bottlenecks(made).height > 0

"""A market falls into independent parts, whose answers together are as good as that for the whole."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from benchmarks.solver_parts import drawn_on, market_of_regions, measure, part_of_currencies, show, split


def test_regions_are_the_parts_of_their_market() -> None:
    market = market_of_regions(3000, 3, "typical")
    parts = part_of_currencies(market)
    traders = pl.concat([f.select("creditor_id", "debtor_id") for f in (market.sell_offers, market.buy_offers)])
    per_trader = traders.join(parts, on="debtor_id").group_by("creditor_id").agg(pl.col("part").n_unique())
    assert per_trader["part"].max() == 1
    # A few traders may have nothing in common with the rest of their region.
    largest = parts["part"].value_counts(sort=True)["count"].to_list()[:3]
    assert sum(largest) > 0.9 * parts.height
    halves = split(market, 2)
    assert sum(half.sell_offers.height for half in halves) == market.sell_offers.height
    assert sum(half.buy_offers.height for half in halves) == market.buy_offers.height
    assert not {*halves[0].sell_offers["creditor_id"]} & {*halves[1].buy_offers["creditor_id"]}


@pytest.mark.slow
def test_parts_that_are_solved_side_by_side_trade_as_much_as_the_whole(tmp_path: Path) -> None:
    outcome = measure(market_of_regions(4000, 2, "typical"), 2, tmp_path)
    assert outcome.parts == 2
    assert sum(part.offers for part in outcome.solved) == outcome.whole.offers
    assert outcome.value_ratio == pytest.approx(1.0, rel=1e-3)
    assert outcome.violations == 0
    seconds, memory = drawn_on(outcome, 2 * outcome.whole.offers)
    assert seconds > 0
    assert memory > 0
    show(outcome, 20_000, Console(quiet=True))

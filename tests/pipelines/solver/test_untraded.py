"""Why offers stay untraded, and what an observer of the solver sees."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import polars as pl

from pipelines.solver.progress import Progress
from pipelines.solver.solve import solve, solve_directory
from tests.pipelines.solver.directories import save
from tests.pipelines.solver.markets import make_market, random_market

# Traders 1 and 2 trade. The others do not: no price (3), below the minimum (4), one-sided (4, 5), no circle (6),
# and 7 with 8, who meet the minimum in one currency only.
OFFERS = (
    "S 1 1 8000 9; B 1 2 6000; S 2 2 3000 9; B 2 1 5000;"
    "S 3 1 8000 9; B 3 2 8000; S 3 5 8000 9; S 4 1 999 9; B 4 2 8000; S 5 2 8000 9;"
    "S 6 1 7000 9; B 6 3 7000; S 7 4 1500 9; B 7 6 9000; S 8 6 9000 9; B 8 4 9000"
)
RATES = {2: 2.0, 3: 1.0, 4: 0.1, 6: 1.0}


def test_every_untraded_offer_has_its_reason() -> None:
    market = make_market(OFFERS, RATES)
    solution = solve(market)
    reasons = {(t, c, is_sell): reason for t, c, is_sell, reason in solution.untraded.iter_rows()}
    traded = {
        *((t, c, True) for t, c in solution.trades.takings.select("creditor_id", "debtor_id").iter_rows()),
        *((t, c, False) for t, c in solution.trades.givings.select("creditor_id", "debtor_id").iter_rows()),
    }
    offers = {
        *((t, c, True) for t, c in market.sell_offers.select("creditor_id", "debtor_id").iter_rows()),
        *((t, c, False) for t, c in market.buy_offers.select("creditor_id", "debtor_id").iter_rows()),
    }
    assert traded | reasons.keys() == offers
    assert not traded & reasons.keys()
    assert solution.untraded.height == len(reasons)
    expected = {
        (3, 5, True): "no price",
        (4, 1, True): "below minimum",
        (4, 2, False): "one-sided trader",
        (5, 2, True): "one-sided trader",
        (6, 1, True): "no circle",
        (6, 3, False): "no circle",
        **dict.fromkeys([(7, 4, True), (7, 6, False), (8, 6, True), (8, 4, False)], "lost to the minimum"),
    }
    assert {offer: reasons[offer] for offer in expected} == expected
    counts = solution.untraded["reason"].cast(pl.String).value_counts()
    assert solution.untraded_counts == dict(counts.iter_rows())
    assert solution.left_out == {
        reason: count
        for reason, count in solution.untraded_counts.items()
        if reason in ("no price", "below minimum", "one-sided trader")
    }
    assert solution.warnings == [f"{count} offers left out: {reason}" for reason, count in solution.left_out.items()]


def test_untraded_offers_are_written(tmp_path: Path) -> None:
    market = random_market(5, traders=60, currencies=6, minimum=1000)
    save(market, tmp_path)
    report = solve_directory(tmp_path, tmp_path / "out")
    written = pl.read_parquet(tmp_path / "out" / "untraded_offers.parquet")
    assert written.columns == ["creditor_id", "debtor_id", "is_sell", "reason"]
    assert written.height == sum(report.untraded.values()) > 0
    assert report.offers == report.takings + report.givings + written.height


def test_an_observer_sees_all_steps_and_the_bound(tmp_path: Path) -> None:
    save(random_market(5, traders=60, currencies=6, minimum=1000), tmp_path)
    seen: list[Progress] = []
    report = solve_directory(tmp_path, tmp_path / "out", observer=seen.append)
    steps = list(dict.fromkeys(progress.step for progress in seen))
    assert steps == ["load", "price", "bound", "match", "settle", "collectors", "check", "write"]
    last = next(progress for progress in reversed(seen) if progress.step == "check")
    assert last.max_flows >= 1
    assert last.upper_bound is not None
    assert report.upper_bound is not None
    assert abs(last.upper_bound - report.upper_bound) < 1e-6 * report.upper_bound
    assert (last.offers or 0) > 0
    assert all(before.max_flows <= after.max_flows for before, after in pairwise(seen[:-1]))

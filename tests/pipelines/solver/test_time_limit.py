"""When time is up, the solver settles, checks and writes the best answer found so far, at worst an empty one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipelines.solver.check import check
from pipelines.solver.price import price
from pipelines.solver.progress import Progress
from pipelines.solver.search.circulation import NoTimeLeft, Search
from pipelines.solver.solve import solve
from service.parts.turns import turn_settings
from tests.pipelines.solver.markets import random_market
from tests.settings.environments import load_with


def test_without_any_time_the_answer_is_empty_and_says_so() -> None:
    market = random_market(1, traders=100, currencies=8, minimum=1000)
    solution = solve(market, time_limit=0.0)
    assert solution.trades.takings.height == solution.trades.givings.height == 0
    assert solution.upper_bound >= solve(market).upper_bound
    count = solution.untraded_counts["no time left"]
    assert count > 0
    assert f"{count} offers not matched: no time left" in solution.warnings


def test_what_was_found_before_the_limit_is_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    market = random_market(1, traders=300, currencies=8, minimum=10_000, sigma=0.5)
    whole = solve(market)
    found: list[float] = []

    def observe(progress: Progress) -> None:
        if progress.traded_value is not None:
            found.append(progress.traded_value)

    def go_on(search: Search) -> None:
        """Time is up as soon as there is a first answer."""
        if search.deadline is not None and found:
            raise NoTimeLeft

    monkeypatch.setattr(Search, "go_on", go_on)
    solution = solve(market, time_limit=1000.0, observer=observe)
    assert len(found) >= 1
    prices = price(market.currencies, market.parameters)[0]
    assert check(market, prices, market.parameters.least_trade, solution.trades).rows() == []
    assert 0.8 * whole.traded_value < solution.traded_value <= whole.traded_value


@pytest.mark.parametrize(
    ("changes", "limit"),
    [
        ({}, timedelta(days=1) / 10),
        ({"TURN_PERIOD": "10h"}, timedelta(hours=1)),
        ({"APP_SOLVER_TIME_LIMIT": "5m"}, timedelta(minutes=5)),
        ({"TURN_PERIOD": "0"}, None),
    ],
)
def test_the_solver_takes_its_limit_from_the_settings(changes: dict[str, str], limit: timedelta | None) -> None:
    assert turn_settings(load_with("solver", **changes)).solver_time_limit == limit

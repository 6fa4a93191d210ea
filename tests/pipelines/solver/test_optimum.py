"""Whether the solver finds the exact optimum, on 1,250 small contested markets.

What the optimum is: of all answers with whole tokens, minimum amounts (S4) and balanced traders (S3), the one that
trades the most value. S3 lets a trader's balance be off by a token of each of its currencies, because amounts are
rounded. The solver balances the value exactly and rounds afterwards; it does not use that room to trade more, for what
one trader gains by it another one loses. So it is measured against the optimum for exactly balanced traders. From that
one its answer differs by the rounding, which is less than a token of each currency; where a token of every currency is
worth the same, by nothing at all. The optimum that uses the room is above both, and no answer may exceed it.

With a minimum amount the problem is a hard one (which offers to leave out), and nothing proves that the solver finds
the best choice. In these 750 economies it does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pytest

from pipelines.solver.report import Stopwatch, report_on
from pipelines.solver.solve import solve
from tests.examples import examples
from tests.pipelines.solver.exact import (
    Offer,
    best_value,
    best_value_by_trying,
    random_offers,
    side_by_side,
    values_by_economy,
)
from tests.pipelines.solver.markets import random_market

COUNT = examples(250)


@dataclass(frozen=True)
class Scale:
    """The economies of one kind: worths of a token, the offers' amounts (`least` to `most`), and the minimum."""

    prices: tuple[int, ...]
    least: int
    most: int
    minimum: int

    @property
    def is_rounded(self) -> bool:
        return self.prices != (1,)


EQUAL, MIXED = (1,), (1, 2, 5, 13)
FREE = [Scale(EQUAL, 500, 30_000, 2), Scale(MIXED, 500, 30_000, 2)]
BOUND = [Scale(EQUAL, 700, 30_000, 1000), Scale(MIXED, 700, 30_000, 1000), Scale(MIXED, 7, 300, 10)]


@dataclass(frozen=True)
class Result:
    """One economy: the solver's value, the optimum for balanced traders, and the one that uses the room of S3.

    `token_of_each` is the worth of one token of each currency. All in base tokens.
    """

    value: int
    optimum: int
    optimum_with_room: int
    token_of_each: int

    @property
    def is_optimal(self) -> bool:
        """As far as rounding allows. Without rounding, exactly."""
        return self.value >= self.optimum - self.token_of_each


@cache
def results(scale: Scale) -> list[Result]:
    """Solves many economies at once, side by side in one market."""
    economies = [random_offers(seed, scale.prices, scale.least, scale.most) for seed in range(COUNT)]
    values = values_by_economy(solve(side_by_side(economies, scale.minimum)).trades.takings, economies)
    return [
        Result(
            value=value,
            optimum=best_value(offers, scale.minimum, in_tokens=False, slack=0),
            optimum_with_room=best_value(offers, scale.minimum, in_tokens=True, slack=1),
            token_of_each=sum({o.currency: o.price for o in offers}.values()) if scale.is_rounded else 0,
        )
        for value, offers in zip(values, economies, strict=True)
    ]


@pytest.mark.parametrize("scale", [*FREE, *BOUND])
def test_no_answer_is_better_than_the_optimum(scale: Scale) -> None:
    for result in results(scale):
        assert result.value <= result.optimum_with_room
        assert result.value <= result.optimum + result.token_of_each


@pytest.mark.parametrize("scale", FREE)
def test_without_a_minimum_that_matters_every_answer_is_optimal(scale: Scale) -> None:
    found = results(scale)
    assert sum(result.optimum > 0 for result in found) >= 0.8 * COUNT
    assert [result for result in found if not result.is_optimal] == []


@pytest.mark.parametrize("scale", BOUND)
def test_every_answer_is_optimal(scale: Scale) -> None:
    assert [result for result in results(scale) if not result.is_optimal] == []


def test_the_integer_program_agrees_with_trying_everything() -> None:
    tried = 0
    for seed in range(examples(500)):
        offers = random_offers(seed, (1, 2, 3), 2, 5)
        if len(offers) <= 7:
            for slack in (0, 1):
                tried += 1
                assert best_value(offers, 2, in_tokens=True, slack=slack) == best_value_by_trying(offers, 2, slack)
    assert tried > examples(50)


def test_a_choice_between_two_circles_takes_the_better_one() -> None:
    # Trader 1 can serve trader 2 or trader 3, both not; the minimum of 600 allows no sharing of 1,000.
    offers = [
        Offer(1, 1, True, 1000, 1),
        Offer(1, 2, False, 1000, 1),
        *(o for t, most in ((2, 700), (3, 900)) for o in (Offer(t, 2, True, most, 1), Offer(t, 1, False, most, 1))),
    ]
    solution = solve(side_by_side([offers], 600))
    assert values_by_economy(solution.trades.takings, [offers]) == [2 * 900]
    assert best_value(offers, 600, in_tokens=True, slack=0) == 2 * 900


@pytest.mark.parametrize("seed", [0, 33, 57])
def test_the_share_of_the_bound_is_at_most_one(seed: int) -> None:
    """Whole tokens need not be worth the same on both sides of a trader; parts of tokens are."""
    market = random_market(seed, 6, 3, 2)
    solution = solve(market)
    report = report_on(market, 6, solution, Stopwatch())
    assert report.traded_value == report.upper_bound == solution.traded_value > solution.upper_bound
    assert report.share_of_bound == 1.0

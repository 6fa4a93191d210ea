"""The currency tree (behaviour 4.1)."""

from __future__ import annotations

import math

import polars as pl
import pytest

from pipelines.solver.market import CURRENCIES, TurnParameters
from pipelines.solver.price import price
from tests.covering import covers

Row = tuple[str, int, str | None, int | None, float | None, bool]


def prices_of(rows: list[Row], max_distance: int = 2, base: tuple[str, int] = ("B", 1)) -> dict[int, float]:
    frame = pl.DataFrame(rows, schema=CURRENCIES, orient="row")
    return dict(price(frame, TurnParameters(*base, max_distance, 1000))[0].iter_rows())


@covers("V4.1")
def test_prices_follow_pegs_up_to_a_distance() -> None:
    rows: list[Row] = [
        ("B", 1, None, None, None, False),
        ("L2", 2, "B", 1, 2.0, True),
        ("L3", 3, "L2", 2, 3.0, True),
        ("L4", 4, "L3", 3, 4.0, True),
        ("L5", 5, "B", 1, 0.0, True),
        ("L6", 6, "L7", 7, 1.0, True),
        ("L7", 7, "L6", 6, 1.0, True),
        ("L8", 8, "L2", 22, 1.0, True),
    ]
    assert prices_of(rows) == {2: 2.0, 3: 6.0}
    assert prices_of(rows[::-1]) == {2: 2.0, 3: 6.0}
    assert prices_of(rows, max_distance=3) == {2: 2.0, 3: 6.0, 4: 24.0}


def test_the_pegs_of_unconfirmed_currencies_count_but_they_are_not_tradable() -> None:
    rows: list[Row] = [
        ("B", 1, "L2", 2, 5.0, True),
        ("L2", 2, "B", 1, 2.0, False),
        ("L3", 3, "L2", 2, 3.0, True),
        ("L4", 4, "L2", None, 3.0, True),
        ("L0", 0, "B", 1, 3.0, True),
    ]
    assert prices_of(rows) == {1: 1.0, 3: 6.0}


@pytest.mark.parametrize("rate", [0.0, -0.0, -1.0, math.inf, -math.inf, math.nan, 5e-324, 1e-310, None])
def test_an_unusable_price_and_all_behind_it_are_left_out(rate: float | None) -> None:
    rows: list[Row] = [
        ("B", 1, None, None, None, True),
        ("L2", 2, "B", 1, rate, True),
        ("L3", 3, "L2", 2, 1.0, True),
        ("L4", 4, "L2", 2, 1e300, True),
    ]
    assert prices_of(rows) == {1: 1.0}


@covers("G4")
@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([("B", 9, None, None, None, True), ("L2", 2, "B", 9, 2.0, True)], id="another debtor"),
        pytest.param(
            [("B", 1, None, None, None, False), ("L1", 1, "B", 1, 2.0, True), ("L2", 2, "B", 1, 2.0, True)],
            id="another locator",
        ),
    ],
)
def test_a_wrong_base_makes_an_empty_turn(rows: list[Row], caplog: pytest.LogCaptureFixture) -> None:
    assert prices_of(rows) == {}
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_no_base_row_is_legal(caplog: pytest.LogCaptureFixture) -> None:
    assert prices_of([("L2", 2, "B", 1, 2.0, True)]) == {}
    assert prices_of([]) == {}
    assert not caplog.records


def test_ambiguous_currencies_are_ignored_with_a_warning() -> None:
    rows: list[Row] = [
        ("B", 1, None, None, None, True),
        ("L2", 2, "B", 1, 2.0, True),
        ("L2", 3, "B", 1, 3.0, True),
        ("L4", 4, "B", 1, 4.0, True),
        ("L5", 4, "B", 1, 5.0, True),
    ]
    frame = pl.DataFrame(rows, schema=CURRENCIES, orient="row")
    prices, warnings = price(frame, TurnParameters("B", 1, 2, 1000))
    assert prices.rows() == [(1, 1.0)]
    assert len(warnings) == 2


@covers("G34")
def test_a_chain_may_be_as_long_as_the_table() -> None:
    n = 30_000
    rows: list[Row] = [("B", 1, None, None, None, True)]
    rows += [(f"L{i}", i, "B" if i == 2 else f"L{i - 1}", i - 1, 1.0, True) for i in range(2, n + 1)]
    assert len(prices_of(rows, max_distance=32767)) == n
    assert len(prices_of(rows, max_distance=100)) == 101


@covers("G2")
def test_prices_are_computed_in_doubles() -> None:
    rows: list[Row] = [
        ("B", 1, None, None, None, True),
        ("L2", 2, "B", 1, 0.1, True),
        ("L3", 3, "L2", 2, 1 / 3, True),
    ]
    assert prices_of(rows) == {1: 1.0, 2: 0.1, 3: 0.1 * (1 / 3)}

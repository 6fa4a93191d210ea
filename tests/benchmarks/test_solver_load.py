"""What shards ask of the solver's database is counted, and drawn on to more of them."""

from __future__ import annotations

import pytest
from rich.console import Console

from benchmarks.solver_load import count, line, show
from sandbox.economy.generator import make_economy


def test_a_line_goes_through_what_was_counted() -> None:
    assert line([(4, 140.0), (16, 260.0), (64, 740.0)]) == pytest.approx((100.0, 10.0))
    assert line([(4, 40.0)]) == (0.0, 10.0)


@pytest.mark.slow
def test_statements_and_rows_of_a_turn_are_counted_apart_from_looks() -> None:
    economy = make_economy(1, 60, 30)
    loads = [count(economy, shards) for shards in (1, 2)]
    one, two = loads
    assert one.offers == two.offers > 50
    # Each offer comes in and is read once, at least.
    assert two.rows > one.rows > 2 * one.offers
    # However busy the machine is.
    counts = [sum(calls for calls, _, _ in load.by_statement.values()) for load in loads]
    assert counts[1] > counts[0] > 20
    assert 1 < one.look_statements < 30
    assert any("copy" in query.lower() for query in two.by_statement)
    show(loads, None, 1000, Console(quiet=True))

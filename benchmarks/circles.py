"""How long it takes to find the circles of a turn. Usage: python -m benchmarks.circles [OFFERS [FAMILY [MINIMUM]]]"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import polars as pl

from benchmarks.markets import market_of_offers
from pipelines.solver.circles import FEW_OFFERS, circles
from pipelines.solver.solve import solve


def main() -> None:
    """Prints a line for each kind of search."""
    offers = int(float(sys.argv[1])) if len(sys.argv) > 1 else 1_000_000
    family = sys.argv[2] if len(sys.argv) > 2 else "typical"
    minimum = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    flow = solve(market_of_offers(offers, family, minimum=minimum), keeps_flow=True).flow
    assert flow is not None
    traders, currencies = (
        flow.group_by(name).len().sort("len", name)[-1, name] for name in ("creditor_id", "debtor_id")
    )
    _measure("1,000 largest", flow, lambda: circles(flow, 1000))
    _measure("through the busiest trader", flow, lambda: circles(flow, creditor_id=traders))
    _measure("through the busiest currency", flow, lambda: circles(flow, debtor_id=currencies))
    if flow.height <= FEW_OFFERS:
        _measure("all", flow, lambda: circles(flow))


def _measure(what: str, flow: pl.DataFrame, find: Callable[[], pl.DataFrame]) -> None:
    started = time.perf_counter()
    found = find()
    seconds = time.perf_counter() - started
    value = found["value"].sum() / flow.filter("is_sell").select((pl.col("flow") * pl.col("unit")).sum()).item()
    print(
        f"{flow.height} offers traded, {what}: {seconds:.2f} s, {found['circle'].n_unique()} circles,"
        f" {found.height} steps, {value:.2%} of the value"
    )


if __name__ == "__main__":
    main()

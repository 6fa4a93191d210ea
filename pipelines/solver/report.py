"""What an operator wants to know about an answer of the solver."""

from __future__ import annotations

import json
import math
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import polars as pl

from pipelines.solver.market import Market, Solution
from pipelines.solver.untraded import Values


class Stopwatch:
    """Adds up the seconds of named steps: `with watch("load"): …`."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - started


@dataclass(frozen=True)
class Report:
    """Values are in base tokens; None stands for a number beyond doubles, or a share of nothing.

    `upper_bound` is the value that could be traded without the minimum amount and with parts of tokens, or what was
    traded, if that is more: whole tokens need not be worth exactly the same on both sides of a trader.
    With `time_limit_reached` another run may find another answer.
    `left_out` counts offers by the reason why they took no part in the match, `untraded` all offers that trade nothing.
    `offered_values` is what all offers are worth that have a price, `untraded_values` what those of each reason are
    worth; both for `sell` and `buy`. What is left when these are subtracted was offered beside what was traded.
    """

    traded_value: float | None
    upper_bound: float | None
    share_of_bound: float | None
    traders_served: int
    traders: int
    offers: int
    takings: int
    givings: int
    collector_transfers: int
    left_out: dict[str, int]
    warnings: list[str]
    seconds: dict[str, float]
    peak_memory_bytes: int
    untraded: dict[str, int]
    time_limit_reached: bool = False
    offered_values: dict[str, float | None] = field(default_factory=dict)
    untraded_values: dict[str, dict[str, float | None]] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Writes the report as JSON."""
        path.write_text(self.as_json())

    def as_json(self) -> str:
        """The report as an indented JSON object."""
        return json.dumps(asdict(self), indent=2, allow_nan=False) + "\n"


def report_on(market: Market, traders: int, solution: Solution, watch: Stopwatch) -> Report:
    """Describes a solution. `watch` knows the steps around the solver's own, `traders` is how many have offers."""
    trades = solution.trades
    # A trader may give a part of a token's value more than he takes. Summed up over whole tokens that can be more than
    # the greatest circulation, which knows parts of tokens and no such tolerance.
    upper_bound = max(solution.upper_bound, solution.traded_value)
    share = solution.traded_value / upper_bound if upper_bound > 0.0 else math.nan
    seconds = {**watch.seconds, **solution.seconds}
    order = ["load", *solution.seconds, "write"]
    return Report(
        traded_value=_finite(solution.traded_value),
        upper_bound=_finite(upper_bound),
        share_of_bound=_finite(share),
        traders_served=count_traders(trades.takings, trades.givings),
        traders=traders,
        offers=market.sell_offers.height + market.buy_offers.height,
        takings=trades.takings.height,
        givings=trades.givings.height,
        collector_transfers=trades.collector_transfers.height,
        left_out=solution.left_out,
        warnings=solution.warnings,
        seconds={step: round(seconds[step], 6) for step in order if step in seconds},
        peak_memory_bytes=peak_memory_bytes(),
        untraded=solution.untraded_counts,
        time_limit_reached=solution.time_limit_reached,
        offered_values=_all_finite(solution.offered_values),
        untraded_values={reason: _all_finite(values) for reason, values in solution.untraded_values.items()},
    )


def peak_memory_bytes() -> int:
    """The most memory that this process ever held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes, everybody else KiB.
    return peak if sys.platform == "darwin" else peak * 1024


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _all_finite(values: Values) -> dict[str, float | None]:
    return {side: _finite(value) for side, value in values.items()}


def count_traders(*frames: pl.DataFrame) -> int:
    """How many creditors there are in frames with a creditor_id."""
    return pl.concat([frame["creditor_id"] for frame in frames]).drop_nulls().n_unique()

"""The solve step of a turn, top to bottom: load -> price -> match -> settle -> collectors -> check -> write."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

import polars as pl
import psycopg

from pipelines.solver.archive import archive_turn
from pipelines.solver.check import check
from pipelines.solver.circles import circles, value_flow
from pipelines.solver.collectors import choose_collectors
from pipelines.solver.load import load_directory, load_turn
from pipelines.solver.market import Market, Solution, Trades
from pipelines.solver.match import match
from pipelines.solver.offers import ACCOUNT, eligible_offers
from pipelines.solver.price import price
from pipelines.solver.progress import Observer, Progress, Watch
from pipelines.solver.report import Report, Stopwatch, count_traders, report_on
from pipelines.solver.settle import settle
from pipelines.solver.statistics import USUAL, MostBought
from pipelines.solver.untraded import USUAL_REASONS, Untraded, added, values
from pipelines.solver.what_if import changed
from pipelines.solver.write import check_kind, write_directory, write_frame, write_turn, writing

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 4


def solve(
    market: Market,
    *,
    time_limit: float | None = None,
    observer: Observer | None = None,
    keeps_flow: bool = False,
) -> Solution:
    """Finds who gives what to whom. The answer satisfies the whole contract (S1 to S11); at worst it is empty.

    After `time_limit` seconds the best answer found so far is settled and checked. `observer` is told each step.
    With `keeps_flow` the solution has the flow of value, for circles.
    """
    stopwatch, watch = Stopwatch(), Watch(observer)
    watch.tell("price")
    with stopwatch("price"):
        deadline = None if time_limit is None else time.monotonic() + time_limit
        prices, warnings = price(market.currencies, market.parameters)
        minimum = market.parameters.least_trade
        ineligible = Untraded()
        offers = eligible_offers(market, prices, minimum, ineligible)
        offered = reduce(added, ineligible.values().values(), values(offers))

    for _ in range(MAX_ATTEMPTS):
        untraded = ineligible.copy()
        with stopwatch("match"):
            matched = match(offers, minimum, untraded, watch, deadline)
        flow = value_flow(matched.parts) if keeps_flow else None
        watch.tell("settle")
        with stopwatch("settle"):
            settled = settle(matched)
            matched.parts.clear()  # In a big market these take hundreds of megabytes.
        watch.tell("collectors")
        with stopwatch("collectors"):
            trades = choose_collectors(settled, market.collector_accounts)
        watch.tell("check")
        with stopwatch("check"):
            violations = check(market, prices, minimum, trades)
        if violations.height == 0:
            break
        logger.error("dropping traders that cannot be served: %s", violations["invariant"].unique().sort().to_list())
        warnings.append(f"{violations.height} violations of the contract, their traders were dropped")
        kept = _without_offenders(offers, settled, violations)
        ineligible.add("trader dropped by the final check", offers.join(kept, on=ACCOUNT, how="anti"))
        offers = kept
    else:
        trades = Trades.none()
        flow = value_flow([]) if keeps_flow else None
        untraded = ineligible
        untraded.add("trader dropped by the final check", offers)

    counts = untraded.counts()
    left_out = {reason: count for reason, count in counts.items() if reason not in USUAL_REASONS}
    return Solution(
        trades=trades,
        traded_value=_value(trades.takings, prices),
        upper_bound=matched.upper_bound,
        left_out=left_out,
        warnings=[
            *market.warnings,
            *warnings,
            *matched.warnings,
            *(f"{count} offers left out: {reason}" for reason, count in left_out.items()),
        ],
        seconds=stopwatch.seconds,
        untraded=untraded.frame(),
        untraded_counts=counts,
        untraded_values=untraded.values(),
        offered_values=offered,
        time_limit_reached=watch.is_time_up,
        flow=flow,
    )


def solve_directory(
    input_dir: Path | str,
    output_dir: Path | str,
    *,
    time_limit: float | None = None,
    observer: Observer | None = None,
    changes: Sequence[str] = (),
    circles_file: Path | None = None,
    largest_circles: int = 0,
) -> Report:
    """Solves the market in parquet files. Raises MarketError when a file, column or parameter is missing or wrong,
    and NotWritten.

    `time_limit` (seconds) and `observer` are those of `solve`; the observer sees the steps load and write as well.
    `changes` are parameters that differ from the file's, each as `name=value`. `circles_file` gets the circles, as
    CSV or parquet by its suffix; with `largest_circles` so many are in circles.parquet beside the answer.
    """
    if circles_file is not None:
        check_kind(circles_file)
    watch = Stopwatch()
    if observer is not None:
        observer(Progress("load"))
    with watch("load"):
        market = changed(load_directory(Path(input_dir)), changes)
    keeps_flow = circles_file is not None or largest_circles > 0
    solution, traders = _solve_and_count(market, time_limit, observer, keeps_flow=keeps_flow)
    if observer is not None:
        observer(Progress("write", sum(solution.seconds.values())))
    with watch("write"):
        write_directory(Path(output_dir), market, solution)
        if circles_file is not None and solution.flow is not None:
            write_frame(circles_file, circles(solution.flow))
        if largest_circles and solution.flow is not None:
            write_frame(Path(output_dir) / "circles.parquet", circles(solution.flow, largest_circles))
    report = report_on(market, traders, solution, watch)
    path = Path(output_dir) / "report.json"
    with writing(path):
        report.save(path)
    return report


def solve_turn(
    connection: psycopg.Connection[Any],
    turn_id: int,
    *,
    time_limit: float | None = None,
    observer: Observer | None = None,
    is_archived: bool = True,
    most_bought: MostBought = USUAL,
) -> Report | None:
    """Solves a turn of the solver database and takes it to phase 3, all in one transaction; then archives it.

    Returns None, and writes nothing, if the turn is not in phase 2 or somebody else advanced it meanwhile. A crash
    loses only the computed answer; calling again repeats it. `time_limit` (seconds) and `observer` are as in `solve`.
    `most_bought`: what the statistics of currencies go by.
    """
    watch = Stopwatch()
    with watch("load"):
        market = load_turn(connection, turn_id)
    if market is None:
        return None
    solution, traders = _solve_and_count(market, time_limit, observer, keeps_flow=is_archived)
    with watch("write"):
        is_written = write_turn(connection, turn_id, solution.trades, most_bought)
    if not is_written:
        return None
    report = report_on(market, traders, solution, watch)
    if is_archived:
        # Afterwards, because no turn waits for its archive, and from memory, because the offers are deleted by now.
        with watch("archive"):
            archive_turn(connection, turn_id, market, solution, report)
        report = replace(report, seconds={**report.seconds, "archive": round(watch.seconds["archive"], 6)})
    return report


def _solve_and_count(
    market: Market, time_limit: float | None, observer: Observer | None, *, keeps_flow: bool = False
) -> tuple[Solution, int]:
    """The solution, and how many traders the market has, which a second processor counts meanwhile."""
    with ThreadPoolExecutor(1) as aside:
        traders = aside.submit(count_traders, market.sell_offers, market.buy_offers)
        solution = solve(market, time_limit=time_limit, observer=observer, keeps_flow=keeps_flow)
        return solution, traders.result()


def _without_offenders(offers: pl.DataFrame, settled: pl.DataFrame, violations: pl.DataFrame) -> pl.DataFrame:
    """Drops the traders at fault; where a whole currency is, everybody who traded in it."""
    currencies = violations.filter(pl.col("creditor_id").is_null())
    offenders = pl.concat(
        [
            violations.select("creditor_id").drop_nulls(),
            settled.join(currencies, on="debtor_id", how="semi").select("creditor_id"),
        ]
    )
    return offers.join(offenders, on="creditor_id", how="anti", maintain_order="left")


def _value(takings: pl.DataFrame, prices: pl.DataFrame) -> float:
    """The value of all takings in base tokens; infinite when it is beyond doubles."""
    values = takings.join(prices, on="debtor_id", maintain_order="left").select(
        pl.col("amount").cast(pl.Float64) * pl.col("price")
    )
    return float(values.to_series().sum())

"""The independent parts of a market, each solved by a process of its own: is the answer as good, and how fast is it?

Usage: python -m benchmarks.solver_parts [--offers 2000000] [--regions 2] [--family typical] [--minimum 1000]
                                         [--on-paper 20000000]

Traders who have no currency in common, not even by way of others, cannot trade with each other: such parts of a market
have answers of their own, and theirs together is the market's. The market here consists of `--regions` which share only
the base, by which all prices are made. First it is solved as one, then the parts are looked for, and solved side by
side, as many at once as there are regions. The answers are joined and checked as one. `--on-paper` draws on, from two
sizes, what so many offers would need.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from benchmarks.markets import BASE_LOCATOR, as_shipped, market_of_offers, save_market
from benchmarks.worker_drain import machine
from pipelines.solver.check import check
from pipelines.solver.load import load_directory
from pipelines.solver.market import Market, Trades
from pipelines.solver.price import price

RAW = Path(__file__).parent / "raw"
BASE_DEBTOR = 1
_MARK = 0x5851F42D4C957F2D
TABLES = ("takings", "givings", "collector_transfers")


@dataclass(frozen=True, slots=True)
class Solved:
    """One solving, from files to files: seconds, peak of memory above that of the imports, and what was traded."""

    offers: int
    seconds: float
    memory_bytes: int
    traded_value: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """The market solved as one, and in parts. `elapsed`: of all parts together, with the start of their processes.

    `violations`: how often the joined answer breaks the contract of the whole market.
    """

    parts: int
    finding_seconds: float
    whole: Solved
    solved: list[Solved]
    whole_elapsed: float
    elapsed: float
    violations: int

    @property
    def value_ratio(self) -> float:
        """What the parts trade, as a multiple of what the whole does."""
        return sum(part.traded_value for part in self.solved) / self.whole.traded_value


def main() -> None:
    """Solves both ways, and prints tables."""
    if sys.argv[1:2] == ["--solve"]:
        print(json.dumps(asdict(_solve(Path(sys.argv[2]), Path(sys.argv[3])))))
        return
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.solver_parts",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--offers", type=int, default=2_000_000, help="about how many (default: 2000000)")
    parser.add_argument("--regions", type=int, default=2, help="independent parts of the market (default: 2)")
    parser.add_argument("--family", default="typical", help="of benchmarks/markets.py (default: typical)")
    parser.add_argument("--minimum", type=int, default=1000, help="least trade in tokens (default: 1000)")
    parser.add_argument("--on-paper", type=int, default=20_000_000, help="offers to draw on to (default: 20000000)")
    options = parser.parse_args()
    console = Console(width=130, highlight=False)
    with tempfile.TemporaryDirectory(prefix="swpt-bench-") as folder:
        market = market_of_regions(options.offers, options.regions, options.family, options.minimum)
        outcome = measure(market, options.regions, Path(folder))
    show(outcome, options.on_paper, console)
    RAW.mkdir(exist_ok=True)
    path = RAW / f"solver-parts-{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps({"machine": machine(), "options": vars(options), **asdict(outcome)}, indent=2) + "\n")
    console.print(f"raw figures: {path}")


def market_of_regions(offers: int, regions: int, family: str, minimum: int = 1000) -> Market:
    """Invented markets side by side: nobody has a currency of another one, but all prices go by one base."""
    found = [
        _region(market_of_offers(offers // regions, family, number + 1, minimum), number) for number in range(regions)
    ]
    base = {
        "debtor_info_locator": BASE_LOCATOR,
        "debtor_id": BASE_DEBTOR,
        "peg_debtor_info_locator": None,
        "peg_debtor_id": None,
        "peg_exchange_rate": None,
        "is_confirmed": True,
    }
    schema = found[0].currencies.schema
    return Market(
        parameters=replace(found[0].parameters, base_debtor_id=BASE_DEBTOR),
        currencies=pl.concat([pl.DataFrame([base], schema), *(market.currencies for market in found)]),
        collector_accounts=pl.concat([market.collector_accounts for market in found]),
        sell_offers=pl.concat([market.sell_offers for market in found]),
        buy_offers=pl.concat([market.buy_offers for market in found]),
    )


def _region(market: Market, number: int) -> Market:
    """The market with IDs and addresses of its own; what was its base is pegged to the common one."""
    market = as_shipped(market)
    mark = pl.lit(np.int64(((number + 1) * _MARK) % 2**63))

    def marked(name: str) -> pl.Expr:
        return (pl.col(name).xor(mark)).alias(name)

    currencies = market.currencies.with_columns(
        marked("debtor_id"),
        marked("peg_debtor_id"),
        *(pl.col(name) + f"/{number}" for name in ("debtor_info_locator", "peg_debtor_info_locator")),
    )
    is_base = pl.col("debtor_info_locator") == f"{BASE_LOCATOR}/{number}"
    for name, value in (
        ("peg_debtor_info_locator", BASE_LOCATOR),
        ("peg_debtor_id", BASE_DEBTOR),
        ("peg_exchange_rate", 1.0),
    ):
        currencies = currencies.with_columns(pl.when(is_base).then(pl.lit(value)).otherwise(pl.col(name)).alias(name))
    return replace(
        market,
        currencies=currencies,
        collector_accounts=market.collector_accounts.with_columns(marked("debtor_id")),
        sell_offers=market.sell_offers.with_columns(marked("creditor_id"), marked("debtor_id")),
        buy_offers=market.buy_offers.with_columns(marked("creditor_id"), marked("debtor_id")),
    )


def part_of_currencies(market: Market) -> pl.DataFrame:
    """(debtor_id, part): which part of the market a currency with offers belongs to; parts have numbers from 0.

    Currencies belong together when anybody has offers in both. They are few, so each trader is worth one round trip:
    the least number among his currencies, again and again until none falls any more.
    """
    offers = pl.concat([frame.select("creditor_id", "debtor_id") for frame in (market.sell_offers, market.buy_offers)])
    offers = offers.with_columns(pl.col(name).rank("dense").cast(pl.Int64) - 1 for name in offers.columns)
    debtors = pl.concat([market.sell_offers["debtor_id"], market.buy_offers["debtor_id"]])
    trader, currency = offers["creditor_id"].to_numpy(), offers["debtor_id"].to_numpy()
    least = np.arange(currency.max() + 1)
    while True:
        of_trader = np.full(trader.max() + 1, least.size)
        np.minimum.at(of_trader, trader, least[currency])
        lower = least.copy()
        np.minimum.at(lower, currency, of_trader[trader])
        # Also to where that one has come meanwhile.
        lower = lower[lower]
        if (lower == least).all():
            break
        least = lower
    parts = pl.Series("part", least[currency]).rank("dense").cast(pl.Int64) - 1
    return pl.DataFrame({"debtor_id": debtors, "part": parts}).unique(maintain_order=True)


def split(market: Market, most: int) -> list[Market]:
    """Independent markets, at most so many: parts are put together so that the largest ones are as small as can be."""
    parts = part_of_currencies(market)
    offers = [frame.join(parts, on="debtor_id") for frame in (market.sell_offers, market.buy_offers)]
    sizes = pl.concat([frame.select("part") for frame in offers])["part"].value_counts(sort=True)
    loads = [0] * min(most, sizes.height)
    place = {}
    for part, count in sizes.iter_rows():
        smallest = loads.index(min(loads))
        place[part] = smallest
        loads[smallest] += count
    found = []
    for number in range(len(loads)):
        chosen = [part for part, where in place.items() if where == number]
        sells, buys = (frame.filter(pl.col("part").is_in(chosen)).drop("part") for frame in offers)
        # All have all currencies: these are few, and prices go by pegs.
        found.append(replace(market, sell_offers=sells, buy_offers=buys))
    return found


def measure(market: Market, processes: int, folder: Path) -> Outcome:
    """Solves the market as one, then its parts at the same time."""
    save_market(market, folder / "whole")
    began = time.perf_counter()
    (whole,) = _solve_all([folder / "whole"])
    whole_elapsed = time.perf_counter() - began
    began = time.perf_counter()
    parts = split(market, processes)
    finding = time.perf_counter() - began
    folders = [folder / f"part-{number}" for number in range(len(parts))]
    for part, place in zip(parts, folders, strict=True):
        save_market(part, place)
    began = time.perf_counter()
    solved = _solve_all(folders)
    elapsed = time.perf_counter() - began
    return Outcome(
        parts=len(parts),
        finding_seconds=finding,
        whole=whole,
        solved=solved,
        whole_elapsed=whole_elapsed,
        elapsed=elapsed,
        violations=_violations(market, folders),
    )


def _solve_all(folders: Sequence[Path]) -> list[Solved]:
    command = [sys.executable, "-m", "benchmarks.solver_parts", "--solve"]
    # As many threads as a process would have on a machine of its own would only be in the others' way.
    environment = {**os.environ, "POLARS_MAX_THREADS": str(max(1, (os.cpu_count() or 1) // len(folders)))}
    processes = [
        subprocess.Popen([*command, str(folder), str(folder / "answer")], stdout=subprocess.PIPE, env=environment)
        for folder in folders
    ]
    outputs = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise RuntimeError("a solver has ended before its time")
    return [Solved(**json.loads(output)) for output in outputs]


def _solve(folder: Path, answer: Path) -> Solved:
    from pipelines.solver.solve import solve_directory

    Path("/proc/self/clear_refs").write_text("5")
    imports = _memory("VmRSS")
    began = time.perf_counter()
    report = solve_directory(folder, answer)
    return Solved(
        report.offers, time.perf_counter() - began, _memory("VmHWM") - imports, float(report.traded_value or 0.0)
    )


def _memory(name: str) -> int:
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:")]
    return int(line.split()[1]) * 1024


def _violations(market: Market, folders: Sequence[Path]) -> int:
    """How often the joined answer breaks the contract."""
    frames = [
        pl.concat([pl.read_parquet(folder / "answer" / f"{name}.parquet") for folder in folders]) for name in TABLES
    ]
    whole = load_directory(folders[0].parent / "whole")
    prices, _ = price(whole.currencies, whole.parameters)
    return check(whole, prices, market.parameters.least_trade, Trades(*frames)).height


def drawn_on(outcome: Outcome, offers: int) -> tuple[float, float]:
    """Seconds and bytes that one process would need for so many offers, along the line through part and whole."""
    part, whole = max(outcome.solved, key=lambda each: each.offers), outcome.whole
    if whole.offers == part.offers:
        return whole.seconds * offers / whole.offers, whole.memory_bytes * offers / whole.offers
    share = (offers - whole.offers) / (whole.offers - part.offers)
    return (
        whole.seconds + share * (whole.seconds - part.seconds),
        whole.memory_bytes + share * (whole.memory_bytes - part.memory_bytes),
    )


def show(outcome: Outcome, on_paper: int, console: Console) -> None:
    """Tables."""

    def row(name: str, solved: Solved) -> list[Any]:
        micro = 1e6 * solved.seconds / solved.offers
        per_offer = solved.memory_bytes / solved.offers
        return [
            name, f"{solved.offers:,}", f"{solved.seconds:.2f}", f"{solved.memory_bytes / 2**20:,.0f}",
            f"{micro:.2f}", f"{per_offer:,.0f}",
        ]  # fmt: skip

    table = Table("solved", "offers", "s", "peak MiB", "µs an offer", "bytes an offer")
    table.add_row(*row("as one", outcome.whole))
    for number, solved in enumerate(outcome.solved):
        table.add_row(*row(f"part {number}", solved))
    seconds, memory = drawn_on(outcome, on_paper)
    table.add_row("[bold]on paper, as one", f"{on_paper:,}", f"{seconds:,.0f}", f"{memory / 2**20:,.0f}")
    for parts in (2, 4, 10, 20):
        part_seconds, part_memory = drawn_on(outcome, on_paper // parts)
        table.add_row(
            f"on paper, {parts} parts",
            f"{on_paper // parts:,} each",
            f"{part_seconds:,.0f}",
            f"{part_memory / 2**20:,.0f} each",
        )
    console.print(table)
    console.print(
        f"{outcome.parts} parts were found in {outcome.finding_seconds:.1f} s, and solved at the same time in "
        f"{outcome.elapsed:.1f} s with their processes' start; the whole in {outcome.whole_elapsed:.1f} s"
    )
    console.print(
        f"together they trade {outcome.value_ratio:.6%} of what the whole does; "
        f"the joined answer breaks the contract {outcome.violations} times"
    )


if __name__ == "__main__":
    main()

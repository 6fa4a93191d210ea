"""`make bench`: how fast the solver is, and how near the most that can be traded. One table; raw figures are kept.

Usage: python -m benchmarks.solver [TRADERS ...]
"""

from __future__ import annotations

import json
import platform
import sys
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.markets import make_market
from pipelines.report import Report, Stopwatch, report_on
from pipelines.solve import solve

RAW = Path(__file__).parent / "raw"
TRADERS = (2_000, 20_000, 100_000)
MINIMUMS = (1_000, 10_000)
SEED = 1


def main() -> None:
    """Runs every size with every minimum trade amount."""
    sizes = [int(text) for text in sys.argv[1:]] or list(TRADERS)
    about = f"Python {platform.python_version()}, ortools {version('ortools')}, polars {version('polars')}, seed {SEED}"
    table = Table("offers", "minimum", "share of bound", "served", "s", "steps (s)", "peak MiB", title=about)
    console = Console(width=160)
    results = []
    for traders in sizes:
        for minimum in MINIMUMS:
            with console.status(f"{traders:,} traders, minimum {minimum:,}"):
                report = measure(traders, minimum)
            results.append({"traders": traders, "minimum": minimum, **asdict(report)})
            table.add_row(
                f"{report.offers:,}",
                f"{minimum:,}",
                f"{report.share_of_bound or 0.0:.6f}",
                f"{report.traders_served:,}",
                f"{sum(report.seconds.values()):.2f}",
                ", ".join(f"{step} {seconds:.2f}" for step, seconds in report.seconds.items()),
                f"{report.peak_memory_bytes / 2**20:,.0f}",
            )
    console.print(table)
    RAW.mkdir(exist_ok=True)
    path = RAW / f"solver-{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps({"about": about, "machine": platform.platform(), "results": results}, indent=2) + "\n")
    console.print(f"raw figures: {path}")


def measure(traders: int, minimum: int) -> Report:
    """Solves one market."""
    market = make_market(SEED, traders, minimum)
    return report_on(market, solve(market), Stopwatch())


if __name__ == "__main__":
    main()

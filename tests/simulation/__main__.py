"""Runs many seeds: `python -m tests.simulation --seeds 1000 --first 1`."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from rich.console import Console
from rich.table import Table

from tests.simulation.databases import SimulationServer
from tests.simulation.driver import Run, SimulationFailure, run_seed


def main() -> int:
    """Returns the exit code: 1 when a seed failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds to run")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first failure")
    parser.add_argument("--verbose", action="store_true", help="show the digest of each run")
    options = parser.parse_args()
    console = Console(highlight=False)
    runs: list[Run] = []
    failures: list[int] = []
    began = time.monotonic()
    with SimulationServer() as server:
        for seed in range(options.first, options.first + options.seeds):
            try:
                run = run_seed(server, seed)
            except SimulationFailure as failure:
                console.print(str(failure), markup=False, soft_wrap=True)
                failures.append(seed)
                if not options.keep_going:
                    break
                continue
            runs.append(run)
            line = f"seed {seed}: {run.steps} steps, {run.payments} of {run.arranged} payments, {run.seconds:.1f} s"
            console.print(line + (f", {run.digest}" if options.verbose else ""))
    _summarise(console, runs, failures, time.monotonic() - began)
    return 1 if failures else 0


def _summarise(console: Console, runs: list[Run], failures: list[int], seconds: float) -> None:
    """What happened in all runs together."""
    faults: Counter[str] = Counter()
    for run in runs:
        faults.update(run.faults)
    table = Table("fault", "times", title="Faults")
    for name, count in sorted(faults.items()):
        table.add_row(name, f"{count:,}")
    console.print(table)
    days = sum(run.simulated.total_seconds() for run in runs) / 86400
    console.print(
        f"{len(runs)} seeds well, {len(failures)} failed; {60 * len(runs) / max(seconds, 1e-9):.1f} seeds a minute; "
        f"{sum(run.steps for run in runs):,} steps, {days:,.0f} simulated days, "
        f"{sum(run.payments for run in runs):,} payments; {sum(run.payments > 0 for run in runs)} seeds traded"
    )
    if failures:
        console.print(f"failed: {', '.join(map(str, failures))}", style="red")


if __name__ == "__main__":
    sys.exit(main())

"""Runs many seeds at once: `python -m tests.simulation --seeds 1000 --first 1`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from tests.simulation.driver import Run
from tests.simulation.many import run_seeds


def main() -> int:
    """Returns the exit code: 1 when a seed failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds to run")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="each has databases of its own")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first failure")
    parser.add_argument("--verbose", action="store_true", help="show a line and the digest of each run")
    options = parser.parse_args()
    console = Console(highlight=False)
    runs: list[Run] = []
    failures: list[int] = []
    began = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task("seeds", total=options.seeds)
        seeds = range(options.first, options.first + options.seeds)
        for seed, outcome in run_seeds(seeds, min(options.processes, options.seeds)):
            progress.advance(task)
            if isinstance(outcome, Run):
                runs.append(outcome)
                if options.verbose:
                    progress.print(
                        f"seed {seed}: {outcome.steps} steps, {outcome.payments} of {outcome.arranged} payments, "
                        f"{outcome.missing} missing, "
                        f"{outcome.seconds:.1f} s, {outcome.digest}"
                    )
            else:
                progress.print(outcome, markup=False, soft_wrap=True)
                failures.append(seed)
                if not options.keep_going:
                    break
    _summarise(console, runs, sorted(failures), time.monotonic() - began)
    return 1 if failures else 0


def _summarise(console: Console, runs: list[Run], failures: list[int], seconds: float) -> None:
    """What happened in all runs together."""
    faults: Counter[str] = Counter()
    for run in runs:
        faults.update(run.faults)
    table = Table("fault", "times", "seeds", title="Faults")
    for name, count in sorted(faults.items()):
        table.add_row(name, f"{count:,}", f"{sum(name in run.faults for run in runs):,}")
    console.print(table)
    days = sum(run.simulated.total_seconds() for run in runs) / 86400
    done = len(runs) + len(failures)
    table = Table("what", "number", title="Runs")
    for what, number in (
        ("seeds that went well", len(runs)),
        ("seeds that failed", len(failures)),
        ("seeds a minute", round(60 * done / max(seconds, 1e-9))),
        ("seeds with trade", sum(run.payments > 0 for run in runs)),
        ("seeds with missing payments", sum(run.missing > 0 for run in runs)),
        ("turns", sum(run.turns for run in runs)),
        ("steps", sum(run.steps for run in runs)),
        ("simulated days", round(days)),
        ("arranged payments", sum(run.arranged for run in runs)),
        ("payments made", sum(run.payments for run in runs)),
        ("sellers' payments missing", sum(run.missing for run in runs)),
        ("collectors' commits reckoned once more", sum(run.reckoned for run in runs)),
    ):
        table.add_row(what, f"{number:,}")
    console.print(table)
    if failures:
        console.print(f"failed: {', '.join(map(str, failures))}", style="red")


if __name__ == "__main__":
    sys.exit(main())

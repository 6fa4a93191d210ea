"""`make bench-solver`: how fast the solver is, how near the most that can be traded, and what else one could take.

Every measurement runs in a process of its own. Raw figures are kept in benchmarks/raw; a run of the whole default table
also writes docs/solver-benchmark.md.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks.markets import FAMILIES
from benchmarks.relaxed import ALTERNATIVES, CEILING
from benchmarks.solver_document import print_tables, write_document

ROOT = Path(__file__).parents[1]
RAW = ROOT / "benchmarks" / "raw"
SIZES = (10_000, 100_000, 1_000_000, 5_000_000)
MINIMUMS = (1_000, 10_000, 100_000)
BARE, *OTHERS = ALTERNATIVES
PATIENCE = 30.0
"""Seconds that an alternative may take. One that needs more is not tried on bigger markets."""


@dataclass(frozen=True, order=True)
class Case:
    """One market of the table."""

    offers: int
    family: str
    minimum: int


def default_cases() -> list[Case]:
    """All combinations up to 100,000 offers; above, all minimums of the typical family and all families once."""
    cases = {Case(size, family, minimum) for size in SIZES[:2] for family in FAMILIES for minimum in MINIMUMS}
    cases |= {Case(SIZES[2], "typical", minimum) for minimum in MINIMUMS}
    cases |= {Case(SIZES[2], family, MINIMUMS[0]) for family in FAMILIES}
    return in_order(cases | {Case(SIZES[3], "typical", MINIMUMS[0])})


def in_order(cases: set[Case]) -> list[Case]:
    """Small ones first, families in their own order."""
    return sorted(cases, key=lambda case: (case.offers, list(FAMILIES).index(case.family), case.minimum))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--sizes", metavar="LIST", help="Numbers of offers, such as 1e4,1e5. Default: 1e4 to 5e6.")
@click.option("--families", metavar="LIST", help=f"Some of {','.join(FAMILIES)}.")
@click.option("--minimums", metavar="LIST", help="Minimum trade amounts, such as 1000,10000.")
@click.option("--all", "is_crossed", is_flag=True, help="Every size with every family and minimum, also the big ones.")
@click.option("--no-alternatives", is_flag=True, help="Leave out the table of other ways to do it.")
@click.option(
    "--document/--no-document", default=None, help="Write docs/solver-benchmark.md. Default: after a full run."
)
@click.option(
    "--from",
    "raw_files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Measure nothing, show these raw figures (of later files, where several have the same).",
)
def main(
    sizes: str | None,
    families: str | None,
    minimums: str | None,
    is_crossed: bool,
    no_alternatives: bool,
    document: bool | None,
    raw_files: tuple[Path, ...],
) -> None:
    """Measures the solver on generated markets, and prints tables."""
    console = Console(width=170)
    if raw_files:
        figures = _merge([json.loads(path.read_text()) for path in raw_files])
    else:
        is_chosen = {
            "offers": [int(float(size)) for size in sizes.split(",")] if sizes else SIZES,
            "family": families.split(",") if families else list(FAMILIES),
            "minimum": [int(float(minimum)) for minimum in minimums.split(",")] if minimums else MINIMUMS,
        }
        crossed = {
            Case(s, f, m) for s in is_chosen["offers"] for f in is_chosen["family"] for m in is_chosen["minimum"]
        }
        is_partial = bool(sizes or families or minimums)
        listed = set(default_cases())
        cases = in_order(crossed if is_crossed or not crossed & listed else crossed & listed)
        results: list[dict[str, Any]] = []
        figures = {"about": _about(), "results": results}
        RAW.mkdir(exist_ok=True)
        path = RAW / f"solver-{time.strftime('%Y%m%d-%H%M%S')}.json"
        for result in measure(cases, not no_alternatives, console):
            results.append(result)
            path.write_text(json.dumps(figures, indent=1) + "\n")
        console.print(f"raw figures: {path.relative_to(ROOT)}")
        document = not (is_partial or no_alternatives) if document is None else document
    print_tables(figures, console)
    if document:
        write_document(figures, ROOT / "docs")
        console.print("written: docs/solver-benchmark.md")


def measure(cases: list[Case], with_alternatives: bool, console: Console) -> Iterator[dict[str, Any]]:
    """Runs all cases; a result has the case, what was run (`what`), and its figures."""
    given_up: set[str] = set()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "market"
        for case in cases:
            offers, family = case.offers, case.family
            _run("make", folder, str(offers), family, str(case.minimum))
            is_compared = with_alternatives and family == "typical" and case.minimum == MINIMUMS[0]
            for what in ("solve", BARE, CEILING, *(OTHERS if is_compared else ())):
                if what in given_up:
                    continue
                console.print(f"{offers:>9,} {family:10} {case.minimum:>7,}  {what}", highlight=False)
                figures = _run(what, folder, patience=PATIENCE if what in OTHERS else None)
                if figures is None:
                    given_up.add(what)
                    figures = {"more_than_seconds": PATIENCE}
                market = {"size": offers, "family": family, "minimum": case.minimum}
                yield {**market, "what": what, **figures}


def _run(command: str, folder: Path, *rest: str, patience: float | None = None) -> dict[str, Any] | None:
    """One measurement; None when it took more than `patience` seconds."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.solver_case", command, str(folder), *rest],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            timeout=patience,
            check=True,
            text=True,
        )
    except subprocess.TimeoutExpired:
        return None
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _merge(files: list[dict[str, Any]]) -> dict[str, Any]:
    keys = ("size", "family", "minimum", "what")
    results = {tuple(result[key] for key in keys): result for file in files for result in file["results"]}
    return {"about": files[-1]["about"], "results": list(results.values())}


def _about() -> dict[str, Any]:
    """The machine and the versions."""
    packages = ("ortools", "polars", "numpy", "scipy", "networkx")
    processor = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            processor = line.split(":", 1)[1].strip()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30),
        "system": platform.system(),
        "versions": {"Python": platform.python_version(), **{name: version(name) for name in packages}},
        "day": time.strftime("%Y-%m-%d"),
    }


if __name__ == "__main__":
    main()

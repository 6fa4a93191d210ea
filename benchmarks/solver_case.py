"""One measurement of the solver's benchmark, in a process of its own. Prints a JSON object.

Usage: python -m benchmarks.solver_case make FOLDER OFFERS FAMILY MINIMUM
       python -m benchmarks.solver_case solve FOLDER
       python -m benchmarks.solver_case NAME FOLDER      with a name of benchmarks.relaxed.ALTERNATIVES, or ceiling
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.collector_choice import chosen_and_random
from benchmarks.markets import as_shipped, market_of_offers, save_market
from benchmarks.relaxed import ALTERNATIVES, CEILING, PRECISION, graph_of, min_cost_flow, without_the_hopeless
from pipelines.solver.load import load_directory
from pipelines.solver.market import Trades
from pipelines.solver.solve import solve_directory


def main() -> None:
    """Does what the arguments say."""
    command, folder, *rest = sys.argv[1:]
    if command == "make":
        result = make(Path(folder), int(rest[0]), rest[1], int(rest[2]))
    elif command == "solve":
        result = solve(Path(folder))
    elif command == CEILING:
        result = ceiling(Path(folder))
    else:
        result = try_alternative(command, Path(folder))
    print(json.dumps(result))


def make(folder: Path, offers: int, family: str, minimum: int) -> dict[str, Any]:
    """Writes the offers that reach the minimum, of a market that has about so many when it is 1,000."""
    market = as_shipped(market_of_offers(offers, family, minimum=minimum))
    save_market(market, folder)
    return {"currencies": market.currencies.height}


def solve(folder: Path) -> dict[str, Any]:
    """Solves the market as `swpt-trade solve` does. `memory_bytes` is the peak above what the imports need."""
    imports = _forget_peak()
    with tempfile.TemporaryDirectory() as output:
        report = solve_directory(folder, output)
        memory = _status_bytes("VmHWM") - imports
        trades = Trades(
            *(pl.read_parquet(f"{output}/{name}.parquet") for name in ("takings", "givings", "collector_transfers"))
        )
    collectors = chosen_and_random(load_directory(folder), trades)
    return {**asdict(report), "memory_bytes": memory, "collectors": collectors}


def ceiling(folder: Path) -> dict[str, Any]:
    """The value of what no answer that keeps the minimum can exceed."""
    graph = without_the_hopeless(graph_of(load_directory(folder)))
    return {"traded_value": float(min_cost_flow(graph)[graph.is_sell].sum())}


def try_alternative(name: str, folder: Path) -> dict[str, Any]:
    """Times one alternative. `too_small`: trades of less than the minimum, which nobody may make."""
    graph = graph_of(load_directory(folder))
    before = _forget_peak()
    started = time.perf_counter()
    flows = ALTERNATIVES[name](graph)
    seconds = time.perf_counter() - started
    is_trade = flows > PRECISION * graph.least
    return {
        "seconds": seconds,
        "memory_bytes": _status_bytes("VmHWM") - before,
        "traded_value": float(flows[graph.is_sell].sum()),
        "trades": int(np.count_nonzero(is_trade)),
        "too_small": int(np.count_nonzero(is_trade & (flows < graph.least * (1 - PRECISION)))),
    }


def _forget_peak() -> int:
    """Lets the peak of memory start anew, and returns the memory held now."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status_bytes("VmRSS")


def _status_bytes(name: str) -> int:
    """A figure of this process's memory, as Linux counts it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {name} in /proc/self/status")


if __name__ == "__main__":
    main()

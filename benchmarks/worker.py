"""`make bench-worker`: how fast a worker shard is. Prints tables; raw figures are kept.

Usage: python -m benchmarks.worker [--part drain] [--messages N] [--batch N ...] [--only WORD]
"""

from __future__ import annotations

import argparse
import json
import time

from rich.console import Console

from benchmarks import worker_drain
from benchmarks.worker_drain import RAW, machine

PARTS = ("drain",)


def main() -> None:
    """Runs the parts asked for, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=PARTS, action="append", help="all parts unless given")
    parser.add_argument("--messages", type=int, default=200_000, help="messages of each type to drain")
    parser.add_argument("--batch", type=int, action="append", help="batch sizes of the drain")
    parser.add_argument("--only", default="", help="part of the type or situation to drain")
    options = parser.parse_args()
    parts = options.part or PARTS

    console = Console(width=140)
    results: dict[str, object] = {}
    if "drain" in parts:
        limits = options.batch or worker_drain.LIMITS
        results["drain"] = worker_drain.run(console, options.messages, limits, options.only)

    RAW.mkdir(exist_ok=True)
    path = RAW / f"worker-{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps({"machine": machine(), "options": vars(options), "results": results}, indent=2) + "\n")
    console.print(f"raw figures: {path}")


if __name__ == "__main__":
    main()

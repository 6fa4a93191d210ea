"""Trades over a real RabbitMQ on two shards while everything fails: `python -m tests.chaos --faults 200 --seed 1`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from tests.chaos.faults import FAULTS
from tests.chaos.node_faults import NODE_FAULTS
from tests.chaos.run import Failure, Summary, run
from tests.faults_document import write_part


def main() -> int:
    """Returns the exit code: 1 when something was lost or is left."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=200, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same faults in the same order")
    parser.add_argument("--cluster", action="store_true", help="lose nodes of a broker that is a cluster of three")
    parser.add_argument("--save", type=Path, help="write the result table to this file, as Markdown")
    options = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    began = time.monotonic()

    def tell(text: str) -> None:
        console.print(f"{time.monotonic() - began:6.1f} s  {text}")

    try:
        if options.cluster:
            summary = run(options.seed, options.faults, tell, NODE_FAULTS, is_clustered=True)
        else:
            summary = run(options.seed, options.faults, tell)
    except Failure as failure:
        console.print(f"[red]FAILED[/]: {failure}")
        return 1
    _show(console, summary)
    if options.save:
        write_part(options.save, (cluster_document if options.cluster else document)(summary))
    return 0


def _show(console: Console, summary: Summary) -> None:
    table = Table("fault", "times", "seconds", title=f"Seed {summary.seed}")
    for name, count in sorted(summary.faults.items()):
        table.add_row(name.replace("_", " "), str(count), f"{summary.damage_seconds[name]:.0f}")
    console.print(table)
    for line in facts(summary):
        console.print(line)
    console.print("[green]Every token is accounted for, no lock is left, nothing was set aside.[/]")


def facts(summary: Summary) -> list[str]:
    """The run in words."""
    network = ", ".join(f"{count:,} {fate.replace('_', ' ')}" for fate, count in sorted(summary.network_faults.items()))
    return [
        f"{sum(summary.faults.values())} faults in {summary.faults_seconds:.0f} s, "
        f"and everything was at its end {summary.ending_seconds:.0f} s later",
        f"{summary.turns} turns, {summary.trading_turns} of them with trades: {summary.takings:,} takings",
        f"{summary.messages:,} messages of the world outside; of those it sent: {network}",
        f"{summary.replayed:,} times a journal was handled once more after a step back; an operator decided about "
        f"{summary.decided:,} payments, and had {summary.refunded:,} paid back, but not "
        f"{summary.settled:,} that had been passed on; {summary.kept_tokens:,} tokens are left with collectors beyond "
        f"rounding; {summary.given_up:,} locks of accounts, and "
        f"{summary.never_paid:,} payments that nobody makes, were given up",
        f"{summary.wishes:,} times a trader changed his mind",
    ]


def _commit() -> str:
    """The state of the project that was tried."""
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "an unknown commit"


def document(summary: Summary) -> str:
    """The result for `docs/`."""
    what = {fault.__name__: (fault.__doc__ or "").strip() for fault in FAULTS}
    rows = [f"| {what[name]} | {count} |" for name, count in sorted(summary.faults.items())]
    return "\n".join(
        [
            "# Faults",
            "",
            "An economy trades over a real RabbitMQ on two shards, with all their processes, while a driver breaks",
            "what it can. Afterwards every turn must be in phase 4, every token accounted for, no lock, transfer or",
            "message left, nothing set aside, no dead letter, and every server must end with status 0 when asked.",
            f"`make chaos FAULTS={sum(summary.faults.values())} SEED={summary.seed}` made this, at `{_commit()}`:",
            "",
            "| fault | times |",
            "|---|---|",
            *rows,
            "",
            *(f"* {line}" for line in facts(summary)),
            "",
        ]
    )


def cluster_document(summary: Summary) -> str:
    """The result with a cluster, for `docs/`."""
    what = {fault.__name__: (fault.__doc__ or "").strip() for fault in NODE_FAULTS}
    rows = [
        f"| {what[name]} | {len(seconds)} | {median(seconds):.1f} | {max(seconds):.1f} |"
        for name, seconds in sorted(summary.interruptions.items())
    ]
    return "\n".join(
        [
            "## A broker cluster that loses a node",
            "",
            "The same economy trades over three RabbitMQ nodes on one machine. All queues are quorum queues, and all",
            "URLs name all nodes, without other options (`net_ticktime` 8, `cluster_partition_handling =",
            "pause_minority`). Nodes are lost one at a time, in the middle of turns. In the end the same must be true",
            "as above. The seconds are the longest time for which some worker took nothing from the broker, or sent",
            "nothing to it, from the loss until the cluster was whole again and everybody had done both; having",
            "nothing to do counts, too.",
            f"`make chaos-cluster NODES={sum(summary.faults.values())} SEED={summary.seed}` made this, at",
            f"`{_commit()}`:",
            "",
            "| fault | times | seconds, median | longest |",
            "|---|---|---|---|",
            *rows,
            "",
            *(f"* {line}" for line in facts(summary)),
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())

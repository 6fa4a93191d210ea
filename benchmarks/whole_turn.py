"""A whole turn of the real parts: two shards, the solver, the sandbox's authority and creditors agent, in one process.

Usage: python -m benchmarks.whole_turn [OFFERS] [--one-thread]

The clock runs from the start of phase 2 to the last released lock. Commits wait for the disk. Nothing waits for a
configured time: a phase is over as soon as its work is done.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.turn_driver import TurnDriver, TurnTimes, settings_for
from sandbox.economy.economy import Economy
from sandbox.economy.generator import make_economy
from sandbox.economy.setup import set_up
from sandbox.servers.documents import DocumentServer
from sandbox.servers.postgres import PrivateServer
from sandbox.world.exchange import InProcessExchange
from sandbox.world.world import World

RAW = Path(__file__).parent / "raw"
OFFERS = 100_000
OFFERS_PER_TRADER = 3.45
"""What the economies of the sandbox give: 100,000 offers of about 29,000 traders."""
CURRENCIES = 100
SEED = 1
SHARDS = 2


def main() -> None:
    """Sets an economy up, lets one turn find the collectors, and measures the next one."""
    sizes = [int(text) for text in sys.argv[1:] if text.isdigit()] or [OFFERS]
    console = Console(width=160)
    for offers in sizes:
        traders = round(offers / OFFERS_PER_TRADER)
        economy = make_economy(SEED, traders, min(CURRENCIES, max(30, traders // 20)))
        times = measure(economy, "--one-thread" not in sys.argv, console)
        show(economy, times, console)


def measure(economy: Economy, threads: bool, console: Console) -> TurnTimes:
    """Runs the turn. Raises `RuntimeError` when it does not end well."""
    with ExitStack() as closing:
        server = closing.enter_context(PrivateServer(durable=True))
        documents = closing.enter_context(DocumentServer())
        world = closing.enter_context(
            World(server, InProcessExchange(), SHARDS, settings_for(economy, documents), documents)
        )
        driver = closing.enter_context(TurnDriver(server, world, threads))
        began = time.perf_counter()
        with console.status(f"setting up {len(economy.traders):,} traders with {len(economy.accounts):,} accounts"):
            set_up(economy, world.authority, world.agent, documents, driver.settle)
        console.print(f"[dim]set up in {time.perf_counter() - began:.1f} s, {driver.messages():,} messages[/]")
        with console.status("a turn that finds out which collectors are needed"):
            driver.run_turn()
            driver.settle()
        with console.status("the measured turn"):
            times = driver.run_turn()
            driver.settle()
        problems = world.leftovers().problems()
        if problems:
            raise RuntimeError("; ".join(problems))
        world.authority.audit()
        return times


def show(economy: Economy, times: TurnTimes, console: Console) -> None:
    """One table, and the raw figures in a file."""
    about = (
        f"{times.offers:,} offers of {len(economy.traders):,} traders, {SHARDS} shards, "
        f"{os.cpu_count()} CPUs, Python {platform.python_version()}"
    )
    table = Table("part", "s", "messages", "messages/s", title=about)
    for name, seconds, messages in times.parts:
        table.add_row(name, f"{seconds:.1f}", f"{messages:,}", f"{messages / max(seconds, 1e-9):,.0f}")
    total = sum(messages for _, _, messages in times.parts)
    table.add_row("[bold]in all[/]", f"{times.seconds:.1f}", f"{total:,}", f"{total / times.seconds:,.0f}")
    console.print(table)
    efforts = Table("thread", "did", "calls", "busy s", "own CPU s", title="Who did it")
    for name, effort in times.efforts.items():
        efforts.add_row(
            name, f"{effort.done:,}", f"{effort.calls:,}", f"{effort.seconds:.1f}", f"{effort.cpu_seconds:.1f}"
        )
    console.print(efforts)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    console.print(
        f"CPU of this process {times.process_cpu:.1f} s, of PostgreSQL {times.server_cpu:.1f} s, "
        f"of the whole machine {times.machine_cpu:.1f} s; "
        f"peak memory {peak / 2**20:,.0f} MiB; {times.traded:,} accounts traded"
    )
    RAW.mkdir(exist_ok=True)
    path = RAW / f"whole-turn-{time.strftime('%Y%m%d-%H%M%S')}.json"
    facts = {"about": about, "machine": platform.platform(), "peak_memory_bytes": peak, **asdict(times)}
    path.write_text(json.dumps(facts, indent=2) + "\n")
    console.print(f"raw figures: {path}")


if __name__ == "__main__":
    main()

"""Counts what shards ask of the solver's database: statements and rows, for a turn and for a look at the turns.

Usage: python -m benchmarks.solver_load [--shards 4,16,64] [--offers 2000] [--more-offers 6000] [--extrapolate 1000]

The same economy trades with so many shards, all in this process, one part after the other; `pg_stat_statements` of a
real PostgreSQL counts. What a round of the shards' loops asks while nothing happens is a look; what a turn asks is what
is left when the looks of its rounds, and the rounds in which the solver only waits, are taken away. Where the shards
are more, the rest grows along a straight line, which is drawn on. The first number of shards also has `--more-offers`,
to tell offers from shards.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.turn_driver import TurnDriver, settings_for
from benchmarks.turn_watch import Connection
from benchmarks.worker_drain import machine
from sandbox.economy.economy import Economy
from sandbox.economy.generator import make_economy
from sandbox.economy.setup import set_up
from sandbox.servers.documents import DocumentServer
from sandbox.servers.postgres import PrivateServer
from sandbox.world.exchange import InProcessExchange
from sandbox.world.world import World

RAW = Path(__file__).parent / "raw"
OFFERS_PER_TRADER = 3.45
IDLE_ROUNDS = 20
CONNECTIONS_PER_SHARD = 6
MOST_SHOWN = 14

SOLVER_ROUNDS = 4
"""A turn has so many: it is started, and changes its phase three times."""
_BEAT = "select solver.beat()"
"""Of each round."""
_OF_THE_DRIVER = "select turn_id, phase from solver.turn order by"
"""What the world itself asks, to know how far it is."""

Calls = dict[str, tuple[int, int, float]]
"""By statement: how often it ran, rows that it gave, took or wrote, and milliseconds."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a turn and a look ask of the solver's database. A look is one of one shard; `ms` is the server's time.

    `by_statement`: of the turn, how often each ran, its rows, and milliseconds.
    """

    shards: int
    offers: int
    currencies: int
    collectors: int
    look_statements: float
    look_rows: float
    look_ms: float
    statements: float
    rows: float
    ms: float
    by_statement: Calls = field(repr=False)


def main() -> None:
    """Counts for every number of shards, and prints the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.solver_load",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--shards", default="4,16,64", help="powers of two, with commas (default: 4,16,64)")
    parser.add_argument("--offers", type=int, default=2000, help="about how many (default: 2000)")
    parser.add_argument("--more-offers", type=int, default=6000, help="0: skip that (default: 6000)")
    parser.add_argument("--extrapolate", type=int, default=1000, help="to so many shards (default: 1000)")
    options = parser.parse_args()
    console = Console(width=150, highlight=False)
    numbers = [int(text) for text in options.shards.split(",")]
    loads = []
    for number in numbers:
        with console.status(f"{number} shards"):
            loads.append(count(_economy(options.offers), number))
        # The next number may take long.
        console.print(loads[-1])
    more = None
    if options.more_offers:
        with console.status(f"{numbers[0]} shards, more offers"):
            more = count(_economy(options.more_offers), numbers[0])
    show(loads, more, options.extrapolate, console)
    RAW.mkdir(exist_ok=True)
    path = RAW / f"solver-load-{time.strftime('%Y%m%d-%H%M%S')}.json"
    facts = {"machine": machine(), "loads": [asdict(load) for load in (*loads, *([more] if more else []))]}
    path.write_text(json.dumps(facts, indent=2) + "\n")
    console.print(f"raw figures: {path}")


def _economy(offers: int) -> Economy:
    traders = max(60, round(offers / OFFERS_PER_TRADER))
    return make_economy(1, traders, min(100, max(30, traders // 20)))


def count(economy: Economy, shards: int) -> Load:
    """Runs a turn with so many shards."""
    server = PrivateServer(
        **{  # type: ignore[arg-type]
            "shared_preload_libraries": "pg_stat_statements",
            "max_connections": str(100 + CONNECTIONS_PER_SHARD * shards),
        }
    )
    with (
        server,
        DocumentServer() as documents,
        World(server, InProcessExchange(), shards, settings_for(economy, documents), documents) as world,
        TurnDriver(server, world, False) as driver,
        server.admin("solver") as admin,
    ):
        admin.execute("create extension pg_stat_statements schema public")
        set_up(economy, world.authority, world.agent, documents, driver.settle)
        # The first turn finds out which collectors are needed.
        driver.run_turn()
        driver.settle()
        idle = _count_idle(admin, world)
        _reset(admin)
        looks = driver.looks()
        solver_idle: Calls = {}

        def look_idly() -> None:
            before = _calls(admin)
            for _ in range(IDLE_ROUNDS):
                world.advance_turns()
            solver_idle.update(_difference(_calls(admin), before))

        times = driver.run_turn(look_idly)
        driver.settle()
        calls = _calls(admin)
        # How often the solver only waits is a matter of how busy the machine is.
        calls = _without(calls, solver_idle, (calls[_BEAT][0] - SOLVER_ROUNDS) / IDLE_ROUNDS)
        looks = driver.looks() - looks
        collectors = world.active_collectors()[0]
    look = [_sums(idle)[place] / IDLE_ROUNDS / shards for place in range(3)]
    total = _sums(calls)
    turn = [total[place] - look[place] * looks for place in range(3)]
    return Load(
        shards,
        times.offers,
        len(economy.currencies),
        collectors,
        *look,
        *turn,
        _without(calls, idle, looks / (IDLE_ROUNDS * shards)),
    )


def _count_idle(admin: Connection, world: World) -> Calls:
    _reset(admin)
    for _ in range(IDLE_ROUNDS):
        world.step()
    return _calls(admin)


def _reset(admin: Connection) -> None:
    admin.execute("select public.pg_stat_statements_reset()")


def _calls(admin: Connection) -> Calls:
    """What others than the superuser have asked of the database of the connection."""
    rows = admin.execute(
        "select query, sum(calls)::bigint, sum(rows)::bigint, sum(total_exec_time) from public.pg_stat_statements"
        " where dbid = (select oid from pg_database where datname = current_database())"
        " and userid <> current_user::regrole group by query"
    ).fetchall()
    found = {" ".join(query.split()): (int(calls), int(rows), float(ms)) for query, calls, rows, ms in rows}
    return {query: values for query, values in found.items() if not query.startswith(_OF_THE_DRIVER)}


def _sums(calls: Calls) -> tuple[float, float, float]:
    values = list(calls.values())
    return sum(v[0] for v in values), sum(v[1] for v in values), sum(v[2] for v in values)


def _difference(calls: Calls, before: Calls) -> Calls:
    found = {}
    for query, (number, rows, ms) in calls.items():
        known = before.get(query, (0, 0, 0.0))
        if number > known[0]:
            found[query] = (number - known[0], rows - known[1], ms - known[2])
    return found


def _without(calls: Calls, idle: Calls, share: float) -> Calls:
    """What is left of each statement when a multiple of others is taken away."""
    left = {}
    for query, (number, rows, ms) in calls.items():
        idle_number, idle_rows, idle_ms = idle.get(query, (0, 0, 0.0))
        rest = round(number - share * idle_number)
        if rest > 0:
            left[query] = (rest, max(0, round(rows - share * idle_rows)), max(0.0, ms - share * idle_ms))
    return left


def line(points: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Where the straight line through the points begins, and how much it rises for each unit."""
    x, y = np.array(list(points)).T
    if x.size == 1:
        return 0.0, float(y[0] / x[0])
    slope, start = np.polyfit(x, y, 1)
    return float(start), float(slope)


def show(loads: list[Load], more: Load | None, shards: int, console: Console) -> None:
    """Tables: what was counted, its line drawn on, and the statements of a turn with the most shards."""
    table = Table(
        "shards", "offers", "collectors", "statements of a turn", "rows of a turn", "ms", "statements of a look", "ms"
    )
    for load in (*loads, *([more] if more else [])):
        table.add_row(
            f"{load.shards:,}",
            f"{load.offers:,}",
            f"{load.collectors:,}",
            f"{load.statements:,.0f}",
            f"{load.rows:,.0f}",
            f"{load.ms:,.0f}",
            f"{load.look_statements:.1f}",
            f"{load.look_ms:.2f}",
        )
    lines = {name: line((load.shards, getattr(load, name)) for load in loads) for name in ("statements", "rows", "ms")}
    values = {name: start + slope * shards for name, (start, slope) in lines.items()}
    table.add_row(
        f"[bold]{shards:,}",
        f"{loads[0].offers:,}",
        f"{loads[0].collectors:,}",
        *(f"{values[name]:,.0f}" for name in ("statements", "rows", "ms")),
        f"{loads[-1].look_statements:.1f}",
        f"{loads[-1].look_ms:.2f}",
    )
    console.print(table)
    for name, (start, slope) in lines.items():
        console.print(f"{name} of a turn: {start:,.0f} and {slope:,.1f} for each shard")
    if more is not None and more.offers > loads[0].offers:
        rows = (more.rows - loads[0].rows) / (more.offers - loads[0].offers)
        console.print(f"rows for each offer: {rows:.2f} (collectors {loads[0].collectors} and {more.collectors})")
    statements = Table("statement", "times", "rows", "ms", title=f"A turn with {loads[-1].shards} shards")
    largest = sorted(loads[-1].by_statement.items(), key=lambda item: -item[1][0])[:MOST_SHOWN]
    for query, (number, rows, ms) in largest:
        statements.add_row(query[:100], f"{number:,}", f"{rows:,}", f"{ms:,.1f}")
    console.print(statements)


if __name__ == "__main__":
    main()

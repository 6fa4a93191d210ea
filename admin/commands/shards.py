"""`swpt-trade shards`: which worker databases work for this installation, and what is wrong with that."""

from __future__ import annotations

import sys

import click

from admin.commands.collectors import solver_database
from admin.commands.tables import print_table


@click.command()
def shards() -> None:
    """List the shards that have reported to the solver, and what is wrong with them.

    Needs the environment of the solver. Exits with status 1 when keys overlap or nobody works for them, when two
    databases claim the same key, and when a shard is silent, has another range of collector IDs or a wrong clock.
    """
    rows = []
    with solver_database() as (solver, _):
        for key, seen, release, low, high, clock, *place in solver.execute(
            "select binding_key, last_seen_at, release, min_collector_id, max_collector_id, clock_difference,"
            " system_identifier, timeline_id, database_id from solver.list_shards()"
        ):
            moment = seen.isoformat(sep=" ", timespec="seconds")
            where = ", ".join(map(str, place))
            rows.append((key, moment, release, f"{low:#x} … {high:#x}", f"{clock:+.1f} s", where))
        problems = solver.execute("select problem, detail from solver.shard_problems()").fetchall()
    print_table(("key", "last seen", "release", "collector IDs", "clock", "system, timeline, database"), rows)
    for problem, detail in problems:
        click.echo(f"{problem}: {detail}")
    if problems:
        sys.exit(1)

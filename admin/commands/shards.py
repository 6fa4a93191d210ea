"""`swpt-trade shards`: which worker databases work for this installation, and what is wrong with that."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import click

from admin.commands.collectors import solver_database
from admin.commands.tables import Field, as_json, moment, objects, print_json, print_rows
from pipelines.texts import LONGEST_LINE, shown


def _texts(numbers: Iterable[int]) -> list[str]:
    return list(map(str, numbers))


_FIELDS = (
    Field("key", "bindingKey"),
    moment("last seen", "lastSeenAt"),
    Field("release", "release"),
    Field("collector IDs", "collectorIds", lambda ids: f"{ids[0]:#x} … {ids[1]:#x}", _texts),
    Field("clock", "clockDifference", lambda seconds: f"{seconds:+.1f} s"),
    Field("last turn", "lastTurn", lambda turn: "" if turn[0] is None else "{}: {}/{}".format(*turn)),
    Field("system, timeline, database", "server", lambda ids: ", ".join(_texts(ids)), _texts),
)


@click.command()
@as_json
def shards(as_json: bool) -> None:
    """List the shards of the installation, and what is wrong.

    These are the worker databases that have reported to the solver.

    Needs the environment of the solver. Exits with status 1 when keys overlap or nobody works for them, when two
    databases claim the same key, when a shard is silent, has another range of collector IDs or a wrong clock, and when
    the solver's database has stepped back in time and turns wait for reports.
    """
    rows = []
    with solver_database() as (solver, _):
        for key, seen, release, low, high, clock, turn, phase, subphase, *place in solver.execute(
            "select binding_key, last_seen_at, release, min_collector_id, max_collector_id, clock_difference,"
            " last_turn_id, last_turn_phase, last_turn_subphase, system_identifier, timeline_id, database_id"
            " from solver.list_shards()"
        ):
            rows.append((key, seen, release, (low, high), clock, (turn, phase, subphase), place))
        problems = solver.execute("select problem, detail from solver.shard_problems()").fetchall()
        step_backs = solver.execute("select noticed_at, reason, waited_for from solver.step_back_status()").fetchall()
    if as_json:
        print_json(
            {
                "shards": objects(_FIELDS, rows),
                "problems": [{"problem": problem, "detail": detail} for problem, detail in problems],
                "stepBacks": [
                    {"noticedAt": noticed_at, "reason": reason, "waitsFor": waited_for}
                    for noticed_at, reason, waited_for in step_backs
                ],
            }
        )
    else:
        print_rows(_FIELDS, rows, is_json=False)
        for problem, detail in problems:
            click.echo(f"{problem}: {shown(detail, LONGEST_LINE)}")
        for noticed_at, reason, waited_for in step_backs:
            click.echo(
                f"stepped back: noticed at {noticed_at.isoformat(sep=' ', timespec='seconds')}, {reason}; turns wait "
                f"for reports of {', '.join(waited_for) or 'nobody any more'}"
            )
    if problems or step_backs:
        sys.exit(1)

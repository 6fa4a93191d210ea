"""`swpt-trade turns …`: what operators decide about turns, in the solver database."""

from __future__ import annotations

from typing import Any

import click

from admin.commands.collector_arguments import database
from admin.commands.collectors import solver_database
from admin.commands.operator import by
from admin.commands.options import configuration
from admin.commands.tables import Field, amount, as_json, moment, print_rows
from admin.commands.turn_insight import circles, what_would_help


@click.group()
def turns() -> None:
    """List turns, start one, look into one, go on after a step back.

    Needs the environment of the solver.
    """


for _command in (circles, what_would_help):
    turns.add_command(_command)

_FIELDS = (
    Field("turn", "turnId"),
    Field("phase", "phase"),
    moment("started", "startedAt"),
    moment("phase ends", "phaseDeadline"),
    moment("result", "collectionStartedAt"),
    amount("takings", "takings"),
    amount("givings", "givings"),
    amount("between collectors", "collectorTransfers"),
    amount("currencies", "currencies"),
)


@turns.command("list")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="So many, the newest.")
@as_json
def list_(limit: int, as_json: bool) -> None:
    """List the newest turns, and what they arranged."""
    with solver_database() as (solver, _):
        rows = solver.execute(
            "select t.turn_id, t.phase, t.started_at, t.phase_deadline, t.collection_started_at"
            " from solver.list_turns(null, %s) as t order by t.turn_id desc",
            (limit,),
        ).fetchall()
        statistics = {
            turn_id: numbers
            for turn_id, *numbers in solver.execute(
                "select turn_id, takings, givings, collector_transfers, currencies from solver.turn_statistics(%s)",
                ([row[0] for row in rows],),
            )
        }
    print_rows(_FIELDS, [(*row, *statistics.get(row[0], [None] * 4)) for row in rows], as_json)


@turns.command()
@by
def start(by: str) -> None:
    """Start a turn now, whatever TURN_PERIOD says.

    With the settings of the environment for phases, base currency and so on. The solver takes it from phase to phase;
    the next turn by the clock starts half a period later at the earliest.
    """
    from service.parts.turns import turn_settings

    config = configuration("solver")
    settings = turn_settings(config)
    with database(config.solver_postgres_url, "solver") as solver:
        row = solver.execute(
            "select solver.start_turn(%s, %s, %s, %s, %s, %s, %s, p_is_due => true, p_done_by => %s)",
            (*settings.of_start(), by),
        ).fetchone()
        assert row is not None
        if row[0] is None:
            raise click.ClickException(_why_not(solver))
    click.echo(f"turn {row[0]} has started; `swpt-trade status` says how it gets on")


def _why_not(solver: Any) -> str:
    for (turn_id,) in solver.execute("select turn_id from solver.list_turns(null, 1) where phase < 4"):
        return f"turn {turn_id} is not over: there is one at a time"
    return "the solver's database has stepped back, and turns wait for reports: see `swpt-trade shards`"


@turns.command()
@click.option(
    "--above",
    required=True,
    type=click.IntRange(0, 2**31 - 2),
    metavar="N",
    help="The highest turn that any worker has seen. The next one gets a higher ID.",
)
@by
def resume(above: int, by: str) -> None:
    """Start turns again, although not every shard has reported.

    The solver's database may be an earlier state of itself. By itself it goes on as soon as all shards have told which
    turns they have seen. Shards that are gone for good, and workers of another implementation, never tell: look into
    their databases for the highest turn ID, and give it here. Turns that are open in phase 1 or 2 are closed.

    `swpt-trade shards` says which shards are waited for.
    """
    with solver_database() as (solver, _):
        row = solver.execute("select solver.resume_turns(%s, %s)", (above, by)).fetchone()
    assert row is not None
    if row[0] is None:
        raise click.ClickException("there is nothing to resume: the solver waits for nobody")
    click.echo(f"turns go on with IDs above {row[0]}")

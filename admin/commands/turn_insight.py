"""`swpt-trade turns circles` and `turns what_would_help`: what the archive of a turn tells beyond its answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from admin.commands.collector_arguments import NEGATIVE_IDS, read_id
from admin.commands.collectors import solver_database
from admin.commands.tables import Field, as_json, identity, objects, print_json
from admin.commands.working import working

if TYPE_CHECKING:
    import polars as pl
    import psycopg

    from pipelines.names import CurrencyName

_TURN = click.argument("turn_id", metavar="TURN", type=click.IntRange(1, 2**31 - 1))

_CIRCLES = (
    Field("circle", "circle"),
    Field("value", "value"),
    Field("step", "step"),
    identity("trader", "creditor_id"),
    Field("gives", "given_amount"),
    identity("of currency", "given_debtor_id"),
    Field("takes", "taken_amount"),
    identity("of currency", "taken_debtor_id"),
)
_HELP = (
    identity("currency", "debtor_id"),
    Field("buyers", "is_buyer"),
    Field("unserved", "unserved_value"),
    Field("more", "extra_value"),
)


@click.command(context_settings=NEGATIVE_IDS)
@_TURN
@click.option("--creditor", metavar="ID", type=read_id, help="Only those through this trader.")
@click.option("--debtor", metavar="ID", type=read_id, help="Only those through this currency.")
@click.option("--limit", default=10, show_default=True, type=click.IntRange(1, 1000), help="So many, the largest.")
@as_json
def circles(turn_id: int, creditor: int | None, debtor: int | None, limit: int, as_json: bool) -> None:
    """Show the circles that the value of a turn went round in, the largest first.

    In each step a trader gives one currency, which the trader of the next step takes; the last one gives to the first.
    Values are in base tokens, amounts in tokens of their currency, both before they were rounded. The
    largest are found when they are asked for the first time, and kept with the archive of the turn, up to 1,000. Needs
    the environment of the solver.
    """
    from pipelines.solver.archived_insight import circles_of_turn

    found, named, names = _asked(
        turn_id,
        lambda solver, started_at: circles_of_turn(
            solver, turn_id, started_at, limit, creditor_id=creditor, debtor_id=debtor
        ),
    )
    if as_json:
        steps = objects(_CIRCLES, found.select(field.name for field in _CIRCLES).iter_rows())
        both = found.select("given_debtor_id", "taken_debtor_id").iter_rows()
        print_json(
            [
                {**step, **_in_json(names, given, "given_"), **_in_json(names, taken, "taken_")}
                for step, (given, taken) in zip(steps, both, strict=True)
            ]
        )
        return
    for row in found.iter_rows(named=True):
        if row["step"] == 1:
            click.echo(f"circle {row['circle']}: {row['value']:,.0f} base tokens")
        click.echo(
            f"  trader {row['creditor_id'] % 2**64} gives {row['given_amount']:,.0f} of "
            f"{named(row['given_debtor_id'])} and takes {row['taken_amount']:,.0f} of {named(row['taken_debtor_id'])}"
        )
    if not found.height:
        click.echo("there is no such circle")


@click.command("what_would_help")
@_TURN
@as_json
def what_would_help(turn_id: int, as_json: bool) -> None:
    """Say in which currencies one more trader would have let the others trade more.

    For the ten currencies with most unserved value: how much more the others would have traded, had somebody bought (or
    sold) that currency against any other one. Values are in base tokens. It is found out when it is asked for the first
    time, and kept with the archive of the turn. Needs the environment of the solver.
    """
    from pipelines.solver import archived_insight
    from reports.solution_text import what_would_help_lines

    found, named, names = _asked(
        turn_id, lambda solver, started_at: archived_insight.what_would_help(solver, turn_id, started_at)
    )
    if as_json:
        rows = objects(_HELP, found.select(field.name for field in _HELP).iter_rows())
        print_json(
            [{**row, **_in_json(names, debtor_id)} for row, debtor_id in zip(rows, found["debtor_id"], strict=True)]
        )
        return
    for line in what_would_help_lines(found, named):
        click.echo(line)


def _asked(
    turn_id: int, question: Callable[[psycopg.Connection[Any], datetime], pl.DataFrame]
) -> tuple[pl.DataFrame, Callable[[int], str], dict[int, CurrencyName]]:
    """The answer about an archived turn, a function which names its currencies in a text, and their names.

    Says that it is at work where somebody waits for it.
    """
    from pipelines.names import names_in, with_id
    from pipelines.solver.archived import NotArchived, archive_of
    from pipelines.solver.archived_frames import archived_frame

    try:
        with solver_database() as (solver, _), working(f"reading turn {turn_id}"):
            started_at = archive_of(solver, turn_id)
            found = question(solver, started_at)
            prices = archived_frame(solver, turn_id, started_at, "prices")
    except NotArchived as error:
        raise click.ClickException(str(error)) from None
    names = {} if prices is None else names_in(prices)
    locators = {} if prices is None else dict(prices.select("debtor_id", "debtor_info_locator").iter_rows())
    return found, lambda debtor_id: with_id(debtor_id, names, locators), names


def _in_json(names: dict[int, CurrencyName], debtor_id: int, prefix: str = "") -> dict[str, str | None]:
    name = names.get(debtor_id)
    return {f"{prefix}{kind}": None if name is None else getattr(name, kind) for kind in ("name", "abbreviation")}

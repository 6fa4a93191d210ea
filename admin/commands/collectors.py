"""`swpt-trade collectors …`: what operators do with collector accounts, most of it in the solver database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from admin.commands.collector_arguments import COLLECTOR, DEBTOR, NEGATIVE_IDS, explanation, read_id, show_id
from admin.commands.held_accounts import adopt, discard, held
from admin.commands.tables import print_table

if TYPE_CHECKING:
    import psycopg

    from settings.config import Config

    Connection = psycopg.Connection[tuple[Any, ...]]


@click.group()
def collectors() -> None:
    """Look at collector accounts, add and remove them, and block currencies.

    Needs the environment of the solver; `held`, `adopt` and `discard` that of a worker. Debtor and collector IDs are
    decimal or 0x hexadecimal numbers, signed or unsigned.
    """


for _command in (held, adopt, discard):
    collectors.add_command(_command)


@collectors.command("list", context_settings=NEGATIVE_IDS)
@click.argument("debtor_id", metavar="[DEBTOR]", type=read_id, required=False)
def list_(debtor_id: int | None) -> None:
    """List the collector accounts of a currency, or of all currencies."""
    with solver_database() as (solver, _):
        rows = solver.execute(
            "select debtor_id, is_blocked, collector_id, status, account_id, latest_status_change_at, removal"
            " from solver.find_collectors(%s)",
            (debtor_id,),
        ).fetchall()
    print_table(("currency", "collector", "status", "since", "removal", "account ID"), map(_cells, rows))


@collectors.command(context_settings=NEGATIVE_IDS)
@DEBTOR
@click.option("--count", default=1, show_default=True, type=click.IntRange(1), help="Collectors to have in the end.")
def add(debtor_id: int, count: int) -> None:
    """Make sure that a currency has as many collector accounts that are not disabled.

    Works for a blocked currency too, and leaves it blocked.
    """
    with solver_database() as (solver, config):
        created = _value(
            solver,
            "select solver.ensure_collectors(%s, %s, %s, %s)",
            (debtor_id, count, config.min_collector_id, config.max_collector_id),
        )
    click.echo(f"{created} collectors created; workers will open their accounts within a minute or so")


@collectors.command(context_settings=NEGATIVE_IDS)
@DEBTOR
@COLLECTOR
def remove(debtor_id: int, collector_id: int) -> None:
    """Take a collector out of trade for good.

    Payments under way go on. When nothing can be under way any more (217 days later, with the default settings), the
    money that is left on its account goes to another collector of the currency, and the account is deleted. Removing
    the last collector of a currency also blocks the currency.
    """
    with solver_database() as (solver, _):
        row = solver.execute(
            "select is_newly_disabled, is_newly_blocked from solver.remove_collector(%s, %s)",
            (debtor_id, collector_id),
        ).fetchone()
    assert row is not None
    is_newly_disabled, is_newly_blocked = row
    click.echo("the collector is disabled now" if is_newly_disabled else "the collector was disabled before")
    if is_newly_blocked:
        click.echo(
            "it was the last one of its currency, which is blocked now; money that is left stays with the collector "
            "until you add another one"
        )


@collectors.command(context_settings=NEGATIVE_IDS)
@DEBTOR
def block(debtor_id: int) -> None:
    """Let a currency get no new collector accounts by itself. The ones it has stay."""
    _mark(debtor_id, lambda solver: _value(solver, "select solver.block_currency(%s)", (debtor_id,)), "blocked")


@collectors.command(context_settings=NEGATIVE_IDS)
@DEBTOR
def unblock(debtor_id: int) -> None:
    """Let a currency get collector accounts again when somebody wants to trade it."""
    _mark(debtor_id, lambda solver: _value(solver, "select solver.unblock_currency(%s)", (debtor_id,)), "unblocked")


def _mark(debtor_id: int, change: Callable[[Connection], bool], word: str) -> None:
    if debtor_id == 0:
        raise click.UsageError("debtor 0 is no currency")
    with solver_database() as (solver, _):
        is_changed = change(solver)
    click.echo(f"the currency is {word} now" if is_changed else f"the currency was {word} before")


@contextmanager
def solver_database() -> Iterator[tuple[Connection, Config]]:
    """A connection to the solver database, and the settings. Whatever goes wrong is said in one or two lines."""
    import psycopg

    from settings.config import ConfigError, load

    try:
        config = load("solver")
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    try:
        with psycopg.connect(config.solver_postgres_url, autocommit=True) as solver:
            yield solver, config
    except psycopg.Error as error:
        raise click.ClickException(explanation(error)) from None


def _cells(row: tuple[Any, ...]) -> list[str]:
    """One line of the list; IDs as unsigned numbers, like in the Web API."""
    from sql.statuses import CollectorStatus, in_words

    debtor_id, is_blocked, collector_id, status, account_id, since, removal = row
    currency = f"{show_id(debtor_id)}{' (blocked)' if is_blocked else ''}"
    if collector_id is None:
        return [currency, "none", "", "", "", ""]
    moment = since.isoformat(sep=" ", timespec="seconds")
    return [currency, show_id(collector_id), in_words(CollectorStatus(status)), moment, removal or "", account_id]


def _value(connection: Connection, query: Any, parameters: tuple[Any, ...]) -> Any:
    row = connection.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]

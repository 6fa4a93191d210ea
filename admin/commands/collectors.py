"""`swpt-trade collectors …`: what operators do with collector accounts, most of it in the solver database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, LiteralString

import click

from admin.commands.collector_arguments import COLLECTOR, DEBTOR, NEGATIVE_IDS, database, read_id, show_id
from admin.commands.held_accounts import adopt, discard, held
from admin.commands.operator import by
from admin.commands.tables import Field, as_json, identity, moment, print_rows

if TYPE_CHECKING:
    import psycopg

    from settings.config import Config

    Connection = psycopg.Connection[tuple[Any, ...]]

_USED = ("SOLVER_POSTGRES_URL", "MIN_COLLECTOR_ID", "MAX_COLLECTOR_ID")


@click.group()
def collectors() -> None:
    """Look at collector accounts, add and remove them, and block currencies.

    Needs SOLVER_POSTGRES_URL, MIN_COLLECTOR_ID and MAX_COLLECTOR_ID; `held`, `adopt` and `discard` need
    WORKER_POSTGRES_URL or APP_WORKER_POSTGRES_URLS. Debtor and collector IDs are
    decimal or 0x hexadecimal numbers, signed or unsigned.
    """


for _command in (held, adopt, discard):
    collectors.add_command(_command)


def _status(number: int | None) -> str:
    from sql.statuses import CollectorStatus, in_words

    return "" if number is None else in_words(CollectorStatus(number))


_FIELDS = (
    identity("currency", "debtorId"),
    Field("", "isBlocked", lambda is_blocked: "(blocked)" if is_blocked else ""),
    Field("collector", "collectorId", lambda n: "none" if n is None else show_id(n), lambda n: n and show_id(n)),
    Field("status", "status", _status, lambda number: _status(number) or None),
    moment("since", "latestStatusChangeAt"),
    Field("removal", "removal", lambda state: state or ""),
    Field("account ID", "accountId", lambda account_id: account_id or ""),
)


@collectors.command("list", context_settings=NEGATIVE_IDS)
@click.argument("debtor_id", metavar="[DEBTOR]", type=read_id, required=False)
@as_json
def list_(debtor_id: int | None, as_json: bool) -> None:
    """List the collector accounts of a currency, or of all currencies."""
    with solver_database() as (solver, _):
        rows = solver.execute(
            "select debtor_id, is_blocked, collector_id, status, latest_status_change_at, removal, account_id"
            " from solver.find_collectors(%s)",
            (debtor_id,),
        ).fetchall()
    print_rows(_FIELDS, rows, as_json)


@collectors.command(context_settings=NEGATIVE_IDS)
@DEBTOR
@click.option("--count", default=1, show_default=True, type=click.IntRange(1), help="Collectors to have in the end.")
@by
def add(debtor_id: int, count: int, by: str) -> None:
    """Make sure that a currency has as many collector accounts that are not disabled.

    Works for a blocked currency too, and leaves it blocked.
    """
    with solver_database() as (solver, config):
        created = _value(
            solver,
            "select solver.ensure_collectors(%s, %s, %s, %s, %s)",
            (debtor_id, count, config.min_collector_id, config.max_collector_id, by),
        )
    click.echo(f"{created} collectors created; workers will open their accounts within a minute or so")


@collectors.command(context_settings=NEGATIVE_IDS)
@DEBTOR
@COLLECTOR
@by
def remove(debtor_id: int, collector_id: int, by: str) -> None:
    """Take a collector out of trade for good.

    Payments under way go on. When nothing can be under way any more (217 days later, with the default settings), the
    money that is left on its account goes to another collector of the currency, and the account is deleted. Removing
    the last collector of a currency also blocks the currency.
    """
    with solver_database() as (solver, _):
        row = solver.execute(
            "select is_newly_disabled, is_newly_blocked from solver.remove_collector(%s, %s, %s)",
            (debtor_id, collector_id, by),
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
@by
def block(debtor_id: int, by: str) -> None:
    """Let a currency get no new collector accounts by itself. The ones it has stay."""
    _mark(debtor_id, by, "select solver.block_currency(%s, %s)", "blocked")


@collectors.command(context_settings=NEGATIVE_IDS)
@DEBTOR
@by
def unblock(debtor_id: int, by: str) -> None:
    """Let a currency get collector accounts again when somebody wants to trade it."""
    _mark(debtor_id, by, "select solver.unblock_currency(%s, %s)", "unblocked")


def _mark(debtor_id: int, by: str, change: LiteralString, word: str) -> None:
    if debtor_id == 0:
        raise click.UsageError("debtor 0 is no currency")
    with solver_database() as (solver, _):
        is_changed = _value(solver, change, (debtor_id, by))
    click.echo(f"the currency is {word} now" if is_changed else f"the currency was {word} before")


@contextmanager
def solver_database() -> Iterator[tuple[Connection, Config]]:
    """A connection to the solver database, and the settings. Whatever goes wrong is said in one or two lines."""
    from settings.config import ConfigError, load

    try:
        config = load("solver", used=_USED)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    with database(config.solver_postgres_url, "solver") as solver:
        yield solver, config


def _value(connection: Connection, query: Any, parameters: tuple[Any, ...]) -> Any:
    row = connection.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]

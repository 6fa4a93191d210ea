"""`swpt-trade collectors held|adopt|discard`: accounts that nobody asked for, each in the database of its own shard."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, LiteralString

import click

from admin.commands.collector_arguments import COLLECTOR, DEBTOR, NEGATIVE_IDS, explanation, show_id
from admin.commands.tables import print_table

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

_UNKNOWN_HERE = "ST085"

_REASONS = {
    "money": "there is money on it",
    "customer": "it belongs to a customer",
}


@click.command()
def held() -> None:
    """List accounts that authorities report and nobody asked for.

    Those that are held have money on them, or belong to a customer. Nothing is done about them until you adopt or
    discard them. The others are being decided about, or deleted, without you.

    Reads the databases in APP_WORKER_POSTGRES_URLS, or the one in WORKER_POSTGRES_URL. Exits with status 1 when
    accounts are held.
    """
    rows = []
    is_held = False
    for worker in _workers():
        for debtor_id, collector_id, status, reason, principal, account_id, since, until in worker.execute(
            "select debtor_id, collector_id, status, reason, principal, account_id, first_reported_at, reported_at"
            " from worker.held_accounts()"
        ):
            is_held |= status == "held"
            moments = (moment.isoformat(sep=" ", timespec="seconds") for moment in (since, until))
            cells = (show_id(debtor_id), show_id(collector_id), status, _REASONS.get(reason, ""), str(principal))
            rows.append((*cells, *moments, account_id))
    print_table(("currency", "account", "status", "why", "tokens", "known since", "last report", "account ID"), rows)
    if is_held:
        sys.exit(1)


@click.command(context_settings=NEGATIVE_IDS)
@DEBTOR
@COLLECTOR
def adopt(debtor_id: int, collector_id: int) -> None:
    """Make an account that is held a collector of its currency, with all its money.

    It trades from the next turn on. To get rid of it, adopt it and `remove` it: then its money goes to another
    collector.
    """
    _decide("select worker.adopt_held_account(%s, %s)", (debtor_id, collector_id))
    click.echo("the account is a collector now; it is active when its authority has confirmed it")


@click.command(context_settings=NEGATIVE_IDS)
@DEBTOR
@COLLECTOR
@click.option(
    "--give-away",
    default=2,
    show_default=True,
    type=click.IntRange(2, 2**63 - 1),
    metavar="TOKENS",
    help="At most that much money goes back to its issuer with the account.",
)
def discard(debtor_id: int, collector_id: int, give_away: int) -> None:
    """Have an account that is held deleted.

    With more tokens on it than you give away, it stays: the authority itself refuses then.
    """
    _decide("select worker.discard_held_account(%s, %s, %s)", (debtor_id, collector_id, give_away))
    click.echo("its authority has been asked to delete the account")


def _decide(query: LiteralString, parameters: Sequence[int]) -> None:
    """Tells the worker database that has the account."""
    import psycopg

    unknown = "no worker database"
    for worker in _workers():
        try:
            worker.execute(query, parameters)
            return
        except psycopg.Error as error:
            unknown = explanation(error)
            if error.sqlstate != _UNKNOWN_HERE:
                raise click.ClickException(unknown) from None
    raise click.ClickException(unknown)


def _workers() -> Iterator[Connection]:
    """Connections to the worker databases, one after the other. Whatever goes wrong is said in one or two lines."""
    from settings.config import ConfigError, load

    try:
        config = load("worker")
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    for url in config.app_worker_postgres_urls or (config.worker_postgres_url,):
        with _connection(url) as worker:
            yield worker


@contextmanager
def _connection(url: str) -> Iterator[Connection]:
    import psycopg

    from settings.urls import hide_passwords

    try:
        with psycopg.connect(url, autocommit=True) as worker:
            yield worker
    except psycopg.Error as error:
        raise click.ClickException(hide_passwords(explanation(error))) from None

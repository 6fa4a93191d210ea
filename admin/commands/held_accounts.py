"""`swpt-trade collectors held|adopt|discard`: accounts that nobody asked for, each in the database of its own shard."""

from __future__ import annotations

import sys

import click

from admin.commands.collector_arguments import COLLECTOR, DEBTOR, NEGATIVE_IDS
from admin.commands.operator import by
from admin.commands.tables import Field, as_json, identity, moment, print_rows
from admin.commands.worker_databases import ask_all, decide

_UNKNOWN_HERE = "ST085"

_REASONS = {
    "money": "there is money on it",
    "customer": "it belongs to a customer",
}


_FIELDS = (
    identity("currency", "debtorId"),
    identity("account", "collectorId"),
    Field("status", "status"),
    Field("why", "reason", lambda reason: _REASONS.get(reason, "")),
    Field("tokens", "principal"),
    moment("known since", "firstReportedAt"),
    moment("last report", "reportedAt"),
    Field("account ID", "accountId"),
)


@click.command()
@as_json
def held(as_json: bool) -> None:
    """List accounts that authorities report and nobody asked for.

    Those that are held have money on them, or belong to a customer. Nothing is done about them until you adopt or
    discard them. The others are being decided about, or deleted, without you.

    Reads the databases in APP_WORKER_POSTGRES_URLS, or the one in WORKER_POSTGRES_URL. Exits with status 1 when
    accounts are held.
    """
    rows = ask_all(
        "select debtor_id, collector_id, status, reason, principal, first_reported_at, reported_at, account_id"
        " from worker.held_accounts()"
    )
    print_rows(_FIELDS, rows, as_json)
    if any(row[2] == "held" for row in rows):
        sys.exit(1)


@click.command(context_settings=NEGATIVE_IDS)
@DEBTOR
@COLLECTOR
@by
def adopt(debtor_id: int, collector_id: int, by: str) -> None:
    """Make an account that is held a collector of its currency, with all its money.

    It trades from the next turn on. To get rid of it, adopt it and `remove` it: then its money goes to another
    collector.
    """
    decide("select worker.adopt_held_account(%s, %s, %s)", (debtor_id, collector_id, by), _UNKNOWN_HERE)
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
@by
def discard(debtor_id: int, collector_id: int, give_away: int, by: str) -> None:
    """Have an account that is held deleted.

    With more tokens on it than you give away, it stays: the authority itself refuses then.
    """
    parameters = (debtor_id, collector_id, give_away, by)
    decide("select worker.discard_held_account(%s, %s, %s, %s)", parameters, _UNKNOWN_HERE)
    click.echo("its authority has been asked to delete the account")

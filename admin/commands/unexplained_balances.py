"""`swpt-trade transfers unexplained`: tokens on collectors' accounts that nothing explains since a step back."""

from __future__ import annotations

import sys
from typing import Any

import click

from admin.commands.collector_arguments import read_id, show_id
from admin.commands.operator import by
from admin.commands.tables import Field, as_json, identity, moment, print_rows
from admin.commands.worker_databases import ask_all

_FIELDS = (
    identity("currency", "debtorId"),
    identity("collector", "collectorId"),
    Field("account ID", "accountId"),
    Field("on it", "balance"),
    Field("explained", "explained"),
    Field("unexplained", "unexplained"),
    Field("unseen", "unseenTransfers"),
    moment("last change", "lastChange"),
    moment("since", "since"),
    moment("settled", "settledAt"),
    Field("by", "settledBy", lambda name: name or ""),
)


def _read_account(_context: click.Context, _parameter: click.Parameter, value: Any) -> tuple[int, int] | None:
    return None if value is None else (read_id(value[0]), read_id(value[1]))


@click.command()
@click.option(
    "--settled",
    "account",
    nargs=2,
    metavar="DEBTOR COLLECTOR",
    callback=_read_account,
    help="Take this account off the list: what was on it was paid, or stays.",
)
@by
@as_json
def unexplained(account: tuple[int, int] | None, by: str, as_json: bool) -> None:
    """List tokens on collectors' accounts that nothing explains since databases stepped back.

    What came in for a turn that all databases have forgotten is on the collector's account at the authority. Listed
    are accounts with transfers of which their database was not told (unseen, at most), and with more tokens than
    it can explain by surplus, by what it owes, and by rounding. Whose they are, the authority can tell, by the notes of
    these transfers. The list is complete about two hours after the last thing in doubt is settled.

    Exits with status 1 when some were not settled.
    """
    if account is not None:
        tokens = sum(row[0] for row in ask_all("select worker.settle_unexplained(%s, %s, %s)", (*account, by)))
        if not tokens:
            raise click.ClickException(f"nothing is listed of {show_id(account[0])} and {show_id(account[1])}")
        click.echo(f"{tokens} tokens are settled")
        return
    rows = ask_all(
        "select debtor_id, collector_id, account_id, balance, explained, unexplained, unseen_transfers,"
        " last_change_ts, noticed_at, settled_at, settled_by"
        " from worker.unexplained_balances()"
    )
    print_rows(_FIELDS, rows, as_json)
    if any(row[-2] is None for row in rows):
        sys.exit(1)

"""`swpt-trade transfers …`: payments of which nobody knows whether they were made, since a database stepped back."""

from __future__ import annotations

import sys
from typing import Any

import click

from admin.commands import lost_payments, unexplained_balances
from admin.commands.collector_arguments import COLLECTOR, DEBTOR, NEGATIVE_IDS, read_id
from admin.commands.operator import by
from admin.commands.tables import Field, as_json, identity, print_rows
from admin.commands.worker_databases import ask_all
from admin.commands.worker_databases import decide as tell_worker

_UNKNOWN_HERE = "ST088"

_STATES = {
    "waiting": "an earlier request may still be under way until {until}",
    "asking": "the authority is asked",
    "settling": "it was not made, and is about to be tried again",
    "yours": "more has moved on the account than is known here: decide",
}

_PAYERS = {"collecting": "seller", "sending": "collector"}


@click.group()
def transfers() -> None:
    """Payments of collectors that are in doubt.

    A database that was restored, or promoted without its last commits, may have made payments that it does not know
    of. It holds all that it has not finished, and finds out by itself which were not made. The rest is for you.
    """


def _waits(state: tuple[str, Any]) -> str:
    return _STATES[state[0]].format(until=state[1].isoformat(sep=" ", timespec="seconds"))


_FIELDS = (
    Field("turn", "turnId"),
    identity("currency", "debtorId"),
    identity("from collector", "collectorId"),
    identity("to", "recipientId"),
    Field("who is a", "isDispatching", lambda is_dispatching: "buyer" if is_dispatching else "collector"),
    Field("tokens", "amount"),
    Field("state", "state", _waits, lambda state: {"name": state[0], "until": state[1]}),
)


@transfers.command()
@as_json
def held(as_json: bool) -> None:
    """List the payments in doubt, and what each of them waits for.

    Reads the databases in APP_WORKER_POSTGRES_URLS, or the one in WORKER_POSTGRES_URL. Exits with status 1 when you
    have to decide about some.
    """
    rows = [
        (*row, (state, until))
        for *row, state, until in ask_all(
            "select turn_id, debtor_id, collector_id, creditor_id, is_dispatching, amount, state, held_until"
            " from worker.held_transfers()"
        )
    ]
    print_rows(_FIELDS, rows, as_json)
    if any(row[-1][0] == "yours" for row in rows):
        sys.exit(1)


@transfers.command(context_settings=NEGATIVE_IDS)
@click.argument("turn_id", metavar="TURN", type=click.IntRange(-(2**31), 2**31 - 1))
@DEBTOR
@COLLECTOR
@click.argument("recipient_id", metavar="RECIPIENT", callback=lambda _context, _parameter, value: read_id(value))
@click.argument("decision", type=click.Choice(["paid", "again"]))
@click.option("--to-collector", is_flag=True, help="The recipient is another collector, not a buyer.")
@by
def decide(
    turn_id: int, debtor_id: int, collector_id: int, recipient_id: int, decision: str, to_collector: bool, by: str
) -> None:
    """Decide about a payment in doubt: it was made (paid), or was not and is to be tried again (again).

    Whether it was made, the accounting authority of the currency knows, or the recipient. Before the time that
    `transfers held` shows, nothing is tried again: an earlier request may still be under way.
    """
    tell_worker(
        "select worker.decide_transfer(%s, %s, %s, %s, %s, %s, %s)",
        (
            collector_id,
            turn_id,
            debtor_id,
            recipient_id,
            not to_collector,
            "paid" if decision == "paid" else "try again",
            by,
        ),
        _UNKNOWN_HERE,
    )
    click.echo("it counts as paid" if decision == "paid" else "it is tried again")


_EXPECTED_FIELDS = (
    Field("turn", "turnId"),
    identity("currency", "debtorId"),
    identity("collector", "collectorId"),
    identity("payer", "payerId"),
    Field("is a", "kind", lambda kind: _PAYERS[kind]),
    Field("tokens", "amount"),
)


@transfers.command()
@as_json
def expected(as_json: bool) -> None:
    """List payments to collectors that may have come in the time which a database lost.

    More has moved on these collectors' accounts than their database knows. What has not come is waited for; what has
    come, and is not known, is waited for in vain, and so are the buyers. Exits with status 1 when there are some.
    """
    rows = ask_all(
        "select turn_id, debtor_id, collector_id, other_id, kind, amount from worker.list_expected_payments()"
    )
    print_rows(_EXPECTED_FIELDS, rows, as_json)
    if rows:
        sys.exit(1)


@transfers.command(context_settings=NEGATIVE_IDS)
@click.argument("turn_id", metavar="TURN", type=click.IntRange(-(2**31), 2**31 - 1))
@DEBTOR
@COLLECTOR
@click.argument("payer_id", metavar="PAYER", callback=lambda _context, _parameter, value: read_id(value))
@click.argument("decision", type=click.Choice(["came", "never"]))
@click.option("--from-collector", is_flag=True, help="The payer is another collector, not a seller.")
@by
def received(
    turn_id: int, debtor_id: int, collector_id: int, payer_id: int, decision: str, from_collector: bool, by: str
) -> None:
    """Decide about a payment that `transfers expected` lists: it has come (came), or never will (never).

    The accounting authority of the currency knows, and the payer. What came goes to the buyers, as much as was
    expected; of what never comes they go short.
    """
    tell_worker(
        "select worker.decide_expected_payment(%s, %s, %s, %s, %s, %s, %s)",
        (
            "sending" if from_collector else "collecting",
            collector_id,
            turn_id,
            debtor_id,
            payer_id,
            decision == "came",
            by,
        ),
        _UNKNOWN_HERE,
    )
    click.echo("it counts as received" if decision == "came" else "nobody waits for it any more")


@transfers.command()
@click.confirmation_option(prompt="Is it certain that the database has lost no commit?")
@by
def nothing_lost(by: str) -> None:
    """Go on as if nothing had happened, after a planned change of servers.

    Only when the old server had been stopped, and the new one had received everything. Otherwise payments are made
    twice.
    """
    total = sum(row[0] for row in ask_all("select worker.end_doubts(%s)", (by,)))
    click.echo(f"{total} payments go on")


for _command in (*lost_payments.COMMANDS, unexplained_balances.unexplained):
    transfers.add_command(_command)

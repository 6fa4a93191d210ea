"""`swpt-trade transfers lost|refund`: payments that came in for turns whose results are lost."""

from __future__ import annotations

import sys
from typing import Any, LiteralString

import click

from admin.commands.operator import operator_name
from admin.commands.tables import Field, as_json, identity, moment, print_rows
from admin.commands.worker_databases import ask_all

_PAYERS = {"collecting": "seller", "sending": "collector"}


_FIELDS = (
    Field("turn", "turnId"),
    identity("currency", "debtorId"),
    identity("collector", "collectorId"),
    identity("payer", "payerId"),
    Field("is a", "kind", lambda kind: _PAYERS[kind]),
    Field("tokens", "amount"),
    moment("since", "since"),
)
_ALL_FIELDS = (*_FIELDS, moment("refunded", "refundedAt"), Field("by", "refundedBy", lambda name: name or ""))


@click.command()
@as_json
def lost(as_json: bool) -> None:
    """List payments that reached collectors for turns whose results exist nowhere any more.

    Exits with status 1 when some were not refunded.
    """
    rows = _lost_payments("true", ())
    print_rows(_ALL_FIELDS, rows, as_json)
    if any(row[-2] is None for row in rows):
        sys.exit(1)


@click.command()
@click.argument("turn_id", metavar="TURN", type=click.IntRange(1, 2**31 - 1))
@click.option("--dry-run", is_flag=True, help="Show what would be paid back, and do nothing.")
def refund(turn_id: int, dry_run: bool) -> None:
    """Pay back what came in for a turn whose result is lost, each payment once.

    The collectors pay it, whole and without a cut (less negative interest, which they have borne). Repeat it when more
    comes in later.
    """
    if dry_run:
        rows = _lost_payments("turn_id = %s and refunded_at is null", (turn_id,))
        print_rows(_FIELDS, [row[:-2] for row in rows], is_json=False)
        return
    paid = ask_all("select worker.refund_lost_payments(%s, %s)", (turn_id, operator_name()))
    total = sum(row[0] for row in paid)
    click.echo(f"{total} payments are being made to pay back what came in for turn {turn_id}")


def _lost_payments(condition: LiteralString, parameters: tuple[int, ...]) -> list[tuple[Any, ...]]:
    return ask_all(
        "select turn_id, debtor_id, collector_id, other_id, kind, amount, inserted_at, refunded_at, refunded_by"
        " from worker.lost_payments() where " + condition,
        parameters,
    )


COMMANDS = (lost, refund)

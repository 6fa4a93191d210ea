"""`swpt-trade transfers lost|refund`: payments that came in for turns whose results are lost."""

from __future__ import annotations

import sys
from typing import Any, LiteralString

import click

from admin.commands.operator import by
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
_PAID_OUT = Field("paid out", "paidOut")
_ALL_FIELDS = (
    *_FIELDS,
    _PAID_OUT,
    moment("refunded", "refundedAt"),
    Field("by", "refundedBy", lambda name: name or ""),
)


_OPEN = (
    "turn_id = %s and refunded_at is null"
    " and debtor_id = coalesce(%s::bigint, debtor_id) and collector_id = coalesce(%s::bigint, collector_id)"
)


@click.command()
@as_json
def lost(as_json: bool) -> None:
    """List payments that reached collectors for turns whose results exist nowhere any more.

    "Paid out" are tokens that the collector was seen to pay for the turn all the same, or to pay back to this payer:
    its database, restored since then, has forgotten that. `refund` leaves such payments alone.

    Exits with status 1 when some were not refunded.
    """
    rows = _lost_payments("true", ())
    print_rows(_ALL_FIELDS, rows, as_json)
    if any(row[-2] is None for row in rows):
        sys.exit(1)


@click.command()
@click.argument("turn_id", metavar="TURN", type=click.IntRange(1, 2**31 - 1))
@click.option("--currency", "debtor_id", metavar="DEBTOR", type=int, help="Only what came in of this currency.")
@click.option("--collector", "collector_id", metavar="COLLECTOR", type=int, help="Only what came to this collector.")
@click.option("--settled", is_flag=True, help="Pay nothing: these payments were passed on or settled otherwise.")
@click.option("--dry-run", is_flag=True, help="Show what would be paid back, and do nothing.")
@by
def refund(
    turn_id: int, debtor_id: int | None, collector_id: int | None, settled: bool, dry_run: bool, by: str
) -> None:
    """Pay back what came in for a turn whose result is lost, each payment once.

    The collectors pay it, whole and without a cut (less negative interest, which they have borne). What a collector has
    paid out already is left alone. Repeat it when more comes in later.
    """
    chosen = (turn_id, debtor_id, collector_id)
    rows = [row for row in _lost_payments(_OPEN, chosen) if settled or not row[-3]]
    if dry_run:
        print_rows(_FIELDS, [row[:-3] for row in rows], is_json=False)
        return
    decision = (turn_id, by, debtor_id, collector_id, settled)
    total = sum(row[0] for row in ask_all("select worker.refund_lost_payments(%s, %s, %s, %s, %s)", decision))
    if settled:
        click.echo(f"{total} payments for turn {turn_id} are settled")
        return
    click.echo(f"{total} payments are being made to pay back what came in for turn {turn_id}")
    if left := len(_lost_payments(_OPEN, chosen)):
        click.echo(f"{left} payments are left alone, see `swpt-trade transfers lost`", err=True)


def _lost_payments(condition: LiteralString, parameters: tuple[int | None, ...]) -> list[tuple[Any, ...]]:
    return ask_all(
        "select turn_id, debtor_id, collector_id, other_id, kind, amount, inserted_at,"
        " paid_out, refunded_at, refunded_by"
        " from worker.lost_payments() where " + condition,
        parameters,
    )


COMMANDS = (lost, refund)

"""The page about one collector account: what the solver and its shard know of it, and whether it can be removed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import flask
import psycopg
from psycopg.types.json import Jsonb

from admin.web.access_rules import needs
from admin.web.dashboard_log import in_words
from admin.web.dashboard_words import moment, number
from admin.web.database import Connection, Database, Row
from admin.web.identifiers import to_unsigned
from admin.web.services import services
from sql.connections import is_trouble
from sql.statuses import CollectorStatus
from sql.statuses import in_words as status_in_words

logger = logging.getLogger(__name__)

blueprint = flask.Blueprint("collectors", __name__, url_prefix="/collectors")

COUNT_LIMIT = 10_000
"""Payments of each table are counted up to this number."""

SHOWN_TURNS = 20
SHOWN_ACTIONS = 20

STATUSES = {status.value: status_in_words(status) for status in CollectorStatus}

MEANINGS = {
    CollectorStatus.PRISTINE.value: "Its shard has not asked for an account yet; it does within a minute or so.",
    CollectorStatus.REQUESTED.value: "Its shard has asked the accounting authority for an account, and waits for it.",
    CollectorStatus.ACTIVE.value: "It takes part in new turns.",
    CollectorStatus.DISABLED.value: "No new turn uses it. What is under way goes on.",
}

PAYMENTS = {
    ("from sellers", "expected"): "Sellers have to pay",
    ("from sellers", "arrived"): "Sellers have paid",
    ("from sellers", "early"): "Sellers have paid, and the result of the turn is not here",
    ("from collectors", "expected"): "Other collectors have to pay",
    ("from collectors", "arrived"): "Other collectors have paid",
    ("from collectors", "early"): "Other collectors have paid, and the result of the turn is not here",
    ("of its own", "to sell"): "Locked of its own money, to sell",
    ("of its own", "to buy"): "Locked to buy for itself",
}
"""What payments are that come in, or do not move, by their way and state."""

WAYS = {
    "to collectors": "To other collectors",
    "to buyers": "To buyers",
    "back to payers": "Back to those who paid for a lost turn",
    "of its rest": "What is left, to another collector",
}
PAYMENT_STATES = {
    "owed": "owed, to be paid when it has been paid itself",
    "ordered": "about to be tried",
    "under way": "being tried",
    "to be repeated": "failed, and tried again later",
    "in doubt": "in doubt since the database stepped back",
    "failed": "failed for good",
}
"""What becomes of payments that go out."""


@dataclass(frozen=True, slots=True)
class Shard:
    """What a worker database knows of a collector; `account` None: it does not answer."""

    worker: int
    key: str | None = None
    account: Row | None = None
    payments: Sequence[Row] = ()
    turns: Sequence[Row] = ()
    actions: Sequence[Row] = ()

    @property
    def knows_it(self) -> bool:
        """Whether the account has a row here."""
        row = self.account or {}
        return any((row.get("is_needed"), row.get("has_account"), row.get("unknown_status")))

    @property
    def should_know_it(self) -> bool:
        """Whether it would be here if there were anything of it."""
        return bool((self.account or {}).get("is_own"))


@blueprint.get("/<id:debtorId>/<id:collectorId>")
@needs("access.readonly")
def collector(debtorId: int, collectorId: int) -> str:
    """A collector: its status, its account, its payments, its removal, and what people decided about it."""
    subject = Jsonb({"debtor_id": debtorId, "collector_id": collectorId})
    with services().solver.transaction() as connection:
        known = connection.execute("select * from solver.collector_state(%s, %s)", (debtorId, collectorId)).fetchone()
        actions = connection.execute(
            "select * from solver.list_actions(null, %s, %s)", (subject, SHOWN_ACTIONS)
        ).fetchall()
    shards = [_shard(n, database, debtorId, collectorId, subject) for n, database in enumerate(services().workers)]
    if known is not None and known["status"] is None:
        known = None
    seen = [shard for shard in shards if shard.knows_it or shard.should_know_it]
    if known is None and not any(shard.knows_it or not shard.account for shard in shards):
        flask.abort(404)
    return flask.render_template(
        "collector.html",
        is_live=True,
        debtor_id=debtorId,
        collector_id=collectorId,
        known=known,
        status=known and STATUSES[known["status"]],
        meaning=known and MEANINGS[known["status"]],
        removal=list(removal(known, next((s.account for s in seen if s.account), None))),
        shards=seen,
        unreachable=[shard.worker for shard in shards if shard.account is None],
        payment_in_words=payment_in_words,
        progress=progress,
        count_limit=COUNT_LIMIT,
        actions=_in_order(("solver", actions), *((f"worker {shard.worker}", shard.actions) for shard in seen)),
    )


def _shard(worker: int, database: Database, debtor_id: int, collector_id: int, subject: Jsonb) -> Shard:
    try:
        with database.transaction() as connection:
            return _ask(worker, connection, (collector_id, debtor_id), subject)
    except psycopg.Error as error:
        if not is_trouble(error):
            raise
        logger.warning("worker database %s can not be read: %s", worker, error)
        return Shard(worker)


def _ask(worker: int, connection: Connection, account: tuple[int, int], subject: Jsonb) -> Shard:
    shard = Shard(
        worker,
        (connection.execute("select binding_key from worker.configuration").fetchone() or {}).get("binding_key"),
        connection.execute("select * from worker.collector_account(%s, %s)", account).fetchone() or {"is_own": False},
    )
    if not (shard.knows_it or shard.should_know_it):
        return shard
    return Shard(
        worker,
        shard.key,
        shard.account,
        connection.execute("select * from worker.collector_payments(%s, %s, %s)", (*account, COUNT_LIMIT)).fetchall(),
        connection.execute("select * from worker.collector_turns(%s, %s, %s)", (*account, SHOWN_TURNS)).fetchall(),
        connection.execute("select * from worker.list_actions(null, %s, %s)", (subject, SHOWN_ACTIONS)).fetchall(),
    )


def payment_in_words(row: Row) -> str:
    """What payments of this way and state are."""
    known = PAYMENTS.get((row["way"], row["state"]))
    return known or f"{WAYS[row['way']]}: {PAYMENT_STATES[row['state']]}"


def progress(turn: Row) -> str:
    """What a collector is at in a turn."""
    if turn["started_dispatching"]:
        return "pays buyers"
    if turn["all_sent"]:
        return "waits for other collectors"
    return "pays other collectors" if turn["started_sending"] else "waits for sellers"


def removal(known: Row | None, account: Row | None) -> Iterator[str]:
    """Whether a collector may be removed, or how far its removal is and what it waits for, in sentences.

    `account` is what its shard knows, None if nobody can be asked.
    """
    if known is None:
        yield (
            "The solver does not know it. Its shard tells the solver of collectors that it needs; accounts that nobody "
            "asked for wait for a decision, or are deleted when there is no money on them."
        )
        return
    if known["status"] != CollectorStatus.DISABLED.value:
        yield "swpt-trade collectors remove takes it out of trade for good, at any time: payments under way go on."
        if not known["other_remaining"]:
            yield (
                "It is the last one of its currency that is not disabled, so the currency would be blocked as well, "
                "and its money would stay with it until you add another collector."
            )
        elif not known["other_active"]:
            yield "No other collector of its currency is active yet; its money would wait for one."
    else:
        yield from _steps_of_removal(known, account)
    if account is None:
        yield "No database that this server looks into knows the account, so what is on it is not known here."


def _steps_of_removal(known: Row, account: Row | None) -> Iterator[str]:
    if account is not None:
        begins_at = known["latest_status_change_at"] + account["removal_delay"]
        if begins_at > account["seen_at"]:
            yield f"Money may be under way to it until {moment(begins_at)}. Only then its removal begins."
        elif known["removal"] is None:
            yield (
                f"Its removal should have begun at {moment(begins_at)}: its worker takes the steps, a page of "
                "collectors a minute."
            )
    if known["removal"] is not None:
        yield f"Its worker says: {known['removal']}. {REMOVALS[known['removal']]}"
    if account is None:
        return
    if account["has_open_payments"]:
        yield "Payments of turns are open: see below. They end by themselves, at the latest when their scans end them."
    if account["moves_rest_money"]:
        yield "What was left on its account is on its way to another collector."
    elif account["movable_amount"]:
        tokens, heir = number(account["movable_amount"]), known["heir_id"]
        yield (
            f"{tokens} tokens on its account go to collector {to_unsigned(heir)} then."
            if heir is not None
            else f"{tokens} tokens are on its account, and no other collector of its currency is active: add one with "
            "swpt-trade collectors add."
        )
    if account["is_discarded"]:
        yield "Its authority has been told to delete the account."


REMOVALS = {
    "busy": "Payments of turns are still open.",
    "moving": "Its money goes to the active collector of the currency with the lowest ID.",
    "stranded": "There is money on it, and no other active collector to take it: add one.",
    "discarding": "The authority has been asked to delete the account, and is asked again every hour.",
    "asked": "The worker knows of no account; the authority has been asked.",
}
"""What `removal` of the solver's catalogue means."""


def _in_order(*places: tuple[str, Sequence[Row]]) -> list[dict[str, Any]]:
    """Actions of several databases, the newest first."""
    rows = [{**row, "place": place, "about": in_words(row["subject"])} for place, found in places for row in found]
    return sorted(rows, key=lambda row: row["done_at"], reverse=True)[:SHOWN_ACTIONS]

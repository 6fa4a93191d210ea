"""Pages about what waits for a decision: messages that were set aside, accounts that are held, payments in doubt.

Everybody who may look at the dashboard sees it; superusers decide. What is chosen at once is decided at once: all of
it, or, when something of it can not be, nothing. Each decision goes into the log of actions.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import flask
import psycopg
from flask_smorest import abort

from admin.web.access_rules import needs
from admin.web.dashboard_words import number
from admin.web.database import Connection, Row
from admin.web.identifiers import to_signed, to_unsigned
from admin.web.queues import worker_database
from admin.web.roles import current_user, is_superuser, superuser_only
from admin.web.services import services
from sql.connections import is_trouble

logger = logging.getLogger(__name__)

blueprint = flask.Blueprint("held", __name__, url_prefix="/held")

MOST_MESSAGES = 1000
"""Of a worker, in which is searched; the oldest ones."""

SHOWN_MESSAGES = 100

CAUSES = {
    "ST": "This service refused the message: it contradicts what the database knows, or a rule. See the error.",
    "22": "A value in it does not fit: too large, too long, or no number. Who sent it has a fault, or another version.",
    "23": "It breaks a rule between rows: most often something that it relies on came later or never.",
    "42": "The database lacks something that this release needs: run swpt-trade configure, then replay.",
    "53": "The server lacked memory, space or connections. Replay it when it has them again.",
    "54": "It is too large for the server. Replay it when the cause is mended, or discard it.",
    "57": "The server was stopped, or it took too long. Replay it.",
}
"""What errors of a class mean for whoever decides, by the beginning of their SQLSTATE."""

STATES = {
    "waiting": "An earlier request may still be under way; nothing can be tried again before {until}.",
    "asking": "The accounting authority is being asked. Most such payments settle by themselves.",
    "settling": "It was not made, and is about to be tried again.",
    "yours": "Something moved on the account that this database does not know of: ask the accounting authority, or the "
    "recipient, whether this was paid.",
}
_DECISIONS: dict[tuple[str, str], str] = {
    ("messages", "replay"): "{} put back into their queues",
    ("messages", "discard"): "{} given up",
    ("accounts", "adopt"): "{} made collectors; they are active when their authority has confirmed it",
    ("accounts", "discard"): "{} to be deleted by their authority",
    ("payments", "paid"): "{} counted as paid",
    ("payments", "again"): "{} tried again",
    ("payments", "came"): "{} counted as received",
    ("payments", "never"): "{} not waited for any more",
}
"""What was done, for each kind of thing and each decision about it."""

_FOR_GOOD = {
    ("messages", "discard"): "Messages that are discarded are never applied. They stay on record for a year.",
    ("accounts", "discard"): "The money on these accounts goes back to its issuers.",
    ("payments", "paid"): "Who was not paid never will be.",
    ("payments", "again"): "What was paid already is paid a second time.",
    ("payments", "came"): "Buyers are paid what is supposed to have come.",
    ("payments", "never"): "Buyers go short of what does not come.",
}
"""Decisions that nobody can take back, and what they mean. They are asked for twice."""


@dataclass(frozen=True, slots=True)
class Held:
    """What waits in a worker database. `key` is its shard; `is_reachable` false: nothing is known."""

    worker: int
    key: str
    is_reachable: bool
    messages: Sequence[Row] = ()
    found: int = 0
    accounts: Sequence[Row] = ()
    payments: Sequence[Row] = ()
    expected: Sequence[Row] = ()

    @property
    def count(self) -> int:
        """All that was found."""
        return self.found + len(self.accounts) + len(self.payments) + len(self.expected)


@blueprint.get("/")
@needs("access.readonly")
def page() -> str:
    """Everything that waits; with `q` in the address, what has this text in it."""
    wanted = flask.request.args.get("q", "").strip()
    return flask.render_template(
        "held.html",
        is_live=True,
        wanted=wanted,
        workers=[_held(worker, wanted.lower()) for worker in range(len(services().workers))],
        may_decide=is_superuser(),
        done=_done(),
        states=STATES,
    )


@blueprint.get("/<number:workerNumber>/messages/<number:setAsideId>")
@needs("access.readonly")
def message(workerNumber: int, setAsideId: int) -> str:
    """One message that was set aside, as a whole."""
    row = worker_database(workerNumber).row("select * from worker.find_set_aside(%s)", (setAsideId,))
    if row is None:
        flask.abort(404)
    return flask.render_template(
        "held_message.html", worker=workerNumber, message=_readable(row), may_decide=is_superuser()
    )


@blueprint.post("/<number:workerNumber>/<any('messages', 'accounts', 'payments'):kind>")
@superuser_only
@needs("access")
def decide(workerNumber: int, kind: str) -> flask.typing.ResponseReturnValue:
    """Decides about what is chosen in the form; what can not be taken back, is asked for once more."""
    form = flask.request.form
    chosen, decision = form.getlist("chosen"), form.get("decision", "")
    if (kind, decision) not in _DECISIONS:
        abort(400, message="There is no such decision.")
    if not chosen:
        return _answer("nothing", kind, 0)
    if (kind, decision) in _FOR_GOOD and form.get("sure") != "yes":
        return flask.render_template(
            "held_sure.html",
            worker=workerNumber,
            kind=kind,
            decision=decision,
            chosen=chosen,
            tokens=form.get("tokens", ""),
            meaning=_FOR_GOOD[kind, decision],
        )
    try:
        with worker_database(workerNumber).transaction() as connection:
            count = _decide(connection, kind, decision, chosen, form.get("tokens", ""))
    except ValueError:
        abort(400, message="The form is not filled in as it should be.")
    except psycopg.DatabaseError as error:
        if not (error.sqlstate or "").startswith("ST"):
            raise
        said = ": ".join(filter(None, (error.diag.message_primary, error.diag.message_detail)))
        abort(409, message=f"Nothing was done: {said}. {error.diag.message_hint or ''}")
    logger.info("%s %s of worker %s: %s, by %s", count, kind, workerNumber, decision, current_user())
    return _answer(decision, kind, count)


def _decide(connection: Connection, kind: str, decision: str, chosen: Sequence[str], tokens: str) -> int:
    """Decides about all that was chosen; returns about how many."""
    by = current_user()
    if kind == "messages":
        query: LiteralString = (
            "select worker.replay_set_aside(%s, %s) as count"
            if decision == "replay"
            else "select worker.discard_set_aside(%s, %s) as count"
        )
        row = connection.execute(query, ([_whole(text, 63) for text in chosen], by)).fetchone()
        return int(row["count"]) if row else 0
    for item in chosen:
        parts = item.split(" ")
        if kind == "accounts":
            debtor_id, collector_id = map(to_signed, parts)
            if decision == "adopt":
                connection.execute("select worker.adopt_held_account(%s, %s, %s)", (debtor_id, collector_id, by))
            else:
                connection.execute(
                    "select worker.discard_held_account(%s, %s, %s, %s)",
                    (debtor_id, collector_id, max(_whole(tokens or "2", 63), 2), by),
                )
            continue
        way, turn, *ids = parts
        collector_id, debtor_id, other_id = map(to_signed, ids)
        if way in ("buyer", "collector") and decision in ("paid", "again"):
            connection.execute(
                "select worker.decide_transfer(%s, %s, %s, %s, %s, %s, %s)",
                (
                    collector_id,
                    _whole(turn, 31),
                    debtor_id,
                    other_id,
                    way == "buyer",
                    "paid" if decision == "paid" else "try again",
                    by,
                ),
            )
        elif way in ("collecting", "sending") and decision in ("came", "never"):
            connection.execute(
                "select worker.decide_expected_payment(%s, %s, %s, %s, %s, %s, %s)",
                (way, collector_id, _whole(turn, 31), debtor_id, other_id, decision == "came", by),
            )
        else:
            raise ValueError(way)
    return len(chosen)


def _whole(text: str, bits: int) -> int:
    """A whole number that fits into so many bits. Raises ValueError."""
    number = int(text)
    if not 0 <= number < 2**bits:
        raise ValueError(text)
    return number


def _answer(decision: str, kind: str, count: int) -> flask.typing.ResponseReturnValue:
    """Back to the page, which says what was done."""
    return flask.redirect(flask.url_for("dashboard.held.page", done=decision, kind=kind, count=count), 303)


def _done() -> str:
    """What the address says that was done just now."""
    arguments = flask.request.args
    count, kind = arguments.get("count", 0, type=int), arguments.get("kind", "")
    text = _DECISIONS.get((kind, arguments.get("done", "")))
    if text is not None and count > 0:
        return f"{text.format(f'{number(count)} {kind if count > 1 else kind[:-1]}')}.".capitalize()
    if "done" in arguments:
        return "Nothing was done: nothing was chosen, or it is decided already, or belongs to another shard."
    return ""


def _held(worker: int, wanted: str) -> Held:
    try:
        with worker_database(worker).transaction() as connection:
            key = (connection.execute("select binding_key from worker.configuration").fetchone() or {}).get(
                "binding_key"
            )

            def rows(query: LiteralString, *parameters: object) -> list[Row]:
                return connection.execute(query, parameters).fetchall()

            messages = rows("select * from worker.list_set_aside(null, %s)", MOST_MESSAGES)
            accounts = rows("select * from worker.held_accounts() where status = 'held'")
            payments = rows("select * from worker.held_transfers()")
            expected = rows("select * from worker.list_expected_payments()")
    except psycopg.Error as error:
        if not is_trouble(error):
            raise
        logger.warning("worker database %s can not be read: %s", worker, error)
        return Held(worker, "", False)
    found = _with(wanted, messages, _text_of_message)
    return Held(
        worker,
        key or "",
        True,
        [_readable(row) for row in found[:SHOWN_MESSAGES]],
        len(found),
        _with(wanted, accounts, _text_of_ids),
        _with(wanted, payments, _text_of_ids),
        _with(wanted, expected, _text_of_ids),
    )


def _with(wanted: str, rows: Sequence[Row], text_of: Callable[[Row], str]) -> list[Row]:
    return [row for row in rows if wanted in text_of(row).lower()]


def _text_of_message(row: Row) -> str:
    texts = (row["set_aside_id"], row["queue"], row["message_type"], row["sqlstate"], row["error"])
    return " ".join([*map(str, texts), json.dumps(row["body"], ensure_ascii=False)])


def _text_of_ids(row: Row) -> str:
    """As the page writes them, and as the database does."""
    values = [str(value) for value in row.values()]
    return " ".join([*values, *(to_unsigned(value) for value in row.values() if type(value) is int and value < 0)])


def _readable(row: Row) -> dict[str, Any]:
    """A message with its body as text, and what its error means."""
    body = json.dumps(row["body"], indent=2, ensure_ascii=False)
    cause = CAUSES.get(row["sqlstate"][:2], "An error that nobody expected here: look into the log of the worker.")
    return {**row, "text": body, "cause": cause}

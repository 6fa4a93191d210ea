"""Pages about currencies: all that have collectors, and each with its collectors and what the last turns did in it."""

from __future__ import annotations

from typing import Any

import flask

from admin.web.access_rules import needs
from admin.web.blueprint import page as part
from admin.web.currency_results import find_currencies
from admin.web.identifiers import to_signed, to_unsigned
from admin.web.services import services
from pipelines.names import CurrencyName
from pipelines.solver.archived import NotArchived
from sql.statuses import CollectorStatus, in_words

blueprint = flask.Blueprint("currencies", __name__, url_prefix="/currencies")

CURRENCIES_OF_A_PAGE = 50
TURNS = 5
"""Archived turns in which a currency is looked for, the latest ones."""

STATUSES = {status.value: in_words(status) for status in CollectorStatus}


@blueprint.get("/")
@needs("access.readonly")
def page() -> flask.typing.ResponseReturnValue:
    """The currencies with collectors, by ID, those after `after`; `id` in the address leads to one."""
    wanted, message = flask.request.args.get("id", "").strip(), ""
    if wanted:
        if (debtor_id := _id(wanted)) is not None:
            return flask.redirect(flask.url_for("dashboard.currencies.currency", debtorId=debtor_id), 303)
        message = "An ID is a whole number of at most 64 bits."
    after = _id(flask.request.args.get("after", ""))
    with services().solver.transaction() as connection:
        totals = connection.execute("select * from solver.count_all_collectors()").fetchone()
        rows, has_more = part(
            connection.execute(
                "select * from solver.count_collectors(%s, %s)", (after, CURRENCIES_OF_A_PAGE + 1)
            ).fetchall(),
            CURRENCIES_OF_A_PAGE,
        )
    return flask.render_template(
        "currencies.html",
        totals=totals,
        currencies=rows,
        after=after,
        message=message,
        further=to_unsigned(rows[-1]["debtor_id"]) if has_more else None,
    )


@blueprint.get("/<id:debtorId>")
@needs("access.readonly")
def currency(debtorId: int) -> str:
    """A currency: its collectors, and what the last archived turns did in it."""
    results: list[dict[str, Any]] = []
    with services().solver.transaction() as connection:
        collectors = connection.execute("select * from solver.debtor_collectors(%s, null)", (debtorId,)).fetchall()
        turns = connection.execute(
            "select distinct turn_id from solver.archived_turns() order by turn_id desc limit %s", (TURNS,)
        ).fetchall()
        for turn in turns:
            try:
                found = find_currencies(connection, turn["turn_id"], [debtorId]).get(debtorId)
            except NotArchived:
                continue
            if found is not None:
                results.append({"turn_id": turn["turn_id"], "result": found})
    latest = results[0]["result"] if results else None
    return flask.render_template(
        "currency.html",
        debtor_id=debtorId,
        collectors=collectors,
        statuses=STATUSES,
        results=results,
        name=latest and CurrencyName(latest.name, latest.abbreviation).in_words(),
    )


def _id(text: str) -> int | None:
    """The signed ID that an unsigned one, or a signed one, stands for; None: it is none."""
    try:
        return int(text) if text.startswith("-") and int(text) >= -(2**63) else to_signed(text)
    except ValueError:
        return None

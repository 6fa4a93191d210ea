"""A page for operators: what goes on right now. Read-only.

`/trade/dashboard/` is made from the databases and needs a token like every other resource. Browsers send none, so
`/trade/dashboard/public` is an empty page that asks for a token and fetches the other one with it, again and again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import flask

from admin.web.access_rules import needs
from admin.web.identifiers import to_unsigned
from admin.web.queues import COUNT_LIMIT, all_queues
from admin.web.services import services
from admin.web.set_aside import oldest_set_aside
from admin.web.turns import latest_turns
from pipelines.texts import shown
from sql.statuses import TurnPhase, in_words

blueprint = flask.Blueprint("dashboard", __name__, url_prefix="/trade/dashboard", template_folder="templates")

PHASES = {phase.value: in_words(phase) for phase in TurnPhase}
LATEST_TURNS = 10
CURRENCIES = 20
SET_ASIDE_MESSAGES = 10

_ASSETS = {"style.public": ("style.css", "text/css"), "script.public": ("script.js", "text/javascript")}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@blueprint.get("/public")
@needs(None)
def shell() -> str:
    """The empty page, which asks for a token."""
    return flask.render_template("shell.html")


@blueprint.get("/<any('style.public', 'script.public'):name>")
@needs(None)
def asset(name: str) -> flask.Response:
    """Script and style of the page."""
    file, mimetype = _ASSETS[name]
    return flask.send_from_directory(f"{blueprint.root_path}/static", file, mimetype=mimetype)


@blueprint.get("/")
@needs("access.readonly")
def page() -> str:
    """The page with what the databases say."""
    with services().solver.transaction() as connection:
        now = connection.execute("select solver.now() as now").fetchone() or {}
        turns = latest_turns(connection, None, LATEST_TURNS)
        current = turns[0] if turns and turns[0]["phase"] < TurnPhase.DONE else None
        rows = (
            current and connection.execute("select * from solver.count_turn_rows(%s)", (current["turn_id"],)).fetchone()
        )
        step_back = connection.execute("select * from solver.step_back_status()").fetchone()
        totals = connection.execute("select * from solver.count_all_collectors()").fetchone()
        currencies = connection.execute("select * from solver.count_collectors(null, %s)", (CURRENCIES,)).fetchall()
    return flask.render_template(
        "dashboard.html",
        now=now["now"],
        turns=turns,
        current=current,
        rows=rows,
        step_back=step_back,
        totals=totals,
        currencies=currencies,
        workers=[_shard(worker) for worker in all_queues()],
        phases=PHASES,
        count_limit=COUNT_LIMIT,
    )


@blueprint.after_request
def _protect(response: flask.Response) -> flask.Response:
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _shard(worker: dict[str, Any]) -> dict[str, Any]:
    """A worker with the queues in which something waits, the total of each kind, and what was set aside."""
    kinds: dict[str, dict[str, Any]] = {}
    for queue in worker["queues"]:
        kind = kinds.setdefault(queue["kind"], {"messages": 0, "oldest_seconds": 0.0})
        kind["messages"] += queue["messages"]
        kind["oldest_seconds"] = max(kind["oldest_seconds"], queue["oldest_seconds"])
    is_trouble = "set_aside" in kinds and kinds["set_aside"]["messages"] > 0
    messages = oldest_set_aside(worker["worker"], SET_ASIDE_MESSAGES) if is_trouble else []
    waiting = [queue for queue in worker["queues"] if queue["messages"]]
    return {**worker, "kinds": kinds, "waiting": waiting, "set_aside": messages}


@blueprint.app_template_filter("moment")
def show_moment(moment: datetime | None) -> str:
    """`2026-01-05 02:00 UTC`."""
    return "–" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


@blueprint.app_template_filter("span")
def show_span(span: timedelta | float) -> str:
    """A length of time in its two largest units: `2 h 5 min`."""
    seconds = int(span.total_seconds() if isinstance(span, timedelta) else span)
    parts: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, length)
        if count or parts or unit == "s":
            parts.append(f"{count} {unit}")
    return " ".join(part for part in parts[:2] if len(parts) == 1 or not part.startswith("0 "))


@blueprint.app_template_filter("number")
def show_number(number: int) -> str:
    """With a thin space between thousands."""
    return f"{number:,}".replace(",", "\N{THIN SPACE}")


blueprint.add_app_template_filter(to_unsigned, "unsigned")
blueprint.add_app_template_filter(shown)

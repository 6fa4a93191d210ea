"""The first page of the dashboard: what goes on right now."""

from __future__ import annotations

from typing import Any

import flask

from admin.web.access_rules import needs
from admin.web.dashboard_turns import PHASES, history_charts
from admin.web.health_advice import health_advice
from admin.web.queues import COUNT_LIMIT, all_queues
from admin.web.services import services
from admin.web.set_aside import oldest_set_aside
from admin.web.turn_history import turn_history
from admin.web.turns import latest_turns
from sql.statuses import TurnPhase

LATEST_TURNS = 30
CURRENCIES = 20
SET_ASIDE_MESSAGES = 10

blueprint = flask.Blueprint("overview", __name__)


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
        history = turn_history(connection, turns)
        advice = health_advice(connection)
    return flask.render_template(
        "overview.html",
        is_live=True,
        now=now["now"],
        advice=advice,
        turns=history,
        charts=history_charts(history),
        current=current,
        rows=rows,
        step_back=step_back,
        totals=totals,
        currencies=currencies,
        workers=[_shard(worker) for worker in all_queues()],
        phases=PHASES,
        count_limit=COUNT_LIMIT,
    )


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

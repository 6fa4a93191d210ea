"""Pages about turns: their history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import flask
from markupsafe import Markup

from admin.web.access_rules import needs
from admin.web.blueprint import page
from admin.web.dashboard_words import number, share, span
from admin.web.services import services
from admin.web.turn_history import PastTurn, turn_history
from admin.web.turns import latest_turns
from reports.column_chart import Column, column_chart
from sql.statuses import TurnPhase, in_words

PHASES = {phase.value: in_words(phase) for phase in TurnPhase}
TURNS_OF_A_PAGE = 30

blueprint = flask.Blueprint("turns", __name__, url_prefix="/turns")


@blueprint.get("/")
@needs("access.readonly")
def history() -> str:
    """The turns, the newest first, those before the turn `before` if there is one in the address."""
    before = flask.request.args.get("before", type=int)
    with services().solver.transaction() as connection:
        turns, has_more = page(
            latest_turns(connection, before and min(max(before, 0), 2**31 - 1), TURNS_OF_A_PAGE + 1), TURNS_OF_A_PAGE
        )
        past = turn_history(connection, turns)
    return flask.render_template(
        "turns.html",
        is_live=before is None,
        turns=past,
        charts=history_charts(past),
        phases=PHASES,
        before=before,
        earlier=past[-1].turn_id if has_more else None,
    )


def history_charts(turns: Sequence[PastTurn]) -> list[tuple[str, Markup]]:
    """Titles and charts of turns that come the newest first: the time goes from left to right."""
    past = list(reversed(turns))
    archived = [turn for turn in past if turn.is_archived]
    timed = [turn for turn in past if turn.durations]
    charts: list[tuple[str, Markup]] = []
    if archived:
        highest = max(turn.traded_value or 0.0 for turn in archived)
        charts.append(
            _chart(
                "Value traded",
                [
                    Column(_name(turn), [turn.traded_value or 0.0], f"{number(turn.traded_value)} base tokens")
                    for turn in archived
                ],
                f"{number(highest)} base tokens",
            )
        )
        charts.append(
            _chart(
                "Share of the most that could have been traded",
                [Column(_name(turn), [turn.share_of_bound or 0.0], share(turn.share_of_bound)) for turn in archived],
                "100%",
                1.0,
            )
        )
        charts.append(
            _chart(
                "Traders served",
                [
                    Column(
                        _name(turn),
                        [turn.traders_served or 0],
                        f"{number(turn.traders_served or 0)} of {number(turn.traders or 0)} traders",
                    )
                    for turn in archived
                ],
                f"{number(max(turn.traders_served or 0 for turn in archived))} traders",
            )
        )
    if timed:
        longest = max(sum(turn.durations.values(), timedelta()) for turn in timed)
        charts.append(
            _chart(
                "How long the phases took",
                [
                    Column(
                        _name(turn),
                        [turn.durations.get(phase, timedelta()).total_seconds() for phase in (1, 2, 3)],
                        ", ".join(f"phase {phase} {span(time)}" for phase, time in turn.durations.items()),
                    )
                    for turn in timed
                ],
                span(longest),
            )
        )
    return charts


def _chart(title: str, columns: Sequence[Column], top: str, highest: float | None = None) -> tuple[str, Markup]:
    return title, column_chart(title, columns, top, highest)


def _name(turn: PastTurn) -> str:
    return f"{turn.turn_id}"

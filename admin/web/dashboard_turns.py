"""Pages about turns: their history, each of them, and what became of a trader's offers in one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import flask
from markupsafe import Markup

from admin.web.access_rules import needs
from admin.web.blueprint import page
from admin.web.dashboard_words import number, share, span
from admin.web.database import Connection, Row
from admin.web.explanations import MEANINGS
from admin.web.services import services
from admin.web.shard_progress import STEP_NAMES, shard_progress
from admin.web.trader_results import trader_result
from admin.web.turn_drawings import largest_rings, turn_drawings, value_waterfall
from admin.web.turn_history import PastTurn, turn_history
from admin.web.turn_results import turn_result
from admin.web.turns import latest_turns, with_statistics
from pipelines.solver.archived import NotArchived
from reports.column_chart import Column, column_chart
from sql.statuses import TurnPhase, in_words

PHASES = {phase.value: in_words(phase) for phase in TurnPhase}
TURNS_OF_A_PAGE = 30
RINGS = 3

_ID = re.compile(r"-?[0-9]{1,20}")

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


@blueprint.get("/<turn:turnId>")
@needs("access.readonly")
def one_turn(turnId: int) -> str:
    """A turn: how far each shard got, and what its result is."""
    with services().solver.transaction() as connection:
        turns = connection.execute("select * from solver.find_turns(%s)", ([turnId],)).fetchall()
        if not turns:
            flask.abort(404)
        now = (connection.execute("select solver.now() as now").fetchone() or {})["now"]
        (turn,) = turn_history(connection, with_statistics(connection, turns))
        shards = shard_progress(connection, turnId, turn.phase)
        found = _result(connection, turnId) if turn.is_archived else {"result": None}
    return flask.render_template(
        "turn.html",
        is_live=turn.phase < TurnPhase.DONE,
        turn=turn,
        facts=turns[0],
        now=now,
        phases=PHASES,
        timeline=_timeline(turn, turns[0], now),
        steps=STEP_NAMES,
        shards=shards,
        **found,
    )


def _result(connection: Connection, turn_id: int) -> dict[str, Any]:
    """What is drawn of the archive of a turn."""
    try:
        result = turn_result(connection, turn_id)
        drawings = turn_drawings(connection, turn_id)
    except NotArchived as error:
        return {"result": None, "not_archived": str(error)}
    try:
        rings = largest_rings(connection, turn_id, drawings.names, RINGS)
    except NotArchived:
        rings = []
    return {
        "result": result,
        "drawings": drawings,
        "rings": rings,
        "falls": value_waterfall(result, lambda reason: MEANINGS.get(reason, "")),
    }


@dataclass(frozen=True, slots=True)
class Stretch:
    """A phase on the timeline: when it began and ended (None: it did not), and where that is from 0 to 1."""

    phase: int
    began_at: datetime
    ended_at: datetime | None
    start: float
    end: float
    took: timedelta


def _timeline(turn: PastTurn, facts: Row, now: datetime) -> list[Stretch]:
    """The phases that are known to have begun."""
    starts = turn.phase_starts
    last = starts.get(4) or max(now, *starts.values())
    whole = max((last - turn.started_at).total_seconds(), 1.0)
    stretches = []
    for phase in (1, 2, 3):
        if phase not in starts:
            continue
        later = [starts[p] for p in range(phase + 1, 5) if p in starts]
        end = later[0] if later else last
        stretches.append(
            Stretch(
                phase,
                starts[phase],
                later[0] if later else None,
                (starts[phase] - turn.started_at).total_seconds() / whole,
                (end - turn.started_at).total_seconds() / whole,
                end - starts[phase],
            )
        )
    return stretches


@blueprint.get("/<turn:turnId>/trader")
@needs("access.readonly")
def trader(turnId: int) -> str:
    """What became of the offers of the trader whose ID is `id` in the address, and why."""
    text = flask.request.args.get("id", "").strip()
    found = rings = None
    message = ""
    with services().solver.transaction() as connection:
        try:
            names = turn_drawings(connection, turnId).names
            creditor_id = _creditor_id(text)
            if creditor_id is None:
                message = "An ID is a whole number of at most 64 bits."
            else:
                found = trader_result(connection, turnId, creditor_id)
                message = "" if found else f"Trader {text} offered and wanted nothing in turn {turnId}."
            if found and "circles" in flask.request.args:
                rings = largest_rings(connection, turnId, names, RINGS, creditor_id=found.creditor_id)
        except NotArchived as error:
            message, names = f"{error}.", {}
    return flask.render_template(
        "trader.html", turn_id=turnId, wanted=text, trader=found, message=message, names=names, rings=rings
    )


def _creditor_id(text: str) -> int | None:
    """The signed ID that a person means with a signed or an unsigned one."""
    if not _ID.fullmatch(text):
        return None
    number = int(text)
    return None if not -(2**63) <= number < 2**64 else (number + 2**63) % 2**64 - 2**63


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

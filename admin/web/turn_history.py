"""Turns side by side: what each traded, how good that was, and how long its phases took."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from admin.web.database import Connection, Row
from sql.statuses import TurnPhase


@dataclass(frozen=True, slots=True)
class PastTurn:
    """A turn in the history.

    `statistics` are what its result arranged (None: nothing). What its archive says is None without one, as is a number
    beyond doubles. `phase_starts` has the beginnings that were noted, `durations` the phases whose end is known, too.
    """

    turn_id: int
    phase: int
    started_at: datetime
    statistics: dict[str, Any] | None
    is_archived: bool
    traded_value: float | None
    share_of_bound: float | None
    traders: int | None
    traders_served: int | None
    phase_starts: dict[int, datetime]
    durations: dict[int, timedelta]


def turn_history(connection: Connection, turns: Sequence[Row]) -> list[PastTurn]:
    """The history of turns that come with their statistics, in the order given."""
    numbers = [turn["turn_id"] for turn in turns]
    starts: dict[int, dict[int, datetime]] = defaultdict(dict)
    for row in connection.execute("select * from solver.phase_starts(%s)", (numbers,)):
        starts[row["turn_id"]][row["phase"]] = row["began_at"]
    reports = {
        row["turn_id"]: json.loads(bytes(row["body"]))
        for row in connection.execute(
            "select t.turn_id, a.body from unnest(%s::integer[]) as t (turn_id),"
            " solver.archived_part(t.turn_id, solver.archived_turn(t.turn_id), 'report.json', 0) as a (body)"
            " where a.body is not null",
            (numbers,),
        )
    }
    return [_past_turn(turn, starts[turn["turn_id"]], reports.get(turn["turn_id"])) for turn in turns]


def _past_turn(turn: Row, noted: dict[int, datetime], report: dict[str, Any] | None) -> PastTurn:
    # Of turns before this was noted, the turn itself knows two.
    starts = {1: turn["started_at"], **noted}
    if turn["collection_started_at"] and turn["statistics"]:
        starts.setdefault(3, turn["collection_started_at"])
    durations = {
        phase: max(starts[phase + 1] - starts[phase], timedelta())
        for phase in range(1, TurnPhase.DONE)
        if phase in starts and phase + 1 in starts
    }
    figures = report or {}
    return PastTurn(
        turn["turn_id"],
        turn["phase"],
        turn["started_at"],
        turn["statistics"],
        report is not None,
        figures.get("traded_value"),
        figures.get("share_of_bound"),
        figures.get("traders"),
        figures.get("traders_served"),
        starts,
        durations,
    )

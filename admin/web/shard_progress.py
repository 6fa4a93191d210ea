"""How far each shard got with a turn, step by step, and what it waits for."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import psycopg

from admin.web.dashboard_words import moment, number, span
from admin.web.database import Connection
from admin.web.services import services
from sql.connections import is_trouble

logger = logging.getLogger(__name__)

STEPS = ((1, 0), (2, 0), (2, 5), (3, 0), (3, 5))
"""Phase and sub-phase of each step of a shard."""

STEP_NAMES = ("Currencies told", "Wishes priced", "Offers shipped", "Result taken over", "Cleared up", "Money moved")
"""Those of the steps, and of what follows the last one."""

State = Literal["done", "now", "waits", "open", "unknown"]


@dataclass(frozen=True, slots=True)
class Cell:
    """How a shard does with a step: `part` is how much of it is done, from 0 to 1, where that is known."""

    state: State
    text: str
    part: float | None = None


@dataclass(frozen=True, slots=True)
class ShardProgress:
    """A shard's line: its key, its number among the databases of this server (if it is one of them), and its steps."""

    key: str
    worker: int | None
    cells: list[Cell]
    waits_for: str


def shard_progress(solver: Connection, turn_id: int, phase: int) -> list[ShardProgress]:
    """The shards with a turn that is in this phase: as they say themselves, otherwise as the solver last heard."""
    now = (solver.execute("select solver.now() as now").fetchone() or {})["now"]
    reported = {row["binding_key"]: row for row in solver.execute("select * from solver.list_shards()").fetchall()}
    lines, seen = [], set()
    for worker, database in enumerate(services().workers):
        try:
            with database.transaction() as connection:
                key = (connection.execute("select binding_key from worker.configuration").fetchone() or {}).get(
                    "binding_key"
                ) or "?"
                own = connection.execute("select * from worker.turn_progress(%s)", (turn_id,)).fetchone()
        except psycopg.Error as error:
            if not is_trouble(error):
                raise
            logger.warning("worker database %s can not be read: %s", worker, error)
            cells = [Cell("unknown", "not known")] * len(STEP_NAMES)
            lines.append(ShardProgress(f"worker {worker}", worker, cells, "Its database does not answer."))
            continue
        seen.add(key)
        lines.append(of_database(key, worker, own, phase))
    lines += [of_report(row, turn_id, phase, now) for key, row in reported.items() if key not in seen]
    return lines


def of_database(key: str, worker: int, row: Mapping[str, Any] | None, phase: int) -> ShardProgress:
    """What a worker database says of itself; `row` is that of worker.turn_progress."""
    if row is None:
        return ShardProgress(key, worker, _cells(None), "It has not heard of this turn.")
    place = (row["phase"], row["subphase"])
    part = row["finished_lanes"] / row["lanes"] if place in ((2, 0), (3, 0)) and row["lanes"] else None
    waits = _own_reason(row, phase)
    cells = _cells(place, part)
    if row["phase"] == 3 and row["subphase"] == 10:
        missing = row["sellers_to_pay"] + row["collectors_to_pay"] + row["payments_to_make"]
        is_over = not (missing or row["collectors_at_work"])
        cells[-1] = Cell("done", "done") if is_over else Cell("now", f"{number(missing)} payments open")
    return ShardProgress(key, worker, cells, waits)


def of_report(row: Mapping[str, Any], turn_id: int, phase: int, now: datetime) -> ShardProgress:
    """What the solver's database last heard from a shard; `row` is that of solver.list_shards."""
    ago = f"The solver heard so {span(now - row['last_seen_at'])} ago."
    last = row["last_turn_id"]
    if last is None or last < turn_id:
        return ShardProgress(row["binding_key"], None, _cells(None), f"It has not heard of this turn. {ago}")
    if last > turn_id:
        cells = _cells((3, 10))
        cells[-1] = Cell("unknown", "not known")
        return ShardProgress(row["binding_key"], None, cells, f"It works on turn {last}. {ago}")
    cells = _cells((row["last_turn_phase"], row["last_turn_subphase"]))
    cells[-1] = Cell("unknown", "not known")
    text = _for_the_phase(row["last_turn_phase"], row["last_turn_subphase"], phase)
    return ShardProgress(row["binding_key"], None, cells, f"{text} {ago}".strip())


def _cells(place: tuple[int, int] | None, part: float | None = None) -> list[Cell]:
    """The steps of a shard that is at this phase and sub-phase; None: it has not begun."""
    cells = []
    for step in STEPS:
        if place is None or step > place:
            cells.append(Cell("open", "not begun"))
        elif step < place:
            cells.append(Cell("done", "done", 1.0))
        else:
            text = "at work" if part is None else f"{part:.0%} done"
            cells.append(Cell("now", text, part))
    return [*cells, Cell("open", "not begun")]


def _own_reason(row: Mapping[str, Any], phase: int) -> str:
    """What a shard waits for, in a sentence."""
    if row["is_lost"]:
        return "The result of this turn is lost for it."
    if row["subphase"] != 10:
        if row["ships_at"] is not None:
            return f"It ships its offers from {moment(row['ships_at'])} on, or is about to."
        lanes = (
            f": {row['finished_lanes']} of {row['lanes']} lanes are done"
            if row["subphase"] == 0 < row["phase"] - 1
            else ""
        )
        return f"It is at work{lanes}."
    if row["phase"] < 3:
        return _for_the_phase(row["phase"], 10, phase)
    reasons = [
        f"{number(count)} {text}"
        for count, text in (
            (row["sellers_to_pay"], "sellers' payments to come in"),
            (row["collectors_to_pay"], "payments of other collectors to come in"),
            (row["payments_to_make"], "payments to be made or answered"),
            (row["held_payments"], "payments in doubt to be decided"),
        )
        if count
    ]
    if reasons:
        return f"It waits for {', '.join(reasons)}."
    if row["collectors_at_work"]:
        return f"{number(row['collectors_at_work'])} of its collectors still move money."
    return "Nothing: it is done."


def _for_the_phase(own: int, subphase: int, phase: int) -> str:
    if subphase != 10:
        return "It is at work."
    if own == 3:
        return ""
    return f"It waits for phase {own + 1} to begin." if own >= phase else "It is about to take over the next phase."

"""The page about what people have changed: who, when, where, what."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

import flask
import psycopg

from admin.web.access_rules import needs
from admin.web.database import Database, Row
from admin.web.identifiers import to_unsigned
from admin.web.services import services
from sql.connections import is_trouble

logger = logging.getLogger(__name__)

blueprint = flask.Blueprint("log", __name__, url_prefix="/log")

ACTIONS_OF_A_PAGE = 100


@blueprint.get("/")
@needs("access.readonly")
def page() -> str:
    """The changes in all databases, the newest first; those before the moment `before`, if the address has one."""
    before = _moment(flask.request.args.get("before", ""))
    places: list[tuple[str, Database]] = [("solver", services().solver)]
    places += [(f"worker {number}", database) for number, database in enumerate(services().workers)]
    actions: list[dict[str, Any]] = []
    unreachable = []
    for place, database in places:
        kind = "solver" if place == "solver" else "worker"
        try:
            rows = _actions(kind, database, before)
        except psycopg.Error as error:
            if kind == "solver" or not is_trouble(error):
                raise
            logger.warning("%s can not be read: %s", place, error)
            unreachable.append(place)
            continue
        actions += [{**row, "place": place, "about": in_words(row["subject"])} for row in rows]
    actions.sort(key=lambda action: action["done_at"], reverse=True)
    shown, has_more = actions[:ACTIONS_OF_A_PAGE], len(actions) > ACTIONS_OF_A_PAGE
    return flask.render_template(
        "log.html",
        is_live=before is None,
        actions=shown,
        unreachable=unreachable,
        before=before,
        earlier=shown[-1]["done_at"].isoformat() if has_more else None,
    )


def in_words(subject: dict[str, Any]) -> str:
    """What a change was about: `turn 7, debtor 18446744073709551615`. IDs are written as everywhere."""
    parts = []
    for name, value in subject.items():
        is_id = name.endswith("_id") and isinstance(value, int)
        text = ", ".join(map(str, value)) if isinstance(value, list) else to_unsigned(value) if is_id else str(value)
        parts.append(f"{name.removesuffix('_id').replace('_', ' ')} {text}")
    return "; ".join(parts)


def _actions(kind: str, database: Database, before: datetime | None) -> list[Row]:
    parameters = (before, ACTIONS_OF_A_PAGE + 1)
    if kind == "solver":
        return database.rows("select * from solver.list_actions(%s, null, %s)", parameters)
    return database.rows("select * from worker.list_actions(%s, null, %s)", parameters)


def _moment(text: str) -> datetime | None:
    """A moment with its time zone; whatever else stands there counts as none."""
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None

"""What is wrong with the installation, and what to do about it: a sentence for each."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from admin.web.dashboard_words import number, span
from admin.web.database import Connection
from admin.web.services import services
from sql.connections import is_trouble

logger = logging.getLogger(__name__)

_COUNT_LIMIT = 100_000
_LATE_SECONDS = 600.0
"""How late phases 1 and 2 may end."""

_LONG_SECONDS = 3600.0
"""How long phase 3 may take, messages may wait, and a shard may keep silent."""


@dataclass(frozen=True, slots=True)
class Advice:
    """`problem` is a sentence; `advice` says what to do, and `page` is the endpoint where (None: not here)."""

    problem: str
    advice: str
    page: str | None = None


def health_advice(solver: Connection) -> list[Advice]:
    """What is wrong now. Databases of workers that can not be read are a part of it."""
    reports = solver.execute(
        "select *, extract(epoch from solver.now() - last_seen_at)::float8 as silent_seconds from solver.list_shards()"
    ).fetchall()
    found = [*_of_turns(solver), *_of_registry(solver)]
    seen = {row["binding_key"]: row for row in reports}
    for worker, database in enumerate(services().workers):
        try:
            with database.transaction() as connection:
                found += _of_worker(worker, connection, seen)
        except psycopg.Error as error:
            if not is_trouble(error):
                raise
            logger.warning("worker database %s can not be read: %s", worker, error)
            found.append(
                Advice(
                    f"Worker {worker} can not be looked into: its database does not answer.",
                    "Look whether the server runs, and whether this one reaches it. Its messages wait at the broker, "
                    "and turns wait for it.",
                    "dashboard.shards.page",
                )
            )
    return found


def _of_turns(solver: Connection) -> list[Advice]:
    found = []
    for row in solver.execute("select * from solver.turn_figures()").fetchall():
        turn, phase, overdue = row["turn_id"], row["phase"], row["overdue_seconds"]
        if phase < 3 and overdue > _LATE_SECONDS:
            found.append(
                Advice(
                    f"Turn {turn} should have left phase {phase} {span(overdue)} ago.",
                    "The solver moves it on: look whether its process runs, and into its log.",
                    "dashboard.turns.history",
                )
            )
        elif phase == 3 and overdue > _LONG_SECONDS:
            found.append(
                Advice(
                    f"Turn {turn} has been in phase 3 for {span(overdue)}.",
                    "Some shard has not taken over its result: the page of the turn says which. No turn starts before.",
                    "dashboard.turns.history",
                )
            )
    for row in solver.execute("select * from solver.step_back_status()").fetchall():
        waited_for = ", ".join(row["waited_for"]) or "the solver"
        found.append(
            Advice(
                f"The solver's database has stepped back in time ({row['reason']}); turns wait for {waited_for}.",
                "They go on by themselves when all shards have reported. If one never will: swpt-trade turns resume.",
            )
        )
    return found


_REGISTRY = {
    "overlapping": "Both would apply the same messages: stop the one that is too many.",
    "missing": "Start its worker. Until then its customers trade nothing, and turns wait.",
    "doubled": "One of them is a copy: stop its worker at once.",
    "silent": "Look whether its worker runs and reaches the solver's database. Turns wait for it.",
    "range": "Give all workers the same MIN_COLLECTOR_ID and MAX_COLLECTOR_ID.",
    "clock": "Synchronize the clocks of the servers.",
}


def _of_registry(solver: Connection) -> list[Advice]:
    return [
        Advice(
            f"Shards: {row['detail']}.",
            _REGISTRY.get(row["problem"], "See swpt-trade shards."),
            "dashboard.shards.page",
        )
        for row in solver.execute("select * from solver.shard_problems()").fetchall()
    ]


def _of_worker(worker: int, connection: Connection, seen: dict[str, dict[str, Any]]) -> list[Advice]:
    key = (connection.execute("select binding_key from worker.configuration").fetchone() or {}).get("binding_key")
    name = f"Worker {worker} ({key})" if key else f"Worker {worker}"
    queues = connection.execute("select * from worker.queue_figures(%s)", (_COUNT_LIMIT,)).fetchall()
    accounts = connection.execute("select * from worker.account_figures()").fetchone() or {}
    doubts = connection.execute("select * from worker.doubt_figures()").fetchone() or {}
    found = []
    silent = seen.get(key or "", {}).get("silent_seconds", 0.0)
    if silent > _LONG_SECONDS:
        found.append(
            Advice(
                f"{name} has not moved a turn for {span(silent)}: its database answers, its worker does not.",
                "Look whether its process runs, and into its log.",
                "dashboard.shards.page",
            )
        )
    for kind, sentence, advice in _QUEUES:
        messages, oldest = _sum(queues, kind)
        if kind in ("inbox", "outbox", "requests") and oldest <= _LONG_SECONDS:
            continue
        if messages:
            page = "dashboard.held.page" if kind == "set_aside" else "dashboard.shards.page"
            found.append(Advice(f"{name}: {sentence.format(number(messages), span(oldest))}", advice, page))
    for figures, which, sentence, advice, where in (
        (
            accounts,
            "held",
            "{} accounts that nobody asked for have money.",
            "Adopt or discard them.",
            "dashboard.held.page",
        ),
        (
            doubts,
            "doubtful",
            "{} payments are in doubt since a database stepped back.",
            "See what they wait for.",
            "held",
        ),
        (doubts, "lost", "{} payments came in for turns whose results are lost.", "swpt-trade transfers refund", None),
        (
            doubts,
            "unexplained",
            "{} collector accounts have tokens that nothing explains.",
            "swpt-trade transfers unexplained",
            None,
        ),
        (
            accounts,
            "misconfigured",
            "{} collector accounts are configured by somebody else as well.",
            "Find out who uses their IDs: another installation?",
            None,
        ),
        (
            accounts,
            "lacking",
            "{} collector accounts are needed, and no authority has told of them for days.",
            "Ask the authorities of these currencies, or look whether the broker routes their messages here.",
            None,
        ),
    ):
        if figures.get(which):
            text = sentence.format(number(figures[which]))
            found.append(Advice(f"{name}: {text}", advice, where))
    return found


_QUEUES = (
    ("inbox", "messages have waited to be applied for {1}.", "Its worker is down or too slow: look into its log."),
    (
        "outbox",
        "messages have waited to be sent for {1}.",
        "The broker is down or full, or nothing sends: see its log.",
    ),
    ("requests", "the solver's database has not been told of {0} things for {1}.", "Does the worker reach it?"),
    ("unroutable", "no queue at the broker wanted {0} messages.", "Bind queues to the exchanges."),
    ("set_aside", "{0} messages could not be applied.", "Decide about them."),
    ("failed", "{0} payments were given up.", "See worker.failed_transfer: who was to be paid, and why he was not."),
)


def _sum(queues: Sequence[dict[str, Any]], kind: str) -> tuple[int, float]:
    rows = [queue for queue in queues if queue["kind"] == kind]
    return sum(row["messages"] for row in rows), max((row["oldest_seconds"] for row in rows), default=0.0)

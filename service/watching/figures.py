"""Reads the figures of the databases when somebody asks for the metrics: queues, and turns."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, LiteralString

import psycopg
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipelines.parts import concerns_all
from pipelines.texts import shown
from sql import Kind
from sql.connections import short_transaction
from sql.permanent import place_of, what_to_do

logger = logging.getLogger(__name__)

QUEUE_LIMIT = 100_000
"""Longer queues are shown as if they had this length: counting takes time."""

LIMIT_SECONDS = 2.0
"""For each question."""

_QUEUES: LiteralString = "select kind, queue, message_type, messages, oldest_seconds from worker.queue_figures(%s)"
_WORKER_TURNS: LiteralString = "select phase, subphase, deadline_seconds, overdue_seconds from worker.turn_figures()"
_ACCOUNTS: LiteralString = "select held, misconfigured, lacking from worker.account_figures()"
_OTHERS: LiteralString = "select count(*) from worker.identity as i where i.binding_key <> %s"
_DOUBTS: LiteralString = "select step_backs, doubtful, lost, unexplained from worker.doubt_figures()"
_STEP_BACKS: LiteralString = "select count(*) from solver.step_back_status()"
_SOLVER_TURNS: LiteralString = (
    "select turn_id, phase, started_seconds_ago, deadline_seconds, overdue_seconds from solver.turn_figures()"
)
_SHARDS: LiteralString = "select binding_key, clock_difference from solver.list_shards()"
_SHARD_PROBLEMS: LiteralString = "select problem, shards from solver.count_shard_problems()"


class Figures(Collector):
    """The figures of one database. A database that does not answer is reported as down, and holds up nothing."""

    def __init__(self, role: str, url: str, binding_key: str | None = None) -> None:
        """`role` is worker or solver; `url` is that of its database. `binding_key`: of the shard that it should be."""
        self._role = role
        self._url = url
        self._binding_key = binding_key

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering asks no database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        started = time.monotonic()
        metrics: list[Metric] = []
        try:
            # A connection of its own each time: the server may have been down, and one in half a minute costs nothing.
            with short_transaction(self._url, "serve_metrics", LIMIT_SECONDS) as connection:
                for ask in _WORKER if self._role == "worker" else _SOLVER:
                    metrics += _figures(ask, connection)
                if self._binding_key is not None:
                    metrics += _figures(partial(_identity, self._binding_key), connection)
            is_up = 1.0
        except psycopg.Error as error:
            kind: Kind = "worker" if self._role == "worker" else "solver"
            remedy = what_to_do(error, place_of(self._url, kind))
            text = shown(str(error).strip()) + (f": {remedy}" if remedy else "")
            logger.warning("no figures of the %s database: %s", self._role, text)
            is_up = 0.0
        up = GaugeMetricFamily("swpt_trade_database_up", "Whether the database answered", labels=["database"])
        up.add_metric([self._role], is_up)
        seconds = GaugeMetricFamily("swpt_trade_figures_seconds", "Time to ask the database", labels=["database"])
        seconds.add_metric([self._role], time.monotonic() - started)
        yield from [up, seconds, *metrics]


def _figures(ask: Ask, connection: psycopg.Connection[Any]) -> list[Metric]:
    """What one query tells; nothing when it fails, for example because it takes too long: the others still count."""
    try:
        return [*ask(connection)]
    except psycopg.Error as error:
        if concerns_all(error):
            raise
        name = (ask.func if isinstance(ask, partial) else ask).__name__.strip("_")
        logger.warning("no figures of %s: %s %s", name, error.sqlstate, error.diag.message_primary)
        return []


def _queues(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
    labels = ["kind", "queue", "type"]
    messages = GaugeMetricFamily("swpt_trade_queue_messages", f"Waiting messages, up to {QUEUE_LIMIT}", labels=labels)
    oldest = GaugeMetricFamily("swpt_trade_queue_oldest_seconds", "Age of the oldest waiting message", labels=labels)
    for kind, queue, message_type, count, seconds in connection.execute(_QUEUES, (QUEUE_LIMIT,)):
        messages.add_metric([kind, queue, message_type], count)
        oldest.add_metric([kind, queue, message_type], seconds)
    yield from (messages, oldest)


def _accounts(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
    for held, misconfigured, lacking in connection.execute(_ACCOUNTS):
        yield _gauge("held_accounts", "Accounts with IDs of collectors that wait for an operator", held)
        yield _gauge("misconfigured_accounts", "Collector accounts that somebody else configured", misconfigured)
        yield _gauge("lacking_accounts", "Collector accounts of which no authority has told", lacking)


def _identity(binding_key: str, connection: psycopg.Connection[Any]) -> Iterator[Metric]:
    for (others,) in connection.execute(_OTHERS, (binding_key,)):
        yield _gauge("wrong_identity", "1 while the database belongs to another shard than this server", others)


def _doubts(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
    for step_backs, doubtful, lost, unexplained in connection.execute(_DOUBTS):
        yield _gauge("step_backs", "Losses of last commits that are not settled yet", step_backs)
        yield _gauge("doubtful_payments", "Payments of which nobody knows whether they were made", doubtful)
        yield _gauge("lost_payments", "Payments for turns whose results are lost, not refunded", lost)
        yield _gauge("unexplained_accounts", "Collector accounts with tokens that nothing explains", unexplained)


def _worker_turns(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
    turns = connection.execute(_WORKER_TURNS).fetchall()
    yield _gauge("worker_turns_open", "Turns in which this shard has steps left", len(turns))
    yield _gauge(
        "worker_turn_overdue_seconds", "Since when a phase should be over here", max((r[3] for r in turns), default=0)
    )
    if turns:
        phase, subphase, deadline, _ = turns[-1]
        yield _gauge("worker_turn_phase", "Phase of the latest open turn", phase)
        yield _gauge("worker_turn_subphase", "Sub-phase of the latest open turn", subphase)
        if deadline is not None:
            yield _gauge("worker_turn_deadline_seconds", "Seconds until its phase ends", deadline)


def _solver_turns(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
    turns = connection.execute(_SOLVER_TURNS).fetchall()
    yield _gauge("turns_open", "Turns that are not finished", sum(row[1] < 4 for row in turns))
    yield _gauge("turn_overdue_seconds", "Since when a phase should be over", max((row[4] for row in turns), default=0))
    if turns:
        turn_id, phase, started, deadline, _ = turns[-1]
        yield _gauge("turn_id", "Number of the latest turn", turn_id)
        yield _gauge("turn_phase", "Phase of the latest turn; 4 is finished", phase)
        yield _gauge("turn_started_seconds_ago", "Since when the latest turn runs", started)
        if deadline is not None:
            yield _gauge("turn_deadline_seconds", "Seconds until its phase ends", deadline)


def _step_backs(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
    for (step_backs,) in connection.execute(_STEP_BACKS):
        meaning = "1 while the database may be an earlier state of itself, and turns wait for shards"
        yield _gauge("solver_stepped_back", meaning, step_backs)


def _shards(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
    problems = GaugeMetricFamily("swpt_trade_shard_problems", "Shards with a problem, by kind", labels=["problem"])
    for problem, count in connection.execute(_SHARD_PROBLEMS):
        problems.add_metric([problem], count)
    clocks = GaugeMetricFamily(
        "swpt_trade_clock_difference_seconds", "By which a shard's clock is ahead of the solver's", labels=["shard"]
    )
    for binding_key, seconds in connection.execute(_SHARDS):
        clocks.add_metric([binding_key], seconds)
    yield from (problems, clocks)


Ask = Callable[[psycopg.Connection[Any]], Iterator[Metric]]

_WORKER = (_queues, _accounts, _doubts, _worker_turns)
_SOLVER = (_solver_turns, _step_backs, _shards)


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"swpt_trade_{name}", meaning, value=value)

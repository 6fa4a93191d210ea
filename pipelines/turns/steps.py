"""The steps of a worker's turn, as behind `worker.pending_steps`: which rows travel, which lanes work, what ends it.

Every step is repeated until its end is recorded, and no lane of a bulk step is done twice.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Literal, LiteralString

import psycopg

from pipelines.batches import is_too_much
from pipelines.parts import Parts
from pipelines.turns.exchange import delete_results, load_currencies, load_results, register_currencies, ship_offers

logger = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]

BUSY_PAUSE = 0.05
"""Seconds before lanes are tried again that somebody else works on."""
BUSY_ROUNDS = 200
"""How often they are tried in one iteration of a loop."""

_STAGING_MISSING = "ST020"

_VACUUMABLE: LiteralString = """
select string_agg(format('%%I.%%I', c.relnamespace::regnamespace, c.relname), ', ')
from pg_catalog.pg_class as c
where c.oid = any(%s::text[]::regclass[])
  and case
    when pg_has_role(c.relowner, 'usage') then true
    when current_setting('server_version_num')::integer >= 170000 then has_table_privilege(c.oid, 'maintain')
    else false
  end
"""

Exchange = Callable[[Connection, Connection, int], None]

Outcome = Literal["done", "busy", "waiting"]
"""Of a step: it was run or skipped; lanes stayed busy, so it has to be continued soon; the solver is not ready."""

_STEPS: dict[tuple[int, int], Exchange] = {
    (1, 0): register_currencies,
    (2, 5): ship_offers,
    (3, 5): delete_results,
}


@dataclass(frozen=True, slots=True)
class _BulkStep:
    """A step that loads rows of the solver, works lane by lane, and ends after the last lane."""

    phase: int
    load: Callable[[Connection, Connection, int], bool]
    lane_query: LiteralString
    end_query: LiteralString
    leftovers: tuple[str, ...]
    """Tables where many rows are dead afterwards."""


_BULK_STEPS = {
    2: _BulkStep(
        2,
        load_currencies,
        "select worker.offer_candidates(%s, %s)",
        "select worker.end_bidding(%s)",
        (
            "worker.account_lock",
            "worker.active_collector",
            "worker.staged_currency",
            "worker.staged_price",
            "worker.staged_alive_collector",
        ),
    ),
    3: _BulkStep(
        3,
        load_results,
        "select worker.settle_lane(%s, %s)",
        "select worker.end_settling(%s)",
        ("worker.account_lock", "worker.staged_participation", "worker.staged_collector_payment"),
    ),
}


def run_step(
    worker: Connection,
    solver: Connection,
    lane_connections: Sequence[Connection],
    turn_id: int,
    phase: int,
    subphase: int,
) -> Outcome:
    """Runs a step of a turn, or skips it when its deadline passed."""
    try:
        return _run_step(worker, solver, lane_connections, turn_id, phase, subphase)
    except psycopg.Error as error:
        if is_too_much(error):
            logger.error(
                "turn %s: step %s/%s is done as a whole, and too much for the server: %s %s. Raise the limit for this "
                "role, for example by `alter role … set statement_timeout = 0`",
                turn_id,
                phase,
                subphase,
                error.sqlstate,
                error.diag.message_primary,
            )
        raise


def _run_step(
    worker: Connection,
    solver: Connection,
    lane_connections: Sequence[Connection],
    turn_id: int,
    phase: int,
    subphase: int,
) -> Outcome:
    if phase in _BULK_STEPS and subphase == 0:
        return _run_bulk_step(_BULK_STEPS[phase], worker, solver, lane_connections, turn_id)
    exchange = _STEPS[phase, subphase]
    with worker.transaction():
        if _begin(worker, turn_id, phase, subphase) == "run":
            # The solver commits first; until this side has committed, the step is repeated.
            exchange(worker, solver, turn_id)
            worker.execute("select worker.end_step(%s, %s, %s)", (turn_id, phase, subphase))
    return "done"


def _run_bulk_step(
    step: _BulkStep, worker: Connection, solver: Connection, lane_connections: Sequence[Connection], turn_id: int
) -> Outcome:
    """The lanes that are done are not done again."""
    for _ in range(BUSY_ROUNDS):
        with worker.transaction():
            state = _begin(worker, turn_id, step.phase, 0)
            is_loaded = state == "staged" or (state == "run" and step.load(worker, solver, turn_id))
        if not is_loaded:
            return "waiting" if state == "run" else "done"
        try:
            _work_lanes(step, [worker, *lane_connections], turn_id)
        except psycopg.Error as error:
            if error.sqlstate != _STAGING_MISSING:
                raise
            continue
        if worker.execute(step.end_query, (turn_id,)).fetchone() == (True,):
            _vacuum(worker, step.leftovers)
            return "done"
        time.sleep(BUSY_PAUSE)
    return "busy"


def _vacuum(worker: Connection, tables: Sequence[str]) -> None:
    """Cleans up what a bulk step has left behind, which slows every message until then.

    Before PostgreSQL 17 only the owner may; for others the server does it, a minute later.
    """
    (allowed,) = worker.execute(_VACUUMABLE, (list(tables),)).fetchone() or (None,)
    if allowed is not None:
        worker.execute(f"vacuum (skip_locked) {allowed}".encode())


def _work_lanes(step: _BulkStep, connections: Sequence[Connection], turn_id: int) -> None:
    """Tries every open lane once, over all connections at the same time."""
    lanes: SimpleQueue[int] = SimpleQueue()
    parts = Parts(f"turn {turn_id}, step {step.phase}/0")
    for (lane,) in connections[0].execute("select worker.open_lanes(%s, %s)", (turn_id, step.phase)).fetchall():
        lanes.put(lane)

    def work(connection: Connection) -> None:
        while True:
            try:
                lane = lanes.get_nowait()
            except Empty:
                return
            parts.run(f"lane {lane}", partial(_work_lane, connection, step.lane_query, turn_id, lane))

    with ThreadPoolExecutor(len(connections)) as threads:
        for done in [threads.submit(work, connection) for connection in connections]:
            done.result()
    parts.raise_failures()


def _work_lane(connection: Connection, query: LiteralString, turn_id: int, lane: int) -> int:
    connection.execute(query, (turn_id, lane))
    return 1


def _begin(worker: Connection, turn_id: int, phase: int, subphase: int) -> str:
    row = worker.execute("select worker.begin_step(%s, %s, %s)", (turn_id, phase, subphase)).fetchone()
    assert row is not None
    return str(row[0])

"""The steps of a worker's turn, as behind `worker.pending_steps`: which rows travel, which lanes work, what ends it.

Every step is repeated until its end is recorded, and no lane of a bulk step is done twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, LiteralString

import psycopg

from pipelines.turns.exchange import delete_results, load_currencies, load_results, register_currencies, ship_offers

Connection = psycopg.Connection[Any]

BUSY_PAUSE = 0.05
"""Seconds before lanes are tried again that somebody else works on."""
BUSY_ROUNDS = 200
"""How often they are tried in one iteration of a loop."""

_STAGING_MISSING = "ST020"

Exchange = Callable[[Connection, Connection, int], None]

_STEPS: dict[tuple[int, int], Exchange] = {
    (1, 0): register_currencies,
    (2, 5): ship_offers,
    (3, 5): delete_results,
}


@dataclass(frozen=True, slots=True)
class _BulkStep:
    """A step that loads rows of the solver, works lane by lane, and ends after the last lane."""

    phase: int
    load: Exchange
    lane_query: LiteralString
    end_query: LiteralString
    vacuum: LiteralString


_BULK_STEPS = {
    2: _BulkStep(
        2,
        load_currencies,
        "select worker.offer_candidates(%s, %s)",
        "select worker.end_bidding(%s)",
        "vacuum (skip_locked) worker.account_lock, worker.active_collector, worker.staged_currency,"
        " worker.staged_price, worker.staged_alive_collector",
    ),
    3: _BulkStep(
        3,
        load_results,
        "select worker.settle_lane(%s, %s)",
        "select worker.end_settling(%s)",
        "vacuum (skip_locked) worker.account_lock, worker.staged_participation, worker.staged_collector_payment",
    ),
}


def run_step(
    worker: Connection,
    solver: Connection,
    lane_connections: Sequence[Connection],
    turn_id: int,
    phase: int,
    subphase: int,
) -> bool:
    """Runs a step of a turn, or skips it when its deadline passed. False: lanes stayed busy, continue later."""
    if phase in _BULK_STEPS and subphase == 0:
        return _run_bulk_step(_BULK_STEPS[phase], worker, solver, lane_connections, turn_id)
    exchange = _STEPS[phase, subphase]
    with worker.transaction():
        if _begin(worker, turn_id, phase, subphase) == "run":
            # The solver commits first; until this side has committed, the step is repeated.
            exchange(worker, solver, turn_id)
            worker.execute("select worker.end_step(%s, %s, %s)", (turn_id, phase, subphase))
    return True


def _run_bulk_step(
    step: _BulkStep, worker: Connection, solver: Connection, lane_connections: Sequence[Connection], turn_id: int
) -> bool:
    """Returns False when some lane stayed busy; the lanes that are done are not done again."""
    for _ in range(BUSY_ROUNDS):
        with worker.transaction():
            state = _begin(worker, turn_id, step.phase, 0)
            if state == "run":
                step.load(worker, solver, turn_id)
        if state not in ("run", "staged"):
            return True
        try:
            _work_lanes(step, [worker, *lane_connections], turn_id)
        except psycopg.Error as error:
            if error.sqlstate != _STAGING_MISSING:
                raise
            continue
        if worker.execute(step.end_query, (turn_id,)).fetchone() == (True,):
            # Whatever a bulk step leaves behind slows every message until it is cleaned up.
            worker.execute(step.vacuum)
            return True
        time.sleep(BUSY_PAUSE)
    return False


def _work_lanes(step: _BulkStep, connections: Sequence[Connection], turn_id: int) -> None:
    """Tries every open lane once, over all connections at the same time."""
    lanes: SimpleQueue[int] = SimpleQueue()
    for (lane,) in connections[0].execute("select worker.open_lanes(%s, %s)", (turn_id, step.phase)).fetchall():
        lanes.put(lane)

    def work(connection: Connection) -> None:
        while True:
            try:
                lane = lanes.get_nowait()
            except Empty:
                return
            connection.execute(step.lane_query, (turn_id, lane))

    with ThreadPoolExecutor(len(connections)) as threads:
        for done in [threads.submit(work, connection) for connection in connections]:
            done.result()


def _begin(worker: Connection, turn_id: int, phase: int, subphase: int) -> str:
    row = worker.execute("select worker.begin_step(%s, %s, %s)", (turn_id, phase, subphase)).fetchone()
    assert row is not None
    return str(row[0])

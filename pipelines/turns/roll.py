"""The loops of the service, one iteration each: turns, worker turns, transfers, collectors, requests to the solver.

Every function takes connections in autocommit mode, works in short explicit transactions, and returns what it did. All
steps are conditional and may be repeated after a crash at any point.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg

from pipelines import hook
from pipelines.turns.exchange import (
    configure_pristine_collectors,
    judge_unknown_accounts,
    reconcile_collectors,
    remove_collectors,
    revive_overdue_collectors,
)
from pipelines.turns.steps import BUSY_PAUSE, BUSY_ROUNDS, run_step
from sql.statuses import TurnPhase

if TYPE_CHECKING:
    from pipelines.solver.report import Report

logger = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]

_LOOP_LOCK_CLASS = 7304
_SOLVER_LOOP, _WORKER_LOOP, _COLLECTORS_LOOP = 0, 1, 2
_OLD_TURNS_LIMIT = 100
_REMOVALS_LIMIT = 500
_PAGE = 10_000
_OLD_DECISIONS_LIMIT = 1000
_PATIENCE = timedelta(hours=1)
"""How late a phase of a turn may end before that is worth a warning: workers look at the turns every minute."""


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """When turns start, how long their phases and the solver take, and what a new turn fixes for itself (in tokens)."""

    period: timedelta
    offset: timedelta
    phase1_duration: timedelta
    phase2_duration: timedelta
    base_debtor_info_locator: str
    base_debtor_id: int
    max_distance_to_base: int
    min_trade_amount: int
    max_commit_period: timedelta
    solver_time_limit: timedelta | None = None


@dataclass(frozen=True, slots=True)
class CollectorPolicy:
    """When currencies get more collector accounts: most transfers of one collector in a turn (0: never), and IDs."""

    transfers_limit: int
    min_collector_id: int
    max_collector_id: int


@dataclass(frozen=True, slots=True)
class TurnsTick:
    """One iteration of the solver's loop.

    `advanced`: the phase that turns reached; `reports`: of those solved; `collectors`: created for busy currencies.
    """

    is_alone: bool = True
    started: int | None = None
    advanced: dict[int, int] = field(default_factory=dict)
    reports: dict[int, Report] = field(default_factory=dict)
    deleted: int = 0
    collectors: int = 0

    @property
    def done(self) -> int:
        """How many things happened."""
        return (self.started is not None) + len(self.advanced) + self.deleted + self.collectors


@dataclass(frozen=True, slots=True)
class WorkerTurnsTick:
    """One iteration of a worker's loop.

    `steps`: (turn, phase, sub-phase) of the steps that were run or skipped. `unfinished`: those that have to be
    continued because lanes were busy; call again soon. `next_step_at`: the moment after which to call again at the
    latest, if there is one.
    """

    is_alone: bool = True
    changed: int = 0
    steps: tuple[tuple[int, int, int], ...] = ()
    unfinished: tuple[tuple[int, int, int], ...] = ()
    next_step_at: datetime | None = None

    @property
    def done(self) -> int:
        """How many things happened."""
        return self.changed + len(self.steps)


def advance_turns(solver: Connection, settings: TurnSettings, policy: CollectorPolicy | None = None) -> TurnsTick:
    """Starts a turn if one is due, and takes every unfinished turn at most one phase further.

    `policy`: a turn that starts gives more collectors to the currencies that were too busy in the one before.
    """
    with _alone(solver, _SOLVER_LOOP) as is_alone:
        if not is_alone:
            return TurnsTick(is_alone=False)
        with solver.transaction():
            # In one transaction, so that all deadlines are compared with one moment.
            started = _value(
                solver,
                "select solver.start_turn(%s, %s, %s, %s, %s, %s, %s)",
                (
                    settings.period,
                    settings.offset,
                    settings.phase1_duration,
                    settings.base_debtor_info_locator,
                    settings.base_debtor_id,
                    settings.max_distance_to_base,
                    settings.min_trade_amount,
                ),
            )
            due = solver.execute("select turn_id, phase from solver.due_turns()").fetchall()
        advanced: dict[int, int] = {}
        reports: dict[int, Report] = {}
        for turn_id, phase in due:
            if phase == TurnPhase.CURRENCY_INFORMATION:
                parameters = (turn_id, settings.phase2_duration, settings.max_commit_period)
                is_over = _value(solver, "select solver.begin_phase2(%s, %s, %s)", parameters)
            elif phase == TurnPhase.OFFERS:
                # Imported here: workers run loops, too, and shall not carry the solver's libraries.
                from pipelines.solver.solve import solve_turn

                limit = settings.solver_time_limit
                time_limit = None if limit is None else limit.total_seconds()
                is_over = (report := solve_turn(solver, turn_id, time_limit=time_limit)) is not None
                if report is not None:
                    reports[turn_id] = report
                    hook.tell_solved(report)
            else:
                is_over = _value(solver, "select solver.end_turn(%s)", (turn_id,))
            if is_over:
                advanced[turn_id] = phase + 1
        if restamped := _value(solver, "select solver.restamp_future_moments()", ()):
            logger.warning("%s moments lay in the future, and begin now: was the clock wrong?", restamped)
        _warn_of_overdue_turns(solver)
        _warn_of_shard_problems(solver)
        deleted = _value(solver, "select solver.delete_old_turns(%s)", (_OLD_TURNS_LIMIT,))
        collectors = 0
        if started is not None and policy is not None and policy.transfers_limit > 0:
            collectors = _value(
                solver,
                "select solver.add_busy_collectors(%s, %s, %s)",
                (policy.transfers_limit, policy.min_collector_id, policy.max_collector_id),
            )
        return TurnsTick(True, started, advanced, reports, deleted, collectors)


def _warn_of_overdue_turns(solver: Connection) -> None:
    """No new turn starts before the last one is over, so one dead worker holds up everybody."""
    query = "select turn_id, phase, due_at, remaining_rows, binding_keys from solver.overdue_turns(%s)"
    for turn_id, phase, due_at, remaining_rows, binding_keys in solver.execute(query, (_PATIENCE,)).fetchall():
        logger.warning("turn %s should have left phase %s at %s", turn_id, phase, due_at)
        if remaining_rows:
            logger.warning(
                "turn %s waits for workers with keys in %s, which have left %s results: are they running?",
                turn_id,
                ", ".join(binding_keys),
                remaining_rows,
            )


def _warn_of_shard_problems(solver: Connection) -> None:
    """Shards that are missing stop nothing: those of another implementation do not report."""
    for problem, detail in solver.execute("select problem, detail from solver.shard_problems()").fetchall():
        level = logging.ERROR if problem in ("doubled", "overlapping") else logging.WARNING
        logger.log(level, "shards: %s", detail)


def advance_worker_turns(
    worker: Connection, solver: Connection, lane_connections: Sequence[Connection] = ()
) -> WorkerTurnsTick:
    """Takes over the solver's turns and runs one step of each turn that has one to run.

    `lane_connections`: more connections to the worker's database, so that several lanes are worked at once.
    """
    with _alone(worker, _WORKER_LOOP) as is_alone:
        if not is_alone:
            return WorkerTurnsTick(is_alone=False)
        changed = _take_over_turns(worker, solver)
        steps: list[tuple[int, int, int]] = []
        unfinished: list[tuple[int, int, int]] = []
        for step in worker.execute("select turn_id, phase, subphase from worker.pending_steps()").fetchall():
            (steps if run_step(worker, solver, lane_connections, *step) else unfinished).append(step)
        worker.execute("select worker.delete_old_worker_turns(%s)", (_OLD_TURNS_LIMIT,))
        worker.execute("select worker.delete_old_decisions(%s)", (_OLD_DECISIONS_LIMIT,))
        next_step_at = _value(worker, "select worker.next_step_at()", ())
        return WorkerTurnsTick(True, changed, tuple(steps), tuple(unfinished), next_step_at)


def _take_over_turns(worker: Connection, solver: Connection) -> int:
    """Copies the state of turns from the solver; returns how many were new or advanced here."""
    unfinished, turns = _read_turns(solver, "select * from solver.unfinished_turns()", ())
    changed: int = _value(worker, "select worker.upsert_turns(%s::jsonb)", (turns,))
    missed = [row[0] for row in worker.execute("select worker.overlooked_turns(%s)", (unfinished,)).fetchall()]
    if missed:
        known, turns = _read_turns(solver, "select * from solver.find_turns(%s)", (missed,))
        changed += _value(worker, "select worker.upsert_turns(%s::jsonb)", (turns,))
        if unknown := sorted(set(missed) - set(known)):
            logger.warning("the solver does not know these turns any more: %s", unknown)
            worker.execute("select worker.forget_turns(%s)", (unknown,))
    return changed


def _read_turns(solver: Connection, query: LiteralString, parameters: tuple[list[int], ...]) -> tuple[list[int], str]:
    """IDs of turns, and the turns as a JSON array."""
    row = solver.execute(
        "select coalesce(array_agg(t.turn_id), '{}'), coalesce(jsonb_agg(to_jsonb(t)), '[]')::text from ("
        + query
        + ") as t",
        parameters,
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def advance_transfers(worker: Connection, limit: int = 1000) -> int:
    """Lets collectors start to send or to dispatch as soon as nothing is missing; returns how many steps were taken."""
    return _every_lane(worker, "select worker.advance_dispatching(%s, %s)", limit)


def trigger_due_transfers(worker: Connection, limit: int = 5000) -> int:
    """Triggers the transfer attempts whose waiting time is over; returns how many."""
    return _every_lane(worker, "select worker.trigger_due_transfers(%s, %s)", limit)


def _every_lane(worker: Connection, query: LiteralString, limit: int) -> int:
    """Calls a function of a lane and a limit for every lane until it finds less than its limit."""
    total = 0
    lanes = list(range(_value(worker, "select lane_count from worker.configuration", ())))
    for _ in range(BUSY_ROUNDS):
        busy = []
        for lane in lanes:
            count = limit
            while count >= limit:
                with worker.transaction():
                    # The function takes the lock itself, but does not tell a busy lane from one without work.
                    if not _value(worker, "select worker.try_lock_lane(%s)", (lane,)):
                        busy.append(lane)
                        break
                    count = _value(worker, query, (lane, limit))
                total += count
        if not busy:
            break
        lanes = busy
        time.sleep(BUSY_PAUSE)
    return total


def poll_collectors(worker: Connection, solver: Connection, limit: int = 100_000) -> int:
    """The poll of collectors: makes good what either database lost, then has accounts created, mended and removed.

    Returns for how many collectors accounts were created or removed for good. `limit`: call again. Nothing happens
    while another process is at it.
    """
    with _alone(worker, _COLLECTORS_LOOP) as is_alone:
        if not is_alone:
            return 0
        # Nothing is decided about a collector before both databases agree that there is one.
        done: int = reconcile_collectors(worker, solver, _PAGE)
        revive_overdue_collectors(worker, solver, limit)
        done += configure_pristine_collectors(worker, solver, limit)
        done += remove_collectors(worker, solver, _REMOVALS_LIMIT)
        done += _value(worker, "select worker.repair_broken_accounts(%s)", (_REMOVALS_LIMIT,))
        judge_unknown_accounts(worker, solver, _PAGE)
        return done


@contextmanager
def _alone(connection: Connection, loop: int) -> Iterator[bool]:
    """Is this the only process that runs the loop on its database? The lock lasts until the end of the block.

    It belongs to the session, because an iteration has many transactions; a lost connection frees it.
    """
    is_alone = bool(_value(connection, "select pg_try_advisory_lock(%s, %s)", (_LOOP_LOCK_CLASS, loop)))
    try:
        yield is_alone
    finally:
        if is_alone and not connection.closed:
            connection.execute("select pg_advisory_unlock(%s, %s)", (_LOOP_LOCK_CLASS, loop))


def _value(connection: Connection, query: LiteralString, parameters: tuple[Any, ...]) -> Any:
    row = connection.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]

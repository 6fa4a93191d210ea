"""The loops of the service, one iteration each: turns, worker turns, transfers, collectors, requests to the solver.

Every function takes connections in autocommit mode, works in short explicit transactions, and returns what it did. All
steps are conditional and may be repeated after a crash at any point.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg

from pipelines import hook
from pipelines.batches import Batches, Sizes, is_too_much
from pipelines.parts import Parts
from pipelines.solver.statistics import USUAL, MostBought
from pipelines.turns.exchange import (
    configure_pristine_collectors,
    delete_results,
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
_SKIPPED = 3
"""So many of a lane may be too much alone; then it is the server that is too slow."""
_OLD: tuple[tuple[str, LiteralString, int], ...] = (
    ("turns to forget", "select worker.delete_old_worker_turns(%s)", _OLD_TURNS_LIMIT),
    ("decisions to forget", "select worker.delete_old_decisions(%s)", 1000),
    ("actions to forget", "select worker.delete_old_actions(%s)", 1000),
)
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
    archived_turns: int = 30
    """Of how many turns the archive is kept; 0: nothing is archived."""
    most_bought: MostBought = USUAL

    def of_start(self) -> tuple[object, ...]:
        """What `solver.start_turn` needs to know, in its order."""
        return (
            self.period,
            self.offset,
            self.phase1_duration,
            self.base_debtor_info_locator,
            self.base_debtor_id,
            self.max_distance_to_base,
            self.min_trade_amount,
        )


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


def advance_turns(
    solver: Connection, settings: TurnSettings, policy: CollectorPolicy | None = None, sizes: Sizes | None = None
) -> TurnsTick:
    """Starts a turn if one is due, and takes every unfinished turn at most one phase further.

    `policy`: a turn that starts gives more collectors to the currencies that were too busy in the one before; `sizes`:
    what earlier iterations have learned. What fails for one turn is raised when all others had theirs.
    """
    parts = Parts("turns")
    sizes = sizes or Sizes()
    with _alone(solver, _SOLVER_LOOP) as is_alone:
        if not is_alone:
            return TurnsTick(is_alone=False)
        _look_for_step_back(solver)
        with solver.transaction():
            # In one transaction, so that all deadlines are compared with one moment.
            started = _value(
                solver,
                "select solver.start_turn(%s, %s, %s, %s, %s, %s, %s)",
                settings.of_start(),
            )
            due = solver.execute("select turn_id, phase from solver.due_turns()").fetchall()
        advanced: dict[int, int] = {}
        reports: dict[int, Report] = {}
        for turn_id, phase in due:

            def advance(turn_id: int = turn_id, phase: int = phase) -> int:
                is_over, report = _advance_turn(solver, settings, turn_id, phase)
                if report is not None:
                    reports[turn_id] = report
                if is_over:
                    advanced[turn_id] = phase + 1
                return 1

            parts.run(f"turn {turn_id}", advance)
        if restamped := _value(solver, "select solver.restamp_future_moments()", ()):
            logger.warning("%s moments lay in the future, and begin now: was the clock wrong?", restamped)
        _warn_of_overdue_turns(solver)
        _warn_of_shard_problems(solver)
        deleted = parts.run(
            "old turns",
            lambda: _in_batches(
                solver, sizes, "turns to forget", "select solver.delete_old_turns(%s)", _OLD_TURNS_LIMIT
            ),
        )
        parts.run(
            "old actions",
            lambda: _in_batches(solver, sizes, "actions to forget", "select solver.delete_old_actions(%s)", 1000),
        )
        forget: LiteralString = "select solver.delete_old_archives(%s, %s)"
        parts.run(
            "old archives",
            lambda: sizes.run(
                "archives to forget",
                _OLD_TURNS_LIMIT,
                lambda size: int(_value(solver, forget, (settings.archived_turns, size))),
            ),
        )
        collectors = 0
        if started is not None and policy is not None and policy.transfers_limit > 0:
            parameters = (policy.transfers_limit, policy.min_collector_id, policy.max_collector_id)
            collectors = parts.run(
                "busy currencies",
                lambda: _value(solver, "select solver.add_busy_collectors(%s, %s, %s)", parameters),
            )
        parts.raise_failures()
        return TurnsTick(True, started, advanced, reports, deleted, collectors)


def _advance_turn(solver: Connection, settings: TurnSettings, turn_id: int, phase: int) -> tuple[bool, Report | None]:
    """Whether the phase is over now, and what the solver has to say."""
    if phase == TurnPhase.CURRENCY_INFORMATION:
        parameters = (turn_id, settings.phase2_duration, settings.max_commit_period)
        return bool(_value(solver, "select solver.begin_phase2(%s, %s, %s)", parameters)), None
    if phase == TurnPhase.OFFERS:
        # Imported here: workers run loops, too, and shall not carry the solver's libraries.
        from pipelines.solver.solve import solve_turn

        limit = settings.solver_time_limit
        report = solve_turn(
            solver,
            turn_id,
            time_limit=None if limit is None else limit.total_seconds(),
            is_archived=settings.archived_turns > 0,
            most_bought=settings.most_bought,
        )
        if report is not None:
            hook.tell_solved(report)
        return report is not None, report
    return bool(_value(solver, "select solver.end_turn(%s)", (turn_id,))), None


def _in_batches(connection: Connection, sizes: Sizes, name: str, query: LiteralString, limit: int) -> int:
    """Calls a function of a limit, which returns how much it did."""
    return sizes.run(name, limit, lambda size: int(_value(connection, query, (size,))))


def has_earlier_trades(solver: Connection, turn_id: int) -> bool:
    """Whether any of the turns before this one that are still known has traded."""
    return bool(_value(solver, "select solver.has_earlier_trades(%s)", (turn_id,)))


def _look_for_step_back(solver: Connection) -> None:
    """Was the database restored, rolled back or promoted? Then nothing happens to turns until all shards have reported.

    Shards notice it, too, when they report.
    """
    solver.execute("select solver.beat()")
    above = _value(solver, "select solver.resolve_step_back()", ())
    if above is not None:
        logger.warning("all shards have reported: turns go on with IDs above %s", above)
    query = "select noticed_at, reason, waited_for from solver.step_back_status()"
    for noticed_at, reason, waited_for in solver.execute(query).fetchall():
        logger.error(
            "the solver's database may have stepped back in time (%s, noticed at %s): no turn starts and no phase ends "
            "before workers with the keys %s have reported, or `swpt-trade turns resume` is run",
            reason,
            noticed_at,
            ", ".join(waited_for),
        )


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
    worker: Connection, solver: Connection, lane_connections: Sequence[Connection] = (), sizes: Sizes | None = None
) -> WorkerTurnsTick:
    """Takes over the solver's turns and runs one step of each turn that has one to run.

    `lane_connections`: more connections to the worker's database, so that several lanes are worked at once; `sizes`:
    what earlier iterations have learned. What fails for one step is raised when all others had their turn.
    """
    parts = Parts("worker turns")
    sizes = sizes or Sizes()
    with _alone(worker, _WORKER_LOOP) as is_alone:
        if not is_alone:
            return WorkerTurnsTick(is_alone=False)
        changed = _take_over_turns(worker, solver)
        steps: list[tuple[int, int, int]] = []
        unfinished: list[tuple[int, int, int]] = []
        for step in worker.execute("select turn_id, phase, subphase from worker.pending_steps()").fetchall():

            def take(step: tuple[int, int, int] = step) -> int:
                outcome = run_step(worker, solver, lane_connections, *step)
                if outcome != "waiting":
                    (steps if outcome == "done" else unfinished).append(step)
                return 1

            parts.run("step {}, {}/{}".format(*step), take)
        if any(step[1:] == (3, 0) for step in steps):
            # For collectors that had been paid by everybody before, no message will come that lets them go on.
            parts.run("first payments", partial(advance_transfers, worker, sizes=sizes))
        for name, query, limit in _OLD:
            parts.run(name, partial(_in_batches, worker, sizes, name, query, limit))
        parts.raise_failures()
        next_step_at = _value(worker, "select worker.next_step_at()", ())
        return WorkerTurnsTick(True, changed, tuple(steps), tuple(unfinished), next_step_at)


def _take_over_turns(worker: Connection, solver: Connection) -> int:
    """Copies the state of turns from the solver; returns how many were new or advanced here."""
    unfinished, turns = _read_turns(solver, "select * from solver.unfinished_turns()", ())
    changed: int = _value(worker, "select worker.upsert_turns(%s::jsonb)", (turns,))
    for (turn_id,) in worker.execute("select worker.finished_turns(%s::jsonb)", (turns,)).fetchall():
        # Results that were deleted come back when the solver's database is restored.
        delete_results(worker, solver, turn_id)
    if _value(solver, "select solver.is_stepped_back()", ()):
        return changed
    if _value(worker, "select worker.doubtful_turns()", ()) is not None:
        latest = _value(worker, "select coalesce(max(turn_id), 0) from worker.worker_turn", ())
        _, turns = _read_turns(solver, "select * from solver.settled_turns_after(%s)", (latest,))
        changed += _value(worker, "select worker.upsert_turns(%s::jsonb)", (turns,))
        last = _value(solver, "select solver.last_settled_turn()", ())
        worker.execute("select worker.limit_doubts(%s)", (last,))
    missed = [row[0] for row in worker.execute("select worker.overlooked_turns(%s)", (unfinished,)).fetchall()]
    if missed:
        query: LiteralString = "select * from solver.find_turns(%s) where closed_by_force_at is null"
        known, turns = _read_turns(solver, query, (missed,))
        changed += _value(worker, "select worker.upsert_turns(%s::jsonb)", (turns,))
        others = {row[0] for row in worker.execute("select worker.contradicted_turns(%s::jsonb)", (turns,)).fetchall()}
        if lost := sorted(set(missed) - (set(known) - others)):
            logger.error("the solver stepped back in time, and these turns are lost: %s", lost)
            worker.execute("select worker.forget_turns(%s)", (lost,))
    return changed


def _read_turns(
    solver: Connection, query: LiteralString, parameters: tuple[list[int] | int, ...]
) -> tuple[list[int], str]:
    """IDs of turns, and the turns as a JSON array."""
    row = solver.execute(
        "select coalesce(array_agg(t.turn_id), '{}'), coalesce(jsonb_agg(to_jsonb(t)), '[]')::text from ("
        + query
        + ") as t",
        parameters,
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def advance_transfers(worker: Connection, limit: int = 1000, sizes: Sizes | None = None) -> int:
    """Lets collectors start to send or to dispatch as soon as nothing is missing; returns how many steps were taken.

    Payments that are in doubt since the database stepped back count as steps, once they may be tried again.
    """
    batches = (sizes or Sizes()).of("transfers to advance", limit)
    steps = _every_lane(
        worker,
        "select worker.advance_dispatching(%s, %s, %s)",
        "select row_to_json(r)::text from worker.ready_statuses(%s, 1, %s) as r",
        batches,
    )
    return steps + _settle_doubts(worker, limit)


def _settle_doubts(worker: Connection, limit: int) -> int:
    if not _value(worker, "select worker.has_doubts()", ()):
        return 0
    lanes = range(_value(worker, "select lane_count from worker.configuration", ()))
    return sum(_value(worker, "select worker.settle_doubts(%s, %s)", (lane, limit)) for lane in lanes)


def trigger_due_transfers(worker: Connection, limit: int = 5000, sizes: Sizes | None = None) -> int:
    """Triggers the transfer attempts whose waiting time is over; returns how many."""
    batches = (sizes or Sizes()).of("transfers that are due", limit)
    return _every_lane(
        worker,
        "select worker.trigger_due_transfers(%s, %s, %s)",
        "select row_to_json(r)::text from worker.due_transfers(%s, 1, %s) as r",
        batches,
    )


def _every_lane(worker: Connection, query: LiteralString, next_one: LiteralString, batches: Batches) -> int:
    """Calls a function of a lane, a limit, and how many to skip for every lane until it finds less than its limit.

    What is too much for the server even alone is told and skipped; `next_one` names it. What fails in one lane is
    raised when all others had their turn.
    """
    parts = Parts(batches.name)
    total = 0
    lanes = list(range(_value(worker, "select lane_count from worker.configuration", ())))
    for _ in range(BUSY_ROUNDS):
        busy: list[int] = []
        for lane in lanes:
            total += parts.run(f"lane {lane}", partial(_work_lane, worker, query, next_one, batches, lane, busy))
        if not busy:
            break
        lanes = busy
        time.sleep(BUSY_PAUSE)
    parts.raise_failures()
    return total


def _work_lane(
    worker: Connection,
    query: LiteralString,
    next_one: LiteralString,
    batches: Batches,
    lane: int,
    busy: list[int],
) -> int:
    skipped = 0

    def work(limit: int) -> int | None:
        with worker.transaction():
            # The function takes the lock itself, but does not tell a busy lane from one without work.
            if not _value(worker, "select worker.try_lock_lane(%s)", (lane,)):
                return None
            return int(_value(worker, query, (lane, limit, skipped)))

    total = 0
    while True:
        try:
            count = batches.run(work)
        except psycopg.Error as error:
            if not is_too_much(error) or skipped == _SKIPPED:
                raise
            row = worker.execute(next_one, (lane, skipped)).fetchone()
            if row is None:
                raise
            what = f"{error.sqlstate} {error.diag.message_primary}"
            logger.error("%s: %s is too much even alone, it is passed over: %s", batches.name, row[0], what)
            hook.tell("passed_over")
            skipped += 1
            continue
        if count is None:
            busy.append(lane)
            return total
        total += count
        if count < batches.last:
            return total


def poll_collectors(worker: Connection, solver: Connection, limit: int = 100_000, sizes: Sizes | None = None) -> int:
    """The poll of collectors: makes good what either database lost, then has accounts created, mended and removed.

    Returns for how many collectors accounts were created or removed for good. `limit`: call again. Nothing happens
    while another process is at it. What fails is raised when the rest had its turn, except what needs both databases to
    agree.
    """
    sizes = sizes or Sizes()
    parts = Parts("collectors")
    with _alone(worker, _COLLECTORS_LOOP) as is_alone:
        if not is_alone:
            return 0

        def exchange(name: str, step: Callable[[Connection, Connection, int], int], most: int) -> int:
            return parts.run(name, lambda: sizes.run(name, most, lambda size: step(worker, solver, size)))

        # Nothing is decided about a collector before both databases agree that there is one.
        done = reconcile_collectors(worker, solver, _PAGE, sizes)
        exchange("collectors to revive", revive_overdue_collectors, limit)
        done += exchange("collectors to configure", configure_pristine_collectors, limit)
        done += exchange("collectors to remove", remove_collectors, _REMOVALS_LIMIT)
        repair: LiteralString = "select worker.repair_broken_accounts(%s)"
        done += parts.run(
            "accounts to repair", partial(_in_batches, worker, sizes, "accounts to repair", repair, _REMOVALS_LIMIT)
        )
        exchange("unknown accounts", judge_unknown_accounts, _PAGE)
        parts.raise_failures()
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

"""`roll_turns` of the solver, and `roll_worker_turns` of every worker."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from pipelines.batches import Sizes
from pipelines.solver.statistics import MostBought
from pipelines.turns import registry, roll
from pipelines.turns.roll import CollectorPolicy, TurnSettings, WorkerTurnsTick
from service.databases import open_both, open_solver
from service.introduction import introduce_database
from service.loop import Stop, Work
from service.loops import Part, Rounds
from service.wiring import Wiring
from settings.config import Config
from sql.connections import connect

if TYPE_CHECKING:
    from pipelines.solver.report import Report

logger = logging.getLogger(__name__)

_LANES_AT_ONCE = 4
_SOON = 0.5
_NO_OFFERS = (
    "turn %s had no offers, though earlier turns had some. Do the workers run, and do they reach this database in time "
    "(`swpt-trade shards`, their logs)? Do they fetch the currencies' documents, that of BASE_DEBTOR_INFO_LOCATOR "
    "above all, and is its debtor BASE_DEBTOR_ID? Are TURN_PHASE1_DURATION and TURN_PHASE2_DURATION long enough for "
    "all messages between shards, accounting authorities and the creditors agent?"
)
FAIR_SHARE = 10
"""The solver may take this part of the time between two turns, unless told otherwise."""


def turn_settings(config: Config) -> TurnSettings:
    """What the solver needs to know of its configuration, which was checked."""
    assert config.base_debtor_id is not None
    return TurnSettings(
        period=config.turn_period,
        offset=config.turn_period_offset,
        phase1_duration=config.turn_phase1_duration,
        phase2_duration=config.turn_phase2_duration,
        base_debtor_info_locator=config.base_debtor_info_locator,
        base_debtor_id=config.base_debtor_id,
        max_distance_to_base=config.max_distance_to_base,
        min_trade_amount=config.min_trade_amount,
        max_commit_period=config.app_turn_max_commit_period,
        solver_time_limit=config.app_solver_time_limit or config.turn_period / FAIR_SHARE or None,
        archived_turns=config.app_archived_turns,
        most_bought=MostBought(
            config.app_number_of_turns_for_buyers_count_stats, config.app_number_of_currencies_in_buyers_count_stats
        ),
    )


def collector_policy(config: Config) -> CollectorPolicy:
    """When busy currencies get more collector accounts."""
    return CollectorPolicy(config.transfers_collector_limit, config.min_collector_id, config.max_collector_id)


def solver_part(config: Config, quit_early: bool) -> Part:
    """Starts turns and takes them from phase to phase."""
    name = "roll_turns"
    loops = {name: partial(_open_solver, config, Sizes(), name)}
    return Part(name, loops, config.turn_check_interval.total_seconds(), quit_early)


@contextmanager
def _open_solver(config: Config, sizes: Sizes, name: str, _stop: Stop) -> Iterator[Work]:
    settings, policy = turn_settings(config), collector_policy(config)
    had_offers = False
    with open_solver(config, name) as solver:
        introduce_database(solver, "solver")

        def run() -> int:
            nonlocal had_offers
            tick = roll.advance_turns(solver, settings, policy, sizes)
            if not tick.is_alone:
                logger.warning("another process rolls the turns of this solver database: there should be one")
            if tick.started is not None:
                logger.info("turn %s has started", tick.started)
            if tick.collectors:
                logger.info("busy currencies get %s more collectors", tick.collectors)
            for turn_id, phase in tick.advanced.items():
                logger.info("turn %s has reached phase %s", turn_id, phase)
            for turn_id, report in tick.reports.items():
                _tell(turn_id, report)
                if not report.offers and (had_offers or roll.has_earlier_trades(solver, turn_id)):
                    logger.warning(_NO_OFFERS, turn_id)
                had_offers = had_offers or report.offers > 0
            return tick.done

        rounds = Rounds(run, config.turn_check_interval.total_seconds())
        yield Work(rounds.step, rounds.wait)


def _tell(turn_id: int, report: Report) -> None:
    logger.info(
        "turn %s is solved: %s offers of %s traders, %s of them served, %s base tokens traded, %s of the bound, %.1f s",
        turn_id,
        report.offers,
        report.traders,
        report.traders_served,
        "beyond all numbers" if report.traded_value is None else f"{report.traded_value:.0f}",
        "nothing" if report.share_of_bound is None else f"{report.share_of_bound:.4%}",
        sum(report.seconds.values()),
    )
    usual = {f"{count} offers left out: {reason}" for reason, count in report.left_out.items()}
    for warning in report.warnings:
        logger.log(logging.INFO if warning in usual else logging.WARNING, "turn %s: %s", turn_id, warning)


def worker_part(config: Config, quit_early: bool) -> Part:
    """Does this worker's part of the turns."""
    name = "roll_worker_turns"
    loops = {name: partial(_open_worker, config, Wiring(config), name)}
    return Part(name, loops, config.app_roll_worker_turns_wait.total_seconds(), quit_early)


@contextmanager
def _open_worker(config: Config, wiring: Wiring, name: str, _stop: Stop) -> Iterator[Work]:
    with ExitStack() as closing:
        worker, solver = closing.enter_context(open_both(config, name))
        introduce_database(worker, "worker")
        introduce_database(solver, "solver")
        registry.claim(solver, config.realm.binding_key)
        others = min(_LANES_AT_ONCE, config.worker_pool_size or _LANES_AT_ONCE) - 1
        lanes = [closing.enter_context(connect(config.worker_postgres_url, f"{name} lane")) for _ in range(others)]
        last = WorkerTurnsTick()
        reporter = registry.Reporter()

        def step() -> int:
            nonlocal last
            reporter.run(worker, solver)
            last = wiring.turns(worker, solver, lanes)
            return last.done

        def wait(stop: Stop, seconds: float) -> None:
            stop.wait(pause_after(last, seconds, datetime.now(UTC)))

        yield Work(step, wait)


def pause_after(tick: WorkerTurnsTick, wait: float, now: datetime) -> float:
    """Seconds until the next look at the turns, `wait` unless there is a step to take before."""
    if tick.unfinished:
        return min(_SOON, wait)
    if tick.next_step_at is None:
        return wait
    return min(wait, max(_SOON, (tick.next_step_at - now).total_seconds()))

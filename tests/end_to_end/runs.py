"""Runs of whole turns, in pieces."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sandbox.demo import AMOUNT_CUT
from sandbox.economy.economy import Economy
from sandbox.protocol.identity import DEFAULT_MAX_COLLECTOR_ID, DEFAULT_MIN_COLLECTOR_ID
from sandbox.report.outcome import judge
from sandbox.world.shard import Place
from sandbox.world.world import Settlement, World, WorldSettings
from tests.conftest import Connection
from tests.databases import connection_to

LIMIT = timedelta(minutes=2)


def database(world: World, place: Place) -> Connection:
    return connection_to(world.server.database_url(place.database))


def run_to_offers(world: World) -> int:
    """Rolls turns until one has been solved with offers in it and nobody has heard of that. Returns its ID."""
    reported = len(world.solver_reports)

    def is_solved() -> bool:
        world.advance_turns()
        reports = list(world.solver_reports.values())[reported:]
        return any(report.offers for report in reports)

    world.step_until(is_solved, "a turn with offers", LIMIT)
    turn = world.turn()
    assert turn is not None
    assert turn[1] == 3
    return turn[0]


def run_to_end(world: World, turn_id: int) -> None:
    """Until the turn is over, and every payment made."""

    def is_finished() -> bool:
        left = world.leftovers()
        return world.turn() != (turn_id, 3) and not (
            left.account_locks or left.transfer_attempts or left.dispatching_statuses
        )

    def is_over() -> bool:
        if world.turn() == (turn_id, 3):
            world.advance_turns()
        return is_finished()

    world.step_until(is_over, "ending the turn", LIMIT)
    world.settle(LIMIT)


def check(world: World, economy: Economy, before: Settlement) -> None:
    turn = world.turn()
    outcome = judge(
        economy,
        before,
        world.settlement(),
        amount_cut=AMOUNT_CUT,
        collectors=range(DEFAULT_MIN_COLLECTOR_ID, DEFAULT_MAX_COLLECTOR_ID + 1),
        reached_phase_4=turn is not None and turn[1] == 4,
        leftovers=world.leftovers(),
    )
    assert outcome.problems() == [], outcome


def want_the_same_again(world: World, economy: Economy) -> None:
    """Who sold gets new tokens to sell, who bought wants as much more."""
    principals = world.settlement().principals
    for account in economy.accounts:
        change = principals[account.creditor_id, account.debtor_id] - account.principal
        if change < 0:
            world.authority.issue(account.debtor_id, account.creditor_id, -change)
        elif change > 0:
            policy = replace(
                account.policy,
                min_principal=account.min_principal + change,
                max_principal=account.max_principal + change,
            )
            world.agent.set_policy(account.creditor_id, account.debtor_id, policy)
    world.settle(LIMIT)


def brisk(pace: WorldSettings) -> WorldSettings:
    """Short phases for a handful of traders, also on a busy machine; an authority that is quick to delete accounts."""
    authority = replace(
        pace.authority, pass_period=timedelta(seconds=1), update_merge_delay=timedelta(milliseconds=200)
    )
    return replace(pace, turn=replace(pace.turn, phase2_duration=timedelta(seconds=5)), authority=authority)

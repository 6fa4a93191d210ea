"""One trial: databases step back at random moments of a turn, and everything is looked at afterwards."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import timedelta

from sandbox.world.world import Settlement
from tests.end_to_end.runs import LIMIT, check, run_to_end, run_to_offers, want_the_same_again
from tests.step_backs.decisions import Operator
from tests.step_backs.servers import KINDS, StepBack
from tests.step_backs.town import WORKERS, Town

MOMENTS = ("phase 1", "phase 2", "phase 3", "payments")
"""Of the turn that is under way: in the last one the solver is done with it."""

_WAITS = (
    *[timedelta(minutes=15)] * 3,
    *[timedelta(hours=3)] * 4,
    *[timedelta(days=1)] * 8,
    *[timedelta(days=7)] * 4,
    *[timedelta(days=30)] * 14,
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tried. `kind`: how the databases step back; `moment`: to which one of the turn, at least some of them;
    `keeps_journal`: does somebody keep a copy of what the queues get?"""

    kind: str
    databases: tuple[str, ...]
    moment: str
    seed: int
    keeps_journal: bool = False


@dataclass(slots=True)
class Finding:
    """What came of it. Tokens: `lost` ones left a trader, reached nobody and are on no list; `unexplained` ones are on
    that of `transfers unexplained` (None: it was not looked at).

    Payments: `doubtful` ones were held, of which `decided` ones by hand; `received` ones were waited for, and decided
    about by hand; `refunded` ones went back by hand. `turns`
    that were lost, for all or for some; `seconds` from the return of the databases until the next turn could start.
    """

    plan: Plan
    lost_tokens: int = 0
    unexplained_tokens: int | None = None
    paid_twice: int = 0
    doubtful: int = 0
    decided: int = 0
    received: int = 0
    refunded: int = 0
    turns: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


def run_trial(town: Town, plan: Plan, until: Callable[[int], bool] | None = None) -> Finding:
    """Raises `Stuck` when something does not end, and `AssertionError` when the next turn does not trade.

    `until` tells whether so much was done of the turn with that ID that everything may step back; otherwise dice do.
    """
    dice = random.Random(f"{plan}")
    finding = Finding(plan)
    want_the_same_again(town.world, town.economy)
    town.empty_journals()
    before = town.world.settlement()
    last = town.world.turn()
    first_turn = (last[0] if last else 0) + 1
    with ExitStack() as leaving:
        ways = [
            leaving.enter_context(closing(KINDS[plan.kind](town.servers[database], database)))
            for database in plan.databases
        ]
        _run_to(town, dice, first_turn, plan.moment)
        _mark(town, dice, ways)
        work = dice.choice((1, 2, 3, 5, 8, 13, 21, 34))
        if until:
            town.work(dice, lambda _: until(first_turn))
        else:
            town.work(dice, lambda count: count >= work or _is_over(town, first_turn))
        town.disconnect()
        for way in ways:
            way.restore()
        town.set_clocks()
        town.connect()
    began = time.monotonic()
    operator = Operator(town, first_turn)
    town.work(dice, lambda _: operator.look() and _may_start(town))
    finding.seconds = time.monotonic() - began
    if plan.keeps_journal:
        _replay(town, dice, plan)
    _settle(town, operator)
    _judge(town, finding, operator, before, first_turn)
    return finding


def check_next_turn(town: Town) -> None:
    """The same trade once more, with nothing in its way."""
    for worker in WORKERS:
        # Half a year later.
        town.query(worker, "delete from worker.early_arrival where refunded_at is not null or kind = 'paid'")
    want_the_same_again(town.world, town.economy)
    before = town.world.settlement()
    # On a slow machine one shard may be late with its offers, and then nobody finds anybody.
    for _ in range(3):
        turn_id = run_to_offers(town.world)
        run_to_end(town.world, turn_id)
        if any(key[1] == turn_id for key in town.ledger.paid):
            break
    check(town.world, town.economy, before)


def _run_to(town: Town, dice: random.Random, turn_id: int, moment: str) -> None:
    """To some point in the phase."""
    phase = MOMENTS.index(moment) + 1
    town.work(dice, lambda _: (town.world.turn() or (0, 0)) >= (turn_id, phase))
    work = dice.randrange(13 if moment == "payments" else 5)
    town.work(
        dice,
        lambda count: count >= work or (town.world.turn() or (0, 0)) > (turn_id, phase) or _is_over(town, turn_id),
    )


def _mark(town: Town, dice: random.Random, ways: Sequence[StepBack]) -> None:
    """Several do not step back to the same moment."""
    for number, way in enumerate(dice.sample(ways, len(ways))):
        if number:
            work = dice.randrange(6)
            town.work(dice, lambda count, work=work: count >= work, 5.0)  # type: ignore[misc]
        way.mark()


def _is_over(town: Town, turn_id: int) -> bool:
    """Nothing is left of the turn that somebody might forget."""
    turn = town.world.turn()
    if turn is None or turn < (turn_id, 4):
        return False
    left = town.world.leftovers()
    return turn[0] > turn_id or not (left.account_locks or left.transfer_attempts or left.dispatching_statuses)


def _may_start(town: Town) -> bool:
    """May the solver start the next turn?"""
    query = (
        "select not solver.is_stepped_back() and not exists (select from solver.turn where phase < 4)"
        " and l.system_identifier = s.system_identifier and l.timeline_id = solver.timeline_id()"
        " and l.database_id = (select oid::bigint from pg_database where datname = current_database())"
        " from solver.life as l, pg_control_system() as s"
    )
    return town.query("solver", query) == [(True,)]


def _replay(town: Town, dice: random.Random, plan: Plan) -> None:
    ready = "select worker.is_ready_for_journal() or worker.doubtful_turns() is null"
    for worker in WORKERS:
        if worker in plan.databases:
            town.work(dice, lambda _, worker=worker: town.query(worker, ready) == [(True,)])  # type: ignore[misc]
            town.replay_journal(worker)


def _settle(town: Town, operator: Operator) -> None:
    """Time passes, and an operator decides what he is asked, until nothing is left to do."""
    begun = town.calendar.ahead
    for span in _WAITS:
        town.world.settle(LIMIT)
        operator.work(is_late=town.calendar.ahead - begun > town.world.settings.turn.max_commit_period)
        town.world.settle(LIMIT)
        # What a database has forgotten to ask for, its authority tells of now and then.
        if not operator.look_for_leftovers() and not town.world.authority.open_transfers():
            return
        town.wait(span)
        for shard in town.world.shards:
            shard.scan()


def _judge(town: Town, finding: Finding, operator: Operator, before: Settlement, first_turn: int) -> None:
    after = town.world.settlement()
    for debtor_id, totals in after.totals.items():
        if totals.circulating != before.totals[debtor_id].circulating or totals.in_flight or totals.locked:
            finding.problems.append(f"currency {debtor_id}: {before.totals[debtor_id]} became {totals}")
    kept = town.ledger.kept(first_turn)
    finding.problems += [f"{key} paid {-tokens} more than it got" for key, tokens in kept.items() if tokens < 0]
    finding.problems += [f"{what} left: {count}" for what, count in operator.look_for_leftovers().items()]
    twice = [key for key in town.ledger.paid_twice() if key[1] >= first_turn]
    finding.problems += [f"paid twice: {key}, {town.ledger.paid[key]}" for key in twice]
    listed = operator.settle_unexplained()
    finding.unexplained_tokens = sum(listed.values())
    finding.lost_tokens = _unlisted(kept, listed, operator.waiting())
    finding.problems += [
        f"{key}: {tokens} unexplained tokens are listed that nobody has paid"
        for key, tokens in listed.items()
        if not any(tokens > 0 and there[1:] == key for there, tokens in kept.items())
    ]
    finding.paid_twice = len(twice)
    finding.doubtful, finding.decided = len(operator.seen), operator.decided
    finding.received, finding.refunded = operator.received, operator.refunded
    finding.turns = len(operator.lost_turns())


def _unlisted(kept: Mapping[tuple[int, int, int], int], *known: Mapping[tuple[int, int], int]) -> int:
    """Tokens that collectors kept, and that nobody knows of."""
    kept_by_account = Counter[tuple[int, int]]()
    for (_, debtor_id, collector_id), tokens in kept.items():
        kept_by_account[debtor_id, collector_id] += tokens
    return sum(
        max(tokens - sum(of_account.get(key, 0) for of_account in known), 0) for key, tokens in kept_by_account.items()
    )

"""Runs one seed: picks what happens next, lets time pass, ends the faults, and looks at what is left."""

from __future__ import annotations

import hashlib
import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import LiteralString

from msgspec.structs import replace

from sandbox.authority import PaymentError
from sandbox.authority.state import Account, PreparedTransfer
from tests.simulation.again import want_again
from tests.simulation.databases import SimulationServer
from tests.simulation.ending import check_end, leftovers
from tests.simulation.faults import INTEREST_RATES
from tests.simulation.losses import lose_catalogue, lose_collectors
from tests.simulation.violation import Violation
from tests.simulation.world import World

MAX_STEPS = 6000
AFTER_STEPS = 60
"""Steps after the last turn has ended, with faults."""
MAX_QUIET_STEPS = 5000
MORE_TURNS = 1
"""As long as nobody has traded."""
UNASKED = 0.02
"""Share of steps that may go to a part which has nothing to do."""
CLOCK_MOVES = 0.3
"""Share of steps between which time passes."""

# How time jumps when nobody has anything to do, while things go wrong; then, in the end, until nothing is left.
_JUMPS = tuple(timedelta(seconds=s) for s in (1, 20, 60, 600, 3600, 4 * 3600))
_LAST_JUMPS = (
    *[timedelta(minutes=10)] * 3,
    *[timedelta(hours=3)] * 4,
    *[timedelta(days=1)] * 8,
    *[timedelta(days=7)] * 4,
    *[timedelta(days=30)] * 14,
)


_PAUSES = tuple(timedelta(minutes=minutes) for minutes in (5, 5, 5, 60, 60, 2880))


class SimulationFailure(AssertionError):
    """A run that broke an invariant. Says with which seed to repeat it."""


@dataclass(frozen=True, slots=True)
class Run:
    """What happened in one run. `digest` is the same for the same seed."""

    seed: int
    steps: int
    seconds: float
    simulated: timedelta
    turns: int
    payments: int
    arranged: int
    missing: int
    """Payments of sellers that were arranged, and that nobody made."""
    reckoned: int
    """Commits of collectors whose amount was reckoned once more."""
    faults: Counter[str]
    digest: str


@dataclass(slots=True)
class Driver:
    """The one who decides what happens next, with the dice of the world."""

    world: World
    steps: int = 0
    turns: int = 0
    """All that have begun, known when the faults are over: no more turns begin then."""
    paused: dict[str, datetime] = field(default_factory=dict)
    trace: list[str] = field(default_factory=list)
    _idle: set[str] = field(default_factory=set)
    _changed: bool = True
    _has_solved: bool = False
    """Has somebody taken a turn further?"""
    _is_over: bool = False
    _pending: set[str] = field(default_factory=set)
    closed: list[tuple[int, int]] = field(default_factory=list)
    """Accounts (creditor, debtor) that were purged, and that their owners will ask for again."""
    _recent: list[tuple[Account, PreparedTransfer]] = field(default_factory=list)

    def run(self) -> None:
        """Everything. Raises `Violation` and whatever the service raises."""
        world = self.world
        world.open_economy(self.settle)
        if world.starts_calmly:
            # Everybody finds the collectors and documents, so that there is more trade to disturb.
            self._calm_turn()
        world.set_faults(True)
        self._suffer()
        world.set_faults(False)
        self.turns = self._count_turns("true")
        for key in self.closed:
            self._open_again(*key)
        self.paused.clear()
        pace = world.turn_settings
        world.stop_turns()
        self._finish()
        if world.plan.step_back and world.payments.arranged:
            world.turn_settings = pace
            self._trade_again()

    def settle(self) -> None:
        """Lets everybody work, in order, until nobody has anything to do; only seconds pass."""
        quiet = 0
        for _ in range(MAX_QUIET_STEPS):
            done = sum(self._step(name) for name in sorted(self.world.pending()))
            quiet = 0 if done else quiet + 1
            if quiet == 2:
                return
            self.world.clock.advance(timedelta(seconds=5))
        raise Violation("the messages do not end")

    def _trade_again(self) -> None:
        """Whatever databases stepped back before: everybody wants the same trade once more, and gets it."""
        last = max(turn_id for _, turn_id, *_ in self.world.payments.arranged)
        want_again(self.world)
        payments = self.world.payments
        # The first turn may find that documents or collectors are missing.
        for _ in range(100):
            self.settle()
            if any(kind == "dispatching" and turn_id > last for kind, turn_id, *_ in payments.paid):
                self.world.stop_turns()
                if not any(turn_id > last for _, turn_id, *_ in payments.missing):
                    return
            self._wait_for_turns()
        raise Violation(f"no turn trades any more: {len(payments.missing)} payments of sellers are missing")

    def _wait_for_turns(self) -> None:
        """Time passes until a phase ends soon, or has ended, or another turn may start."""
        pace, now = self.world.turn_settings, self.world.now("solver")
        query: LiteralString = "select max(phase_deadline), count(*) from solver.turn where phase < 4"
        row = self.world.watchers["solver"].execute(query).fetchone()
        assert row is not None
        deadline, open_turns = row
        moments = [deadline - pace.phase2_duration / 20, deadline + timedelta(seconds=1)] if deadline else []
        spans = [moment - now for moment in moments if moment > now]
        self.world.clock.advance(
            min(spans, default=timedelta(minutes=10) if open_turns else pace.period / 4 or timedelta(hours=1))
        )

    def _calm_turn(self) -> None:
        """The first turn, as it should be."""
        for _ in range(60):
            self.settle()
            if self._finished_turns():
                return
            self.world.clock.advance(timedelta(minutes=10))
        raise Violation("the first turn does not end")

    # With faults

    def _suffer(self) -> None:
        """Turns, while things go wrong. Ends when the wanted number of turns is over."""
        world = self.world
        mean = world.turn_settings.phase2_duration.total_seconds() / 800
        after = AFTER_STEPS
        while after:
            if self.steps > MAX_STEPS:
                return
            if self._is_over or (self._changed and self._has_seen_enough()):
                self._is_over = True
                after -= 1
            self._changed = False
            self._strike()
            names = world.parts() if world.dice.random() < UNASKED else self._pending
            busy = sorted(n for n in names if n not in self._idle and n.partition(".")[0] not in self.paused)
            if not busy:
                self._jump()
                continue
            name = world.dice.choice(busy)
            if self._step(name):
                self._look_around()
                self._changed = True
                self._has_solved |= name == "solver.solver" or name.endswith("loops.turns")
                if name == "solver.solver" and world.plan.pause and world.dice.random() < 0.2:
                    # One shard is late for the new phase.
                    self._pause()
            else:
                self._idle.add(name)
            if world.dice.random() < CLOCK_MOVES:
                world.clock.advance(timedelta(seconds=world.dice.expovariate(CLOCK_MOVES / mean)))

    def _step(self, name: str) -> int:
        world = self.world
        self.steps += 1
        try:
            # A crash replaces the parts of a process, so they are looked up each time.
            done = world.run(name, world.parts()[name])
        except BaseException as error:
            self.trace.append(f"{world.clock.now():%d %H:%M:%S.%f} {name}: {type(error).__name__}")
            raise
        if done:
            self.trace.append(f"{world.clock.now():%d %H:%M:%S.%f} {name} {done}")
        return done

    def _finished_turns(self) -> int:
        return self._count_turns("phase = 4")

    def _count_turns(self, condition: LiteralString) -> int:
        row = self.world.watchers["solver"].execute(f"select count(*) from solver.turn where {condition}").fetchone()
        assert row is not None
        return int(row[0])

    def _has_seen_enough(self) -> bool:
        """Are so many turns over as were wanted? One more may follow when nobody has traded yet."""
        finished = self._finished_turns()
        return finished >= self.world.turns + (0 if self.world.payments.arranged else MORE_TURNS)

    def _jump(self) -> None:
        """Time passes until the next deadline of a turn at the latest; rarely, beyond it."""
        world = self.world
        span = world.dice.choice(_JUMPS)
        row = world.watchers["solver"].execute("select max(phase_deadline) from solver.turn").fetchone()
        if row is not None and row[0] is not None and world.dice.random() < 0.97:
            now = world.now("solver")
            cushion = world.turn_settings.phase2_duration / 20
            for moment in (row[0] - cushion, row[0] + timedelta(seconds=1)):
                if now < moment < now + span:
                    span = moment - now
        world.clock.advance(span)
        self._look_around()

    def _strike(self) -> None:
        """Faults that are nobody's answer: pauses, reminders, spending."""
        world = self.world
        dice, plan, now = world.dice, world.plan, world.clock.now()
        for name in [name for name, until in self.paused.items() if until <= now]:
            del self.paused[name]
            self._look_around()
        if dice.random() < plan.pause:
            self._pause()
        if dice.random() < plan.remind:
            self._remind()
        if dice.random() < plan.spend:
            self._spend()
        if dice.random() < plan.change_rate:
            self._change_rate()
        if dice.random() < plan.vanish:
            self._purge()
        if world.foreign.end_due(now) or (dice.random() < plan.foreign_lock and world.foreign.lock(now)):
            self._look_around()
        if dice.random() < plan.set_clock:
            world.clocks.set_some()
            self._look_around()
        if dice.random() < plan.lose_collectors:
            name = f"worker_{dice.randrange(world.shard_count)}"
            world.faults["F17 collectors lost"] += lose_collectors(world.watchers[name], dice)
            world.see_change(name)
            self._look_around()
        if dice.random() < plan.start_wrongly:
            world.start_wrongly(f"worker_{dice.randrange(world.shard_count)}")
        if dice.random() < plan.lose_catalogue:
            world.faults["F17 catalogue lost"] += lose_catalogue(world.watchers["solver"], dice)
            world.see_change("solver")
            self._look_around()
        # Mostly near the moments when phases end.
        likelihood = plan.step_back * (50 if self._has_solved else 1)
        self._has_solved = False
        if plan.step_back and dice.random() < likelihood and world.step_back():
            self._look_around()
        if dice.random() < plan.garbage and world.litter.drop_some(now):
            self._look_around()
        if dice.random() < plan.forge:
            self._forge()
        if self.closed and dice.random() < 0.02:
            self._open_again(*self.closed.pop())

    def _pause(self) -> None:
        """A shard stands still for minutes, or for days (F17)."""
        world = self.world
        name = f"worker_{world.dice.randrange(world.shard_count)}"
        self.paused[name] = world.clock.now() + world.dice.random() * world.dice.choice(_PAUSES)
        world.faults["F17 pause"] += 1

    def _remind(self) -> None:
        """An open transfer is told again, or one that is gone already (F11)."""
        world = self.world
        self._recent = (self._recent + world.authority.open_transfers())[-50:]
        if self._recent:
            world.authority.remind(*world.dice.choice(self._recent))
            world.faults["F11 reminder"] += 1
            self._look_around()

    def _spend(self) -> None:
        """A customer pays another one, perhaps what is for sale (F18)."""
        world = self.world
        wallet = world.dice.choice(world.economy.accounts)
        payee = world.dice.choice([t.creditor_id for t in world.economy.traders if t.creditor_id != wallet.creditor_id])
        account = world.authority.account(wallet.debtor_id, wallet.creditor_id)
        amount = account.principal // world.dice.choice((1, 2, 10)) if account else 0
        if amount > 0:
            try:
                world.authority.pay(wallet.debtor_id, wallet.creditor_id, payee, amount)
            except PaymentError:
                return
            key = (wallet.creditor_id, wallet.debtor_id)
            world.floors[key] -= amount
            world.faults["F18 spent"] += 1
            self._look_around()

    def _change_rate(self) -> None:
        """A currency gets another interest rate, which some of its accounts have at once (F8)."""
        world = self.world
        debtor_id = world.dice.choice(world.economy.currencies).debtor_id
        rate = world.dice.choice(INTEREST_RATES)
        authority = world.authority
        authority.configure_currency(debtor_id, replace(authority.books.currency(debtor_id).config, rate=rate))
        for account in list(authority.books.accounts.values()):
            if account.debtor_id == debtor_id and not account.deleted and world.dice.random() < 0.5:
                authority.apply_rate(account)
        world.faults["F8 rate changed"] += 1
        self._look_around()

    def _forge(self) -> None:
        """An issuer whose document claims another currency's locator says that it is at a new address (F15)."""
        self.world.forge_document()
        self.world.faults["F15 forged"] += 1
        self._look_around()

    def _purge(self) -> None:
        """An empty account is gone, far too early. It comes back when money arrives, or its owner asks for it (F10)."""
        world = self.world
        empty = [
            account
            for account in world.authority.books.accounts.values()
            if not (account.is_root or account.principal or account.transfers)
        ]
        if not empty:
            return
        account = world.dice.choice(empty)
        world.authority.vanish(account)
        if (account.creditor_id, account.debtor_id) in world.agent.accounts:
            self.closed.append((account.creditor_id, account.debtor_id))
        world.faults["F10 purged"] += 1
        self._look_around()

    def _open_again(self, creditor_id: int, debtor_id: int) -> None:
        self.world.agent.set_flags(creditor_id, debtor_id, 0)
        self._look_around()

    def _look_around(self) -> None:
        """Something has changed: who has something to do now?"""
        self._idle.clear()
        self._pending = self.world.pending()

    # In the end

    def _finish(self) -> None:
        """Without faults time goes on until nothing is left to do."""
        self.settle()
        for jump in _LAST_JUMPS:
            if self.world.plan.step_back:
                self.world.refund()
                self.settle()
            if not leftovers(self.world):
                break
            self.world.clock.advance(jump)
            # Whether or not there seems to be work: scans, and what only time makes due.
            for name in self.world.parts():
                self._step(name)
            self.settle()
        check_end(self.world)


def run_seed(server: SimulationServer, seed: int) -> Run:
    """Runs one seed. Raises `SimulationFailure`."""
    began = time.monotonic()
    logging.disable(logging.CRITICAL)
    try:
        with World(server, seed) as world:
            driver = Driver(world)
            start = world.clock.now()
            try:
                driver.run()
            except Exception as error:
                last = "\n".join(driver.trace[-12:])
                raise SimulationFailure(
                    f"seed {seed} failed at step {driver.steps}, {world.clock.now()}: {type(error).__name__}: {error}\n"
                    f"{world.plan}\nshards: {world.shard_count}, the last steps:\n{last}\n"
                    f"repeat it with: python -m tests.simulation --first {seed} --seeds 1"
                ) from error
            for network in world.networks:
                for kind, count in network.counts.items():
                    world.faults[kind] += count
            world.faults["F15 documents"] += world.documents.failures
            return Run(
                seed,
                driver.steps,
                time.monotonic() - began,
                world.clock.now() - start,
                driver.turns,
                len(world.payments.paid),
                len(world.payments.arranged),
                len(world.payments.missing),
                world.payments.reckoned,
                +world.faults,
                hashlib.sha256("\n".join([*driver.trace, repr(world.payments)]).encode()).hexdigest()[:16],
            )
    finally:
        logging.disable(logging.NOTSET)

"""Drives a world through whole turns: ends every phase as soon as its work is done, and takes the times."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Self

from benchmarks.cpu import machine_cpu, postgres_cpu
from benchmarks.turn_watch import TurnWatch
from pipelines.turns.roll import TurnSettings
from sandbox.authority import AuthoritySettings
from sandbox.creditors.agent import AgentSettings
from sandbox.economy.economy import Economy
from sandbox.servers.documents import DocumentServer
from sandbox.servers.postgres import PrivateServer
from sandbox.world.threads import Effort, Threads
from sandbox.world.world import World, WorldSettings

POLL_SECONDS = 0.1
QUIET_SECONDS = 1.5
LOOP_PAUSE_SECONDS = 0.1
LIMIT_SECONDS = 1800.0
LEDGER_PERIOD = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class TurnTimes:
    """`parts`: name, seconds, and messages read or published by anybody, in order. `traded`: accounts that gave or got.

    CPU times in seconds: of this process, of PostgreSQL, and of the whole machine, whoever worked on it.
    """

    offers: int
    traded: int
    seconds: float
    process_cpu: float
    server_cpu: float
    machine_cpu: float
    parts: list[tuple[str, float, int]] = field(default_factory=list)
    efforts: dict[str, Effort] = field(default_factory=dict)


def settings_for(economy: Economy, documents: DocumentServer) -> WorldSettings:
    """Phases have deadlines in hours, which the driver brings forward; the rest is as in production.

    Only ledgers are told sooner than there (1 s instead of 5), so that setting up takes less time.
    """
    return WorldSettings(
        turn=TurnSettings(
            period=timedelta(seconds=2),
            offset=timedelta(0),
            phase1_duration=timedelta(hours=1),
            phase2_duration=timedelta(hours=1),
            base_debtor_info_locator=documents.locator(economy.base_debtor_id),
            base_debtor_id=economy.base_debtor_id,
            max_distance_to_base=10,
            min_trade_amount=1000,
            max_commit_period=timedelta(days=30),
        ),
        worker={"TRANSFERS_HEALTHY_MAX_COMMIT_DELAY": "30s", "APP_TURN_PHASE_CUSHION_PERIOD": "2m"},
        authority=AuthoritySettings(credit_delay=timedelta(0)),
        agent=AgentSettings(ledger_period=LEDGER_PERIOD),
    )


class TurnDriver:
    """Use as a context manager. With `threads` all parts of the world run at once, else one after the other."""

    def __init__(self, server: PrivateServer, world: World, threads: bool) -> None:
        self._world = world
        self._is_threaded = threads
        self._closing = ExitStack()
        solver = self._closing.enter_context(server.admin("solver"))
        names = [f"worker_{number}" for number in range(len(world.shards))]
        self._watch = TurnWatch(solver, [self._closing.enter_context(server.admin(name)) for name in names])
        self._parts = world.parts()
        # The loops over turns and transfers poll, in production every few seconds.
        self._pauses = {name: LOOP_PAUSE_SECONDS for name in self._parts if name.endswith(" loops")}
        self._efforts = {name: Effort() for name in self._parts}
        self._threads: Threads | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._closing.close()

    def messages(self) -> int:
        """How many messages were read or published so far, by anybody. One that travels counts at both ends."""
        running = self._threads.efforts if self._threads else {}
        return sum(effort.done for effort in (*self._efforts.values(), *running.values()))

    def looks(self) -> int:
        """How often the loops of a shard have looked whether there is something to do, over all shards."""
        return sum(effort.calls for name, effort in self._all_efforts().items() if name.endswith(" loops"))

    def settle(self) -> None:
        """Lets the parts work until nobody has anything to do."""
        with self._working():
            last = -1
            calls: dict[str, int] = {}
            since = time.monotonic()
            while True:
                efforts = self._all_efforts()
                if self.messages() != last or self._world.is_busy():
                    last, since = self.messages(), time.monotonic()
                    calls = {name: effort.calls for name, effort in efforts.items()}
                # A call may take long before it returns that it did something.
                all_idle = all(effort.calls >= calls[name] + 2 for name, effort in efforts.items())
                if all_idle and time.monotonic() - since >= QUIET_SECONDS:
                    return
                self._wait()

    def run_turn(self, in_phase_1: Callable[[], None] = lambda: None) -> TurnTimes:
        """A turn from its start to the last released lock. The times are those from phase 2 on.

        `in_phase_1` is called when nothing is left to do in that phase.
        """
        with self._working():
            turn_id = self._start_turn()
            self._until(lambda: self._watch.is_past(turn_id, 1, 0))
            in_phase_1()
            before = {name: replace(effort) for name, effort in self._all_efforts().items()}
            self._end_phase(turn_id)
            began, messages = time.perf_counter(), self.messages()
            process_cpu, server_cpu, all_cpu = time.process_time(), self._server_cpu(), machine_cpu()
            parts: list[tuple[str, float, int]] = []
            offers = 0
            for name, is_done in self._watch.milestones(turn_id, lambda: self._end_phase(turn_id)):
                self._until(is_done)
                done = sum(seconds for _, seconds, _ in parts)
                told = sum(count for _, _, count in parts)
                parts.append((name, time.perf_counter() - began - done, self.messages() - messages - told))
                if name == "shipping":
                    offers = self._watch.offers()
            seconds = time.perf_counter() - began
            # Of the others, who were dismissed, nothing is left.
            traded = self._watch.count(f"worker.account_lock where turn_id = {turn_id}")
            return TurnTimes(
                offers=offers,
                traded=traded,
                seconds=seconds,
                process_cpu=time.process_time() - process_cpu,
                server_cpu=self._server_cpu() - server_cpu,
                machine_cpu=machine_cpu() - all_cpu,
                parts=parts,
                efforts={name: _less(effort, before[name]) for name, effort in self._all_efforts().items()},
            )

    def _start_turn(self) -> int:
        known, _ = self._world.turn() or (0, 0)
        while (turn := self._world.turn() or (0, 0))[0] == known:
            self._world.advance_turns()
            self._wait()
        return turn[0]

    def _end_phase(self, turn_id: int) -> None:
        self._watch.make_due(turn_id)
        phase = self._world.turn()
        while self._world.turn() == phase:
            self._world.advance_turns()

    def _server_cpu(self) -> float:
        """Seconds that the processes of the server have worked."""
        return postgres_cpu(self._watch.solver).total()

    def _until(self, is_done: Callable[[], bool]) -> None:
        ends = time.monotonic() + LIMIT_SECONDS
        while not is_done():
            if time.monotonic() > ends:
                raise RuntimeError(f"this takes too long: {self._world.describe()}")
            self._wait()

    def _wait(self) -> None:
        if self._threads is not None:
            self._threads.check()
            time.sleep(POLL_SECONDS)
            return
        for name, part in self._parts.items():
            effort, began, cpu_began = self._efforts[name], time.perf_counter(), time.thread_time()
            effort.done += part()
            effort.calls += 1
            effort.seconds += time.perf_counter() - began
            effort.cpu_seconds += time.thread_time() - cpu_began

    @contextmanager
    def _working(self) -> Iterator[None]:
        if not self._is_threaded:
            yield
            return
        try:
            with Threads(self._parts, self._pauses) as self._threads:
                yield
        finally:
            self._efforts = self._all_efforts()
            self._threads = None

    def _all_efforts(self) -> dict[str, Effort]:
        running = self._threads.efforts if self._threads else {}
        return {name: _more(effort, running.get(name, Effort())) for name, effort in self._efforts.items()}


def _more(a: Effort, b: Effort) -> Effort:
    return Effort(a.done + b.done, a.calls + b.calls, a.seconds + b.seconds, a.cpu_seconds + b.cpu_seconds)


def _less(a: Effort, b: Effort) -> Effort:
    return Effort(a.done - b.done, a.calls - b.calls, a.seconds - b.seconds, a.cpu_seconds - b.cpu_seconds)

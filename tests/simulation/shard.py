"""One worker shard as three processes, each of which can die alone."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from bridge.floors import Floors
from bridge.wire.ports import Source, Target
from pipelines.turns import roll
from pipelines.turns.registry import Reporter
from pipelines.turns.scan import Pace, Scanner, full_pass
from service.wiring import Wiring
from sql.scans import SCANS
from tests.simulation.clock import Clock
from tests.simulation.documents import Documents, SimulatedRequests
from tests.simulation.process import MortalSource, MortalTarget, Process

Part = Callable[[], int]
"""A piece of work; returns how much was done."""


class Unit(Protocol):
    """Parts that die together."""

    process: Process

    def parts(self) -> dict[str, Part]: ...

    def die(self) -> None: ...


@dataclass(slots=True)
class ShardContext:
    """What the processes of a shard share, beside the database."""

    database: str
    wiring: Wiring
    lane_count: int
    new_process: Callable[[], Process]
    new_source: Callable[[], Source]
    target: Target
    fails: Callable[[], bool]
    documents: Documents
    dice: random.Random
    clock: Clock
    scan_period: timedelta


class BridgeUnit:
    """Inbound, outbound and the fetcher."""

    def __init__(self, context: ShardContext) -> None:
        self.process = context.new_process()
        connection = self.process.connect(context.database)
        self._source = context.new_source()
        limit = context.dice.choice((1, 7, 2000))
        source = MortalSource(self._source, self.process)
        self._inbound = context.wiring.inbound(source, connection, context.lane_count, limit=limit)
        target = MortalTarget(context.target, self.process, context.fails)
        self._outbound = context.wiring.outbound(connection, target)
        self._fetcher = context.wiring.fetcher(connection, SimulatedRequests(self.process, context.documents))

    def parts(self) -> dict[str, Part]:
        return {
            "inbound": lambda: self._inbound.run_once(0.0),
            "outbound": self._outbound.run_once,
            "fetch": self._fetcher.run_once,
        }

    @property
    def dead_letters(self) -> int:
        return self._inbound.dead_letters

    def die(self) -> None:
        """Whatever was not acknowledged comes again."""
        self._source.close()


class DrainUnit:
    """The drainer, one part for each lane."""

    def __init__(self, context: ShardContext) -> None:
        self.process = context.new_process()
        connection = self.process.connect(context.database)
        limit = context.dice.choice((1, 3, 20, 1000))
        # One for each lane, so that the simulation can choose the lane.
        lanes = context.lane_count
        self._drains = [context.wiring.drain(connection, lanes, limit=limit) for _ in range(lanes)]
        for lane, drain in enumerate(self._drains):
            drain._lanes, drain._floors = [lane], Floors([lane])

    def parts(self) -> dict[str, Part]:
        return {f"drain {lane}": drain.run_once for lane, drain in enumerate(self._drains)}

    def die(self) -> None:
        pass


class LoopsUnit:
    """The loops over turns, transfers and collectors."""

    def __init__(self, context: ShardContext) -> None:
        self.process = context.new_process()
        self._worker = self.process.connect(context.database)
        self._solver = self.process.connect("solver")
        self._wiring = context.wiring
        self._reporter = Reporter(context.clock.monotonic)
        self._wiring.enroll(self._worker)

    def parts(self) -> dict[str, Part]:
        worker, solver, wiring = self._worker, self._solver, self._wiring
        return {
            "turns": self._turns,
            "transfers": lambda: wiring.transfers(worker),
            "trigger": lambda: wiring.triggers(worker),
            "requests": lambda: wiring.requests(worker, solver),
            "collectors": lambda: wiring.collectors(worker, solver),
            "scans": lambda: sum(full_pass(worker, scan, sleep=lambda _seconds: None) for scan in SCANS),
        }

    def _turns(self) -> int:
        self._reporter.run(self._worker, self._solver)
        return self._wiring.turns(self._worker, self._solver).done

    def die(self) -> None:
        pass


class ScanUnit:
    """The scans, each of which walks through its table in a time much shorter than that of a real service."""

    def __init__(self, context: ShardContext) -> None:
        self.process = context.new_process()
        self._connection = self.process.connect(context.database)
        self._clock = context.clock.monotonic
        paces = dict.fromkeys(SCANS, Pace(context.scan_period))
        self._scanner = Scanner(paces, self._clock, context.dice.randrange)
        self._next = 0.0

    def parts(self) -> dict[str, Part]:
        return {"beats": self._run}

    @property
    def is_due(self) -> bool:
        # A scanner looks at empty tables every minute, which would be most of what happens in a simulation.
        return self._clock() >= self._next

    def _run(self) -> int:
        """All steps that are due."""
        self._next = self._clock() + 600
        rows = 0
        while self._scanner.pause() == 0:
            rows += self._scanner.run_beat(self._connection)
        return rows

    def die(self) -> None:
        pass


class SolverUnit:
    """The loop of turns in the solver database."""

    def __init__(self, process: Process, settings: Callable[[], roll.TurnSettings]) -> None:
        self.process = process
        self._connection = process.connect("solver")
        self._settings = settings

    def parts(self) -> dict[str, Part]:
        return {"solver": lambda: roll.advance_turns(self._connection, self._settings()).done}

    def die(self) -> None:
        pass

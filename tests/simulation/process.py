"""A process of the service that can be killed between any two transactions, and around every confirmation."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import Transaction
from psycopg.pq import TransactionStatus

from bridge.wire.ports import Delivery, Publication, PublishError, Source, Target
from sql.connections import connect_as
from tests.simulation.clock import Clock
from tests.simulation.databases import SimulationServer
from tests.simulation.wrong_clocks import WrongClocks


class Crash(BaseException):
    """The process is dead. No code of the service may catch this."""


@dataclass(slots=True)
class Process:
    """Who runs the parts that die together. `dice` belongs to the simulation; `armed` counts down to the crash."""

    server: SimulationServer
    clock: Clock
    dice: random.Random
    clocks: WrongClocks
    connections: list[SimulatedConnection] = field(default_factory=list)
    armed: int | None = None
    point: str = ""

    def connect(self, database: str) -> SimulatedConnection:
        """A new connection in autocommit mode, with dice of its own that the seed has set."""
        connection = connect_as(SimulatedConnection, self.server.url(database), "simulation")
        connection.execute("select setseed(%s)", (self.dice.uniform(-1, 1),))
        connection.owner = self
        connection.database = database
        self.connections.append(connection)
        return connection

    def may_crash(self, point: str) -> None:
        """A moment at which the process may die; `armed` says at how many such moments from now it does."""
        if self.armed is None:
            return
        if self.armed > 0:
            self.armed -= 1
            return
        self.point = point
        self.kill()
        raise Crash(point)

    def kill(self) -> None:
        """Ends all connections, and waits until the server has noticed."""
        self.armed = None
        pids = [connection.info.backend_pid for connection in self.connections]
        for connection in self.connections:
            connection.close()
        self.connections.clear()
        self.server.wait_for_end(pids)


class SimulatedCursor(psycopg.Cursor[Any]):
    """A cursor whose statements obey the simulated clock."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        with self.connection.unit():  # type: ignore[attr-defined]
            return super().execute(query, params, **options)

    @contextmanager
    def copy(self, statement: Any, params: Any = None, **options: Any) -> Iterator[psycopg.Copy]:
        with self.connection.unit(), super().copy(statement, params, **options) as copy:  # type: ignore[attr-defined]
            yield copy


class SimulatedConnection(psycopg.Connection[Any]):
    """A connection in autocommit mode that belongs to a process."""

    owner: Process | None = None
    database: str = ""
    _moment: str = ""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.cursor_factory = SimulatedCursor

    @contextmanager
    def unit(self) -> Iterator[None]:
        """Around a statement: when no transaction is open, it is a transaction of its own."""
        owner = self.owner
        if owner is None or self.pgconn.transaction_status != TransactionStatus.IDLE:
            yield
            return
        self._begin(owner)
        yield
        if self.pgconn.transaction_status == TransactionStatus.IDLE:
            owner.may_crash("after a commit")

    @contextmanager
    def transaction(self, *arguments: Any, **options: Any) -> Iterator[Transaction]:
        owner = self.owner
        is_outermost = owner is not None and self.pgconn.transaction_status == TransactionStatus.IDLE
        if is_outermost:
            assert owner is not None
            self._begin(owner)
        with super().transaction(*arguments, **options) as transaction:
            yield transaction
            if is_outermost:
                assert owner is not None
                owner.may_crash("before a commit")
        if is_outermost:
            assert owner is not None
            owner.may_crash("after a commit")

    def _begin(self, owner: Process) -> None:
        owner.may_crash("before a transaction")
        moment = (owner.clock.now() + owner.clocks.of(self.database)).isoformat()
        if moment != self._moment:
            self.owner = None
            self.execute("select set_config('swpt.now', %s, false)", (moment,))
            self.owner = owner
            self._moment = moment


@dataclass(slots=True)
class MortalSource:
    """A queue whose consumer may die before or after it has settled."""

    source: Source
    process: Process

    def take(self, limit: int, timeout: float) -> list[Delivery]:
        return self.source.take(limit, timeout)

    def settle(self, accepted: Sequence[int], rejected: Sequence[int] = ()) -> None:
        self.process.may_crash("before the acknowledgement")
        self.source.settle(accepted, rejected)
        self.process.may_crash("after the acknowledgement")

    def widen(self, extra: int) -> None:
        self.source.widen(extra)

    def close(self) -> None:
        self.source.close()


@dataclass(slots=True)
class MortalTarget:
    """An exchange whose publisher may die before or after the confirmation, or may never hear it."""

    target: Target
    process: Process | None
    fails: Callable[[], bool]

    def publish(self, batch: Sequence[Publication]) -> list[int]:
        if self.process:
            self.process.may_crash("before publishing")
        if self.fails():
            # Part of the batch has arrived, but that is not known.
            self.target.publish(batch[: len(batch) // 2])
            raise PublishError("the exchange did not confirm")
        returned = self.target.publish(batch)
        if self.process:
            self.process.may_crash("before the deletion of what was published")
        return returned

    def close(self) -> None:
        self.target.close()

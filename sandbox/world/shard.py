"""One worker shard, stepped instead of running as daemons: the same parts in the same order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row

from bridge.wire.ports import Source, Target
from pipelines.turns.registry import Reporter
from pipelines.turns.scan import scan_everything
from sandbox.servers.documents import DocumentServer
from service.wiring import Wiring
from settings.config import Config
from sql.connections import connect

Connection = psycopg.Connection[tuple[Any, ...]]

QUIET_QUEUE = 0.2
"""After so many seconds without a message the broker's queue is empty."""


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What a finished turn must not leave behind: rows of a shard, or the sums of several."""

    account_locks: int
    participations: int
    transfer_attempts: int
    dispatching_statuses: int
    early_arrivals: int
    waiting_messages: int
    set_aside: int
    unroutable: int
    dead_letters: int

    @staticmethod
    def of(parts: Iterable[Leftovers]) -> Leftovers:
        """The sum."""
        rows = list(parts)
        return Leftovers(**{f.name: sum(getattr(row, f.name) for row in rows) for f in fields(Leftovers)})

    def problems(self) -> list[str]:
        """In words; empty when nothing is left."""
        counts = ((field.name.replace("_", " "), getattr(self, field.name)) for field in fields(self))
        return [f"{name} left: {count}" for name, count in counts if count]

    @property
    def is_empty(self) -> bool:
        return not self.problems()


class Place(NamedTuple):
    """What an operator decides about a shard: its queue, its part of the keys, its database and who owns that."""

    queue: str
    binding_key: str
    database: str
    owner: str


class Shard:
    """A worker database with everything that works on it. Each of the `parts` belongs to one thread at a time, and so
    do all other methods together with the part `loops`."""

    def __init__(
        self,
        place: Place,
        config: Config,
        source: Source,
        target: Target,
        documents: DocumentServer,
        prefix: str = "",
    ) -> None:
        self.place = place
        self._closing = ExitStack()
        self._worker, *connections = (self._connect(config.worker_postgres_url) for _ in range(4))
        self._solver = self._connect(config.solver_postgres_url)
        self._reporter = Reporter()
        self._wiring = Wiring(config, documents.client_context())
        self._lane_count = lanes = self._wiring.enroll(self._worker)
        self._prefix = prefix
        self._inbound_connection = connections[0]
        self._inbound = self._wiring.inbound(source, connections[0], lanes, prefix=prefix)
        self._drain = self._wiring.drain(connections[1], lanes)
        self._outbound = self._wiring.outbound(connections[2], target)
        self._fetcher = self._wiring.fetcher(self._worker)
        self._closing.callback(self._fetcher.close)
        self._closing.callback(source.close)
        self._closing.callback(target.close)

    def close(self) -> None:
        self._closing.close()

    def step(self) -> int:
        """Every part once. Returns how much was done."""
        return sum(part() for part in self.parts().values())

    def parts(self) -> dict[str, Callable[[], int]]:
        """What the daemons of a shard do, by name: each with connections of its own. They return how much they did."""
        return {
            "inbound": lambda: self._inbound.run_once(0.0),
            "drain": self._drain.run_once,
            "loops": self._loop,
            "outbound": self._outbound.run_once,
        }

    def _loop(self) -> int:
        self._reporter.run(self._worker, self._solver)
        done = self._wiring.requests(self._worker, self._solver)
        done += self._wiring.collectors(self._worker, self._solver)
        done += self._fetcher.run_once()
        done += len(self._wiring.turns(self._worker, self._solver).steps)
        done += self._wiring.transfers(self._worker)
        done += self._wiring.triggers(self._worker)
        return done

    def replay(self, journal: Source) -> None:
        """Takes everything in once more that is in the journal, and closes that."""
        replaying = self._wiring.inbound(journal, self._inbound_connection, self._lane_count, prefix=self._prefix)
        while replaying.run_once(QUIET_QUEUE):
            pass
        journal.close()

    def scan(self) -> dict[str, int]:
        """A pass over each table, at once. Returns how many rows of each were removed or handled."""
        return scan_everything(self._worker)

    def foreign_rows(self) -> dict[str, int]:
        """How many rows of other shards there are, by table."""
        rows = self._worker.execute("select table_name, row_count from worker.foreign_rows()").fetchall()
        return dict(rows)

    def pending_fetches(self) -> int:
        """Documents that are still to be fetched."""
        return self._count("select count(*) from worker.debtor_info_fetch")

    def leftovers(self) -> Leftovers:
        """What is not finished of this shard's own keys."""
        with self._worker.cursor(row_factory=dict_row) as cursor:
            counts = cursor.execute(
                """
                with own as materialized (select realm_mask, realm from worker.configuration)
                select
                  (select count(*) from worker.account_lock, own
                   where released_at is null and (key_hash & realm_mask) = realm) as account_locks,
                  (select count(*) from worker.creditor_participation, own
                   where (key_hash & realm_mask) = realm) as participations,
                  (select count(*) from worker.transfer_attempt, own
                   where (key_hash & realm_mask) = realm) as transfer_attempts,
                  (select count(*) from worker.dispatching_status, own
                   where (key_hash & realm_mask) = realm) as dispatching_statuses,
                  (select count(*) from worker.early_arrival, own
                   where (key_hash & realm_mask) = realm) as early_arrivals,
                  (select sum(f.messages)::bigint from worker.queue_figures(1000000000) as f
                   where f.kind in ('inbox', 'outbox', 'requests')) as waiting_messages,
                  (select count(*) from worker.set_aside) as set_aside,
                  (select count(*) from worker.unroutable_message) as unroutable
                """
            ).fetchone()
        assert counts is not None
        return Leftovers(**counts, dead_letters=self._inbound.dead_letters)

    def _count(self, query: str) -> int:
        row = self._worker.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])

    def _connect(self, url: str) -> Connection:
        return self._closing.enter_context(connect(url, self.place.queue))

"""How the parts of a worker are put together from its configuration. Whoever runs them, it is done here.

Daemons, the sandbox's shards and the simulation only differ in who calls the parts, over which connections, and how the
outside is reached: `Source`, `Target`, and TLS.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.types.json import Jsonb

from pipelines.batches import Sizes
from settings.config import Config

if TYPE_CHECKING:
    # Each process loads only what it runs.
    from bridge.drain import Drain
    from bridge.http_fetch import Getting, HttpFetch
    from bridge.inbound import Inbound
    from bridge.outbound import Outbound
    from bridge.trial import Trial
    from bridge.wire.ports import Source, Target
    from pipelines.turns.roll import WorkerTurnsTick
    from pipelines.turns.scan import Scanner

Connection = psycopg.Connection[Any]

BATCH = 5000
"""Most messages that are taken from the broker at a time."""

REQUESTS = 1000
"""Most requests for the solver database at a time."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """Makes the parts of a worker. `tls` stands for the usual certificates when documents are fetched.

    Connections are in autocommit mode; those to the worker's database belong to one part each. `sizes` outlive them:
    what a loop has learned about how much at once is too much for the server.
    """

    config: Config
    tls: ssl.SSLContext | None = None
    sizes: Sizes = field(default_factory=Sizes)

    def enroll(self, worker: Connection) -> int:
        """Writes the settings into the worker's database; returns how many lanes that has.

        Raises psycopg.Error, also when it is the database of another shard.
        """
        worker.execute("select worker.set_configuration(%s)", (Jsonb(self.config.worker_settings()),))
        row = worker.execute("select lane_count from worker.configuration").fetchone()
        assert row is not None
        return int(row[0])

    def inbound(
        self,
        source: Source,
        worker: Connection,
        lanes: int,
        *,
        limit: int = BATCH,
        prefix: str = "",
        trial: Trial | None = None,
    ) -> Inbound:
        """Takes messages in. `prefix` goes before the names of exchanges; `trial` outlives the connections."""
        from bridge.inbound import Inbound

        return Inbound(
            source,
            worker,
            self.config.realm,
            lanes,
            limit,
            prefix,
            most_bytes=self.config.app_max_message_bytes,
            trial=trial,
            sizes=self.sizes,
        )

    def drain(self, worker: Connection, lanes: int, place: float = 0.0, limit: int | None = None) -> Drain:
        """Applies messages. `place`: from 0 to 1, with which lane it begins: others should begin elsewhere."""
        from bridge.drain import Drain

        if limit is not None:
            return Drain(worker, lanes, limit, sizes=self.sizes)
        return Drain(worker, lanes, first_lane=int(place * lanes), sizes=self.sizes)

    def outbound(self, worker: Connection, target: Target, types: Sequence[str] | None = None) -> Outbound:
        """Sends messages of these types, of all by default."""
        from bridge.messages.names import OUTGOING_TYPES
        from bridge.outbound import Outbound

        sent = OUTGOING_TYPES if types is None else types
        return Outbound(
            worker,
            target,
            self.config.realm,
            types=sent,
            delete_parent_shard_records=self.config.delete_parent_shard_records,
            burst_counts={type_name: self.config.burst_count(type_name) for type_name in sent},
            sizes=self.sizes,
        )

    def fetcher(
        self, worker: Connection, requests: Getting | None = None, give_up: Callable[[], bool] = lambda: False
    ) -> HttpFetch:
        """Fetches documents. `requests`: instead of HTTPS. Once `give_up` returns true, nothing is waited for."""
        from bridge.http_fetch import HttpFetch, make_requests

        config = self.config
        timeout = config.http_fetch_timeout.total_seconds()
        if requests is None:
            requests = make_requests(
                connections=config.http_fetch_connections,
                timeout=timeout,
                verify=config.app_verify_ssl_certs if self.tls is None else self.tls,
                allow_private=config.app_fetch_private_addresses,
                ports=config.app_fetch_ports,
                ca_file=config.http_fetch_ssl_cert_file,
                max_bytes=config.app_coin_info_document_max_length,
            )
        return HttpFetch(
            worker,
            requests,
            timeout=timeout,
            limit=config.app_debtor_info_fetch_burst_count,
            sizes=self.sizes,
            period=config.http_fetch_period.total_seconds(),
            give_up=give_up,
        )

    def scanner(self, tables: Sequence[str]) -> Scanner:
        """Cleans these tables up, each at its own pace."""
        from pipelines.turns.scan import Pace, Scanner

        paces = {}
        for table in tables:
            scan = self.config.scan(table)
            paces[table] = Pace(scan.days, scan.blocks_per_query, scan.beat)
        return Scanner(paces)

    def turns(self, worker: Connection, solver: Connection, lanes: Sequence[Connection] = ()) -> WorkerTurnsTick:
        """This shard's part of the turns, one iteration; `lanes`: more connections to the worker's database."""
        from pipelines.turns.roll import advance_worker_turns

        return advance_worker_turns(worker, solver, lanes, self.sizes)

    def transfers(self, worker: Connection) -> int:
        """Collectors send and pay as soon as nothing is missing; returns how many steps were taken."""
        from pipelines.turns.roll import advance_transfers

        return advance_transfers(worker, sizes=self.sizes)

    def triggers(self, worker: Connection) -> int:
        """Postponed payments are tried again when their time has come; returns how many."""
        from pipelines.turns.roll import trigger_due_transfers

        return trigger_due_transfers(worker, self.config.app_rescheduled_transfers_burst_count, self.sizes)

    def requests(self, worker: Connection, solver: Connection) -> int:
        """The solver is asked what handlers want of it; returns how many requests there were."""
        from pipelines.turns.exchange import send_requests

        return send_requests(worker, solver, REQUESTS, self.sizes)

    def collectors(self, worker: Connection, solver: Connection) -> int:
        """The poll of collectors; returns how many there was something to do for."""
        from pipelines.turns.roll import poll_collectors

        return poll_collectors(worker, solver, self.config.app_handle_pristine_collectors_max_count, self.sizes)

"""How fast messages flow between RabbitMQ and the queues in the database, beside bare loops of the client library."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from benchmarks import bare_pika
from benchmarks.worker_cases import POLICIES
from benchmarks.worker_drain import LANES
from bridge.inbound import Inbound
from bridge.messages.codec import build
from bridge.messages.publications import publication
from bridge.outbound import Outbound
from bridge.rabbitmq.broker import RabbitSource, RabbitTarget
from bridge.rabbitmq.setup import declare, delete
from bridge.wire.ports import Publication
from bridge.wire.sharding import Realm, binary_routing_key
from bridge.wire.topology import Queue, Topology, peer_topology, worker_topology
from sql.connections import connect

EVERYTHING = Realm.parse("#")
WINDOW = 2_000
BATCH = 10_000
PREFETCH = 10_000
INBOUND_LIMIT = 5_000


@dataclass(frozen=True, slots=True)
class Flow:
    """One measurement; CPU time of this Python process, microseconds a message."""

    name: str
    messages: int
    rate: float
    cpu: float
    bare_rate: float
    bare_cpu: float
    target: int

    @property
    def share(self) -> float:
        """Of the rate of the bare loop."""
        return self.rate / self.bare_rate if self.bare_rate else 0.0


@contextmanager
def broker_objects(url: str, name: str, *, quorum: bool = False) -> Iterator[str]:
    """A worker's exchanges and queue, and a queue for all accounting authorities. Gives the prefix of their names."""
    prefix = f"{name}."
    worker = worker_topology("worker", "#", prefix)
    if quorum:
        dead_letters, queue = worker.queues
        queue = Queue(queue.name, {**queue.arguments, "x-queue-type": "quorum"})
        worker = Topology(worker.exchanges, (dead_letters, queue), worker.bindings)
    peer = peer_topology("peer", "#", prefix)
    declare(url, worker)
    declare(url, peer)
    try:
        yield prefix
    finally:
        delete(url, peer)
        delete(url, worker)


def ledger_update(number: int, update_id: int) -> Publication:
    """As the creditors agent sends it, about customer account `number`."""
    creditor_id = 1103806595072 + number // 5
    debtor_id = 1001 + number % 5 * 200 + number // 5 % 200
    body = (
        f'{{"type":"UpdatedLedger","debtor_id":{debtor_id},"creditor_id":{creditor_id},"update_id":{update_id},'
        f'"account_id":"account-{number}","creation_date":"2026-01-01","principal":{update_id % 100_000},'
        f'"last_transfer_number":{update_id},"ts":"2026-03-01T02:00:00.125000+00:00"}}'
    )
    headers: dict[str, str | int | bool] = {
        "message-type": "UpdatedLedger",
        "creditor-id": creditor_id,
        "debtor-id": debtor_id,
    }
    return Publication(
        "to_trade",
        binary_routing_key(creditor_id),
        "UpdatedLedger",
        body.encode(),
        headers,
        app_id="swpt_creditors",
    )


def ledger_updates(count: int, first_update_id: int) -> list[Publication]:
    """Messages about many accounts, in an order that jumps between them."""
    return [ledger_update(n * 7919 % POLICIES, first_update_id + n) for n in range(count)]


def inbound(url: str, dsn: str, messages: int, quorum: bool) -> Flow:
    """From a full queue to the inbox lanes."""
    with broker_objects(url, "bench-inbound", quorum=quorum) as prefix, connect(dsn, "benchmark") as db:
        _empty_inbox(db)
        fill(url, prefix, messages)
        seconds, cpu = bare_pika.consume(url, prefix + "worker", messages, PREFETCH)
        fill(url, prefix, messages)
        source = RabbitSource(url, prefix + "worker", PREFETCH)
        bridge = Inbound(source, db, EVERYTHING, LANES, INBOUND_LIMIT, prefix)
        done, began, cpu_began = 0, time.perf_counter(), time.process_time()
        while done < messages:
            done += bridge.run_once(10.0)
        own_seconds, own_cpu = time.perf_counter() - began, time.process_time() - cpu_began
        source.close()
        _empty_inbox(db)
    name = f"inbound, {'quorum' if quorum else 'classic'} queue"
    return _flow(name, messages, own_seconds, own_cpu, seconds, cpu, 12_000)


def fill(url: str, prefix: str, messages: int) -> None:
    """Puts ledger updates into the worker's queue."""
    target = RabbitTarget(url, prefix, WINDOW)
    for start in range(0, messages, BATCH):
        if target.publish(ledger_updates(min(BATCH, messages - start), start + 2)):
            raise RuntimeError("the worker's queue is not bound")
    target.close()


def outbound(url: str, dsn: str, messages: int) -> Flow:
    """From the typed queue of PrepareTransfers to the authorities' queue, with one publisher."""
    with broker_objects(url, "bench-outbound") as prefix, connect(dsn, "benchmark") as db:
        rows = [_prepare_transfer(number) for number in range(messages)]
        seconds, cpu = bare_pika.publish(url, rows, prefix, WINDOW)
        del rows
        fill_outbox(db, messages)
        target = RabbitTarget(url, prefix, WINDOW)
        bridge = Outbound(db, target, EVERYTHING, types=["PrepareTransfer"])
        done, began, cpu_began = 0, time.perf_counter(), time.process_time()
        while done < messages:
            done += bridge.run_once()
        own_seconds, own_cpu = time.perf_counter() - began, time.process_time() - cpu_began
        target.close()
    return _flow("outbound, PrepareTransfer", messages, own_seconds, own_cpu, seconds, cpu, 8_000)


def outbox(url: str, dsn: str, messages: int, processes: int = 2) -> tuple[float, float]:
    """Several publishers empty the typed queue of a turn. Returns seconds, and CPU seconds of the publishers."""
    context = multiprocessing.get_context("spawn")
    with broker_objects(url, "bench-outbox") as prefix, connect(dsn, "benchmark") as db:
        fill_outbox(db, messages)
        start, results = context.Barrier(processes + 1), context.Queue()
        workers = [
            context.Process(target=_publisher, args=(url, dsn, prefix, start, results)) for _ in range(processes)
        ]
        for worker in workers:
            worker.start()
        start.wait(60)
        began = time.perf_counter()
        cpu = sum(results.get() for _ in workers)
        seconds = time.perf_counter() - began
        for worker in workers:
            worker.join()
        row = db.execute("select count(*) from outbox.prepare_transfer").fetchone()
    if row != (0,):
        raise RuntimeError(f"{row} messages did not leave")
    return seconds, cpu


def _publisher(url: str, dsn: str, prefix: str, start: Any, results: Any) -> None:
    with connect(dsn, "benchmark") as db:
        target = RabbitTarget(url, prefix, WINDOW)
        bridge = Outbound(db, target, EVERYTHING, types=["PrepareTransfer"])
        start.wait(60)
        cpu_began = time.process_time()
        while bridge.run_once():
            pass
        results.put(time.process_time() - cpu_began)
        target.close()


def fill_outbox(db: psycopg.Connection[Any], messages: int) -> None:
    """What step 2/0 leaves behind."""
    db.execute("truncate outbox.prepare_transfer")
    db.execute(
        """
        insert into outbox.prepare_transfer (
          creditor_id, debtor_id, coordinator_request_id, min_locked_amount, max_locked_amount, recipient,
          final_interest_rate_ts, max_commit_delay, ts
        )
        select bench.customer(n), bench.debtor(n), n + 1, 1000, 20000 + n, 'account-' || n,
          '9999-12-31T23:59:59+00:00', 2147483647, '2026-03-01T02:00:00.125+00:00'
        from generate_series(0, %s - 1) as n
        """,
        (messages,),
    )
    db.execute("vacuum (analyze) outbox.prepare_transfer")


def _prepare_transfer(number: int) -> Publication:
    fields = {
        "creditor_id": 1103806595072 + number // 5,
        "debtor_id": 1001 + number % 5 * 200 + number // 5 % 200,
        "coordinator_type": "agent",
        "coordinator_id": 1103806595072 + number // 5,
        "coordinator_request_id": number + 1,
        "min_locked_amount": 1000,
        "max_locked_amount": 20000 + number,
        "recipient": f"account-{number}",
        "final_interest_rate_ts": "9999-12-31T23:59:59+00:00",
        "max_commit_delay": 2147483647,
        "ts": "2026-03-01T02:00:00.125000+00:00",
    }
    return publication(build("PrepareTransfer", fields))


def _empty_inbox(db: psycopg.Connection[Any]) -> None:
    for lane in range(LANES):
        db.execute(f"truncate pgmq.q_inbox_{lane}".encode())


def _flow(name: str, messages: int, seconds: float, cpu: float, bare: float, bare_cpu: float, target: int) -> Flow:
    micro = 1e6 / messages
    return Flow(name, messages, messages / seconds, cpu * micro, messages / bare, bare_cpu * micro, target)

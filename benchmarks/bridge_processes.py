"""Real processes of a worker (`consume_messages`, `flush_all`) between RabbitMQ and a database."""

from __future__ import annotations

import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pika
import psycopg
from rich.console import Console

from benchmarks.bridge_flow import WINDOW, ledger_updates
from benchmarks.cpu import cpu_seconds_below, family
from benchmarks.worker_drain import LANES
from bridge.rabbitmq.broker import RabbitTarget
from bridge.rabbitmq.setup import declare, delete
from bridge.wire.ports import Publication
from bridge.wire.sharding import Realm, binary_routing_key
from bridge.wire.topology import Binding, Queue, Topology, worker_topology
from sandbox.servers.installation import Server
from sql.connections import connect

QUEUE = "bench"
REALM = "0.#"
INTERVAL = 10.0
IDLE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Interval:
    """What happened in ten seconds; rates in messages a second, memory of the consumer process in MiB."""

    seconds: float
    published: float
    applied: float
    waiting: int
    resident: float


@dataclass(frozen=True, slots=True)
class WakeUp:
    """Milliseconds from a message's publication to the arrival of the answer to it; CPU time while nothing happens."""

    samples: int
    median: float
    slowest_tenth: float
    slowest: float
    idle_cpu_percent: dict[str, float]


def applied(url: str, dsn: str, rate: int, seconds: float, console: Console) -> list[Interval]:
    """Publishes ledger updates at a rate and watches how they are applied by one consumer process."""
    intervals: list[Interval] = []
    with _worker(url, dsn, "#", "consume_messages") as (consumer,), connect(dsn, "benchmark") as db:
        target = RabbitTarget(url, window=WINDOW)
        began = last = time.monotonic()
        total = last_total = 0
        applied_before = _drained(db)
        last_applied = 0
        # Well above what the accounts know from earlier runs.
        first = time.time_ns() // 1_000
        while last - began < seconds:
            due = int((time.monotonic() - began) * rate) - total
            if due < rate / 10:
                time.sleep(0.02)
            else:
                count = min(due, rate)
                target.publish(ledger_updates(count, first + total))
                total += count
            now = time.monotonic()
            if now - last < INTERVAL:
                continue
            done = _drained(db) - applied_before
            found = Interval(
                now - began,
                (total - last_total) / (now - last),
                (done - last_applied) / (now - last),
                total - done,
                _resident(consumer.pid),
            )
            intervals.append(found)
            last, last_total, last_applied = now, total, done
            console.print(
                f"{found.seconds:6.0f} s  published {found.published:8,.0f}/s  applied {found.applied:8,.0f}/s"
                f"  waiting {found.waiting:9,}  consumer {found.resident:6.1f} MiB"
            )
        target.close()
    return intervals


def wake_up(url: str, dsn: str, samples: int) -> WakeUp:
    """Questions that come one at a time to an idle system, whose answers leave for another shard."""
    answers = Topology(
        (),
        (Queue("bench-answers"),),
        (Binding("to_trade", "bench-answers", destination_is_queue=True, routing_key="1.#"),),
    )
    ours = next(n for n in range(1, 100) if Realm.parse(REALM).matches(n))
    foreign = next(n for n in range(1, 100) if not Realm.parse(REALM).matches(n))
    with _worker(url, dsn, REALM, "consume_messages", "flush_all") as servers:
        declare(url, answers)
        connection = pika.BlockingConnection(pika.URLParameters(url))
        channel = connection.channel()
        consumer: Iterator[Any] = channel.consume("bench-answers", auto_ack=True, inactivity_timeout=10.0)
        target = RabbitTarget(url)
        times = []
        for number in range(samples + 5):
            time.sleep(random.uniform(0.05, 0.25))
            fields = {
                "type": "AccountIdRequest",
                "collector_id": foreign,
                "turn_id": number,
                "debtor_id": 666,
                "creditor_id": ours,
                "is_dispatching": True,
                "ts": "2026-03-01T02:00:00+00:00",
            }
            body = json.dumps(fields).encode()
            began = time.perf_counter()
            target.publish([Publication("to_trade", binary_routing_key(ours), "AccountIdRequest", body)])
            _, _, answer = next(consumer)
            times.append(1000 * (time.perf_counter() - began))
            if answer is None or json.loads(answer)["turn_id"] != number:
                raise RuntimeError("no answer")
        channel.cancel()
        connection.close()
        target.close()
        before = [cpu_seconds_below(server.pid) for server in servers]
        time.sleep(IDLE_SECONDS)
        idle = [
            100 * (cpu_seconds_below(server.pid) - used) / IDLE_SECONDS
            for server, used in zip(servers, before, strict=True)
        ]
        delete(url, answers)
    # The first ones find cold caches and plans.
    times = sorted(times[5:])
    return WakeUp(
        samples,
        statistics.median(times),
        times[int(len(times) * 0.9)],
        times[-1],
        dict(zip(("consume_messages", "flush_all"), idle, strict=True)),
    )


@contextmanager
def _worker(url: str, dsn: str, realm: str, *commands: str) -> Iterator[list[Server]]:
    """Processes of one shard, with the queue and the realm it needs."""
    topology = worker_topology(QUEUE, realm)
    parsed = Realm.parse(realm)
    declare(url, topology)
    with connect(dsn, "benchmark") as db:
        db.execute(
            "update worker.configuration set realm = %s, realm_mask = %s, local_delivery = false",
            (parsed.realm, parsed.mask),
        )
        for lane in range(LANES):
            db.execute(f"truncate pgmq.q_inbox_{lane}".encode())
    environment = {
        "WORKER_POSTGRES_URL": dsn,
        "SOLVER_POSTGRES_URL": dsn,
        "PROTOCOL_BROKER_URL": url,
        "PROTOCOL_BROKER_QUEUE": QUEUE,
        "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": realm,
        "PROTOCOL_BROKER_PREFETCH_COUNT": "10000",
        "PROTOCOL_BROKER_THREADS": "2",
        "APP_LOCAL_DELIVERY": "false",
        "APP_LOG_LEVEL": "warning",
    }
    servers: list[Server] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            for command in commands:
                servers.append(Server(environment, Path(folder) / command, command))
            time.sleep(3)
            for server in servers:
                if server.status is not None:
                    raise RuntimeError(server.text())
            yield servers
        finally:
            for server in servers:
                server.end()
            delete(url, topology)


def _drained(db: psycopg.Connection[Any]) -> int:
    """How many messages ever left the lanes."""
    row = db.execute(
        "select sum(n_tup_del) from pg_stat_user_tables where schemaname = 'pgmq' and relname like 'q_inbox_%'"
    ).fetchone()
    assert row is not None
    return int(row[0])


def _resident(pid: int) -> float:
    """Memory of a process and its children, MiB."""
    pages = sum(int(Path(f"/proc/{member}/statm").read_text().split()[1]) for member in family(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

"""Whether a shard keeps its rate: messages come in and are worked for minutes, part of them beside a pg_dump.

Usage: python -m benchmarks.worker_soak [--minutes N] [--rate N] [--dump-from MINUTES] [--dump-for MINUTES]

First the peak is measured: how fast two drainers empty full lanes. Then messages come at half of that (or at --rate).
For a while a transaction holds what pg_dump holds: a snapshot, and a lock on every table. Prints a line every ten
seconds and keeps the raw figures. Judged from the second minute on: the rate stays within 15 % of its median, within
40 % beside the dump, and the queue tables end no larger than they were after two minutes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from string import Template

from rich.console import Console

from benchmarks.worker_cases import CASES
from benchmarks.worker_drain import DRAINERS, LANES, RAW, Bench, Connection, machine
from bridge.drain import Drain
from sandbox.servers.postgres import PrivateServer

INTERVAL = 10.0
WARM_UP = 60.0
"""Seconds that are not judged."""
SETTLED = 120.0
"""Seconds after which the queue tables should not grow any more."""
LIMIT = 1_000
PEAK_MESSAGES = 200_000
ACCOUNTS = 1_000_000
FILLING_PAUSE = 0.1
SERVER_SETTINGS = {
    "shared_buffers": "6GB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "30min",
    "autovacuum_naptime": "15s",
}
"""What a busy server should have (docs/operations.md): after a checkpoint every page is logged whole once more. The
queue tables of a busy shard should be vacuumed more often than once a minute (the default); beside a snapshot, vacuums
every second would read whole tables and may remove nothing."""
SHARES = (("UpdatedLedger", 0.7), ("UpdatedPolicy", 0.3))

_QUEUE_BYTES = """
select sum(pg_total_relation_size(format('pgmq.%I', 'q_' || m.queue_name)::regclass))::bigint
from pgmq.meta as m where m.queue_name like 'inbox%'
"""
_DUMP = """
begin isolation level repeatable read read only;
do $$
declare
  v_table regclass;
begin
  for v_table in
    select c.oid from pg_class as c
    where c.relkind = 'r' and c.relnamespace::regnamespace::text in ('worker', 'outbox', 'pgmq')
  loop
    execute format('lock table %s in access share mode', v_table);
  end loop;
end
$$;
"""


@dataclass(frozen=True, slots=True)
class Interval:
    """What happened in ten seconds; rates in messages a second."""

    seconds: float
    worked: float
    filled: float
    waiting: int
    queue_bytes: int
    has_dump: bool


class Soak:
    """Threads that fill and drain the lanes of a shard until they are told to stop."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._errors: list[BaseException] = []
        self._worked = 0
        self._filled = 0

    def run(self, rate: float, seconds: float, dump_from: float, dump_for: float, console: Console) -> list[Interval]:
        """Lets `rate` messages a second come in for some seconds, and watches."""
        works = [lambda c: self._fill(c, rate), *(self._drainer(number) for number in range(DRAINERS))]
        threads = [threading.Thread(target=self._guarded, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        try:
            with self._connect() as connection, self._connect() as dump:
                return self._watch(connection, dump, seconds, dump_from, dump_for, console)
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()
            if self._errors:
                raise self._errors[0]

    def _watch(
        self,
        connection: Connection,
        dump: Connection,
        seconds: float,
        dump_from: float,
        dump_for: float,
        console: Console,
    ) -> list[Interval]:
        intervals: list[Interval] = []
        began = last = time.monotonic()
        worked = filled = 0
        has_dump = False
        while last - began < seconds and not self._errors:
            if has_dump != (dump_from <= last - began < dump_from + dump_for):
                dump.execute(b"commit" if has_dump else _DUMP.encode())
                has_dump = not has_dump
            time.sleep(INTERVAL)
            row = connection.execute(_QUEUE_BYTES.encode()).fetchone()
            assert row is not None
            now, all_worked, all_filled = time.monotonic(), self._worked, self._filled
            span = now - last
            found = Interval(
                seconds=now - began,
                worked=(all_worked - worked) / span,
                filled=(all_filled - filled) / span,
                waiting=all_filled - all_worked,
                queue_bytes=row[0],
                has_dump=has_dump,
            )
            console.print(
                f"{found.seconds:5.0f} s  in {found.filled:8,.0f}/s  worked {found.worked:8,.0f}/s  waiting "
                f"{found.waiting:8,}  queues {found.queue_bytes / 2**20:7,.1f} MiB{'  (dump)' if has_dump else ''}"
            )
            intervals.append(found)
            worked, filled, last = all_worked, all_filled, now
        return intervals

    def _guarded(self, work: Callable[[Connection], None]) -> None:
        try:
            with self._connect() as connection:
                work(connection)
        except BaseException as error:
            self._errors.append(error)

    def _fill(self, connection: Connection, rate: float) -> None:
        """Puts in what has become due, about a tenth of a second's messages at a time."""
        began = time.monotonic()
        run = 1000  # newer than all updates of the peak
        while not self._stop.is_set():
            due = int((time.monotonic() - began) * rate) - self._filled
            for type_, share in SHARES:
                run += 1
                count = round(due * share)
                fill(connection, type_, count, run)
                self._filled += count
            time.sleep(FILLING_PAUSE)

    def _drainer(self, number: int) -> Callable[[Connection], None]:
        def work(connection: Connection) -> None:
            drain = Drain(connection, LANES, LIMIT, first_lane=number * LANES // DRAINERS)
            while not self._stop.is_set():
                done = drain.run_once()
                with self._lock:
                    self._worked += done
                if not done:
                    time.sleep(0.005)

        return work


def fill(connection: Connection, type_: str, count: int, run: int) -> None:
    """Puts `count` new messages of a type into the lanes of their keys."""
    case = next(case for case in CASES if case.type == type_)
    lanes = ", ".join(
        f"lane_{lane} as (insert into pgmq.q_inbox_{lane} (vt, message)"
        f" select '-infinity', m.body from message as m where m.lane = {lane})"
        for lane in range(LANES)
    )
    text = (
        f"with message as materialized (select worker.hash32(c.key) & {LANES - 1} as lane, c.body"
        f" from ({case.messages}) as c), {lanes} select"
    )
    connection.execute(Template(text).substitute(n=str(count), run=str(run), policies=str(ACCOUNTS)).encode())


def verdict(intervals: list[Interval]) -> list[str]:
    """What is not as it should be, in words."""
    judged = [i for i in intervals if i.seconds > WARM_UP] or intervals
    problems = []
    median = statistics.median(i.worked for i in judged)
    for interval in judged:
        tolerance = 0.4 if interval.has_dump else 0.15
        if abs(interval.worked - median) > tolerance * median:
            problems.append(f"{interval.seconds:.0f} s: {interval.worked:,.0f}/s, the median is {median:,.0f}/s")
    settled = [i for i in intervals if i.seconds >= SETTLED]
    if settled and settled[-1].queue_bytes > settled[0].queue_bytes:
        problems.append(f"queue tables grew from {settled[0].queue_bytes:,} to {settled[-1].queue_bytes:,} bytes")
    return problems


def main() -> None:
    """Measures the peak, soaks at half of it, judges."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, help="messages a second; half of the peak unless given")
    parser.add_argument("--dump-from", type=float, default=4.0, help="minute in which the dump begins")
    parser.add_argument("--dump-for", type=float, default=3.0, help="minutes that it takes")
    options = parser.parse_args()

    console = Console(width=140)
    with PrivateServer(durable=True, **SERVER_SETTINGS) as server:
        bench = Bench(server, ACCOUNTS)
        rate = options.rate
        if rate is None:
            rate = bench.measure(CASES[0], PEAK_MESSAGES, LIMIT).rate / 2
        console.print(f"{rate:,.0f} messages a second for {options.minutes:g} minutes")
        soak = Soak(bench.connect)
        intervals = soak.run(rate, 60 * options.minutes, 60 * options.dump_from, 60 * options.dump_for, console)
    problems = verdict(intervals)
    for line in problems or ["flat"]:
        console.print(line)
    RAW.mkdir(exist_ok=True)
    path = RAW / f"worker-soak-{time.strftime('%Y%m%d-%H%M%S')}.json"
    raw = {"machine": machine(), "rate": rate, "intervals": [asdict(i) for i in intervals], "problems": problems}
    path.write_text(json.dumps(raw, indent=2) + "\n")
    console.print(f"raw figures: {path}")


if __name__ == "__main__":
    main()

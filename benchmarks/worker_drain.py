"""How fast a shard works its inbox: messages a second over all lanes, two drainers, durable commits.

The same messages are also taken with `pgmq.pop`, and with the drain's own delete by floor, without being worked: what
is lost to the handlers is the difference.
"""

from __future__ import annotations

import os
import platform
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template
from typing import Any, LiteralString

import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks.worker_cases import CASES, CUSTOMERS, EMPTY, POLICIES, Case
from bridge.drain import Drain
from sandbox.servers.postgres import PrivateServer, default_programs
from sql.install import configure

Connection = psycopg.Connection[tuple[Any, ...]]
RunOnce = Callable[[], int]
Maker = Callable[[Connection, int], RunOnce]
"""Makes what drainer number 0, 1 … calls again and again; it returns how many messages it has taken."""

RAW = Path(__file__).parent / "raw"
LANES = 8
DRAINERS = 2
DATABASE = "bench"
LIMITS = (100, 1_000, 10_000)

_POP: LiteralString = "select msg_id, message from pgmq.pop(%(queue)s, %(limit)s)"
_TAKE: LiteralString = """
with batch as (
  delete from pgmq.{table}
  where msg_id in (select q.msg_id from pgmq.{table} as q where q.msg_id > %(floor)s order by q.msg_id limit %(limit)s)
  returning msg_id, message
)
select count(message), coalesce(max(msg_id), 0) from batch
"""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One case with one batch size; rates in messages a second."""

    type: str
    situation: str
    limit: int
    messages: int
    rate: float
    cpu: float
    """Server CPU time, microseconds a message: what other load on the machine changes least."""
    pop_rate: float
    pop_cpu: float
    take_rate: float
    take_cpu: float
    target: int

    @property
    def share(self) -> float:
        """Of the rate of bare `pgmq.pop`."""
        return self.rate / self.pop_rate


class Bench:
    """A durable server with one shard of customers, emptied and filled again for every run."""

    def __init__(self, server: PrivateServer, policies: int = POLICIES) -> None:
        self._server = server
        self.policies = policies
        with server.admin() as admin:
            admin.execute("alter system set max_wal_size = '4GB'")
            admin.execute("alter system set synchronous_commit = on")
            admin.execute("select pg_reload_conf()")
            admin.execute(f"create database {DATABASE}".encode())
        self._runs = 0
        with self.connect() as connection:
            configure(connection, "worker")
            _script(connection, CUSTOMERS, policies=policies)
            for lane in range(LANES):
                connection.execute("select pgmq.create(%s)", (f"bare_{lane}",))
            connection.execute("vacuum (analyze)")

    def connect(self) -> Connection:
        return self._server.admin(DATABASE)

    def measure(self, case: Case, messages: int, limit: int) -> Measurement:
        """Fills lanes and rows, and empties the lanes three times: bare pop, bare delete by floor, drain."""
        self._runs += 1
        with self.connect() as connection:
            # Answers shall leave for another shard, so that only the messages of the case are in the lanes.
            connection.execute("update worker.configuration set local_delivery = false")
            _script(connection, EMPTY + "truncate bench.message;")
            _script(connection, case.rows, n=messages)
            connection.execute("vacuum (analyze)")
            _script(
                connection,
                f"""
                insert into bench.message (lane, body)
                select worker.hash32(m.key) & {LANES - 1}, m.body from ({case.messages}) as m order by random()
                """,
                n=messages,
                run=self._runs,
                policies=self.policies,
            )
            pop = self._emptying(connection, "bare", messages, _popper(limit))
            take = self._emptying(connection, "bare", messages, _taker(limit))
            drain = self._emptying(connection, "inbox", messages, _drainer(limit))
            problems = connection.execute("select count(*) from worker.set_aside").fetchone()
        if problems != (0,):
            raise RuntimeError(f"{case.type}, {case.situation}: messages were set aside")
        target = case.target if limit == 1000 else 0
        return Measurement(case.type, case.situation, limit, messages, *drain, *pop, *take, target)

    def _emptying(self, connection: Connection, queue: str, messages: int, make: Maker) -> tuple[float, float]:
        """Fills the queues `queue`_0 …, and lets two threads empty them. Returns what `emptying_rate` does."""
        for lane in range(LANES):
            table = f"pgmq.q_{queue}_{lane}"
            connection.execute(f"truncate {table}".encode())
            connection.execute(
                f"insert into {table} (vt, message) select '-infinity', body from bench.message where lane = {lane}"
                " order by n".encode()
            )
            connection.execute(f"vacuum (analyze) {table}".encode())
        connection.execute("checkpoint")
        return emptying_rate(self.connect, messages, make)


def emptying_rate(connect: Callable[[], Connection], messages: int, make: Maker) -> tuple[float, float]:
    """Lets `DRAINERS` threads call what `make` returns until all messages are gone.

    Returns messages a second and microseconds of server CPU time a message.
    """
    left = messages
    cpu = 0.0
    lock = threading.Lock()
    start = threading.Barrier(DRAINERS + 1)
    errors: list[BaseException] = []

    def work(number: int) -> None:
        nonlocal left, cpu
        try:
            with connect() as connection:
                run_once = make(connection, number)
                before = _cpu_seconds(connection)
                start.wait()
                while left > 0 and not errors:
                    done = run_once()
                    with lock:
                        left -= done
                    if not done:
                        time.sleep(0.001)
                with lock:
                    cpu += _cpu_seconds(connection) - before
        except BaseException as error:
            errors.append(error)
            start.abort()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(DRAINERS)]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - began
    if errors:
        raise errors[0]
    return messages / elapsed, cpu / messages * 1e6


def _cpu_seconds(connection: Connection) -> float:
    """CPU time of the server process behind the connection."""
    fields = Path(f"/proc/{connection.info.backend_pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _drainer(limit: int) -> Maker:
    return lambda connection, number: Drain(connection, LANES, limit, first_lane=number * LANES // DRAINERS).run_once


def _popper(limit: int) -> Maker:
    """Each drainer pops from its own lanes. The messages reach the client, which does not even look at them."""

    def make(connection: Connection, number: int) -> RunOnce:
        lanes = range(number, LANES, DRAINERS)
        return lambda: sum(
            connection.execute(_POP, {"queue": f"bare_{lane}", "limit": limit}).rowcount for lane in lanes
        )

    return make


def _taker(limit: int) -> Maker:
    """Each drainer deletes by floor from its own lanes. The messages stay in the server."""

    def make(connection: Connection, number: int) -> RunOnce:
        floors = dict.fromkeys(range(number, LANES, DRAINERS), 0)

        def run_once() -> int:
            total = 0
            for lane, floor in floors.items():
                query = _TAKE.format(table=f"q_bare_{lane}")
                row = connection.execute(query, {"limit": limit, "floor": floor}).fetchone()
                assert row is not None
                total += row[0]
                floors[lane] = row[1]
            return total

        return run_once

    return make


def _script(connection: Connection, text: str, **values: int) -> None:
    if text:
        connection.execute(Template(text).substitute({k: str(v) for k, v in values.items()}).encode())


def run(console: Console, messages: int, limits: Sequence[int], only: str = "") -> list[dict[str, Any]]:
    """Measures every case whose type or situation contains `only`, prints a table, returns the raw figures."""
    columns = (
        "type",
        "situation",
        "batch",
        "messages/s",
        "target",
        "of pop",
        "CPU µs",
        "pop/s",
        "CPU µs",
        "take/s",
        "CPU µs",
    )
    table = Table(*columns, title="Inbox drain")
    results = []
    with PrivateServer(durable=True) as server:
        bench = Bench(server)
        for case in CASES:
            if only not in f"{case.type} {case.situation}":
                continue
            for limit in limits:
                with console.status(f"{case.type} ({case.situation}), batches of {limit:,}"):
                    m = bench.measure(case, messages, limit)
                results.append({**asdict(m), "share_of_pop": m.share})
                rates = (m.rate, m.target, None, m.cpu, m.pop_rate, m.pop_cpu, m.take_rate, m.take_cpu)
                cells = [f"{m.share:.2f}" if rate is None else f"{rate:,.0f}" if rate else "" for rate in rates]
                table.add_row(m.type, m.situation, f"{limit:,}", *cells)
    console.print(table)
    return results


def machine() -> dict[str, object]:
    """What the figures depend on."""
    server = subprocess.run([default_programs() / "postgres", "--version"], capture_output=True, text=True, check=True)
    return {
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "load_average": os.getloadavg(),
        "server": server.stdout.strip(),
        "commits": "synchronous_commit on, fsync on",
    }

"""How fast the bulk steps of a turn are: one shard and a solver on a durable server of this machine.

Usage: python -m benchmarks.worker_steps [POLICIES ...]

Every creditor sells one of 100 currencies and buys another, and all of these policies become candidates. The locks are
prepared, and nine of ten traders are served, by statements on whole tables, which are not measured; the steps are the
real ones. Prints one table; raw figures are kept.
"""

from __future__ import annotations

import json
import platform
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from pipelines.turns.roll import advance_worker_turns
from sandbox.servers.postgres import PrivateServer
from sql import KINDS, Kind
from sql.connections import connect
from sql.install import configure

RAW = Path(__file__).parent / "raw"
POLICIES = (1_000_000,)
CURRENCIES = 100
COLLECTORS = 3
"""Collectors of each currency."""
TURNS = 2
"""Locks are inserted in the first turn and overwritten in the second one."""

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of one turn. `seconds`: until the step is recorded; `peak_mib`: of this process, meanwhile."""

    policies: int
    turn: int
    step: str
    rows: int
    seconds: float
    peak_mib: float


def main() -> None:
    """Runs every size."""
    sizes = [int(text) for text in sys.argv[1:]] or list(POLICIES)
    about = f"Python {platform.python_version()}, {CURRENCIES} currencies, {COLLECTORS} collectors each, 2 connections"
    table = Table("policies", "turn", "step", "rows", "s", "rows/s", "peak MiB", title=about)
    console = Console(width=120)
    results: list[Step] = []
    for policies in sizes:
        with console.status(f"{policies:,} policies"):
            steps = list(measure(policies))
        results += steps
        for step in steps:
            table.add_row(
                f"{policies:,}",
                str(step.turn),
                step.step,
                f"{step.rows:,}",
                f"{step.seconds:.2f}",
                f"{step.rows / step.seconds:,.0f}",
                f"{step.peak_mib:,.0f}",
            )
    console.print(table)
    RAW.mkdir(exist_ok=True)
    path = RAW / f"worker-steps-{time.strftime('%Y%m%d-%H%M%S')}.json"
    raw = {"about": about, "machine": platform.platform(), "results": [asdict(step) for step in results]}
    path.write_text(json.dumps(raw, indent=2) + "\n")
    console.print(f"raw figures: {path}")


def measure(policies: int) -> Iterator[Step]:
    """The steps of some turns of a shard with that many policies."""
    with ExitStack() as closing:
        server = closing.enter_context(PrivateServer(durable=True))
        for kind in KINDS:
            _create_database(server, kind)
        world = _World(
            *(
                closing.enter_context(connect(server.database_url(kind), "benchmark"))
                for kind in ("worker", "worker", "solver")
            )
        )
        world.generate(policies)
        for turn in range(1, TURNS + 1):
            yield from world.run_turn(policies, turn)


def _create_database(server: PrivateServer, kind: Kind) -> None:
    with server.admin() as admin:
        admin.execute(f"create database {kind}".encode())
    with server.admin(kind) as connection:
        configure(connection, kind)


class _World:
    """A shard with two connections, and its solver. The clock is the real one, so the turn's deadlines move."""

    def __init__(self, worker: Connection, lanes: Connection, solver: Connection) -> None:
        self._worker = worker
        self._lanes = lanes
        self._solver = solver

    def generate(self, policies: int) -> None:
        """Currencies pegged in a tree of ten branches, their collectors, and the policies."""
        self._solver.execute(
            """
            insert into solver.collector_account (debtor_id, collector_id, account_id, status, latest_status_change_at)
            select d, (1::bigint << 40) + d * 16 + c, 'collector-' || d || '-' || c, 2, solver.now()
            from generate_series(1, %s) as d, generate_series(1, %s) as c
            """,
            (CURRENCIES, COLLECTORS),
        )
        # The IDs are in no order, like those that an agent gives to its customers.
        self._worker.execute(
            """
            insert into worker.trading_policy (
              creditor_id, debtor_id, account_id, creation_date, principal, last_transfer_number, policy_name,
              min_principal, max_principal, peg_debtor_id, peg_exchange_rate
            )
            select
              (1::bigint << 32) + (i * 2654435761 & 4294967295), d.debtor_id, 'account-' || i, '2026-01-01',
              case when d.is_sale then 50000 else 0 end, 7, 'conservative',
              case when d.is_sale then 0 else 40000 end, 40000 - case when d.is_sale then 40000 else 0 end,
              case when d.debtor_id > 1 then 1 end,
              case when d.debtor_id > 1 then case when d.debtor_id > 10 then 4 else 2 end end
            from generate_series(1, %(traders)s::bigint) as i
              cross join lateral (
                values
                  (1 + i * 7919 %% %(currencies)s, true),
                  (1 + (i * 7919 + 1 + i %% (%(currencies)s - 1)) %% %(currencies)s, false)
              ) as d (debtor_id, is_sale)
            """,
            {"traders": policies // 2, "currencies": CURRENCIES},
        )
        self._worker.execute("vacuum analyze worker.trading_policy")

    def run_turn(self, policies: int, turn: int) -> Iterator[Step]:
        """All steps, with what the peers and the solver do between them."""
        self._solver.execute(
            """
            insert into solver.turn (
              turn_id, started_at, base_debtor_info_locator, base_debtor_id, max_distance_to_base, min_trade_amount,
              phase, phase_deadline, collection_deadline
            )
            values (
              %s, solver.now() - interval '1 hour', 'L1', 1, 10, 1000,
              2, solver.now() + interval '1 hour', solver.now() + interval '30 days'
            )
            """,
            (turn,),
        )
        self._solver.execute(
            """
            insert into solver.currency_info (
              turn_id, debtor_info_locator, debtor_id, peg_debtor_info_locator, peg_debtor_id, peg_exchange_rate,
              is_confirmed
            )
            select %s, 'L' || d, d, 'L' || p, p, case when d > 1 then 2.0 end, true
            from generate_series(1, %s) as d
              cross join lateral (
                select case when d > 10 then 2 + d %% 9 when d > 1 then 1 end as p
              ) as peg
            """,
            (turn, CURRENCIES),
        )
        yield self._step(policies, turn, "2/0", "select count(*) from outbox.prepare_transfer")

        self._worker.execute("truncate outbox.prepare_transfer")
        self._worker.execute(
            "update worker.account_lock set transfer_id = coordinator_request_id where transfer_id is null"
        )
        self._worker.execute(
            "update worker.worker_turn set phase_deadline = worker.now() + interval '1 minute' where phase = 2"
        )
        self._worker.execute("vacuum worker.account_lock")
        yield self._step(policies, turn, "2/5", "select count(*) from worker.account_lock")

        self._solve(turn)
        yield self._step(policies, turn, "3/0", "select count(*) from worker.account_lock")
        yield self._step(policies, turn, "3/5", "select 0")
        self._solver.execute("update solver.turn set phase = 4")
        self._let_the_money_move()

    def _step(self, policies: int, turn: int, step: str, count: str) -> Step:
        for connection in (self._worker, self._solver):
            connection.execute("vacuum")
            connection.execute("checkpoint")
        _forget_peak()
        start = time.perf_counter()
        tick = advance_worker_turns(self._worker, self._solver, [self._lanes])
        seconds = time.perf_counter() - start
        peak = _peak_mib()
        phase, subphase = step.split("/")
        assert tick.steps == ((turn, int(phase), int(subphase)),), tick
        row = self._worker.execute(count.encode()).fetchone()
        assert row is not None
        return Step(policies, turn, step, row[0] or policies, seconds, peak)

    def _solve(self, turn: int) -> None:
        """Serves nine traders of ten, with half of what they offered; each currency sends one payment."""
        with self._solver.transaction():
            for statement in _SOLUTION:
                self._solver.execute(statement.encode(), {"turn": turn, "collectors": COLLECTORS})

    def _let_the_money_move(self) -> None:
        """Every lock is released and the ledgers know it; the collectors have paid."""
        self._worker.execute("truncate outbox.finalize_transfer")
        self._worker.execute(
            "truncate worker.worker_collecting, worker.worker_sending, worker.worker_receiving,"
            " worker.worker_dispatching, worker.dispatching_status"
        )
        self._worker.execute(
            "update worker.account_lock set finalized_at = worker.now(), released_at = worker.now(),"
            " account_creation_date = '2026-01-01', account_last_transfer_number = 7"
        )


_SOLUTION = (
    """
    insert into solver.creditor_taking (turn_id, creditor_id, debtor_id, amount, collector_id)
    select turn_id, creditor_id, debtor_id, amount / 2, collector_id
    from solver.sell_offer
    where turn_id = %(turn)s and creditor_id %% 10 <> 0
    """,
    """
    insert into solver.collector_collecting (turn_id, debtor_id, creditor_id, amount, collector_id)
    select turn_id, debtor_id, creditor_id, amount, collector_id from solver.creditor_taking where turn_id = %(turn)s
    """,
    """
    insert into solver.creditor_giving (turn_id, creditor_id, debtor_id, amount, collector_id)
    select turn_id, creditor_id, debtor_id, amount / 2,
      (1::bigint << 40) + debtor_id * 16 + 1 + creditor_id %% %(collectors)s
    from solver.buy_offer
    where turn_id = %(turn)s and creditor_id %% 10 <> 0
    """,
    """
    insert into solver.collector_dispatching (turn_id, debtor_id, creditor_id, amount, collector_id)
    select turn_id, debtor_id, creditor_id, amount, collector_id from solver.creditor_giving where turn_id = %(turn)s
    """,
    """
    insert into solver.collector_sending (turn_id, debtor_id, from_collector_id, to_collector_id, amount)
    select distinct %(turn)s, debtor_id, (1::bigint << 40) + debtor_id * 16 + 1, (1::bigint << 40) + debtor_id * 16 + 2,
      1000
    from solver.collector_collecting
    where turn_id = %(turn)s
    """,
    """
    insert into solver.collector_receiving (turn_id, debtor_id, to_collector_id, from_collector_id, amount)
    select turn_id, debtor_id, to_collector_id, from_collector_id, amount
    from solver.collector_sending
    where turn_id = %(turn)s
    """,
    "delete from solver.sell_offer",
    "delete from solver.buy_offer",
    "delete from solver.currency_info",
    "update solver.turn set phase = 3, phase_deadline = null, collection_started_at = solver.now() where phase = 2",
)


def _forget_peak() -> None:
    """Starts the measurement of peak memory anew, where the system lets us."""
    path = Path("/proc/self/clear_refs")
    if path.exists():
        path.write_text("5")


def _peak_mib() -> float:
    """Peak resident memory of this process since the last `_forget_peak`, or since it started."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()

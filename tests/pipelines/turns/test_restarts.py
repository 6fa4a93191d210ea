"""A worker process that dies before any of its round trips to a server leaves a step that can be repeated.

The process has one connection to each database. Both are ended by the servers at the same moment, so everything that
was not committed is lost, and what was committed last may or may not be known to the process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from pipelines.turns.roll import advance_worker_turns
from sandbox.servers.postgres import PrivateServer
from sql import KINDS, Kind
from sql.connections import connect_as
from tests.databases import EMPTY, connection_to
from tests.pipelines.turns.mortal import Fuse, MortalConnection
from tests.sql.turns.rows import insert_turn, insert_worker_turn, rows, stop_clock, value

pytestmark = pytest.mark.slow

State = dict[str, list[tuple[Any, ...]]]

COLLECTORS = """
insert into solver.collector_account (debtor_id, collector_id, account_id, status, latest_status_change_at)
select d, (1::bigint << 40) + d, 'collector-' || d, 2, '2026-01-01' from generate_series(1, 2) as d
"""
# Currency 3 has no collector, so a sale of it asks for one.
POLICIES = """
insert into worker.trading_policy (
  creditor_id, debtor_id, account_id, policy_name, principal, min_principal, max_principal,
  peg_debtor_id, peg_exchange_rate
)
select
  c, d, 'account', 'conservative', case when is_sale then 9000 else 0 end, case when is_sale then 0 else 9000 end,
  case when is_sale then 0 else 9000 end, nullif(1, d), case when d > 1 then 2.0 end
from generate_series(1, 24) as c
  cross join lateral (values (1 + c % 2, true), (2 - c % 2, false), (3, true)) as p (d, is_sale)
"""
DOCUMENTS = """
insert into worker.debtor_info_document (
  debtor_info_locator, debtor_id, peg_debtor_info_locator, peg_debtor_id, peg_exchange_rate, fetched_at
)
select 'L' || d, d, 'L1', 1, 2.0, '2026-03-01' from generate_series(1, 9) as d
"""
CLAIMS = """
insert into worker.debtor_locator_claim (
  debtor_id, debtor_info_locator, latest_locator_fetch_at, latest_discovery_fetch_at
)
select d, 'L' || d, '2026-03-01', '2026-03-01' from generate_series(1, 9) as d
"""
CURRENCIES = """
insert into solver.currency_info
select 1, case when d > 1 then 'L' || d else 'B' end, d, case when d > 1 then 'B' end, case when d > 1 then 1 end,
  case when d > 1 then 2.0 end, d < 3
from generate_series(1, 3) as d
"""
LOCKS = """
insert into worker.account_lock (
  creditor_id, debtor_id, turn_id, collector_id, initiated_at, amount, collection_deadline, transfer_id
)
select c, d, 1, (1::bigint << 40) + d, '2026-03-01T02:10:00Z', amount, '2026-04-01', 7
from generate_series(1, 24) as c
  cross join lateral (values (1 + c % 2, -9000), (2 - c % 2, 9000)) as p (d, amount)
"""
EARLY_ARRIVAL = """
insert into worker.early_arrival (kind, collector_id, turn_id, debtor_id, other_id, amount, inserted_at)
values ('collecting', (1::bigint << 40) + 1, 1, 1, 2, 5000, '2026-03-01T03:10:30Z')
"""
RESULTS = """
insert into solver.creditor_taking (turn_id, creditor_id, debtor_id, amount, collector_id)
select 1, c, 1 + c % 2, 5000, (1::bigint << 40) + 1 + c % 2 from generate_series(1, 20) as c;
insert into solver.collector_collecting (turn_id, debtor_id, creditor_id, amount, collector_id)
select turn_id, debtor_id, creditor_id, amount, collector_id from solver.creditor_taking;
insert into solver.creditor_giving (turn_id, creditor_id, debtor_id, amount, collector_id)
select 1, c, 2 - c % 2, 5000, (1::bigint << 40) + 2 - c % 2 from generate_series(1, 20) as c;
insert into solver.collector_dispatching (turn_id, debtor_id, creditor_id, amount, collector_id)
select turn_id, debtor_id, creditor_id, amount, collector_id from solver.creditor_giving
"""

# The moment, the phase at the solver, the worker's phase and sub-phase if it knows the turn, and the rows.
STEPS: dict[tuple[int, int], tuple[str, int, tuple[int, int] | None, dict[Kind, tuple[str, ...]]]] = {
    (1, 0): ("02:05", 1, None, {"worker": (DOCUMENTS, CLAIMS), "solver": ()}),
    (2, 0): ("02:30", 2, (1, 10), {"worker": (POLICIES,), "solver": (COLLECTORS, CURRENCIES)}),
    (2, 5): ("03:06", 2, (2, 5), {"worker": (LOCKS,), "solver": (COLLECTORS,)}),
    (3, 0): ("03:11", 3, (2, 10), {"worker": (LOCKS, EARLY_ARRIVAL), "solver": (RESULTS,)}),
    (3, 5): ("03:12", 3, (3, 5), {"worker": (), "solver": (RESULTS,)}),
}
# What another transaction may do to stop a bulk step in the middle of the lane of creditor 5.
OBSTACLES: dict[tuple[int, int], tuple[str, ...]] = {
    (2, 0): (LOCKS.replace("generate_series(1, 24)", "generate_series(5, 5)"),),
    (3, 0): ("select from worker.account_lock where creditor_id = 5 for update",),
}
# How much each step leaves behind, so that an empty comparison can not pass.
EFFECTS: dict[tuple[int, int], dict[str, int]] = {
    (1, 0): {"solver.debtor_info": 9, "solver.confirmed_debtor": 9},
    (2, 0): {"worker.account_lock": 48, "outbox.prepare_transfer": 48, "worker.active_collector": 2},
    (2, 5): {"solver.sell_offer": 24, "solver.buy_offer": 24},
    (3, 0): {
        "worker.account_lock": 40,
        "outbox.finalize_transfer": 28,
        "worker.worker_collecting": 20,
        "worker.worker_dispatching": 20,
        "worker.dispatching_status": 2,
        "worker.early_arrival": 0,
        "worker.creditor_participation": 0,
        "worker.staged_participation": 0,
        "worker.staging_stamp": 0,
    },
    (3, 5): {"solver.creditor_taking": 0, "solver.collector_dispatching": 0},
}


class _World:
    """A worker's and a solver's database that can be brought to the beginning of a step again and again."""

    def __init__(self, server: PrivateServer, urls: dict[Kind, str], step: tuple[int, int]) -> None:
        self._server = server
        self._urls = urls
        self._step = step
        self._admins = {kind: connection_to(url) for kind, url in urls.items()}

    def close(self) -> None:
        for connection in self._admins.values():
            connection.close()

    def begin(self) -> None:
        now, phase, known, statements = STEPS[self._step]
        for kind, connection in self._admins.items():
            connection.execute(EMPTY.encode())
            stop_clock(connection, f"2026-03-01T{now}Z")
            for statement in statements[kind]:
                connection.execute(statement.encode())
        insert_turn(self._admins["solver"], phase)
        if known is not None:
            insert_worker_turn(self._admins["worker"], *known)

    def run(self, length: int | None) -> tuple[Fuse, tuple[Any, ...]]:
        """One process, one iteration of its loop. Returns its fuse, and the steps that it says it did."""
        fuse = Fuse(self._server, length)
        with ExitStack() as closing:
            connections = []
            for kind in KINDS:
                connection = connect_as(MortalConnection, self._urls[kind], "mortal")
                closing.callback(connection.close)
                stop_clock(connection, f"2026-03-01T{STEPS[self._step][0]}Z")
                fuse.watch(connection)
                connections.append((kind, connection))
            for _, connection in connections:
                connection.fuse = fuse
            pair = dict(connections)
            try:
                return fuse, advance_worker_turns(pair["worker"], pair["solver"]).steps
            except psycopg.OperationalError:
                assert fuse.is_blown
                return fuse, ()

    def kill_a_lane(self) -> None:
        """One process with three connections for lanes, one of which is ended in the middle of its lane."""
        with ExitStack() as closing:
            connections = [
                closing.enter_context(connection_to(self._urls[kind]))
                for kind in ("worker", "solver", "worker", "worker")
            ]
            for connection in connections:
                stop_clock(connection, f"2026-03-01T{STEPS[self._step][0]}Z")
            worker, solver, *lanes = connections
            blocker = closing.enter_context(connection_to(self._urls["worker"], autocommit=False))
            for obstacle in OBSTACLES[self._step]:
                blocker.execute(obstacle.encode())
            process = closing.enter_context(ThreadPoolExecutor(1))
            future = process.submit(advance_worker_turns, worker, solver, lanes)
            pids = [worker.info.backend_pid, *(connection.info.backend_pid for connection in lanes)]
            victim: list[tuple[Any, ...]] = []
            with self._server.admin() as admin:
                while not victim:
                    assert not future.done(), future.exception()
                    query = "select pid from pg_stat_activity where pid = any(%s) and wait_event_type = 'Lock'"
                    victim = admin.execute(query, (pids,)).fetchall()
                admin.execute("select pg_terminate_backend(%s, 5000)", victim[0])
            blocker.rollback()
            with pytest.raises(psycopg.OperationalError):
                future.result()

    def finished_lanes(self) -> int:
        return int(value(self._admins["worker"], "select count(*) from worker.worker_turn_lane"))

    def state(self) -> State:
        """All rows of both databases, but for what counts or depends on the clock of the machine."""
        state: State = {}
        for connection in self._admins.values():
            tables = rows(
                connection,
                "select c.oid::regclass::text from pg_class as c where c.relkind = 'r'"
                " and c.relnamespace::regnamespace::text in ('worker', 'solver', 'outbox', 'pgmq')"
                " and c.relname not in ('applied_file', 'meta')",
            )
            for (table,) in tables:
                state[table] = rows(
                    connection,
                    "select (to_jsonb(t) - '{outbox_id,msg_id,coordinator_request_id,enqueued_at}'::text[])::text"
                    f" from {table} as t order by 1",
                )
        return state

    def unmatched_requests(self) -> int:
        """Locks and PrepareTransfers that have no counterpart with the same request ID."""
        query = (
            "select count(*) from worker.account_lock as l full join outbox.prepare_transfer as p"
            " using (creditor_id, debtor_id, coordinator_request_id) where l.turn_id is null or p.outbox_id is null"
        )
        return int(value(self._admins["worker"], query))


@pytest.fixture
def make_world(
    postgres: PrivateServer, new_database: Callable[[Kind], str]
) -> Iterator[Callable[[tuple[int, int]], _World]]:
    worlds: list[_World] = []

    def make(step: tuple[int, int]) -> _World:
        worlds.append(_World(postgres, {kind: new_database(kind) for kind in KINDS}, step))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: "-".join(map(str, step)))
def test_a_step_may_die_at_any_moment(make_world: Callable[[tuple[int, int]], _World], step: tuple[int, int]) -> None:
    world = make_world(step)
    world.begin()
    fuse, steps = world.run(None)
    assert steps == ((1, *step),)
    expected = world.state()
    assert {table: len(expected[table]) for table in EFFECTS[step]} == EFFECTS[step]
    assert fuse.trips > 10
    finished = 0
    for length in range(fuse.trips):
        world.begin()
        broken, steps = world.run(length)
        assert broken.is_blown, length
        assert steps == (), length
        if world.state()["worker.worker_turn"] == expected["worker.worker_turn"]:
            finished += 1
        else:
            assert world.run(None)[1] == ((1, *step),), length
        assert world.state() == expected, f"after death before round trip {length}"
        if step == (2, 0):
            assert world.unmatched_requests() == 0
    # Only who died after the end was recorded left nothing to do: a loop goes on for five round trips, of which three
    # forget what is old, and after 3/0 looks at each lane once more.
    assert finished <= max(fuse.trips // 3, 5)


@pytest.mark.parametrize("step", OBSTACLES, ids=lambda step: "-".join(map(str, step)))
def test_a_lane_may_die_while_others_work(
    make_world: Callable[[tuple[int, int]], _World], step: tuple[int, int]
) -> None:
    world = make_world(step)
    world.begin()
    assert world.run(None)[1] == ((1, *step),)
    lanes = world.finished_lanes()
    expected = world.state()
    world.begin()
    world.kill_a_lane()
    # The others did what was left, and nothing of the dead one's lane was done.
    assert world.finished_lanes() == lanes - 1
    assert world.state() != expected
    assert world.run(None)[1] == ((1, *step),)
    assert world.state() == expected
    if step == (2, 0):
        assert world.unmatched_requests() == 0

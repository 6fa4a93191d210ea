"""A worker that dies before any round trip of a pass over removed collectors: the next pass does the rest, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from pipelines.turns.exchange import remove_collectors
from sandbox.servers.postgres import PrivateServer
from sql import KINDS, Kind
from sql.connections import connect_as
from tests.covering import covers
from tests.databases import EMPTY, connection_to
from tests.pipelines.turns.mortal import Fuse, MortalConnection
from tests.sql.scans.rows import add
from tests.sql.turns.rows import Connection, insert, rows, stop_clock

pytestmark = pytest.mark.slow

NOW = "2026-03-01T02:00:00Z"
DEBTOR, HEIR = 666, 10
BUSY, FULL, EMPTY_ACCOUNT, NO_ACCOUNT = 1, 2, 3, 4
TABLES = {
    "worker": (
        "worker.needed_worker_account",
        "worker.transfer_attempt",
        "worker.interest_rate_change",
        "pgmq.q_out_configure_account",
        "pgmq.q_out_account_id_request",
    ),
    "solver": ("solver.collector_account",),
}


def fill(connections: dict[Kind, Connection]) -> None:
    """Four collectors that were disabled long ago, and one that gets their money."""
    for connection in connections.values():
        connection.execute(EMPTY.encode())
        stop_clock(connection, NOW)
    worker, solver = connections["worker"], connections["solver"]
    worker.execute("update worker.configuration set local_delivery = false")
    since = {"debtor_id": DEBTOR, "account_id": "a", "latest_status_change_at": "2025-01-01T00:00:00Z"}
    collectors = [{**since, "collector_id": collector_id, "status": 3} for collector_id in range(1, 5)]
    insert(solver, "solver.collector_account", *collectors, {**since, "collector_id": HEIR, "status": 2})
    for collector_id in range(1, 5):
        add(worker, "needed_worker_accounts", collector_id, configured_at="2025-01-01T00:00:00Z")
        add(worker, "interest_rate_changes", collector_id)
    for collector_id, principal in ((BUSY, 5000), (FULL, 5000), (EMPTY_ACCOUNT, 0)):
        add(worker, "worker_accounts", collector_id, principal=principal)
    add(worker, "worker_dispatchings", BUSY)


def run(server: PrivateServer, urls: dict[Kind, str], length: int | None) -> tuple[Fuse, int | None]:
    """One pass of a process. Returns its fuse, and how many collectors it says are gone; None if it died."""
    fuse = Fuse(server, length)
    with ExitStack() as closing:
        connections: dict[Kind, MortalConnection] = {}
        for kind in KINDS:
            connections[kind] = connect_as(MortalConnection, urls[kind], "mortal")
            closing.callback(connections[kind].close)
            stop_clock(connections[kind], NOW)
            fuse.watch(connections[kind])
        for connection in connections.values():
            connection.fuse = fuse
        try:
            return fuse, remove_collectors(connections["worker"], connections["solver"], 3)
        except psycopg.OperationalError:
            assert fuse.is_blown
            return fuse, None


def state(connections: dict[Kind, Connection]) -> dict[str, list[tuple[Any, ...]]]:
    counted = "'{msg_id,enqueued_at}'::text[]"
    return {
        table: rows(connections[kind], f"select (to_jsonb(t) - {counted})::text from {table} as t order by 1")
        for kind in KINDS
        for table in TABLES[kind]
    }


@pytest.fixture
def urls(new_database: Callable[[Kind], str]) -> dict[Kind, str]:
    return {kind: new_database(kind) for kind in KINDS}


@pytest.fixture
def connections(urls: dict[Kind, str]) -> Iterator[dict[Kind, Connection]]:
    with ExitStack() as closing:
        yield {kind: closing.enter_context(connection_to(urls[kind])) for kind in KINDS}


@covers("G20")
def test_a_pass_may_die_at_any_moment(
    postgres: PrivateServer, urls: dict[Kind, str], connections: dict[Kind, Connection]
) -> None:
    fill(connections)
    fuse, gone = run(postgres, urls, None)
    assert gone == 1
    expected = state(connections)
    assert {table: len(found) for table, found in expected.items()} == {
        "worker.needed_worker_account": 4,
        "worker.transfer_attempt": 1,
        "worker.interest_rate_change": 4,
        "pgmq.q_out_configure_account": 1,
        "pgmq.q_out_account_id_request": 1,
        "solver.collector_account": 4,
    }
    removals = rows(connections["solver"], "select collector_id, removal from solver.collector_account order by 1")
    assert removals == [(BUSY, "busy"), (FULL, "moving"), (EMPTY_ACCOUNT, "discarding"), (HEIR, None)]
    assert fuse.trips >= 6
    for length in range(fuse.trips):
        fill(connections)
        assert run(postgres, urls, length)[1] is None
        run(postgres, urls, None)
        assert state(connections) == expected, f"after death before round trip {length}"

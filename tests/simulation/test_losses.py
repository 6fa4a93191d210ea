"""A database that loses what it knew, at a moment when no money is moving."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.databases import connection_to
from tests.simulation.databases import SimulationServer
from tests.simulation.losses import lose_collectors

pytestmark = pytest.mark.slow


@pytest.fixture
def worker() -> Iterator[psycopg.Connection[Any]]:
    with SimulationServer() as server, connection_to(server.url("worker_0")) as connection:
        connection.execute(
            "insert into worker.needed_worker_account (creditor_id, debtor_id, configured_at)"
            " select 1099511627776 + n, 666, now() from generate_series(1, 20) as n"
        )
        yield connection


def count(worker: psycopg.Connection[Any]) -> int:
    row = worker.execute("select count(*) from worker.needed_worker_account").fetchone()
    assert row is not None
    return int(row[0])


def test_a_shard_forgets_some_collectors(worker: psycopg.Connection[Any]) -> None:
    lost = lose_collectors(worker, random.Random(1))
    assert 0 < lost < 20
    assert count(worker) == 20 - lost


def test_nothing_is_lost_while_money_moves(worker: psycopg.Connection[Any]) -> None:
    worker.execute(
        "insert into worker.dispatching_status (collector_id, turn_id, debtor_id, inserted_at, amount_to_collect,"
        " amount_to_send, amount_to_receive, number_to_receive, amount_to_dispatch)"
        " values (1099511627777, 1, 666, now(), 10, 0, 0, 0, 10)"
    )
    assert lose_collectors(worker, random.Random(1)) == 0
    assert count(worker) == 20

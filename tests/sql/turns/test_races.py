"""Steps and handlers at the same time: the locks of lanes and turns keep them apart, and nothing more than needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from sql import Kind
from tests.covering import covers
from tests.databases import connection_to
from tests.sql.messages import message
from tests.sql.turns.rows import Connection, insert, insert_worker_turn, rows, stop_clock, value

COLLECTOR = 999
NOTE = f"Trading session: 1\nBuyer: {COLLECTOR:x}\nSeller: 5\n"


@pytest.fixture
def pair(new_database: Callable[[Kind], str]) -> Iterator[tuple[Connection, Connection]]:
    """Two connections to a worker in step 3/0 of turn 1; collector 999 is to get 1000 tokens from 5 and from 6."""
    url = new_database("worker")
    with connection_to(url) as first, connection_to(url) as second:
        for connection in (first, second):
            stop_clock(connection, "2026-03-01T03:11:00Z")
            connection.execute("set lock_timeout = '5s'")
        insert_worker_turn(first, 3, 0)
        # The second payment never comes, so that nothing is passed on.
        for payer in (5, 6):
            payment = {"collector_id": COLLECTOR, "debtor_id": 666, "other_id": payer, "amount": 1000}
            insert(first, "worker.staged_collector_payment", {"turn_id": 1, "kind": "collecting", **payment})
        first.execute("select worker.stamp_staging(1, 3, 1)")
        yield first, second


def _put(worker: Connection, lane: int) -> None:
    """The payment reaches the inbox."""
    body: dict[str, Any] = message(
        "AccountTransfer",
        creditor_id=COLLECTOR,
        debtor_id=666,
        coordinator_type="agent",
        sender="5",
        recipient=str(COLLECTOR),
        acquired_amount=1000,
        transfer_note_format="-cXchge",
        transfer_note=NOTE,
    )
    worker.execute(f"insert into pgmq.q_inbox_{lane} (vt, message) values ('-infinity', %s)".encode(), (Jsonb(body),))


def _drain(worker: Connection, lane: int) -> tuple[Any, ...]:
    return rows(worker, "select busy, taken from worker.drain_inbox(%s, 100, 0)", lane)[0]


def _collected(worker: Connection) -> list[tuple[Any, ...]]:
    return rows(worker, "select creditor_id, collected from worker.worker_collecting order by 1")


@covers("G5")
@pytest.mark.parametrize("first_is", ["payment", "step"])
def test_a_payment_never_slips_between_the_merge_and_the_record(
    pair: tuple[Connection, Connection], first_is: str
) -> None:
    """Whoever comes second finds the lane busy, and afterwards sees all that the first one did."""
    step, handler = pair
    lane: int = value(step, "select worker.lane_of(worker.hash32(%s::bigint))", COLLECTOR)
    _put(step, lane)
    if first_is == "payment":
        with handler.transaction():
            assert _drain(handler, lane) == (False, 1)
            assert value(step, "select worker.settle_lane(1, %s)", lane) is False
        assert value(step, "select worker.settle_lane(1, %s)", lane) is True
    else:
        with step.transaction():
            assert value(step, "select worker.settle_lane(1, %s)", lane) is True
            assert _drain(handler, lane)[0] is True
        assert _drain(handler, lane) == (False, 1)
    assert _collected(step) == [(5, True), (6, False)]
    assert value(step, "select count(*) from worker.early_arrival") == 0


@pytest.mark.parametrize(("step", "phase"), [("worker.offer_candidates", 2), ("worker.settle_lane", 3)])
def test_two_lanes_are_worked_side_by_side(pair: tuple[Connection, Connection], step: str, phase: int) -> None:
    first, second = pair
    if phase == 2:
        stop_clock(first, "2026-03-01T02:30:00Z")
        stop_clock(second, "2026-03-01T02:30:00Z")
        first.execute("delete from worker.worker_turn")
        insert_worker_turn(first, 2, 0)
        first.execute("select worker.stamp_staging(1, 2, 0)")
    with first.transaction(), second.transaction():
        assert value(first, f"select {step}(1, 0)") is True
        assert value(second, f"select {step}(1, 1)") is True
    assert rows(first, "select lane from worker.worker_turn_lane order by 1") == [(0,), (1,)]

"""Collectors are added to busy currencies and removed by operators; blocked currencies get none."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from sql import Kind
from tests.conftest import Connection
from tests.covering import covers
from tests.databases import connection_to
from tests.sql.collectors.rows import MAX, MIN, add, disabling, ensure, needing, request, rows, statuses
from tests.sql.turns.rows import insert, insert_turn

STATISTIC = {
    "turn_id": 1,
    "debtor_id": 666,
    "takings": 0,
    "taken_amount": 0,
    "givings": 0,
    "given_amount": 0,
    "collector_transfers": 0,
    "sent_amount": 0,
    "collectors": 1,
}


@pytest.fixture
def db(solver_db: Connection) -> Connection:
    solver_db.execute("set swpt.now = '2026-03-01T02:00:00Z'")
    return solver_db


def call(connection: Connection, query: str, *parameters: Any) -> Any:
    row = connection.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return row if len(row) > 1 else row[0]


def remove(connection: Connection, collector_id: int = MIN, debtor_id: int = 666) -> Any:
    return call(connection, "select * from solver.remove_collector(%s, %s)", debtor_id, collector_id)


def add_busy(connection: Connection, limit: int) -> Any:
    return call(connection, "select solver.add_busy_collectors(%s, %s, %s)", limit, MIN, MAX)


def blocked(connection: Connection) -> list[int]:
    return [row[0] for row in connection.execute("select debtor_id from solver.blocked_currency order by 1")]


@covers("G20")
def test_a_turn_leaves_statistics(db: Connection) -> None:
    for turn_id in (1, 2):
        insert_turn(db, 3, turn_id)
    for debtor_id, creditor_id, amount, collector_id in ((1, 11, 5, 91), (1, 12, 2**63 - 1, 92), (2, 11, 30, 91)):
        row = {"debtor_id": debtor_id, "creditor_id": creditor_id, "amount": amount, "collector_id": collector_id}
        insert(db, "solver.collector_collecting", {"turn_id": 1, **row}, {"turn_id": 2, **row})
    giving = {"turn_id": 1, "debtor_id": 1, "creditor_id": 13, "amount": 7, "collector_id": 93}
    insert(db, "solver.collector_dispatching", giving)
    sending = {"turn_id": 1, "debtor_id": 1, "amount": 3}
    insert(
        db,
        "solver.collector_sending",
        {**sending, "from_collector_id": 91, "to_collector_id": 93},
        {**sending, "from_collector_id": 92, "to_collector_id": 94},
    )
    call(db, "select solver.record_statistics(1)")
    assert db.execute("select * from solver.transfer_statistic order by debtor_id").fetchall() == [
        (1, 1, 2, 2**63 - 1, 1, 7, 2, 6, 4),
        (1, 2, 1, 30, 0, 0, 0, 0, 1),
    ]


@covers("G20")
def test_statistics_live_as_long_as_the_turn(db: Connection) -> None:
    insert_turn(db, 4, 1, started_at="2025-02-28T02:00:00Z")
    insert_turn(db, 4, 2, started_at="2025-03-02T02:00:00Z")
    insert(db, "solver.transfer_statistic", STATISTIC, {**STATISTIC, "turn_id": 2})
    assert call(db, "select solver.delete_old_turns(10)") == 1
    assert db.execute("select turn_id from solver.transfer_statistic").fetchall() == [(2,)]


@covers("G20")
@pytest.mark.parametrize(
    ("takings", "givings", "between", "limit", "wanted"),
    [(50, 50, 0, 100, 1), (50, 51, 0, 100, 2), (40, 40, 10, 100, 1), (40, 40, 11, 100, 2), (0, 1, 0, 1, 1)],
)
def test_a_busy_currency_gets_collectors(
    db: Connection, takings: int, givings: int, between: int, limit: int, wanted: int
) -> None:
    insert_turn(db, 4)
    counts = {"takings": takings, "givings": givings, "collector_transfers": between}
    insert(db, "solver.transfer_statistic", {**STATISTIC, **counts})
    add(db, MIN, 2)
    add(db, MIN + 1, 3)
    assert add_busy(db, limit) == wanted - 1
    assert sorted(statuses(db)) == [0] * (wanted - 1) + [2, 3]
    assert add_busy(db, limit) == 0


@covers("G20")
def test_only_the_latest_turn_counts(db: Connection) -> None:
    insert_turn(db, 4, 1)
    insert_turn(db, 3, 2)
    insert(
        db,
        "solver.transfer_statistic",
        {**STATISTIC, "takings": 1000},
        {**STATISTIC, "turn_id": 2, "takings": 20},
        {**STATISTIC, "turn_id": 2, "debtor_id": 777, "takings": 21},
    )
    assert add_busy(db, 10) == 5
    assert [d for (d,) in rows(db, "debtor_id")] == [666, 666, 777, 777, 777]


@covers("G20")
def test_a_currency_gets_no_more_collectors_than_there_are_ids(db: Connection) -> None:
    notices: list[str | None] = []
    db.add_notice_handler(lambda notice: notices.append(notice.message_primary))
    insert_turn(db, 4)
    insert(
        db, "solver.transfer_statistic", {**STATISTIC, "takings": 2**40}, {**STATISTIC, "debtor_id": 5, "takings": 9}
    )
    assert add_busy(db, 10) == 1
    assert notices == ["too few free collector IDs for debtor 666"]


@covers("G20")
def test_a_blocked_currency_gets_nothing_by_itself(db: Connection) -> None:
    insert_turn(db, 4)
    insert(db, "solver.transfer_statistic", {**STATISTIC, "takings": 1000})
    add(db, MIN, 2)
    assert call(db, "select solver.block_currency(666)") is True
    assert call(db, "select solver.block_currency(666)") is False
    request(db, needing(666), needing(777))
    assert add_busy(db, 10) == 0
    request(db, disabling(MIN, is_replaced=True))
    assert statuses(db) == [3, 0]
    # Only the first of these is ours; the other one has its new collector.
    query = "select debtor_id from solver.alive_collector_debtors() order by 1"
    assert db.execute(query).fetchall() == [(666,), (777,)]
    assert ensure(db, 666, 2) == 2
    assert blocked(db) == [666]


@covers("G20")
def test_an_unblocked_currency_gets_collectors_again(db: Connection) -> None:
    call(db, "select solver.block_currency(666)")
    request(db, needing(666))
    assert call(db, "select solver.unblock_currency(666)") is True
    assert call(db, "select solver.unblock_currency(666)") is False
    request(db, needing(666))
    assert statuses(db) == [0]


@covers("G20")
@pytest.mark.parametrize("status", [0, 1, 2])
def test_removing_the_last_collector_blocks_the_currency(db: Connection, status: int) -> None:
    add(db, MIN, status)
    add(db, MIN + 1, 2)
    assert remove(db, MIN) == (True, False)
    assert blocked(db) == []
    assert remove(db, MIN + 1) == (True, True)
    request(db, needing(666))
    assert rows(db, "status, latest_status_change_at = solver.now()") == [(3, True), (3, True)]
    assert remove(db, MIN) == (False, False)


@covers("G20")
def test_an_unknown_collector_can_not_be_removed(db: Connection) -> None:
    with pytest.raises(psycopg.Error, match="no such collector") as failure:
        remove(db)
    assert failure.value.sqlstate == "ST084"
    assert failure.value.diag.message_hint


@covers("G20")
def test_of_the_last_two_removed_at_once_the_second_blocks_the_currency(new_database: Callable[[Kind], str]) -> None:
    """The second operator waits for the first one, and sees that none is left."""
    url = new_database("solver")
    with connection_to(url, autocommit=False) as one, connection_to(url) as two, ThreadPoolExecutor(1) as pool:
        for collector_id in (MIN, MIN + 1):
            add(two, collector_id, 2)
        assert remove(one, MIN) == (True, False)
        second = pool.submit(remove, two, MIN + 1)
        one.commit()
        assert second.result(timeout=60) == (True, True)


@covers("G20")
def test_blocking_waits_for_who_creates(new_database: Callable[[Kind], str]) -> None:
    url = new_database("solver")
    with connection_to(url, autocommit=False) as one, connection_to(url) as two, ThreadPoolExecutor(1) as pool:
        call(one, "select solver.block_currency(666)")
        second = pool.submit(request, two, needing(666))
        one.commit()
        second.result(timeout=60)
        assert rows(two) == []


@covers("G20")
def test_collectors_disabled_long_ago_are_to_be_removed(db: Connection) -> None:
    for collector_id, status, age in ((1, 3, 10), (2, 3, 12), (3, 3, 9), (4, 2, 20), (5, 2, 20), (6, 1, 20)):
        add(db, collector_id, status)
        db.execute(
            "update solver.collector_account set latest_status_change_at = solver.now() - %s::interval "
            "where collector_id = %s",
            (f"{age} days 1 second", collector_id),
        )
    add(db, 7, 3, debtor_id=777)
    db.execute("update solver.collector_account set latest_status_change_at = '2025-01-01' where debtor_id = 777")
    query = "select * from solver.collectors_to_remove(0, 0, '10 days', %s, %s)"
    expected = [(777, 7, None), (666, 2, 4), (666, 1, 4)]
    assert db.execute(query, (0, 10)).fetchall() == expected
    assert db.execute(query, (0, 2)).fetchall() == expected[:2]
    assert db.execute(query, (2, 2)).fetchall() == expected[2:]


@covers("G20")
def test_removals_are_noted_until_they_are_done(db: Connection) -> None:
    for collector_id, status in ((1, 3), (2, 3), (3, 3), (4, 2)):
        add(db, collector_id, status)
    query = "select solver.note_removals(%s, %s, %s)"
    ids = ([666] * 4, [1, 2, 3, 4])
    assert db.execute(query, (*ids, ["busy", "gone", "stranded", "gone"])).fetchone() == (1,)
    assert rows(db, "collector_id, removal") == [(1, "busy"), (3, "stranded"), (4, None)]
    assert db.execute(query, (*ids, ["moving", "gone", "stranded", "gone"])).fetchone() == (0,)
    assert rows(db, "collector_id, removal") == [(1, "moving"), (3, "stranded"), (4, None)]


@covers("G20")
def test_operators_see_collectors_and_blocked_currencies(db: Connection) -> None:
    add(db, 1, 2)
    add(db, 2, 3, debtor_id=777)
    for debtor_id in (777, 888):
        call(db, "select solver.block_currency(%s)", debtor_id)
    query = "select debtor_id, is_blocked, collector_id, status from solver.find_collectors(%s)"
    expected = [(666, False, 1, 2), (777, True, 2, 3), (888, True, None, None)]
    assert db.execute(query, (None,)).fetchall() == expected
    assert db.execute(query, (777,)).fetchall() == expected[1:2]

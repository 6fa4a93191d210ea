"""The currencies with the most buyers, in the average of the last turns."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.web.rows import insert_turn

TURN = 7


@pytest.fixture
def db(solver_db: Connection) -> Connection:
    insert_turn(solver_db, TURN)
    return solver_db


def known(db: Connection, **averages: float) -> None:
    for debtor_id, average in averages.items():
        db.execute(
            "insert into solver.most_bought_currency values (%s, %s, 'https://example.com/old')",
            (int(debtor_id.removeprefix("d")), average),
        )


def record(
    db: Connection, buyers: dict[int, int], confirmed: list[int], turns: int = 30, currencies: int = 1000
) -> None:
    db.execute("delete from solver.transfer_statistic")
    for debtor_id, count in buyers.items():
        db.execute(
            "insert into solver.transfer_statistic (turn_id, debtor_id, takings, taken_amount, givings, given_amount,"
            " collector_transfers, sent_amount, collectors) values (%s, %s, 1, 1, %s, 1, 0, 0, 1)",
            (TURN, debtor_id, count),
        )
    db.execute(
        "select solver.record_most_bought_currencies(%s, %s, %s, %s, %s)",
        (TURN, turns, currencies, confirmed, [f"https://example.com/{debtor_id}" for debtor_id in confirmed]),
    )


def found(db: Connection) -> dict[int, float]:
    query = "select debtor_id, buyers_average_count from solver.most_bought_currencies()"
    return {debtor_id: round(average, 4) for debtor_id, average in db.execute(query).fetchall()}


@covers("V14.30", "N2.8")
def test_averages_move_by_a_share_of_the_turns(db: Connection) -> None:
    known(db, d1=10, d2=1)
    record(db, {2: 1, 3: 2}, [1, 2, 3])
    assert found(db) == {1: 9.6667, 3: 2.0, 2: 1.0}
    row: Any = db.execute("select debtor_info_locator from solver.most_bought_currency where debtor_id = 1").fetchone()
    assert row == ("https://example.com/1",)


def test_what_is_not_confirmed_any_more_is_forgotten(db: Connection) -> None:
    known(db, d1=10, d2=1)
    record(db, {1: 5, 3: 2}, [2])
    assert found(db) == {2: 0.9667}


def test_only_the_largest_new_currencies_are_taken_in(db: Connection) -> None:
    record(db, {1: 3, 2: 5, 3: 5, 4: 9}, [1, 2, 3, 4], turns=2, currencies=4)
    assert found(db) == {4: 9.0, 3: 5.0}
    record(db, {1: 3, 2: 5}, [1, 2, 3, 4], turns=30, currencies=4)
    assert 2 in found(db)
    assert 1 not in found(db)


def test_there_are_never_more_than_the_limit(db: Connection) -> None:
    known(db, d1=30, d2=20)
    record(db, {3: 25, 1: 30, 2: 20}, [1, 2, 3], currencies=2)
    assert found(db) == {1: 30.0, 3: 25.0}


def test_where_there_is_no_room_tiny_numbers_do_not_count(db: Connection) -> None:
    known(db, d1=100, d2=60)
    record(db, {1: 5, 2: 6, 3: 5}, [1, 2, 3], turns=2, currencies=2)
    assert found(db) == {1: 50.0, 2: 33.0}


def test_a_turn_without_currencies_leaves_none(db: Connection) -> None:
    known(db, d1=10)
    db.execute("select solver.record_most_bought_currencies(%s, 30, 1000, null, null)", (TURN,))
    assert found(db) == {}

"""What a worker of release 0.1.10 does in our solver database, by its names of tables and columns.

It writes every column that it knows, finds tables by its role's search_path, and knows nothing of what is new here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from sql.roles import apply
from tests.conftest import Connection

TS = datetime(2026, 11, 1, tzinfo=UTC)
OUTSIDER = "release_0_1_10"


@pytest.fixture
def outsider(solver_db: Connection) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """The session of a role that was granted what services need, with the settings that its manual asks for."""
    name = solver_db.info.dbname
    solver_db.execute(f"drop role if exists {OUTSIDER}".encode())
    solver_db.execute(f"create role {OUTSIDER} login".encode())
    with solver_db.transaction():
        apply(solver_db, "solver", {"service": "service", OUTSIDER: "service"})
    solver_db.execute(f'alter role {OUTSIDER} in database "{name}" set search_path to solver'.encode())
    info = solver_db.info
    try:
        with psycopg.connect(host=info.host, port=info.port, dbname=name, user=OUTSIDER, autocommit=True) as connection:
            connection.execute("set default_transaction_read_only = off; set datestyle = 'ISO'")
            yield connection
    finally:
        with solver_db.transaction():
            apply(solver_db, "solver", {OUTSIDER: None})
        solver_db.execute(f"drop role {OUTSIDER}".encode())


def test_it_requests_and_activates_collectors(outsider: Connection, solver_db: Connection) -> None:
    """Whether it says a hash, a wrong one, or none."""
    everything = "debtor_id, collector_id, collector_hash, account_id, status, latest_status_change_at"
    outsider.execute(
        f"insert into collector_account ({everything}) values (5, 1, solver.hash16(1), '', 0, %s)".encode(), (TS,)
    )
    outsider.execute(f"insert into collector_account ({everything}) values (5, 2, 77, '', 0, %s)".encode(), (TS,))
    outsider.execute("insert into collector_account (debtor_id, collector_id) values (5, 3) on conflict do nothing")
    outsider.execute("insert into collector_account (debtor_id, collector_id) values (5, 3) on conflict do nothing")
    outsider.execute(
        "update collector_account set status = 1, latest_status_change_at = %s "
        "where debtor_id = 5 and collector_id = 1 and status = 0",
        (TS,),
    )
    outsider.execute(
        "update collector_account set account_id = 'x', status = 2, latest_status_change_at = %s "
        "where debtor_id = 5 and collector_id = 1 and status = 1",
        (TS,),
    )
    outsider.execute("update collector_account set collector_hash = 77 where debtor_id = 5 and collector_id = 3")
    rows = solver_db.execute(
        """
        select collector_id, account_id, status, collector_hash = solver.hash16(collector_id),
          latest_status_change_at is not null
        from solver.collector_account
        order by collector_id
        """
    ).fetchall()
    assert rows == [(1, "x", 2, True, True), (2, "", 0, True, True), (3, "", 0, True, True)]


def test_it_works_through_a_turn(outsider: Connection, solver_db: Connection) -> None:
    solver_db.execute(
        """
        insert into solver.turn (
          turn_id, started_at, base_debtor_info_locator, base_debtor_id, max_distance_to_base, min_trade_amount,
          phase_deadline
        )
        values (1, %s, 'https://example.com/1', 1, 10, 1000, %s)
        """,
        (TS, TS),
    )
    assert outsider.execute(
        """
        select turn_id, started_at, base_debtor_info_locator, base_debtor_id, max_distance_to_base, min_trade_amount,
          phase, phase_deadline, collection_started_at, collection_deadline
        from turn
        where phase < 4
        """
    ).fetchall() == [(1, TS, "https://example.com/1", 1, 10, 1000, 1, TS, None, None)]
    pegs = "peg_debtor_info_locator, peg_debtor_id, peg_exchange_rate"
    outsider.execute(
        f"insert into debtor_info (turn_id, debtor_info_locator, debtor_id, {pegs}) "
        "values (1, 'b', 2, 'a', 1, 0.5)".encode()
    )
    outsider.execute("insert into confirmed_debtor (turn_id, debtor_id, debtor_info_locator) values (1, 2, 'b')")
    outsider.execute(
        "insert into sell_offer (turn_id, creditor_id, debtor_id, amount, collector_id) values (1, 7, 2, 9, 3)"
    )
    outsider.execute("insert into buy_offer (turn_id, creditor_id, debtor_id, amount) values (1, 7, 1, 9)")
    outsider.execute(
        f"select turn_id, debtor_info_locator, debtor_id, {pegs}, is_confirmed from currency_info".encode()
    )


@pytest.mark.parametrize(
    ("table", "columns", "values", "hash_column"),
    [
        ("creditor_taking", "turn_id, creditor_id, debtor_id, amount, collector_id", "1, 7, 2, 9, 3", "creditor_hash"),
        ("creditor_giving", "turn_id, creditor_id, debtor_id, amount, collector_id", "1, 7, 2, 9, 3", "creditor_hash"),
        (
            "collector_collecting",
            "turn_id, debtor_id, creditor_id, amount, collector_id",
            "1, 2, 7, 9, 3",
            "collector_hash",
        ),
        (
            "collector_dispatching",
            "turn_id, debtor_id, creditor_id, amount, collector_id",
            "1, 2, 7, 9, 3",
            "collector_hash",
        ),
        (
            "collector_sending",
            "turn_id, debtor_id, from_collector_id, to_collector_id, amount",
            "1, 2, 3, 4, 9",
            "from_collector_hash",
        ),
        (
            "collector_receiving",
            "turn_id, debtor_id, to_collector_id, from_collector_id, amount",
            "1, 2, 4, 3, 9",
            "to_collector_hash",
        ),
    ],
)
def test_it_reads_and_deletes_results(
    outsider: Connection, solver_db: Connection, table: str, columns: str, values: str, hash_column: str
) -> None:
    solver_db.execute(f"insert into solver.{table} ({columns}) values ({values})".encode())
    query = f"select {columns}, {hash_column} from {table} where turn_id = 1 and ({hash_column} & 0) = 0"
    assert len(outsider.execute(query.encode()).fetchall()) == 1
    outsider.execute(f"delete from {table} where turn_id = 1 and ({hash_column} & 0) = 0".encode())
    assert solver_db.execute(f"select count(*) from solver.{table}".encode()).fetchone() == (0,)

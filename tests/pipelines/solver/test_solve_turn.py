"""The pipeline on the solver database."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import psycopg
import pytest

from pipelines.solver.load import load_turn
from pipelines.solver.market import Market
from pipelines.solver.solve import solve, solve_turn
from tests.covering import covers
from tests.pipelines.solver.markets import BASE, make_market
from tests.pipelines.solver.solver_turns import COLLECTORS, OFFERS, insert_turn

Connection = psycopg.Connection[tuple[Any, ...]]


def rows(connection: Connection, table: str, *columns: str) -> list[tuple[Any, ...]]:
    names = ", ".join(columns)
    return connection.execute(f"select {names} from solver.{table} order by {names}".encode()).fetchall()


@covers("V5.13")
def test_collectors_of_one_currency_settle_through_the_database(solver_db: Connection) -> None:
    market = make_market(OFFERS, {2: 2.0}, COLLECTORS, minimum=2500)
    insert_turn(solver_db, market, 5)
    report = solve_turn(solver_db, 5)
    assert report is not None
    assert (report.takings, report.givings, report.collector_transfers) == (3, 3, 1)

    trades = solve(market).trades
    for side, creditor_table, collector_table in (
        (trades.takings, "creditor_taking", "collector_collecting"),
        (trades.givings, "creditor_giving", "collector_dispatching"),
    ):
        expected = sorted((5, *row) for row in side.rows())
        for table, party in ((creditor_table, "creditor"), (collector_table, "collector")):
            assert rows(solver_db, table, "turn_id", "creditor_id", "debtor_id", "amount", "collector_id") == expected
            assert solver_db.execute(
                f"select bool_and({party}_hash = solver.hash16({party}_id)) from solver.{table}".encode()
            ).fetchone() == (True,)
    expected = [(5, *row) for row in trades.collector_transfers.rows()]
    for table in ("collector_sending", "collector_receiving"):
        columns = ("turn_id", "debtor_id", "from_collector_id", "to_collector_id", "amount")
        assert rows(solver_db, table, *columns) == expected
    assert solver_db.execute("select phase from solver.turn where turn_id = 5").fetchone() == (3,)
    assert rows(solver_db, "sell_offer", "turn_id") == rows(solver_db, "currency_info", "turn_id") == []
    buyers = Counter(debtor_id for _, debtor_id, *_ in trades.givings.rows())
    assert dict(rows(solver_db, "most_bought_currency", "debtor_id", "buyers_average_count")) == buyers


def test_solving_twice_writes_once(solver_db: Connection) -> None:
    insert_turn(solver_db, make_market(OFFERS, {2: 2.0}, COLLECTORS), 5)
    assert solve_turn(solver_db, 5) is not None
    written = rows(solver_db, "creditor_taking", "creditor_id", "amount")
    assert solve_turn(solver_db, 5) is None
    assert rows(solver_db, "creditor_taking", "creditor_id", "amount") == written
    assert solve_turn(solver_db, 6) is None


def test_nothing_is_written_when_somebody_else_advances_the_turn(
    solver_db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert_turn(solver_db, make_market(OFFERS, {2: 2.0}, COLLECTORS), 5)

    def solve_slowly(market: Market, **options: Any) -> Any:
        solver_db.execute(
            "update solver.turn set phase = 3, phase_deadline = null, collection_started_at = solver.now()"
        )
        return solve(market, **options)

    monkeypatch.setattr("pipelines.solver.solve.solve", solve_slowly)
    assert solve_turn(solver_db, 5) is None
    assert rows(solver_db, "creditor_taking", "creditor_id") == []


def test_results_and_phase_change_are_one_transaction(solver_db: Connection) -> None:
    insert_turn(solver_db, make_market(OFFERS, {2: 2.0}, COLLECTORS), 5)
    solver_db.execute("alter table solver.collector_sending add constraint broken check (amount < 0)")
    with pytest.raises(psycopg.errors.CheckViolation):
        solve_turn(solver_db, 5)
    assert solver_db.execute("select phase from solver.turn").fetchone() == (2,)
    assert rows(solver_db, "creditor_taking", "creditor_id") == []
    assert len(rows(solver_db, "sell_offer", "creditor_id")) == 3


def test_an_empty_turn_ends_too(solver_db: Connection) -> None:
    insert_turn(solver_db, make_market(""), 40000)
    report = solve_turn(solver_db, 40000)
    assert report is not None
    assert report.takings == 0
    assert solver_db.execute("select phase from solver.turn").fetchone() == (3,)


@covers("G4")
def test_a_wrong_base_gives_an_empty_turn(solver_db: Connection) -> None:
    insert_turn(solver_db, make_market(OFFERS, {2: 2.0}, COLLECTORS), 5)
    solver_db.execute("update solver.currency_info set debtor_id = 77 where debtor_info_locator = %s", (BASE,))
    report = solve_turn(solver_db, 5)
    assert report is not None
    assert report.takings == 0
    assert any("no base currency" in warning for warning in report.warnings)
    assert solver_db.execute("select phase from solver.turn").fetchone() == (3,)


def test_everything_is_read_exactly(solver_db: Connection) -> None:
    rates = {2: math.inf, 3: -math.inf, 4: math.nan, 5: 5e-324, 6: 0.1, 7: 1.7976931348623157e308, -(2**63): -0.0}
    big = 2**63 - 1
    market = make_market(
        f"S {-big - 1} 6 {big} {big}; B -1 6 1; S 4294967296 {-big - 1} 9007199254740993 -3",
        rates,
        collectors=[(6, big), (-big - 1, -1)],
        unconfirmed=[3],
    )
    insert_turn(solver_db, market, 5)
    solver_db.execute(
        "insert into solver.collector_account (debtor_id, collector_id, account_id, status, latest_status_change_at)"
        " select 6, s, 'id', s, solver.now() from unnest(array[0, 1, 3]) as s"
    )
    loaded = load_turn(solver_db, 5)
    assert loaded is not None
    assert loaded.parameters == market.parameters
    assert loaded.collector_accounts.equals(market.collector_accounts)
    for name, key in (("currencies", "debtor_id"), ("sell_offers", "creditor_id"), ("buy_offers", "creditor_id")):
        assert getattr(loaded, name).sort(key).equals(getattr(market, name).sort(key), null_equal=True)


@pytest.mark.parametrize("rows_at_once", [1, 2, 3])
def test_a_market_is_read_in_parts_and_whole(
    solver_db: Connection, monkeypatch: pytest.MonkeyPatch, rows_at_once: int
) -> None:
    monkeypatch.setattr("pipelines.solver.load.ROWS_AT_ONCE", rows_at_once)
    market = make_market(OFFERS, {2: 2.0}, COLLECTORS)
    insert_turn(solver_db, market, 5)
    loaded = load_turn(solver_db, 5)
    assert loaded is not None
    assert loaded.sell_offers.height == 3
    for name in ("collector_accounts", "sell_offers", "buy_offers"):
        frame = getattr(market, name)
        assert getattr(loaded, name).sort(frame.columns).equals(frame.sort(frame.columns))


def test_only_turns_in_phase_2_are_loaded(solver_db: Connection) -> None:
    insert_turn(solver_db, make_market(""), 1, phase=1)
    assert load_turn(solver_db, 1) is None
    assert load_turn(solver_db, 2) is None

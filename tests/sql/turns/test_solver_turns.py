"""The solver's side of a turn: when it starts, what its phases leave behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.covering import covers
from tests.databases import connection_to
from tests.sql.turns.rows import Connection, insert, insert_turn, rows, stop_clock, value

START = "select solver.start_turn(%s, '2 h', '10 min', 'B', 1, 10, 1000)"


def _start(solver: Connection, latest: str | None, now: str, period: str = "1 day") -> int | None:
    if latest is not None:
        insert_turn(solver, 4, 7, started_at=latest)
    stop_clock(solver, now)
    started: int | None = value(solver, START, period)
    return started


@pytest.mark.parametrize(
    ("latest", "now", "expected"),
    [
        pytest.param("2026-03-01 02:00:40Z", "2026-03-02 02:00:10Z", True, id="a-day-later", marks=covers("V3.1")),
        pytest.param("2026-03-01 02:00:40Z", "2026-03-02 01:59:59Z", False, id="before-the-hour", marks=covers("V3.2")),
        pytest.param(
            "2026-03-01 02:00:40Z", "2026-03-02 13:59:59Z", True, id="almost-half-a-period-late", marks=covers("V3.3")
        ),
        pytest.param(
            "2026-03-01 02:00:40Z", "2026-03-02 14:00:00Z", False, id="half-a-period-late", marks=covers("V3.4")
        ),
        pytest.param("2026-03-01 20:00:00Z", "2026-03-02 02:30:00Z", False, id="too-soon", marks=covers("V3.5")),
        pytest.param(
            "2026-03-01 20:00:00Z", "2026-03-02 08:00:01Z", True, id="more-than-half-a-period-ago", marks=covers("V3.6")
        ),
        pytest.param("2026-03-01 20:00:00Z", "2026-03-02 08:00:00Z", False, id="exactly-half-a-period-ago"),
        pytest.param(None, "2026-03-02 05:00:00Z", True, id="the-first", marks=covers("V3.7")),
        pytest.param(None, "2023-06-01 02:00:00Z", True, id="before-the-first-monday"),
        pytest.param(None, "2023-06-01 01:59:00Z", False, id="before-the-first-monday-second-half"),
    ],
)
def test_a_turn_starts_in_the_first_half_of_its_period(
    solver_db: Connection, latest: str | None, now: str, expected: bool
) -> None:
    assert (_start(solver_db, latest, now) is not None) == expected


@covers("V3.8")
@pytest.mark.parametrize("period", ["0", "-1 day"])
def test_without_a_period_no_turn_starts(solver_db: Connection, period: str) -> None:
    assert _start(solver_db, None, "2026-03-02 05:00:00Z", period) is None


@covers("V3.9")
def test_an_open_turn_starts_no_second_one(solver_db: Connection) -> None:
    insert_turn(solver_db, 3, 7, started_at="2026-01-01 02:00:00Z")
    assert _start(solver_db, None, "2026-03-02 05:00:00Z") is None


def test_a_new_turn_keeps_its_parameters(solver_db: Connection) -> None:
    turn_id = _start(solver_db, None, "2026-03-02 05:00:00Z")
    assert rows(
        solver_db,
        "select turn_id, started_at = '2026-03-02 05:00Z', base_debtor_info_locator, base_debtor_id,"
        " max_distance_to_base, min_trade_amount, phase, phase_deadline = '2026-03-02 05:10Z', collection_deadline"
        " from solver.unfinished_turns()",
    ) == [(turn_id, True, "B", 1, 10, 1000, 1, True, None)]


def test_starters_exclude_each_other(new_database: Callable[[Any], str]) -> None:
    url = new_database("solver")
    with connection_to(url) as first, connection_to(url) as second:
        for connection in (first, second):
            stop_clock(connection, "2026-03-02 05:00:00Z")
        second.execute("set lock_timeout = '100ms'")
        with first.transaction():
            assert value(first, START, "1 day") is not None
            with pytest.raises(psycopg.errors.LockNotAvailable):
                value(second, START, "1 day")
        assert value(second, START, "1 day") is None
        assert value(second, "select count(*) from solver.turn") == 1


def _info(locator: str, debtor_id: int, turn_id: int = 1) -> dict[str, Any]:
    return {"turn_id": turn_id, "debtor_info_locator": locator, "debtor_id": debtor_id}


def _collector(debtor_id: int, status: int, collector_id: int = 999) -> dict[str, Any]:
    return {
        "debtor_id": debtor_id,
        "collector_id": collector_id,
        "status": status,
        "account_id": "account" if status == 2 else "",
        "latest_status_change_at": "2026-01-01T00:00:00Z",
    }


def _begin_phase2(solver: Connection, turn_id: int = 1) -> bool:
    return bool(value(solver, "select solver.begin_phase2(%s, '1 h', '30 days')", turn_id))


@covers("V3.15")
def test_a_confirmed_currency_has_the_locator_of_its_document(solver_db: Connection) -> None:
    stop_clock(solver_db, "2026-03-01T02:10:01Z")
    insert_turn(solver_db, 1)
    insert(solver_db, "solver.debtor_info", _info("L1", 101), _info("L2", 102))
    insert(solver_db, "solver.confirmed_debtor", _info("L2", 102), _info("L9", 101))
    insert(solver_db, "solver.collector_account", _collector(102, 2), _collector(101, 1))
    assert _begin_phase2(solver_db)
    query = "select debtor_info_locator, debtor_id, is_confirmed from solver.list_currencies(1) order by 1"
    assert rows(solver_db, query) == [("L1", 101, False), ("L2", 102, True)]


def test_a_currency_without_an_active_collector_is_not_confirmed(solver_db: Connection) -> None:
    stop_clock(solver_db, "2026-03-01T02:10:01Z")
    insert_turn(solver_db, 1)
    insert(solver_db, "solver.debtor_info", _info("L1", 101))
    insert(solver_db, "solver.confirmed_debtor", _info("L1", 101))
    insert(solver_db, "solver.collector_account", _collector(101, 1), _collector(101, 3, 998), _collector(102, 2))
    assert _begin_phase2(solver_db)
    assert rows(solver_db, "select is_confirmed from solver.currency_info") == [(False,)]


def test_phase2_begins_after_the_deadline_and_only_once(solver_db: Connection) -> None:
    insert_turn(solver_db, 1, 1)
    insert(solver_db, "solver.debtor_info", _info("L1", 101))
    stop_clock(solver_db, "2026-03-01T02:10:00Z")
    assert rows(solver_db, "select * from solver.due_turns()") == []
    assert not _begin_phase2(solver_db)
    stop_clock(solver_db, "2026-03-01T02:10:01Z")
    assert rows(solver_db, "select * from solver.due_turns()") == [(1, 1)]
    assert _begin_phase2(solver_db)
    assert not _begin_phase2(solver_db)
    assert rows(
        solver_db,
        "select phase, phase_deadline = '2026-03-01T03:10:01Z', collection_deadline = '2026-03-31T02:10:01Z'"
        " from solver.turn",
    ) == [(2, True, True)]


def test_a_day_has_24_hours_whatever_the_time_zone(solver_db: Connection) -> None:
    """An authority that keeps prepared transfers for 30 days has bad terms for a deadline in 30 days and an hour."""
    solver_db.execute("set timezone = 'Europe/Berlin'")
    stop_clock(solver_db, "2026-10-20T02:00:00Z")
    assert value(solver_db, "select solver.start_turn('7 days', '0', '10 days', 'B', 1, 10, 1000)")
    assert value(solver_db, "select phase_deadline = '2026-10-30T02:00:00Z' from solver.turn")
    solver_db.execute("update solver.turn set phase_deadline = '2026-10-20T01:59:59Z'")
    assert value(solver_db, "select solver.begin_phase2(%s, '20 days', '30 days')", 1)
    assert rows(
        solver_db,
        "select phase_deadline = '2026-11-09T02:00:00Z', collection_deadline = '2026-11-19T02:00:00Z' from solver.turn",
    ) == [(True, True)]


def test_deletions_cover_all_turns_past_the_phase(solver_db: Connection) -> None:
    stop_clock(solver_db, "2026-03-01T04:00:00Z")
    insert_turn(solver_db, 4, 1)
    insert_turn(solver_db, 2, 2)
    insert_turn(solver_db, 1, 3)
    insert_turn(solver_db, 1, 4)
    every_turn = range(1, 6)
    insert(solver_db, "solver.debtor_info", *(_info("L", 101, turn_id) for turn_id in every_turn))
    insert(solver_db, "solver.confirmed_debtor", *(_info("L", 101, turn_id) for turn_id in every_turn))
    offers = [{"turn_id": turn_id, "creditor_id": 5, "debtor_id": 101, "amount": 7} for turn_id in every_turn]
    insert(solver_db, "solver.buy_offer", *offers)
    insert(solver_db, "solver.sell_offer", *({**offer, "collector_id": 999} for offer in offers))
    insert(solver_db, "solver.currency_info", *({**_info("L", 101, turn), "is_confirmed": True} for turn in (1, 2)))

    assert _begin_phase2(solver_db, 3)
    for table in ("debtor_info", "confirmed_debtor"):
        assert rows(solver_db, f"select turn_id from solver.{table}") == [(4,)]
    assert rows(solver_db, "select turn_id from solver.currency_info order by 1") == [(1,), (2,), (3,)]

    assert value(solver_db, "select solver.begin_phase3(2)")
    assert rows(solver_db, "select turn_id from solver.currency_info") == [(3,)]
    for table in ("buy_offer", "sell_offer"):
        assert rows(solver_db, f"select turn_id from solver.{table} order by 1") == [(3,), (4,)]


def test_phase3_begins_after_the_deadline_and_only_once(solver_db: Connection) -> None:
    insert_turn(solver_db, 2)
    stop_clock(solver_db, "2026-03-01T03:10:00Z")
    assert not value(solver_db, "select solver.begin_phase3(1)")
    stop_clock(solver_db, "2026-03-01T03:10:01Z")
    assert value(solver_db, "select solver.begin_phase3(1)")
    assert not value(solver_db, "select solver.begin_phase3(1)")
    assert rows(
        solver_db,
        "select phase, phase_deadline, collection_started_at = '2026-03-01T03:10:01Z',"
        " collection_deadline = '2026-04-01T00:00:00Z' from solver.turn",
    ) == [(3, None, True, True)]


RESULTS: dict[str, dict[str, Any]] = {
    "creditor_taking": {"creditor_id": 1, "collector_id": 2},
    "creditor_giving": {"creditor_id": 1, "collector_id": 2},
    "collector_collecting": {"creditor_id": 1, "collector_id": 2},
    "collector_dispatching": {"creditor_id": 1, "collector_id": 2},
    "collector_sending": {"from_collector_id": 2, "to_collector_id": 3},
    "collector_receiving": {"from_collector_id": 2, "to_collector_id": 3},
}


@pytest.mark.parametrize("table", RESULTS)
def test_a_turn_ends_when_all_results_are_fetched(solver_db: Connection, table: str) -> None:
    insert_turn(solver_db, 3)
    insert(solver_db, f"solver.{table}", {"turn_id": 1, "debtor_id": 101, "amount": 7, **RESULTS[table]})
    assert rows(solver_db, "select * from solver.due_turns()") == [(1, 3)]
    assert not value(solver_db, "select solver.end_turn(1)")
    assert value(solver_db, "select solver.delete_shard_results(2, -32768, 32767)") == 0
    assert value(solver_db, "select solver.delete_shard_results(1, -32768, 32767)") == 1
    assert value(solver_db, "select solver.end_turn(1)")
    assert not value(solver_db, "select solver.end_turn(1)")
    assert rows(solver_db, "select phase from solver.find_turns('{1}')") == [(4,)]


def test_only_own_results_are_read_and_deleted(solver_db: Connection) -> None:
    # 1 and 2 belong to the realm `1.#`, whose hashes are negative; 3 does not.
    insert_turn(solver_db, 3)
    for creditor_id in (1, 2, 3):
        row = {"turn_id": 1, "debtor_id": 101, "amount": creditor_id, "collector_id": 3, "creditor_id": creditor_id}
        insert(solver_db, "solver.creditor_taking", row)
        insert(solver_db, "solver.collector_collecting", row)
    query = "select creditor_id, amount from solver.shard_participations(1, %s, %s) order by 1"
    assert rows(solver_db, query, -32768, -1) == [(1, -1), (2, -2)]
    assert rows(solver_db, query, 0, 32767) == [(3, -3)]
    query = "select kind, other_id from solver.shard_collector_payments(1, %s, %s) order by 2"
    assert rows(solver_db, query, -32768, -1) == []
    assert rows(solver_db, query, 0, 32767) == [("collecting", 1), ("collecting", 2), ("collecting", 3)]
    assert value(solver_db, "select solver.delete_shard_results(1, -32768, -1)") == 2
    assert rows(solver_db, "select creditor_id from solver.creditor_taking") == [(3,)]


@covers("G22")
def test_old_turns_are_deleted(solver_db: Connection) -> None:
    stop_clock(solver_db, "2027-03-01T02:00:01Z")
    insert_turn(solver_db, 4, 1)
    insert_turn(solver_db, 4, 2, started_at="2026-03-01T02:00:02Z")
    insert_turn(solver_db, 3, 3)
    assert value(solver_db, "select solver.delete_old_turns(10)") == 1
    assert rows(solver_db, "select turn_id from solver.turn order by 1") == [(2,), (3,)]


@covers("V2.12")
def test_a_currency_is_confirmed_under_one_locator(solver_db: Connection) -> None:
    first = {**_info("L1", 101), "is_confirmed": True}
    insert(solver_db, "solver.currency_info", first)
    with pytest.raises(psycopg.errors.UniqueViolation):
        insert(solver_db, "solver.currency_info", {**_info("L2", 101), "is_confirmed": True})
    insert(solver_db, "solver.currency_info", {**_info("L2", 101), "is_confirmed": False})


@covers("V2.13")
def test_phase_2_needs_a_collection_deadline(solver_db: Connection, worker_db: Connection) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        insert_turn(solver_db, 2, collection_deadline=None)
    insert_turn(solver_db, 3, phase_deadline=None)


@covers("V2.11")
def test_a_known_locator_has_a_moment_of_its_fetch(worker_db: Connection) -> None:
    claim = {"debtor_id": 666, "debtor_info_locator": "L", "latest_discovery_fetch_at": "2026-03-01T00:00:00Z"}
    with pytest.raises(psycopg.errors.CheckViolation):
        insert(worker_db, "worker.debtor_locator_claim", claim)
    insert(worker_db, "worker.debtor_locator_claim", {**claim, "latest_locator_fetch_at": "2026-03-01T00:00:00Z"})


def test_it_is_noted_when_phases_begin(solver_db: Connection) -> None:
    """Also of a turn that is closed by force; of one that nobody started here nothing is known."""
    turn_id = _start(solver_db, None, "2026-03-02 05:00:00Z")
    stop_clock(solver_db, "2026-03-02 05:11:00Z")
    assert value(solver_db, "select solver.begin_phase2(%s, '1 h', '1 day')", turn_id)
    assert not value(solver_db, "select solver.begin_phase2(%s, '1 h', '1 day')", turn_id)
    stop_clock(solver_db, "2026-03-02 06:12:00Z")
    assert value(solver_db, "select solver.begin_phase3(%s)", turn_id)
    stop_clock(solver_db, "2026-03-02 06:13:00Z")
    assert value(solver_db, "select solver.end_turn(%s)", turn_id)
    starts = "select phase, to_char(began_at at time zone 'UTC', 'HH24:MI') from solver.phase_starts(array[%s])"
    assert rows(solver_db, starts, turn_id) == [(1, "05:00"), (2, "05:11"), (3, "06:12"), (4, "06:13")]
    insert_turn(solver_db, 2, 77)
    assert rows(solver_db, starts, 77) == []
    solver_db.execute("select solver.notice_step_back('it was promoted')")
    assert value(solver_db, "select solver.end_step_back(77, 'anna')") is not None
    assert rows(solver_db, starts, 77) == [(4, "06:13")]

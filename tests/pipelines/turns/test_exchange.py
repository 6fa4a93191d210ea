"""Rows between a worker's database and the solver's."""

from __future__ import annotations

import logging
from typing import Any

import psycopg
import pytest

from pipelines.batches import Sizes
from pipelines.turns.exchange import (
    configure_pristine_collectors,
    delete_results,
    load_currencies,
    load_results,
    register_currencies,
    remove_collectors,
    revive_overdue_collectors,
    send_requests,
    ship_offers,
)
from tests.covering import covers
from tests.sql.scans.rows import add as add_row
from tests.sql.turns.rows import NOW, Connection, insert, insert_turn, insert_worker_turn, rows, stop_clock, value


@pytest.fixture
def worker(worker_db: Connection) -> Connection:
    stop_clock(worker_db, NOW)
    return worker_db


@pytest.fixture
def solver(solver_db: Connection) -> Connection:
    stop_clock(solver_db, NOW)
    return solver_db


def _collector(debtor_id: int, status: int, collector_id: int = 999) -> dict[str, Any]:
    return {
        "debtor_id": debtor_id,
        "collector_id": collector_id,
        "status": status,
        "account_id": f"account-{debtor_id}" if status == 2 else "",
        "latest_status_change_at": "2026-02-01T00:00:00Z",
    }


def test_documents_and_claims_arrive_as_they_are(worker: Connection, solver: Connection) -> None:
    documents = [
        {
            "debtor_info_locator": "Löcätor",
            "debtor_id": -(2**63),
            "peg_debtor_info_locator": "B",
            "peg_debtor_id": 1,
            "peg_exchange_rate": 1 / 3,
            "fetched_at": NOW,
            "name": "Löcö",
            "abbreviation": "L",
        },
        {
            "debtor_info_locator": "B",
            "debtor_id": 1,
            "peg_debtor_info_locator": None,
            "peg_debtor_id": None,
            "peg_exchange_rate": None,
            "fetched_at": NOW,
            "name": None,
            "abbreviation": None,
        },
    ]
    insert(worker, "worker.debtor_info_document", *documents)
    claim = {
        "debtor_id": 1,
        "debtor_info_locator": "B",
        "latest_locator_fetch_at": NOW,
        "latest_discovery_fetch_at": NOW,
    }
    insert(worker, "worker.debtor_locator_claim", claim)
    with worker.transaction():
        register_currencies(worker, solver, 7)
    assert rows(solver, "select * from solver.debtor_info order by debtor_id") == [
        (7, "Löcätor", -(2**63), "B", 1, 1 / 3, "Löcö", "L"),
        (7, "B", 1, None, None, None, None, None),
    ]
    assert rows(solver, "select * from solver.confirmed_debtor") == [(7, 1, "B")]


def test_rows_that_were_shipped_before_are_left_alone(
    worker: Connection, solver: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    # An earlier run shipped the documents and died before the claims.
    insert(worker, "worker.debtor_info_document", {"debtor_info_locator": "B", "debtor_id": 1, "fetched_at": NOW})
    claim = {
        "debtor_id": 1,
        "debtor_info_locator": "B",
        "latest_locator_fetch_at": NOW,
        "latest_discovery_fetch_at": NOW,
    }
    insert(worker, "worker.debtor_locator_claim", claim)
    insert(solver, "solver.debtor_info", {"turn_id": 7, "debtor_info_locator": "B", "debtor_id": 1})
    with caplog.at_level(logging.WARNING), worker.transaction():
        register_currencies(worker, solver, 7)
        worker.execute("select 1")
    assert "shipped before: debtor_info" in caplog.text
    assert value(solver, "select count(*) from solver.debtor_info") == 1
    assert rows(solver, "select * from solver.confirmed_debtor") == [(7, 1, "B")]


@covers("V13.11")
def test_many_rows_of_a_high_turn_fit_through_the_pipe(worker: Connection, solver: Connection) -> None:
    worker.execute(
        "insert into worker.account_lock (creditor_id, debtor_id, turn_id, collector_id, initiated_at, amount,"
        " collection_deadline, transfer_id) select n, 666, 40000, 999, worker.now(), case n %% 2 when 0 then n else -n"
        " end, worker.now(), 1 from generate_series(1, 20000) as n",
        (),
    )
    with worker.transaction():
        ship_offers(worker, solver, 40000)
    assert rows(solver, "select count(*), sum(amount), max(turn_id) from solver.sell_offer") == [(10000, 10**8, 40000)]
    assert value(solver, "select count(*) from solver.buy_offer where amount = creditor_id") == 10000


def test_a_failure_that_is_no_duplicate_ships_nothing(worker: Connection, solver: Connection) -> None:
    solver.execute("alter table solver.sell_offer add check (amount < 100)")
    worker.execute(
        "insert into worker.account_lock (creditor_id, debtor_id, turn_id, collector_id, initiated_at, amount,"
        " collection_deadline, transfer_id) select n, 666, 1, 999, worker.now(), -n, worker.now(), 1"
        " from generate_series(1, 20000) as n"
    )
    with pytest.raises(psycopg.errors.CheckViolation), worker.transaction():
        ship_offers(worker, solver, 1)
    assert value(solver, "select count(*) from solver.sell_offer") == 0


def test_currencies_are_loaded_priced_and_stamped(worker: Connection, solver: Connection) -> None:
    insert_worker_turn(worker, 2, 0)
    currency = {
        "turn_id": 1,
        "debtor_info_locator": "B",
        "debtor_id": 1,
        "peg_debtor_info_locator": None,
        "peg_debtor_id": None,
        "peg_exchange_rate": None,
        "is_confirmed": False,
    }
    pegged = {"debtor_info_locator": "L2", "debtor_id": 2, "is_confirmed": True}
    peg = {"peg_debtor_info_locator": "B", "peg_debtor_id": 1, "peg_exchange_rate": 2.5}
    insert(solver, "solver.currency_info", currency, {**currency, **pegged, **peg}, {**currency, "turn_id": 2})
    insert(solver, "solver.collector_account", *(_collector(10 + status, status) for status in range(4)))
    insert(worker, "worker.active_collector", {"debtor_id": 12, "collector_id": 999, "account_id": "old"})
    insert(worker, "worker.active_collector", {"debtor_id": 99, "collector_id": 999, "account_id": "gone"})
    for _ in range(2):
        with worker.transaction():
            load_currencies(worker, solver, 1)
        assert rows(worker, "select turn_id, phase, row_count from worker.staging_stamp") == [(1, 2, 2)]
        assert rows(worker, "select debtor_id, price from worker.staged_price") == [(2, 2.5)]
        assert rows(worker, "select debtor_id from worker.staged_alive_collector order by 1") == [(10,), (11,), (12,)]
        assert rows(worker, "select * from worker.active_collector") == [(12, 999, "account-12")]


@covers("G4")
def test_a_wrong_base_currency_is_reported(
    worker: Connection, solver: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    insert_worker_turn(worker, 2, 0)
    wrong = {"turn_id": 1, "debtor_info_locator": "B", "debtor_id": 2, "is_confirmed": True}
    insert(solver, "solver.currency_info", wrong)
    with worker.transaction():
        load_currencies(worker, solver, 1)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert value(worker, "select count(*) from worker.staging_stamp") == 1
    assert value(worker, "select count(*) from worker.staged_price") == 0


def test_own_results_are_loaded_and_deleted(worker: Connection, solver: Connection) -> None:
    # Realm `1.#`: 1 and 2 belong to it, 3 does not.
    worker.execute("update worker.configuration set realm_mask = 1 << 31, realm = 1 << 31")
    insert_worker_turn(worker, 3, 0)
    insert_turn(solver, 3)
    for own, other in ((1, 3), (3, 1)):
        common = {"turn_id": 1, "debtor_id": 666, "amount": 100 + own}
        insert(solver, "solver.creditor_taking", {**common, "creditor_id": own, "collector_id": other})
        insert(solver, "solver.creditor_giving", {**common, "creditor_id": own, "collector_id": other})
        insert(solver, "solver.collector_collecting", {**common, "creditor_id": other, "collector_id": own})
        insert(solver, "solver.collector_dispatching", {**common, "creditor_id": other, "collector_id": own})
        sides = {"from_collector_id": own, "to_collector_id": other}
        insert(solver, "solver.collector_sending", {**common, **sides})
        insert(solver, "solver.collector_receiving", {**common, **sides})
    for _ in range(2):
        with worker.transaction():
            load_results(worker, solver, 1)
        query = "select creditor_id, debtor_id, amount, collector_id from worker.staged_participation order by amount"
        assert rows(worker, query) == [(1, 666, -101, 3), (1, 666, 101, 3)]
        query = "select kind, collector_id, other_id, amount from worker.staged_collector_payment order by kind"
        assert rows(worker, query) == [
            ("collecting", 1, 3, 101),
            ("dispatching", 1, 3, 101),
            ("receiving", 1, 3, 103),
            ("sending", 1, 3, 101),
        ]
        assert rows(worker, "select turn_id, phase, row_count from worker.staging_stamp") == [(1, 3, 6)]
    for _ in range(2):
        delete_results(worker, solver, 1)
        assert rows(solver, "select creditor_id from solver.creditor_taking") == [(3,)]
        assert rows(solver, "select collector_id from solver.collector_collecting") == [(3,)]
        assert rows(solver, "select from_collector_id from solver.collector_receiving") == [(1,)]


def test_requests_to_the_solver_are_carried_out_and_deleted(worker: Connection, solver: Connection) -> None:
    insert(solver, "solver.collector_account", _collector(666, 1))
    activation = (
        '{"type":"ActivateCollector","debtor_id":666,"creditor_id":999,"account_id":"ID","ts":"2026-03-01T00:00:00Z"}'
    )
    needed = '{"type":"NeededCollector","debtor_id":777,"ts":"2026-03-01T00:00:00Z"}'
    worker.execute("select worker.request_solver(array[%s, %s]::jsonb[])", (activation, needed))
    assert send_requests(worker, solver, 100) == 2
    query = "select debtor_id, status, account_id from solver.collector_account order by 1"
    assert rows(solver, query) == [(666, 2, "ID"), (777, 0, "")]
    assert send_requests(worker, solver, 100) == 0


def test_a_crash_between_the_commits_repeats_the_requests(worker: Connection, solver: Connection) -> None:
    needed = '{"type":"NeededCollector","debtor_id":777,"ts":"2026-03-01T00:00:00Z"}'
    worker.execute("select worker.request_solver(array[%s]::jsonb[])", (needed,))
    worker.execute(
        "create function worker.fail() returns trigger language plpgsql as"
        " $$ begin raise exception 'crash'; end $$;"
        " create trigger fail before delete on pgmq.q_solver_request execute function worker.fail()"
    )
    with pytest.raises(psycopg.errors.RaiseException):
        send_requests(worker, solver, 100)
    worker.execute("drop trigger fail on pgmq.q_solver_request")
    assert send_requests(worker, solver, 100) == 1
    assert value(solver, "select count(*) from solver.collector_account") == 1


def test_pristine_collectors_of_this_shard_are_configured_and_requested(worker: Connection, solver: Connection) -> None:
    # Realm `1.#`: 1 and 2 belong to it, 3 does not.
    worker.execute("update worker.configuration set realm_mask = 1 << 31, realm = 1 << 31")
    insert(solver, "solver.collector_account", *(_collector(666, 0, collector_id) for collector_id in (1, 2, 3)))
    assert configure_pristine_collectors(worker, solver, 100) == 2
    assert rows(solver, "select collector_id, status from solver.collector_account order by 1") == [
        (1, 1),
        (2, 1),
        (3, 0),
    ]
    assert rows(worker, "select creditor_id, debtor_id from worker.needed_worker_account order by 1") == [
        (1, 666),
        (2, 666),
    ]
    assert configure_pristine_collectors(worker, solver, 100) == 0


@covers("G12")
def test_a_collector_without_an_account_becomes_pristine_again(worker: Connection, solver: Connection) -> None:
    insert(solver, "solver.collector_account", _collector(666, 1))
    late = {**_collector(667, 1), "latest_status_change_at": "2026-02-28T00:00:00Z"}
    insert(solver, "solver.collector_account", late)
    assert revive_overdue_collectors(worker, solver, 100) == 1
    assert rows(solver, "select debtor_id, status from solver.collector_account order by 1") == [(666, 0), (667, 1)]
    assert revive_overdue_collectors(worker, solver, 100) == 0


@covers("G20")
def test_a_removal_goes_through_both_databases(worker: Connection, solver: Connection) -> None:
    """Every commit may be the last one before a crash: the next pass goes on from there."""
    disabled = {**_collector(10, 3), "latest_status_change_at": "2025-07-01T00:00:00Z", "account_id": "a"}
    insert(solver, "solver.collector_account", disabled, _collector(11, 3), _collector(10, 2, 998))
    needed = {"creditor_id": 999, "configured_at": "2025-07-01T00:00:00Z"}
    insert(worker, "worker.needed_worker_account", {**needed, "debtor_id": 10}, {**needed, "debtor_id": 11})
    assert remove_collectors(worker, solver, 100) == 1
    # The other one was disabled a month ago: its payments may still be under way.
    assert rows(solver, "select debtor_id, collector_id, status from solver.collector_account order by 1, 2") == [
        (10, 998, 2),
        (11, 999, 3),
    ]
    assert rows(worker, "select debtor_id, released_at is null from worker.needed_worker_account order by 1") == [
        (10, False),
        (11, True),
    ]

    # The worker has committed, the solver has not.
    insert(solver, "solver.collector_account", disabled)
    assert remove_collectors(worker, solver, 100) == 1
    assert remove_collectors(worker, solver, 100) == 0


@covers("G20")
def test_many_removals_go_in_pieces(worker: Connection, solver: Connection) -> None:
    """Every third one has an account that the authority still has to delete: it stays, and holds nobody up."""
    disabled = {**_collector(10, 3), "latest_status_change_at": "2025-07-01T00:00:00Z"}
    insert(solver, "solver.collector_account", *({**disabled, "collector_id": n} for n in range(1, 31)))
    for n in range(1, 31):
        add_row(worker, "needed_worker_accounts", n, debtor_id=10, configured_at="2025-07-01T00:00:00Z")
    for collector_id in range(3, 31, 3):
        add_row(worker, "worker_accounts", collector_id, debtor_id=10)
    assert remove_collectors(worker, solver, 4) == 20
    left = rows(solver, "select collector_id, removal from solver.collector_account order by 1")
    assert left == [(n, "discarding") for n in range(3, 31, 3)]
    assert remove_collectors(worker, solver, 4) == 0


@covers("G20")
def test_a_shard_removes_its_own_collectors_only(worker: Connection, solver: Connection) -> None:
    disabled = {**_collector(10, 3), "latest_status_change_at": "2025-07-01T00:00:00Z"}
    insert(solver, "solver.collector_account", *({**disabled, "collector_id": n} for n in range(1, 21)))
    for n in range(1, 21):
        add_row(worker, "needed_worker_accounts", n, debtor_id=10, configured_at="2025-07-01T00:00:00Z")
    worker.execute("update worker.configuration set realm_mask = -2147483648, realm = -2147483648")
    gone = remove_collectors(worker, solver, 100)
    assert 0 < gone < 20
    left = rows(solver, "select count(*), bool_and(collector_hash >= 0) from solver.collector_account")
    assert left == [(20 - gone, True)]


def test_a_request_that_takes_too_long_is_named_and_passed_over(
    worker: Connection, solver: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    solver.execute(
        """
        create function solver.be_slow() returns trigger language plpgsql as $$
        begin
          if new.debtor_id = 772 then
            perform pg_sleep(5);
          end if;
          return new;
        end $$;
        create trigger be_slow before insert on solver.collector_account
        for each row execute function solver.be_slow()
        """
    )
    solver.execute("set statement_timeout = '300ms'")
    for debtor_id in range(770, 776):
        needed = f'{{"type":"NeededCollector","debtor_id":{debtor_id},"ts":"2026-03-01T00:00:00Z"}}'
        worker.execute("select worker.request_solver(array[%s]::jsonb[])", (needed,))
    sizes = Sizes()
    assert sum(send_requests(worker, solver, 4, sizes) for _ in range(8)) == 5
    assert rows(solver, "select debtor_id from solver.collector_account order by 1") == [
        (770,),
        (771,),
        (773,),
        (774,),
        (775,),
    ]
    assert "the request 3 to the solver is too much even alone: 57014" in caplog.text
    assert "772" in caplog.text

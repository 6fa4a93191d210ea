"""The loops over real databases: one iteration each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from bridge.wire.sharding import binary_routing_key
from pipelines.turns import roll
from pipelines.turns import steps as turn_steps
from pipelines.turns.exchange import send_requests
from pipelines.turns.roll import (
    CollectorPolicy,
    advance_transfers,
    advance_turns,
    advance_worker_turns,
    poll_collectors,
    trigger_due_transfers,
)
from tests.covering import covers
from tests.databases import connection_to
from tests.pipelines.turns.two_shards import COLLECTOR, SETTINGS, TwoShards
from tests.sql.turns.rows import Connection, insert, insert_turn, insert_worker_turn, rows, stop_clock, value


@pytest.fixture
def connect(new_database: Callable[[Any], str]) -> Iterator[Callable[[Any], tuple[str, Connection]]]:
    """Call it with a kind to get the URL of a fresh database and a connection to it."""
    opened: list[Connection] = []

    def open_database(kind: Any) -> tuple[str, Connection]:
        url = new_database(kind)
        opened.append(connection_to(url))
        return url, opened[-1]

    yield open_database
    for connection in opened:
        connection.close()


def _states(worker: Connection) -> list[tuple[Any, ...]]:
    return rows(worker, "select turn_id, phase, worker_turn_subphase from worker.worker_turn order by 1")


@covers("V3.12")
def test_a_worker_that_is_far_behind_catches_up_in_one_pass(worker_db: Connection, solver_db: Connection) -> None:
    for connection in (worker_db, solver_db):
        stop_clock(connection, "2026-03-10T00:00:00Z")
    for turn_id, phase in enumerate((4, 2, 1, 3), start=1):
        insert_turn(solver_db, phase, turn_id)
    for turn_id, phase, subphase in ((1, 2, 10), (2, 1, 5), (4, 3, 5)):
        insert_worker_turn(worker_db, phase, subphase, turn_id)
    tick = advance_worker_turns(worker_db, solver_db)
    assert _states(worker_db) == [(1, 3, 5), (2, 2, 5), (3, 1, 10), (4, 3, 10)]
    assert tick.changed == 3
    assert tick.steps == ((1, 3, 0), (2, 2, 0), (3, 1, 0), (4, 3, 5))


@covers("V3.13")
def test_publishing_currencies_again_changes_nothing(worker_db: Connection, solver_db: Connection) -> None:
    for connection in (worker_db, solver_db):
        stop_clock(connection, "2026-03-01T02:05:00Z")
    insert_turn(solver_db, 1)
    stamp = "2026-03-01T00:00:00Z"
    document = {"debtor_info_locator": "L", "debtor_id": 666, "fetched_at": stamp}
    insert(worker_db, "worker.debtor_info_document", document)
    claim = {
        "debtor_id": 666,
        "debtor_info_locator": "L",
        "latest_locator_fetch_at": stamp,
        "latest_discovery_fetch_at": stamp,
    }
    insert(worker_db, "worker.debtor_locator_claim", claim)
    for _ in range(2):
        assert advance_worker_turns(worker_db, solver_db).steps == ((1, 1, 0),)
        assert _states(worker_db) == [(1, 1, 10)]
        assert rows(solver_db, "select debtor_info_locator, debtor_id from solver.debtor_info") == [("L", 666)]
        assert rows(solver_db, "select debtor_info_locator, debtor_id from solver.confirmed_debtor") == [("L", 666)]
        # As if the worker had died between the two commits.
        worker_db.execute("update worker.worker_turn set worker_turn_subphase = 0")


def test_turns_that_the_solver_forgot_are_lost(worker_db: Connection, solver_db: Connection) -> None:
    insert_worker_turn(worker_db, 2, 5, 1)
    insert_worker_turn(worker_db, 3, 10, 2)
    assert advance_worker_turns(worker_db, solver_db).steps == ()
    query = "select turn_id, phase, worker_turn_subphase, is_lost from worker.worker_turn order by 1"
    assert rows(worker_db, query) == [(1, 3, 10, True), (2, 3, 10, False)]


@pytest.mark.parametrize("loop", ["solver", "worker"])
def test_a_loop_runs_once(connect: Callable[[Any], tuple[str, Connection]], loop: str) -> None:
    solver_url, solver = connect("solver")
    worker_url, worker = connect("worker")
    for connection in (solver, worker):
        stop_clock(connection, "2026-03-01T02:00:00Z")
    with (
        connection_to({"solver": solver_url, "worker": worker_url}[loop]) as other,
        other.transaction(),
    ):
        other.execute("select pg_advisory_xact_lock(7304, %s)", (0 if loop == "solver" else 1,))
        tick = advance_turns(solver, SETTINGS) if loop == "solver" else advance_worker_turns(worker, solver)
        assert (tick.is_alone, tick.done) == (False, 0)
    assert advance_turns(solver, SETTINGS).started is not None
    assert advance_worker_turns(worker, solver).done == 2


def test_the_solver_advances_a_turn_by_one_phase_at_a_time(solver_db: Connection) -> None:
    stop_clock(solver_db, "2026-03-01T02:00:00Z")
    tick = advance_turns(solver_db, SETTINGS)
    assert (tick.started, tick.advanced) == (1, {})
    assert advance_turns(solver_db, SETTINGS).done == 0
    stop_clock(solver_db, "2026-03-10T00:00:00Z")
    assert advance_turns(solver_db, SETTINGS).advanced == {1: 2}
    assert advance_turns(solver_db, SETTINGS).done == 0
    stop_clock(solver_db, "2026-03-10T02:00:00Z")
    tick = advance_turns(solver_db, SETTINGS)
    assert tick.advanced == {1: 3}
    assert list(tick.reports) == [1]
    tick = advance_turns(solver_db, SETTINGS)
    assert tick.advanced == {1: 4}
    assert tick.reports == {}
    assert value(solver_db, "select count(*) from solver.turn where phase = 4 and phase_deadline is null") == 1


def test_a_whole_turn_over_two_shards(connect: Callable[[Any], tuple[str, Connection]]) -> None:
    shards = TwoShards(connect)
    # Creditors 1 and 2 hash into shard `1.#`, 3 into `0.#`; the collectors may be anywhere.
    shards.trade(1, 1, -8000, None, None)
    shards.trade(1, 2, 6000, 1, 2.0)
    shards.trade(3, 2, -3000, 1, 2.0)
    shards.trade(3, 1, 5000, None, None)

    shards.at("02:00:00")
    assert [_states(worker) for worker in shards.workers] == [[(1, 1, 10)]] * 2
    shards.at("02:10:01")
    assert [_states(worker) for worker in shards.workers] == [[(1, 2, 5)]] * 2
    assert shards.rows("select creditor_id, debtor_id, amount from worker.account_lock") == [
        (1, 1, -8000),
        (1, 2, 6000),
        (3, 1, 5000),
        (3, 2, -3000),
    ]
    for worker in shards.workers:
        worker.execute("update worker.account_lock set transfer_id = 7")
    shards.at("03:05:02")
    assert [_states(worker) for worker in shards.workers] == [[(1, 2, 10)]] * 2
    shards.at("03:10:02")
    assert [_states(worker) for worker in shards.workers] == [[(1, 3, 5)]] * 2
    assert shards.rows("select creditor_id, debtor_id, amount from worker.account_lock") == [
        (1, 1, -5000),
        (1, 2, 2500),
        (3, 1, 5000),
        (3, 2, -2500),
    ]
    query = "select creditor_id, debtor_id, committed_amount from outbox.finalize_transfer"
    assert shards.rows(query) == [(1, 1, 5000), (3, 2, 2500)]
    query = "select collector_id, debtor_id, creditor_id, amount from worker.worker_collecting"
    assert shards.rows(query) == [(COLLECTOR + 1, 1, 1, 5000), (COLLECTOR + 2, 2, 3, 2500)]
    query = "select collector_id, debtor_id, creditor_id, amount from worker.worker_dispatching"
    assert shards.rows(query) == [(COLLECTOR + 1, 1, 3, 5000), (COLLECTOR + 2, 2, 1, 2500)]
    assert value(shards.solver, "select phase from solver.turn") == 3
    shards.at("03:11:00")
    assert [_states(worker) for worker in shards.workers] == [[(1, 3, 10)]] * 2
    assert value(shards.solver, "select count(*) from solver.creditor_taking") == 0
    shards.at("03:12:00")
    assert value(shards.solver, "select phase from solver.turn") == 4


def _bidding(worker: Connection, solver: Connection) -> None:
    """Both in the beginning of phase 2, with one candidate trader."""
    for connection in (worker, solver):
        stop_clock(connection, "2026-03-01T02:30:00Z")
    insert_turn(solver, 2)
    base = {"turn_id": 1, "debtor_info_locator": "B", "debtor_id": 1, "is_confirmed": True}
    peg = {"peg_debtor_info_locator": "B", "peg_debtor_id": 1, "peg_exchange_rate": 2.0}
    insert(solver, "solver.currency_info", base)
    insert(solver, "solver.currency_info", {**base, "debtor_info_locator": "L2", "debtor_id": 2, **peg})
    for debtor_id in (1, 2):
        collector = {"debtor_id": debtor_id, "collector_id": COLLECTOR, "status": 2, "account_id": "collector"}
        insert(solver, "solver.collector_account", {**collector, "latest_status_change_at": "2026-01-01T00:00:00Z"})
    for creditor_id in range(1, 41):
        account = {"creditor_id": creditor_id, "account_id": "account", "policy_name": "conservative"}
        sale = {"debtor_id": 1, "principal": 5000, "min_principal": 0, "max_principal": 0}
        insert(worker, "worker.trading_policy", {**account, **sale})
        purchase = {"debtor_id": 2, "min_principal": 5000, "max_principal": 5000}
        pegged = {"peg_debtor_id": 1, "peg_exchange_rate": 2.0}
        insert(worker, "worker.trading_policy", {**account, **purchase, **pegged})


def test_a_busy_lane_is_done_later_and_the_others_only_once(
    connect: Callable[[Any], tuple[str, Connection]], solver_db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn_steps, "BUSY_ROUNDS", 2)
    monkeypatch.setattr(turn_steps, "BUSY_PAUSE", 0.0)
    url, worker = connect("worker")
    _bidding(worker, solver_db)
    with connection_to(url) as drain:
        with drain.transaction():
            drain.execute("select worker.try_lock_lane(3)")
            tick = advance_worker_turns(worker, solver_db)
            assert (tick.steps, tick.unfinished) == ((), ((1, 2, 0),))
            assert rows(worker, "select * from worker.open_lanes(1, 2)") == [(3,)]
            first = dict(rows(worker, "select (creditor_id, debtor_id)::text, ctid::text from worker.account_lock"))
        assert advance_worker_turns(worker, solver_db).steps == ((1, 2, 0),)
    after = dict(rows(worker, "select (creditor_id, debtor_id)::text, ctid::text from worker.account_lock"))
    assert len(after) == 80
    assert 0 < len(first) < 80
    assert first.items() <= after.items()


def test_several_connections_share_the_lanes(
    connect: Callable[[Any], tuple[str, Connection]], solver_db: Connection
) -> None:
    url, worker = connect("worker")
    _bidding(worker, solver_db)
    with connection_to(url) as second:
        stop_clock(second, "2026-03-01T02:30:00Z")
        assert advance_worker_turns(worker, solver_db, [second]).steps == ((1, 2, 0),)
    assert value(worker, "select count(*) from worker.account_lock") == 80
    assert value(worker, "select count(*) from outbox.prepare_transfer") == 80


def test_loops_that_do_not_notice_each_other_do_everything_once(
    connect: Callable[[Any], tuple[str, Connection]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a pooler the lock of a session means little. The steps themselves keep order."""
    monkeypatch.setattr(roll, "_alone", lambda *_: nullcontext(True))
    (worker_url, worker), (solver_url, solver) = connect("worker"), connect("solver")
    _bidding(worker, solver)

    def loop(now: str) -> None:
        with ExitStack() as closing:
            urls = (worker_url, solver_url, worker_url)
            here, there, lane = (closing.enter_context(connection_to(url)) for url in urls)
            for connection in (here, there, lane):
                stop_clock(connection, f"2026-03-01T{now}Z")
            for _ in range(2):
                advance_worker_turns(here, there, [lane])

    def loops(now: str) -> list[tuple[Any, ...]]:
        with ThreadPoolExecutor(3) as threads:
            for done in [threads.submit(loop, now) for _ in range(3)]:
                done.result()
        return _states(worker)

    assert loops("02:30:00") == [(1, 2, 5)]
    assert value(worker, "select count(*) from outbox.prepare_transfer") == 80
    worker.execute("update worker.account_lock set transfer_id = 7")
    assert loops("03:08:00") == [(1, 2, 10)]
    assert value(solver, "select count(*) from solver.sell_offer") == 40
    stop_clock(solver, "2026-03-01T03:11:00Z")
    solver.execute("create table public.sale as select * from solver.sell_offer; select solver.begin_phase3(1)")
    for table in ("creditor_taking", "collector_collecting"):
        solver.execute(
            f"insert into solver.{table} (turn_id, creditor_id, debtor_id, amount, collector_id)"
            " select turn_id, creditor_id, debtor_id, 1000, collector_id from public.sale".encode()
        )
    assert loops("03:12:00") == [(1, 3, 10)]
    assert rows(worker, "select committed_amount, count(*) from outbox.finalize_transfer group by 1 order by 1") == [
        (0, 40),
        (1000, 40),
    ]
    assert value(worker, "select sum(amount) from worker.worker_collecting") == 40_000
    assert value(solver, "select solver.end_turn(1)")


def test_lost_solver_rows_are_loaded_again(worker_db: Connection, solver_db: Connection) -> None:
    _bidding(worker_db, solver_db)
    worker_db.execute(
        "create function worker.crash() returns trigger language plpgsql as $$ begin"
        " delete from worker.staged_price; delete from worker.staging_stamp; return null; end $$;"
        " create trigger crash after insert on worker.worker_turn_lane"
        " for each row when (new.lane = 3) execute function worker.crash()"
    )
    assert advance_worker_turns(worker_db, solver_db).steps == ((1, 2, 0),)
    assert value(worker_db, "select count(*) from worker.account_lock") == 80
    assert rows(worker_db, "select count(*), count(distinct lane) from worker.worker_turn_lane") == [(8, 8)]


@covers("G23")
def test_the_loop_knows_when_to_wake_up(worker_db: Connection, solver_db: Connection) -> None:
    _bidding(worker_db, solver_db)
    tick = advance_worker_turns(worker_db, solver_db)
    assert tick.next_step_at == datetime(2026, 3, 1, 3, 5, tzinfo=UTC)
    stop_clock(worker_db, "2026-03-01T03:05:00.000001Z")
    assert advance_worker_turns(worker_db, solver_db).next_step_at is None
    assert _states(worker_db) == [(1, 2, 10)]


def test_statuses_of_all_lanes_advance(worker_db: Connection) -> None:
    stop_clock(worker_db, "2026-03-01T04:00:00Z")
    insert_worker_turn(worker_db, 3, 10)
    for collector_id in range(COLLECTOR, COLLECTOR + 20):
        status = {"collector_id": collector_id, "turn_id": 1, "debtor_id": 666, "inserted_at": "2026-03-01T03:11:00Z"}
        amounts = (
            "amount_to_collect",
            "amount_to_send",
            "amount_to_receive",
            "number_to_receive",
            "amount_to_dispatch",
        )
        insert(worker_db, "worker.dispatching_status", {**status, **dict.fromkeys(amounts, 0)})
    assert advance_transfers(worker_db, 3) >= 20
    query = "select count(*) from worker.dispatching_status where not started_sending and not awaiting_signal_flag"
    assert value(worker_db, query) == 0


def test_collectors_that_were_paid_before_the_result_came_go_on_at_once(
    worker_db: Connection, solver_db: Connection
) -> None:
    for connection in (worker_db, solver_db):
        stop_clock(connection, "2026-03-10T00:00:00Z")
    insert_turn(solver_db, 3)
    insert_worker_turn(worker_db, 2, 10)
    payment = {"turn_id": 1, "debtor_id": 666, "amount": 5000}
    for number in range(20):
        own = {**payment, "collector_id": COLLECTOR + number}
        insert(solver_db, "solver.collector_collecting", {**own, "creditor_id": 100 + number})
        insert(solver_db, "solver.collector_dispatching", {**own, "creditor_id": 200 + number})
        early = {"kind": "collecting", "other_id": 100 + number, "inserted_at": "2026-03-10T00:00:00Z"}
        insert(worker_db, "worker.early_arrival", {**own, **early})
    assert advance_worker_turns(worker_db, solver_db).steps == ((1, 3, 0),)
    assert rows(worker_db, "select distinct started_dispatching from worker.dispatching_status") == [(True,)]
    assert value(worker_db, "select count(*) from worker.transfer_attempt where is_dispatching") == 20


def test_due_attempts_of_all_lanes_are_triggered(worker_db: Connection) -> None:
    stop_clock(worker_db, "2026-03-01T04:00:00Z")
    for collector_id in range(COLLECTOR, COLLECTOR + 20):
        attempt = {"collector_id": collector_id, "turn_id": 1, "debtor_id": 666, "creditor_id": 5}
        moments = {"collection_started_at": "2026-03-01T03:10:00Z", "inserted_at": "2026-03-01T03:11:00Z"}
        due = {"is_dispatching": True, "nominal_amount": 100.0, "rescheduled_for": "2026-03-01T03:59:00Z"}
        insert(worker_db, "worker.transfer_attempt", {**attempt, **moments, **due})
    assert trigger_due_transfers(worker_db, 3) == 20
    query = "select count(*) from worker.transfer_attempt where rescheduled_for < worker.now()"
    assert value(worker_db, query) == 0
    assert trigger_due_transfers(worker_db) == 0


def test_a_needed_collector_is_created_and_configured(worker_db: Connection, solver_db: Connection) -> None:
    needed = '{"type":"NeededCollector","debtor_id":777,"ts":"2026-03-01T00:00:00Z"}'
    worker_db.execute("select worker.request_solver(array[%s]::jsonb[])", (needed,))
    assert send_requests(worker_db, solver_db, 1000) == 1
    assert poll_collectors(worker_db, solver_db) == 1
    assert poll_collectors(worker_db, solver_db) == 0
    assert rows(solver_db, "select debtor_id, status from solver.collector_account") == [(777, 1)]
    assert rows(worker_db, "select debtor_id from worker.needed_worker_account") == [(777,)]


@covers("G20")
def test_a_turn_that_starts_gives_busy_currencies_more_collectors(solver_db: Connection) -> None:
    stop_clock(solver_db, "2026-03-01T02:05:00Z")
    insert_turn(solver_db, 4, turn_id=90, started_at="2026-02-28T02:00:00Z")
    counts = {"takings": 3, "taken_amount": 1, "givings": 2, "given_amount": 1, "collectors": 1}
    nothing = {"collector_transfers": 0, "sent_amount": 0}
    insert(solver_db, "solver.transfer_statistic", {"turn_id": 90, "debtor_id": 666, **counts, **nothing})
    policy = CollectorPolicy(2, 1000, 2000)
    tick = advance_turns(solver_db, SETTINGS, policy)
    assert tick.started is not None
    assert tick.collectors == 3
    assert advance_turns(solver_db, SETTINGS, policy).collectors == 0
    assert value(solver_db, "select count(*) from solver.collector_account") == 3


@covers("G20")
@pytest.mark.parametrize("policy", [None, CollectorPolicy(0, 1000, 2000)])
def test_without_a_policy_no_collectors_are_added(solver_db: Connection, policy: CollectorPolicy | None) -> None:
    stop_clock(solver_db, "2026-03-01T02:05:00Z")
    tick = advance_turns(solver_db, SETTINGS, policy)
    assert tick.started is not None
    assert tick.collectors == 0


@covers("G36")
def test_the_loop_warns_of_a_dead_worker(solver_db: Connection, caplog: pytest.LogCaptureFixture) -> None:
    insert_turn(solver_db, 3)
    assert binary_routing_key(1).startswith("1.1.1.1.")
    row = {"turn_id": 1, "creditor_id": 1, "debtor_id": 1, "amount": 1, "collector_id": 9}
    insert(solver_db, "solver.creditor_taking", row)
    stop_clock(solver_db, "2026-03-01T04:10:00Z")
    advance_turns(solver_db, SETTINGS)
    assert caplog.records == []
    stop_clock(solver_db, "2026-03-01T04:10:01Z")
    advance_turns(solver_db, SETTINGS)
    first, second = (record.getMessage() for record in caplog.records)
    assert "turn 1 should have left phase 3 at 2026-03-01 03:10:00" in first
    assert "waits for workers with keys in 1.1.1.1.#, which have left 1 results" in second


@covers("G22")
def test_old_decisions_about_messages_are_forgotten(worker_db: Connection, solver_db: Connection) -> None:
    stop_clock(worker_db, "2027-03-01T02:00:00Z")
    decision = {
        "is_replay": True,
        "decided_by": "Olga",
        "queue": "inbox_0",
        "body": "{}",
        "sqlstate": "22003",
        "error": "out of range",
        "failures": 2,
        "set_aside_at": "2026-02-01T00:00:00Z",
    }
    moments = ("2026-03-01T01:59:59Z", "2026-03-01T02:00:00Z", "2026-02-01T00:00:00Z", "2027-03-01T00:00:00Z")
    decisions = [{"set_aside_id": n, "decided_at": moment} | decision for n, moment in enumerate(moments)]
    insert(worker_db, "worker.set_aside_decision", *decisions)
    advance_worker_turns(worker_db, solver_db)
    assert rows(worker_db, "select set_aside_id from worker.set_aside_decision order by 1") == [(1,), (3,)]
    assert value(worker_db, "select worker.delete_old_decisions(10)") == 0


def add_attempts(worker_db: Connection, count: int) -> None:
    for collector_id in range(COLLECTOR, COLLECTOR + count):
        attempt = {"collector_id": collector_id, "turn_id": 1, "debtor_id": 666, "creditor_id": 5}
        moments = {"collection_started_at": "2026-03-01T03:10:00Z", "inserted_at": "2026-03-01T03:11:00Z"}
        due = {"is_dispatching": True, "nominal_amount": 100.0, "rescheduled_for": "2026-03-01T03:59:00Z"}
        insert(worker_db, "worker.transfer_attempt", {**attempt, **moments, **due})


def be_slow(connection: Connection, table: str, condition: str) -> None:
    """Makes some changes of a table slow: `condition` is about the row `new`."""
    connection.execute(
        f"""
        create function pg_temp.be_slow() returns trigger language plpgsql as $$
        begin
          if {condition} then
            perform pg_sleep(5);
          end if;
          return new;
        end $$;
        create trigger be_slow before insert or update on {table} for each row execute function pg_temp.be_slow()
        """.encode()
    )
    connection.execute("set statement_timeout = '300ms'")


def test_a_payment_that_takes_too_long_is_named_and_passed_over(
    worker_db: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    stop_clock(worker_db, "2026-03-01T04:00:00Z")
    add_attempts(worker_db, 12)
    be_slow(worker_db, "worker.transfer_attempt", f"new.collector_id = {COLLECTOR + 7}")
    assert trigger_due_transfers(worker_db, 4) == 11
    assert f'transfers that are due: {{"collector_id":{COLLECTOR + 7}' in caplog.text
    query = "select collector_id from worker.transfer_attempt where rescheduled_for < worker.now()"
    assert rows(worker_db, query) == [(COLLECTOR + 7,)]


def test_a_lane_that_fails_stops_no_other(worker_db: Connection) -> None:
    stop_clock(worker_db, "2026-03-01T04:00:00Z")
    add_attempts(worker_db, 20)
    worker_db.execute(
        """
        create function worker.fail() returns trigger language plpgsql as $$
        begin
          if old.key_hash & 7 = 1 then
            raise exception using errcode = '42501', message = 'made to fail';
          end if;
          return new;
        end $$;
        create trigger fail before update on worker.transfer_attempt for each row execute function worker.fail()
        """
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        trigger_due_transfers(worker_db)
    query = "select distinct key_hash & 7 from worker.transfer_attempt where rescheduled_for < worker.now()"
    assert rows(worker_db, query) == [(1,)]


def test_a_turn_that_fails_stops_no_other(solver_db: Connection, caplog: pytest.LogCaptureFixture) -> None:
    stop_clock(solver_db, "2026-03-01T04:00:00Z")
    for turn_id in (1, 2):
        insert_turn(solver_db, phase=3, turn_id=turn_id)
    solver_db.execute(
        """
        create function solver.fail() returns trigger language plpgsql as $$
        begin
          if new.turn_id = 1 then
            raise exception using errcode = '42501', message = 'made to fail';
          end if;
          return new;
        end $$;
        create trigger fail before update on solver.turn for each row execute function solver.fail()
        """
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        advance_turns(solver_db, SETTINGS)
    assert rows(solver_db, "select turn_id, phase from solver.turn order by 1")[:2] == [(1, 3), (2, 4)]


def test_collectors_are_removed_though_none_can_be_configured(worker_db: Connection, solver_db: Connection) -> None:
    solver_db.execute("drop function solver.mark_collectors_requested")
    solver_db.execute("select solver.ensure_collectors(777, 1, 1, 100)")
    worker_db.execute("update worker.configuration set min_collector_id = 1, max_collector_id = 100")
    worker_db.execute(
        "create or replace function worker.repair_broken_accounts(p_limit integer) returns integer language plpgsql as "
        "$$ begin return nextval('worker.calls'); end $$"
    )
    worker_db.execute("create sequence worker.calls")
    with pytest.raises(psycopg.errors.UndefinedFunction):
        poll_collectors(worker_db, solver_db)
    assert value(worker_db, "select last_value from worker.calls where is_called") == 1

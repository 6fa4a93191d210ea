"""An installation with nothing under way is taken over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.admin.takeover.conftest import MakeOld
from tests.admin.takeover.old_databases import (
    COLLECTOR,
    DEBTOR,
    EVERYTHING,
    NOW,
    SECOND_COLLECTOR,
    TURN,
    add_collector,
    add_worker_turn,
    fill,
)
from tests.admin.takeover.schemas import REVISIONS
from tests.covering import covers
from tests.databases import connection_to
from tests.sql.messages import apply, message


@pytest.mark.parametrize("release", REVISIONS)
def test_a_dry_run_writes_nothing(make_old: MakeOld, release: str) -> None:
    service = make_old(release)
    fill(service)
    result = service.run("--dry-run")
    assert result.exit_code == 0, result.output
    assert f"release {release}, schema old_worker" in result.output
    assert "Nothing is in the way. Nothing was written." in result.output
    assert service.rows("solver", EVERYTHING) == [(0,), (0,)]
    assert service.rows("worker", "select * from worker.takeover") == []


@covers("N7.1")
@pytest.mark.parametrize("release", REVISIONS)
def test_everything_is_taken_over(make_old: MakeOld, release: str) -> None:
    service = make_old(release)
    fill(service)
    add_worker_turn(service, TURN - 1)
    result = service.run()
    assert result.exit_code == 0, result.output
    assert "Both databases are imported." in result.output
    assert service.rows("solver", EVERYTHING) == [(1,), (1,)]
    assert service.rows(
        "solver", "select collector_hash = solver.hash16(collector_id) from solver.collector_account"
    ) == [(True,)]
    query = "select principal, interest, interest_rate, negligible_amount, has_foreign_configuration"
    assert service.rows("worker", f"{query} from worker.worker_account") == [
        (5000, 1.25, pytest.approx(-0.1), 1e30, False)
    ]
    assert service.rows("worker", "select configured_at, configurations from worker.needed_worker_account") == [
        (NOW - timedelta(days=50), 1)
    ]
    assert service.rows("worker", "select count(*) from worker.interest_rate_change") == [(1,)]
    # Of the earlier turn nothing is left; the last one tells how far turns have come.
    query = "select turn_id, phase, worker_turn_subphase from worker.worker_turn"
    assert service.rows("worker", query) == [(TURN, 3, 10)]


@covers("V14.58")
def test_no_request_and_no_turn_gets_the_id_of_an_old_one(make_old: MakeOld) -> None:
    service = make_old()
    fill(service)
    assert service.run().exit_code == 0
    ((request_id,),) = service.rows("worker", "select nextval('worker.coordinator_request_id_seq')")
    assert request_id > 10**15
    ((turn_id,),) = service.rows("solver", "select nextval(pg_get_serial_sequence('solver.turn', 'turn_id'))")
    assert turn_id == 42


@covers("V14.56")
def test_collectors_do_not_rest_any_more(make_old: MakeOld) -> None:
    service = make_old("1.0")
    for collector_id, (status, account_id) in enumerate(((2, "a"), (3, "b"), (3, ""), (1, "")), COLLECTOR):
        add_collector(service, collector_id=collector_id, status=status)
        with service.old("solver") as solver:
            solver.execute(
                "update collector_account set account_id = %s where collector_id = %s", (account_id, collector_id)
            )
    assert service.run().exit_code == 0
    query = "select status, account_id from solver.collector_account order by collector_id"
    assert service.rows("solver", query) == [(2, "a"), (2, "b"), (1, ""), (1, "")]


@covers("V14.57")
def test_what_an_operator_has_disabled_stays_so(make_old: MakeOld) -> None:
    service = make_old("0.1.10")
    add_collector(service, 666, COLLECTOR, 2)
    add_collector(service, 666, SECOND_COLLECTOR, 3)
    add_collector(service, 777, COLLECTOR, 3)
    assert service.run().exit_code == 0
    query = "select debtor_id, status from solver.collector_account order by debtor_id, collector_id"
    assert service.rows("solver", query) == [(666, 2), (666, 3), (777, 3)]
    assert service.rows("solver", "select debtor_id from solver.blocked_currency") == [(777,)]


def test_an_imported_database_is_left_as_it_is(make_old: MakeOld) -> None:
    service = make_old()
    fill(service)
    assert service.run().exit_code == 0
    mark = service.rows("worker", "select * from worker.takeover")
    result = service.run()
    assert result.exit_code == 0, result.output
    assert result.output.count("they are all there") == 2
    assert service.rows("worker", "select * from worker.takeover") == mark


def test_rows_that_break_our_rules_are_told(make_old: MakeOld) -> None:
    """Of most tables they are left out."""
    service = make_old()
    fill(service)
    service.add("worker", "interest_rate_change", creditor_id=1, debtor_id=1, change_ts=NOW, interest_rate=-101)
    service.add("worker", "debtor_info_document", debtor_info_locator="x" * 201, debtor_id=1)
    service.add(
        "worker",
        "trading_policy",
        creditor_id=7,
        debtor_id=1,
        policy_name="p",
        min_principal=9,
        max_principal=8,
        latest_policy_update_id=5,
        principal=77,
    )
    result = service.run()
    assert result.exit_code == 0, result.output
    assert "interest_rate_change: left out, 1 rows (creditor_id/debtor_id/change_ts: 1/1/" in result.output
    assert "debtor_info_document: 1 left out, locators of more than 200 characters" in result.output
    query = "select policy_name, latest_policy_update_id, principal from worker.trading_policy"
    assert service.rows("worker", query) == [(None, 5, 77)]


def test_a_broken_row_that_must_not_be_missing_stops_everything(make_old: MakeOld) -> None:
    service = make_old()
    fill(service)
    with service.old("solver") as solver:
        solver.execute("update collector_account set account_id = ''")
    result = service.run()
    assert result.exit_code == 1
    assert "rows of collector_account break our rules" in result.output
    assert f"(debtor_id/collector_id: {DEBTOR}/{COLLECTOR})" in result.output
    assert service.rows("solver", EVERYTHING) == [(0,), (0,)]


@covers("V14.59", "N7.1")
def test_an_account_that_was_imported_stays_and_its_currency_is_discovered(make_old: MakeOld) -> None:
    """When its authority reports it, and nothing has changed."""
    service = make_old()
    fill(service)
    assert service.run().exit_code == 0
    with connection_to(service.url("worker")) as worker:
        ((change, created),) = service.rows("worker", "select last_change_ts, creation_date from worker.worker_account")
        seen = {"creation_date": created.isoformat(), "last_change_ts": change.isoformat(), "last_change_seqnum": 7}
        moment = datetime.now(UTC).isoformat()
        apply(worker, message("AccountUpdate", creditor_id=COLLECTOR, debtor_id=DEBTOR, ts=moment, **seen))
    query = "select last_heartbeat_ts > now() - interval '1 minute', principal from worker.worker_account"
    assert service.rows("worker", query) == [(True, 5000)]
    assert service.rows("worker", "select count(*) from worker.unknown_account") == [(0,)]
    assert service.rows("worker", "select count(*) from pgmq.q_out_configure_account") == [(0,)]
    found = "select message ->> 'type' from pgmq.q_out_discover_debtor"
    lanes = " union all ".join(f"select message ->> 'type' from pgmq.q_inbox_{n}" for n in range(8))
    assert service.rows("worker", f"{found} union all {lanes}") == [("DiscoverDebtor",)]

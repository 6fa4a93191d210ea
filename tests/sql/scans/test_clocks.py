"""Rows that were written while a clock ran ahead get old like others."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sql.scans import SCANS
from tests.conftest import Connection
from tests.covering import covers
from tests.sql.messages import apply, message
from tests.sql.scans.rows import NOW, RELEASED, add, ago, keys, run

LATER = NOW + timedelta(days=1400)
USELESS = {"policy_name": None}

CASES: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("debtor_info_documents", {}, ("fetched_at",)),
    (
        "debtor_locator_claims",
        {},
        (
            "latest_locator_fetch_at",
            "latest_discovery_fetch_at",
            "forced_locator_refetch_at",
            "latest_confirmation_ts",
        ),
    ),
    ("recently_needed_collectors", {}, ("needed_at",)),
    (
        "trading_policies",
        USELESS,
        ("latest_ledger_update_ts", "latest_policy_update_ts", "latest_flags_update_ts"),
    ),
    ("worker_accounts", {}, ("last_heartbeat_ts",)),
    ("needed_worker_accounts", {}, ("configured_at", "purged_at", "emptied_at", "released_at")),
    ("account_locks", RELEASED, ("initiated_at", "released_at")),
    ("early_arrivals", {}, ("inserted_at",)),
]


@covers("G48")
@pytest.mark.parametrize(("scan", "columns", "moments"), [pytest.param(*case, id=case[0]) for case in CASES])
def test_moments_in_the_future_are_brought_back(
    db: Connection, scan: str, columns: dict[str, Any], moments: tuple[str, ...]
) -> None:
    add(db, scan, **{**columns, **dict.fromkeys(moments, LATER)})
    assert run(db, scan) == 0
    query = f"select {', '.join(moments)} from worker.{SCANS[scan].table}"
    assert db.execute(query.encode()).fetchall() == [(NOW,) * len(moments)]


@covers("G48")
def test_a_document_of_the_future_is_gone_45_days_later(db: Connection) -> None:
    add(db, "debtor_info_documents", fetched_at=LATER)
    assert run(db, "debtor_info_documents") == 0
    db.execute(f"set swpt.now = '{(NOW + timedelta(days=46)).isoformat()}'".encode())
    assert run(db, "debtor_info_documents") == 1


@covers("G48")
@pytest.mark.parametrize(("hours", "is_now"), [(2.0, False), (2.1, True), (20_000, True)])
def test_no_pause_of_an_attempt_is_longer_than_its_back_off(db: Connection, hours: float, is_now: bool) -> None:
    add(db, "transfer_attempts", recipient="a", rescheduled_for=NOW + timedelta(hours=hours))
    assert run(db, "transfer_attempts") == 0
    assert db.execute("select rescheduled_for = worker.now() from worker.transfer_attempt").fetchall() == [(is_now,)]


@covers("G48")
def test_an_attempt_of_the_future_gets_its_time_out(db: Connection) -> None:
    tried = {"recipient": "a", "coordinator_request_id": 71, "final_interest_rate_ts": NOW, "amount": 5}
    add(db, "transfer_attempts", **tried, attempted_at=LATER)
    assert run(db, "transfer_attempts") == 0
    db.execute(f"set swpt.now = '{(NOW + timedelta(hours=27)).isoformat()}'".encode())
    assert run(db, "transfer_attempts") == 1
    assert db.execute("select failure_code from worker.transfer_attempt").fetchall() == [(1,)]


@covers("G48")
def test_what_is_missing_and_what_is_past_stays(db: Connection) -> None:
    moments = {"latest_locator_fetch_at": ago(3), "latest_discovery_fetch_at": LATER, "latest_confirmation_ts": None}
    add(db, "debtor_locator_claims", **moments)
    run(db, "debtor_locator_claims")
    query = f"select {', '.join(moments)} from worker.debtor_locator_claim"
    assert db.execute(query.encode()).fetchall() == [(ago(3), NOW, None)]


@covers("G48")
@pytest.mark.parametrize("type_", ["UpdatedLedger", "UpdatedPolicy", "UpdatedFlags"])
@pytest.mark.parametrize("is_known", [False, True])
def test_an_update_of_2030_does_not_keep_a_policy_for_ever(db: Connection, type_: str, is_known: bool) -> None:
    nothing = {"policy_name": None, "min_principal": -(2**63), "max_principal": 2**63 - 1}
    fields = nothing if type_ == "UpdatedPolicy" else {"creation_date": "1970-01-01", "account_id": ""}
    if type_ == "UpdatedFlags":
        fields = {}
    if is_known:
        apply(db, message(type_, **fields))
    apply(db, message(type_, **fields, update_id=2, ts="2030-01-01T00:00:00Z"))
    db.execute(f"set swpt.now = '{(NOW + timedelta(days=218)).isoformat()}'".encode())
    assert run(db, "trading_policies") == 1
    assert keys(db, "trading_policies") == []

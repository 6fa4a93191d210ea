"""What each scan removes because of its age."""

from __future__ import annotations

from typing import Any

import pytest

from sql.scans import SCANS
from tests.conftest import Connection
from tests.covering import covers
from tests.sql.scans.cases import CASES, NOT_LOCATED, USELESS
from tests.sql.scans.rows import FRESH, add, add_turn, ago, keys, run


@covers("V10.7", "V11.4", "V11.5", "V11.6", "V11.7", "V11.8")
@pytest.mark.parametrize(("scan", "columns", "is_removed"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_old_rows_go_and_younger_ones_stay(
    db: Connection, scan: str, columns: dict[str, Any], is_removed: bool
) -> None:
    """What goes, and what stays a little longer."""
    add(db, scan, **columns)
    assert run(db, scan) == is_removed
    assert len(keys(db, scan)) == (not is_removed)


def test_every_scan_has_its_cases() -> None:
    tested = {scan for _, scan, _, _ in CASES} | {"creditor_participations"}
    assert tested == set(SCANS) == set(FRESH)


@covers("V13.10")
def test_documents_that_are_frozen_stay(db: Connection) -> None:
    add(db, "debtor_info_documents", fetched_at=ago(46), will_not_change_until="2099-01-01T00:00:00Z")
    assert run(db, "debtor_info_documents") == 0


@covers("G22")
@pytest.mark.parametrize(
    ("started_days_ago", "lock", "is_removed"),
    [
        pytest.param(31, None, True, id="no-lock"),
        pytest.param(31, {"turn_id": 2}, True, id="lock-of-another-turn"),
        pytest.param(31, {"turn_id": 1}, False, id="lock"),
        pytest.param(30, None, False, id="30-days"),
        pytest.param(None, None, False, id="phase-2"),
    ],
)
def test_verdicts_without_a_lock_go_after_30_days(
    db: Connection, started_days_ago: float | None, lock: dict[str, Any] | None, is_removed: bool
) -> None:
    add_turn(db, None if started_days_ago is None else ago(started_days_ago))
    add(db, "creditor_participations")
    if lock is not None:
        add(db, "account_locks", **lock)
    assert run(db, "creditor_participations") == is_removed
    assert len(keys(db, "creditor_participations")) == (not is_removed)


@covers("G22")
def test_the_verdict_of_a_deleted_turn_goes(db: Connection) -> None:
    add(db, "creditor_participations")
    assert run(db, "creditor_participations") == 1


def test_all_periods_are_settings(db: Connection) -> None:
    db.execute(
        """
        update worker.configuration set locator_claim_expiry = '1 d', debtor_info_expiry = '1 d',
          turn_max_commit_period = '1 d', dispatching_slack = '1 d', sending_slack = '1 d', collecting_slack = '1 d',
          extreme_message_delay = '1 d', max_heartbeat_delay = '1 d', account_lock_max_age = '1 d'
        """
    )
    old = ago(4)
    add(db, "debtor_info_documents", fetched_at=old)
    add(db, "debtor_locator_claims", 1, **NOT_LOCATED, latest_discovery_fetch_at=old)
    add(db, "debtor_locator_claims", 2, latest_locator_fetch_at=old)
    add(db, "trading_policies", **{**USELESS, "latest_ledger_update_ts": old})
    add(db, "worker_accounts", last_heartbeat_ts=old)
    add(db, "recently_needed_collectors", needed_at=old)
    add(db, "account_locks", initiated_at=old)
    add(db, "transfer_attempts", collection_started_at=old)
    add(db, "early_arrivals", inserted_at=old)
    for scan in SCANS:
        run(db, scan)
        assert keys(db, scan) == []

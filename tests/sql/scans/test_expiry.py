"""What each scan removes because of its age."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pipelines.turns.scan import TABLES
from tests.conftest import Connection
from tests.covering import covers
from tests.sql.scans.rows import (
    FRESH,
    INITIATED,
    NOW,
    RELEASED,
    REVISED,
    SETTLED,
    add,
    add_turn,
    ago,
    keys,
    run,
)

SECOND = timedelta(seconds=1)
USELESS = {
    "policy_name": None,
    "latest_ledger_update_ts": ago(218),
    "latest_policy_update_ts": ago(218),
    "latest_flags_update_ts": ago(218),
}
NOT_LOCATED = {"debtor_info_locator": None, "latest_locator_fetch_at": None}

CASES: list[tuple[str, str, dict[str, Any], bool]] = [
    # name, scan, columns that make a fresh row different, whether the row is removed
    ("document-45-days", "debtor_info_documents", {"fetched_at": ago(45)}, False),
    ("document-older", "debtor_info_documents", {"fetched_at": ago(45) - SECOND}, True),
    ("thawed", "debtor_info_documents", {"fetched_at": ago(46), "will_not_change_until": NOW}, True),
    ("frozen", "debtor_info_documents", {"fetched_at": ago(365), "will_not_change_until": NOW + SECOND}, False),
    ("frozen-366", "debtor_info_documents", {"fetched_at": ago(366), "will_not_change_until": NOW + SECOND}, True),
    ("v11_4-discovery-8", "debtor_locator_claims", {**NOT_LOCATED, "latest_discovery_fetch_at": ago(8)}, True),
    ("v11_4-discovery-7", "debtor_locator_claims", {**NOT_LOCATED, "latest_discovery_fetch_at": ago(7)}, False),
    (
        "v11_4-located-44",
        "debtor_locator_claims",
        {"latest_locator_fetch_at": ago(44), "latest_discovery_fetch_at": ago(400)},
        False,
    ),
    ("v11_4-located-46", "debtor_locator_claims", {"latest_locator_fetch_at": ago(46)}, True),
    ("v10_7-218-days", "trading_policies", USELESS, True),
    *(
        (f"v10_7-216-days-{stream}", "trading_policies", {**USELESS, f"latest_{stream}_update_ts": ago(216)}, False)
        for stream in ("ledger", "policy", "flags")
    ),
    *(
        (f"v10_7-{'-'.join(columns)}", "trading_policies", {**USELESS, **columns}, False)
        for columns in (
            {"principal": 1},
            {"account_id": "x"},
            {"creation_date": "1970-01-02"},
            {"last_transfer_number": 1},
            {"policy_name": ""},
            {"min_principal": -(2**63) + 1},
            {"max_principal": 2**63 - 2},
            {"peg_debtor_id": 5, "peg_exchange_rate": 1.0},
            {"config_flags": 1},
        )
    ),
    ("v10_7-obsolete", "trading_policies", {**USELESS, "account_id": "x", "account_id_is_obsolete": True}, True),
    ("heartbeat-365", "worker_accounts", {"last_heartbeat_ts": ago(365)}, False),
    ("heartbeat-366", "worker_accounts", {"last_heartbeat_ts": ago(366)}, True),
    ("rate-older", "interest_rate_changes", {"change_ts": ago(4000)}, False),
    ("needed-never-purged", "needed_worker_accounts", {"configured_at": ago(4000)}, False),
    ("g14-4000", "needed_worker_accounts", {"purged_at": ago(4000), "is_purged": True}, False),
    ("needed-at-45", "recently_needed_collectors", {"needed_at": ago(45)}, False),
    ("needed-at-46", "recently_needed_collectors", {"needed_at": ago(46)}, True),
    ("v11_5-400", "account_locks", {"initiated_at": ago(400)}, True),
    ("v11_5-released-31", "account_locks", {**RELEASED, "released_at": ago(31)}, True),
    ("v11_5-released-29", "account_locks", {**RELEASED, "released_at": ago(29), "initiated_at": ago(300)}, False),
    ("v13_22-209", "account_locks", {**REVISED, "collection_deadline": ago(209)}, False),
    ("v13_22-211", "account_locks", {**REVISED, "collection_deadline": ago(211)}, True),
    ("g27-initiated", "account_locks", {"collection_deadline": ago(211)}, False),
    ("g27-prepared", "account_locks", {"transfer_id": 7, "collection_deadline": ago(211)}, False),
    ("g27-settled", "account_locks", {**SETTLED, "amount": -5, "collection_deadline": ago(211)}, False),
    ("dispatching-status", "dispatching_statuses", {"inserted_at": ago(4000)}, False),
    ("v11_6-collected", "worker_collectings", {"purge_after": ago(400), "collected": True}, False),
    ("v11_6-missing", "worker_collectings", {"purge_after": NOW - SECOND}, True),
    ("v11_6-missing-yet", "worker_collectings", {"purge_after": NOW}, False),
    ("sending", "worker_sendings", {"purge_after": NOW - SECOND}, True),
    ("sending-yet", "worker_sendings", {"purge_after": NOW}, False),
    ("v11_7-0", "worker_receivings", {"purge_after": NOW - SECOND}, True),
    ("v11_7-5", "worker_receivings", {"purge_after": ago(400), "received_amount": 5}, False),
    ("v11_7-yet", "worker_receivings", {"purge_after": NOW}, False),
    ("dispatching", "worker_dispatchings", {"purge_after": NOW - SECOND}, True),
    ("dispatching-yet", "worker_dispatchings", {"purge_after": NOW}, False),
    ("v11_8-209", "transfer_attempts", {"collection_started_at": ago(209)}, False),
    ("v11_8-211", "transfer_attempts", {"collection_started_at": ago(211)}, True),
    (
        "v11_8-211-settled",
        "transfer_attempts",
        {**INITIATED, "transfer_id": 905, "finalized_at": ago(200), "collection_started_at": ago(211)},
        True,
    ),
    ("g5-180", "early_arrivals", {"inserted_at": ago(180)}, False),
    ("g5-181", "early_arrivals", {"inserted_at": ago(181)}, True),
]


@covers("V10.7", "V11.4", "V11.5", "V11.6", "V11.7", "V11.8")
@pytest.mark.parametrize(("scan", "columns", "is_removed"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_expiry(db: Connection, scan: str, columns: dict[str, Any], is_removed: bool) -> None:
    """What goes, and what stays a little longer."""
    add(db, scan, **columns)
    assert run(db, scan) == is_removed
    assert len(keys(db, scan)) == (not is_removed)


def test_every_scan_has_its_cases() -> None:
    tested = {scan for _, scan, _, _ in CASES} | {"creditor_participations"}
    assert tested == set(TABLES) == set(FRESH)


@covers("V13.10")
def test_frozen_documents_stay(db: Connection) -> None:
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


def test_the_settings_count(db: Connection) -> None:
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
    for scan in TABLES:
        run(db, scan)
        assert keys(db, scan) == []

"""What each scan deletes, and what it spares."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.sql.scans.rows import INITIATED, NOW, RELEASED, REVISED, SETTLED, ago

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

"""The tables that scans clean up. Apart from the settings, so that commands know their names without loading those."""

from __future__ import annotations

SCAN_DAYS = {
    "debtor_info_documents": 7,
    "debtor_locator_claims": 1,
    "trading_policies": 7,
    "worker_accounts": 7,
    "interest_rate_changes": 7,
    "needed_worker_accounts": 7,
    "recently_needed_collectors": 7,
    "account_locks": 7,
    "creditor_participations": 7,
    "dispatching_statuses": 7,
    "worker_collectings": 3,
    "worker_sendings": 1,
    "worker_receivings": 1,
    "worker_dispatchings": 7,
    "transfer_attempts": 7,
    "early_arrivals": 7,
}
"""The days that one pass may take, by table."""

"""What the scans of a worker's database clean up. Apart from what runs them, so that commands load only the names."""

from __future__ import annotations

from typing import NamedTuple


class Scan(NamedTuple):
    """The table that a scan walks over, and the days that one pass may take unless a setting says otherwise."""

    table: str
    days: int


SCANS = {
    "debtor_info_documents": Scan("debtor_info_document", 7),
    "debtor_locator_claims": Scan("debtor_locator_claim", 1),
    "trading_policies": Scan("trading_policy", 7),
    "worker_accounts": Scan("worker_account", 7),
    "interest_rate_changes": Scan("interest_rate_change", 7),
    "needed_worker_accounts": Scan("needed_worker_account", 7),
    "recently_needed_collectors": Scan("recently_needed_collector", 7),
    "account_locks": Scan("account_lock", 7),
    "creditor_participations": Scan("creditor_participation", 7),
    "dispatching_statuses": Scan("dispatching_status", 7),
    "worker_collectings": Scan("worker_collecting", 3),
    "worker_sendings": Scan("worker_sending", 1),
    "worker_receivings": Scan("worker_receiving", 1),
    "worker_dispatchings": Scan("worker_dispatching", 7),
    "transfer_attempts": Scan("transfer_attempt", 7),
    "early_arrivals": Scan("early_arrival", 7),
}
"""By name, which is also in the names of the settings, the command and the database function."""

"""Wire messages for tests: every field has a sensible default."""

from __future__ import annotations

import json
from typing import Any

import psycopg

TS = "2026-03-01T02:00:00+00:00"
EPOCH = "1970-01-01T00:00:00+00:00"
FAR_FUTURE = "9999-12-31T23:59:59+00:00"
COLLECTOR = 0x10000000000
CUSTOMER = 0x10100000001

_ACCOUNT = {"creditor_id": CUSTOMER, "debtor_id": 666}
_COORDINATOR = {"coordinator_type": "agent", "coordinator_id": CUSTOMER, "coordinator_request_id": 1}
_ATTEMPT = {"collector_id": COLLECTOR, "turn_id": 1, "debtor_id": 666, "creditor_id": CUSTOMER, "is_dispatching": True}

DEFAULTS: dict[str, dict[str, Any]] = {
    "RejectedConfig": {
        "creditor_id": COLLECTOR,
        "debtor_id": 666,
        "config_ts": TS,
        "config_seqnum": 0,
        "config_flags": 0,
        "config_data": "",
        "negligible_amount": 1e30,
        "rejection_code": "NO_CONNECTION",
    },
    "AccountUpdate": {
        "creditor_id": COLLECTOR,
        "debtor_id": 666,
        "creation_date": "2026-03-01",
        "last_change_ts": TS,
        "last_change_seqnum": 1,
        "principal": 0,
        "interest": 0.0,
        "interest_rate": 0.0,
        "last_interest_rate_change_ts": EPOCH,
        "last_config_ts": TS,
        "last_config_seqnum": 0,
        "negligible_amount": 1e30,
        "config_flags": 0,
        "config_data": "",
        "account_id": "collector-account",
        "debtor_info_iri": "https://example.com/iri",
        "debtor_info_content_type": "",
        "debtor_info_sha256": "",
        "last_transfer_number": 0,
        "last_transfer_committed_at": EPOCH,
        "demurrage_rate": -50.0,
        "commit_period": 2592000,
        "transfer_note_max_bytes": 500,
        "ttl": 604800,
    },
    "AccountPurge": {"creditor_id": COLLECTOR, "debtor_id": 666, "creation_date": "2026-03-01"},
    "AccountTransfer": {
        **_ACCOUNT,
        "creation_date": "2025-06-01",
        "transfer_number": 1,
        "coordinator_type": "agent",
        "sender": "",
        "recipient": "",
        "acquired_amount": 1000,
        "transfer_note_format": "-cXchge",
        "transfer_note": "",
        "committed_at": TS,
        "principal": 1000,
        "previous_transfer_number": 0,
    },
    "RejectedTransfer": {**_ACCOUNT, **_COORDINATOR, "status_code": "TIMEOUT", "total_locked_amount": 0},
    "PreparedTransfer": {
        **_ACCOUNT,
        **_COORDINATOR,
        "transfer_id": 905,
        "locked_amount": 0,
        "recipient": "collector-account",
        "prepared_at": TS,
        "demurrage_rate": -50.0,
        "deadline": FAR_FUTURE,
        "final_interest_rate_ts": FAR_FUTURE,
    },
    "FinalizedTransfer": {
        **_ACCOUNT,
        **_COORDINATOR,
        "transfer_id": 905,
        "committed_amount": 0,
        "status_code": "OK",
        "total_locked_amount": 0,
        "prepared_at": TS,
    },
    "UpdatedLedger": {
        **_ACCOUNT,
        "update_id": 1,
        "account_id": "customer-account",
        "creation_date": "2025-06-01",
        "principal": 0,
        "last_transfer_number": 0,
    },
    "UpdatedPolicy": {
        **_ACCOUNT,
        "update_id": 1,
        "policy_name": "conservative",
        "min_principal": 0,
        "max_principal": 0,
        "peg_exchange_rate": None,
        "peg_debtor_id": None,
    },
    "UpdatedFlags": {**_ACCOUNT, "update_id": 1, "config_flags": 0},
    "FetchDebtorInfo": {
        "iri": "https://example.com/iri",
        "debtor_id": 666,
        "is_locator_fetch": False,
        "is_discovery_fetch": False,
        "forced_iri": None,
        "recursion_level": 0,
    },
    "StoreDocument": {
        "debtor_info_locator": "https://example.com/666",
        "debtor_id": 666,
        "peg_debtor_info_locator": None,
        "peg_debtor_id": None,
        "peg_exchange_rate": None,
        "will_not_change_until": None,
    },
    "DiscoverDebtor": {"debtor_id": 666, "iri": "https://example.com/iri", "force_locator_refetch": False},
    "ConfirmDebtor": {"debtor_id": 666, "debtor_info_locator": "https://example.com/666"},
    "ActivateCollector": {"debtor_id": 666, "creditor_id": COLLECTOR, "account_id": "collector-account"},
    "CandidateOffer": {
        "turn_id": 1,
        **_ACCOUNT,
        "amount": -5000,
        "account_creation_date": "2025-06-01",
        "last_transfer_number": 0,
    },
    "NeededCollector": {"debtor_id": 666},
    "ReviseAccountLock": {**_ACCOUNT, "turn_id": 1},
    "TriggerTransfer": _ATTEMPT,
    "AccountIdRequest": _ATTEMPT,
    "AccountIdResponse": {**_ATTEMPT, "account_id": "customer-account", "account_id_version": 1},
    "StartSending": {"collector_id": COLLECTOR, "turn_id": 1, "debtor_id": 666},
    "StartDispatching": {"collector_id": COLLECTOR, "turn_id": 1, "debtor_id": 666},
}


def message(type_: str, **fields: Any) -> dict[str, Any]:
    """A message of a consumed type; `fields` replace defaults or add fields."""
    return {"type": type_, "ts": TS, **DEFAULTS[type_], **fields}


def apply(connection: psycopg.Connection[Any], *messages: dict[str, Any]) -> None:
    """Applies messages of one type in one call of their handler, as a drain does."""
    types = {m["type"] for m in messages}
    assert len(types) == 1
    connection.execute(
        "select worker.apply_messages(%s, %s::jsonb[])", (types.pop(), [json.dumps(m) for m in messages])
    )

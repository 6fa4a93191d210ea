"""The internal settings, most of them `APP_…`: they may change from release to release."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from settings.parsers import (
    BOOLEAN,
    DATABASE_URLS,
    DAYS,
    DURATION,
    INTEGER,
    JSON_OBJECT,
    NUMBER,
    REGEX,
    SECONDS,
    TEXT,
    URL,
)
from settings.public import A, C, S, SettingsGroup, W, setting
from settings.scan_days import SCAN_DAYS

# Names of variables between APP_ and _BURST_COUNT.
BURST_COUNTS = {
    "ConfigureAccount": "FLUSH_CONFIGURE_ACCOUNTS",
    "PrepareTransfer": "FLUSH_PREPARE_TRANSFERS",
    "FinalizeTransfer": "FLUSH_FINALIZE_TRANSFERS",
    "FetchDebtorInfo": "FLUSH_FETCH_DEBTOR_INFO",
    "StoreDocument": "FLUSH_STORE_DOCUMENT",
    "DiscoverDebtor": "FLUSH_DISCOVER_DEBTOR",
    "ConfirmDebtor": "FLUSH_CONFIRM_DEBTOR",
    "ActivateCollector": "FLUSH_ACTIVATE_COLLECTOR",
    "CandidateOffer": "FLUSH_CANDIDATE_OFFER",
    "NeededCollector": "FLUSH_NEEDED_COLLECTOR",
    "ReviseAccountLock": "FLUSH_REVISE_ACCOUNT_LOCK",
    "TriggerTransfer": "FLUSH_TRIGGER_TRANSFER",
    "AccountIdRequest": "ACCOUNT_ID_REQUEST",
    "AccountIdResponse": "ACCOUNT_ID_RESPONSE",
    "StartSending": "START_SENDING",
    "StartDispatching": "START_DISPATCHING",
}


class Limits(SettingsGroup):
    """Limits of trading, and how long things live."""

    title = "Internal: limits and lifetimes"
    app_turn_max_commit_period: Annotated[timedelta, DURATION] = setting(
        timedelta(days=30),
        "Time from the start of phase 2 to the deadline for collecting; currencies need a commit period of this length",
        S,
        W,
    )
    app_solver_time_limit: Annotated[timedelta | None, DURATION] = setting(
        None,
        "How long the solver searches for a better answer; then it takes the best one found",
        S,
        default_text="a tenth of TURN_PERIOD",
    )
    app_turn_phase_cushion_period: Annotated[timedelta, DURATION] = setting(
        timedelta(minutes=5),
        "Workers hand over their offers this long before phase 2 ends, but not longer than 10% of phases 1 and 2",
        W,
    )
    app_interest_rate_history_period: Annotated[timedelta, DURATION] = setting(
        timedelta(days=180),
        "How long interest rates are remembered; used as at least APP_TURN_MAX_COMMIT_PERIOD + the larger of the "
        "sending and the dispatching slack",
        W,
    )
    app_min_demurrage_rate: Annotated[float, NUMBER] = setting(
        -50.0, "Worst demurrage rate of a currency that is traded, percent per year", W
    )
    app_min_transfer_note_max_bytes: Annotated[int, INTEGER] = setting(
        80, "Least room for transfer notes in a currency that is traded, bytes", W
    )
    app_account_lock_max_days: Annotated[timedelta, DAYS] = setting(
        timedelta(days=365), "Account locks that are older are deleted", W
    )
    app_released_account_lock_max_days: Annotated[timedelta, DAYS] = setting(
        timedelta(days=30), "Account locks released longer ago are deleted", W
    )
    app_locator_claim_expiry_days: Annotated[timedelta, DAYS] = setting(
        timedelta(days=45), "How long a debtor is believed to have the document that names it", W
    )
    app_debtor_info_expiry_days: Annotated[timedelta, DAYS] = setting(
        timedelta(days=7), "How long a fetched document is used", W
    )
    app_extreme_message_delay_days: Annotated[timedelta, DAYS] = setting(
        timedelta(days=7), "Longest delay of a message that is expected", W
    )
    app_max_heartbeat_delay_days: Annotated[timedelta, DAYS] = setting(
        timedelta(days=365), "Accounts without a sign of life for this long are deleted", W
    )
    app_worker_collecting_slack_days: Annotated[timedelta, DAYS] = setting(
        timedelta(days=60), "Collectings stay this long after the deadline for collecting", W
    )
    app_worker_sending_slack_days: Annotated[timedelta, DAYS] = setting(
        timedelta(days=150), "The same for sendings and receivings", W
    )
    app_worker_dispatching_slack_days: Annotated[timedelta, DAYS] = setting(
        timedelta(days=180), "The same for dispatchings", W
    )
    app_collector_transfers_limit: Annotated[int, INTEGER] = setting(
        0,
        "Most transfers of one collector account in a turn: a currency that had more gets more accounts for the next "
        "turn; 0 = no limit",
        S,
    )


class Internals(SettingsGroup):
    """How servers do their work."""

    title = "Internal: servers"
    app_verify_ssl_certs: Annotated[bool, BOOLEAN] = setting(True, "Check the certificates of documents' servers", W)
    app_fetch_private_addresses: Annotated[bool | None, BOOLEAN] = setting(
        None,
        "Documents may come from this machine and from private networks",
        W,
        default_text="the opposite of APP_VERIFY_SSL_CERTS",
    )
    app_quorum_queue: Annotated[bool, BOOLEAN] = setting(
        False, "`configure` declares the queue to consume as a quorum queue, which survives the loss of a broker", C
    )
    app_local_delivery: Annotated[bool, BOOLEAN] = setting(
        True, "Internal messages for this shard skip the broker; false = all of them are published", W
    )
    app_roll_worker_turns_wait: Annotated[timedelta, SECONDS] = setting(
        timedelta(seconds=60), "Time from one look for a change of the turns to the next", W
    )
    app_handle_pristine_collectors_max_count: Annotated[int, INTEGER] = setting(
        100000, "New collector accounts in one batch", W
    )
    app_debtor_info_fetch_burst_count: Annotated[int, INTEGER] = setting(2000, "Documents in one batch", W)
    app_rescheduled_transfers_burst_count: Annotated[int, INTEGER] = setting(
        5000, "Postponed transfers in one batch", W
    )
    app_enable_cors: Annotated[bool, BOOLEAN] = setting(
        False, "The application itself answers cross-origin requests", A
    )
    app_webserver_no_token_check: Annotated[bool, BOOLEAN] = setting(
        False,
        "Whoever reaches the port is a superuser; the server listens on 127.0.0.1 only. For development, or behind a "
        "proxy on the same machine that checks tokens",
        A,
    )
    app_worker_postgres_urls: Annotated[tuple[str, ...], DATABASE_URLS] = setting(
        (),
        "Worker databases whose queues and set-aside messages the admin Web API shows",
        A,
        default_text="none",
        secret=True,
    )
    app_superuser_subject_regex: Annotated[re.Pattern[str], REGEX] = setting(
        re.compile(""),
        "Users that are superusers",
        A,
        default_text="empty: exactly OAUTH2_SUPERUSER_USERNAME",
    )
    app_supervisor_subject_regex: Annotated[re.Pattern[str], REGEX] = setting(
        re.compile(""),
        "Users that are supervisors",
        A,
        default_text="empty: exactly OAUTH2_SUPERVISOR_USERNAME",
    )
    app_creditor_subject_regex: Annotated[re.Pattern[str], REGEX] = setting(
        re.compile("^creditors:([0-9]+)$"), "Users that are creditors; the first group is the unsigned creditor ID", A
    )
    sqlalchemy_engine_options: Annotated[dict[str, Any], JSON_OBJECT] = setting(
        {"pool_size": 0}, "Only `pool_size` counts: most connections of a process to the worker's database", W
    )


class Monitoring(SettingsGroup):
    """Metrics for Prometheus, and the health of a server's processes."""

    title = "Internal: monitoring"
    app_metrics_port: Annotated[int, INTEGER] = setting(0, "Port of /metrics and /health; 0 = do not serve them", S, W)
    app_metrics_host: Annotated[str, TEXT] = setting(
        "127.0.0.1", "Address to listen on; 0.0.0.0 in a container, where Prometheus asks from outside", S, W
    )
    app_metrics_dir: Annotated[str, TEXT] = setting(
        "",
        "Directory in which the processes of one server keep their counters and heartbeats; emptied at the start",
        S,
        W,
        default_text="a new temporary one",
    )


class Documentation(SettingsGroup):
    """The OpenAPI document of the admin Web API, and the pages that show it."""

    title = "Internal: API documentation"
    api_title: Annotated[str, TEXT] = setting("Trade API", "Title of the OpenAPI document", A)
    api_version: Annotated[str, TEXT] = setting("v1", "Version of the API", A)
    openapi_version: Annotated[str, TEXT] = setting("3.0.2", "Version of the OpenAPI format", A)
    openapi_url_prefix: Annotated[str, TEXT] = setting("/trade/.docs", "Where the documentation is served", A)
    openapi_redoc_path: Annotated[str, TEXT] = setting("", "Path of the ReDoc page under it", A)
    openapi_redoc_url: Annotated[str, URL] = setting(
        "https://cdn.jsdelivr.net/npm/redoc@next/bundles/redoc.standalone.js", "The script of the ReDoc page", A
    )
    openapi_swagger_ui_path: Annotated[str, TEXT] = setting("swagger-ui", "Path of the Swagger UI page under it", A)
    openapi_swagger_ui_url: Annotated[str, URL] = setting(
        "",
        "Where the files of Swagger UI are; the page exists only if this is set. `/trade/.docs/swagger-ui-files/` has "
        "the ones that come with this service",
        A,
        default_text="none",
    )


INTERNAL_GROUPS: tuple[type[SettingsGroup], ...] = (Limits, Internals, Monitoring, Documentation)


def burst_count_fields() -> dict[str, Any]:
    """One field for each outgoing message type, as `pydantic.create_model` wants them."""
    return {
        f"app_{name}_burst_count".lower(): (
            Annotated[int, INTEGER],
            setting(10000, f"{message_type} messages that are sent in one batch", W),
        )
        for message_type, name in BURST_COUNTS.items()
    }


def scan_fields() -> dict[str, Any]:
    """Three fields for each table that is scanned, as `pydantic.create_model` wants them."""
    fields: dict[str, Any] = {}
    for table, days in SCAN_DAYS.items():
        fields[f"app_{table}_scan_days"] = (
            Annotated[timedelta, DAYS],
            setting(timedelta(days=days), f"Time of one pass over `{table}`", W),
        )
        fields[f"app_{table}_scan_blocks_per_query"] = (
            Annotated[int, INTEGER],
            setting(40, f"Pages of `{table}` that one step reads", W),
        )
        fields[f"app_{table}_scan_beat_millisecs"] = (
            Annotated[int, INTEGER],
            setting(100, f"Time that one step over `{table}` should take, milliseconds", W),
        )
    return fields

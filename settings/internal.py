"""The internal settings, most of them `APP_…`: they may change from release to release."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from bridge.messages.types import MOST_BYTES
from settings.parsers import (
    BOOLEAN,
    DATABASE_URL,
    DATABASE_URLS,
    DAYS,
    DURATION,
    INTEGER,
    JSON_OBJECT,
    NAMES,
    NUMBER,
    PORTS,
    REGEX,
    SECONDS,
    SECRET,
    TEXT,
    URL,
)
from settings.public import A, C, S, SettingsGroup, W, setting
from sql.scans import SCANS

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
    app_archived_turns: Annotated[int, INTEGER] = setting(
        30,
        "Of how many turns the solver's database keeps what was offered, what was traded, and why; 0: of none",
        S,
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
    app_number_of_turns_for_buyers_count_stats: Annotated[int, INTEGER] = setting(
        30, "About how many turns the average number of a currency's buyers is of", S
    )
    app_number_of_currencies_in_buyers_count_stats: Annotated[int, INTEGER] = setting(
        1000, "Most currencies for which that average is kept: those that are bought most", S
    )
    app_default_number_of_collector_accounts: Annotated[int, INTEGER] = setting(
        1, "Collector accounts that a currency gets when it is first traded", W
    )


class Internals(SettingsGroup):
    """How servers do their work."""

    title = "Internal: servers"
    app_verify_ssl_certs: Annotated[bool, BOOLEAN] = setting(
        True, "Check the certificates of documents' servers. false believes any server: for development", W
    )
    app_fetch_private_addresses: Annotated[bool, BOOLEAN] = setting(
        False,
        "Documents may come from this machine and from private networks, and redirects may lead there. For development",
        W,
    )
    app_fetch_ports: Annotated[tuple[tuple[int, int], ...], PORTS] = setting(
        ((443, 443), (1024, 65535)), "Ports of the servers that documents may come from", W
    )
    app_coin_info_document_max_length: Annotated[int, INTEGER] = setting(
        2**20, "Longest document that is read, bytes", W
    )
    app_broker_ca_file: Annotated[str, TEXT] = setting(
        "",
        "PEM file with the authorities that may have signed the broker's certificate",
        W,
        C,
        default_text="the system's",
    )
    app_broker_cert_file: Annotated[str, TEXT] = setting(
        "", "PEM file with the certificate by which the broker knows this service", W, C, default_text="none"
    )
    app_broker_key_file: Annotated[str, TEXT] = setting(
        "",
        "PEM file with the key of that certificate, without a password",
        W,
        C,
        default_text="that of APP_BROKER_CERT_FILE",
    )
    app_max_message_bytes: Annotated[int, INTEGER] = setting(
        MOST_BYTES, "Larger messages from the broker are dead letters; no message of the protocol is half as large", W
    )
    app_quorum_queue: Annotated[bool, BOOLEAN] = setting(
        False, "`configure` declares the queue to consume as a quorum queue, which survives the loss of a broker", C
    )
    app_journal_period: Annotated[timedelta, DURATION] = setting(
        timedelta(0),
        "`configure` and `subscribe` declare a stream that keeps a copy of the queue's messages for so long, for "
        "`replay_journal` after a restore; 0 = there is none",
        W,
        C,
    )
    app_local_delivery: Annotated[bool, BOOLEAN] = setting(
        True,
        "Internal messages for this shard skip the broker; false = they are published. (What needs "
        "no message, from offers to locks to payments, stays within the database.)",
        W,
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
    app_verify_shard_yield_per: Annotated[int, INTEGER] = setting(
        10000, "Rows in one step of `verify_shard_content`, about", W
    )
    app_verify_shard_sleep_seconds: Annotated[timedelta, SECONDS] = setting(
        timedelta(milliseconds=5), "Its pause after each step", W
    )
    sqlalchemy_engine_options: Annotated[dict[str, Any], JSON_OBJECT] = setting(
        {"pool_size": 0}, "Only `pool_size` counts: most connections of a process to the worker's database", W
    )


class AdminApi(SettingsGroup):
    """Who reaches the admin Web API, and how tokens are checked. docs/operations.md has examples."""

    title = "Internal: admin Web API"
    app_webserver_host: Annotated[str, TEXT] = setting(
        "",
        "Address to listen on",
        A,
        default_text="0.0.0.0; with APP_WEBSERVER_NO_TOKEN_CHECK 127.0.0.1",
    )
    app_webserver_no_token_check: Annotated[bool, BOOLEAN] = setting(
        False,
        "Whoever reaches the port is a superuser. For development, or behind a proxy on the same machine that checks "
        "tokens",
        A,
    )
    app_webserver_host_names: Annotated[tuple[str, ...], NAMES] = setting(
        (),
        "Hosts of requests that are answered with APP_WEBSERVER_NO_TOKEN_CHECK, beside `localhost` and loopback "
        "addresses: the name of a proxy that passes it on",
        A,
        default_text="none",
    )
    app_enable_cors: Annotated[bool, BOOLEAN] = setting(
        False, "Pages of other sites may also change things, when they send a token", A
    )
    app_introspect_client_id: Annotated[str, TEXT] = setting(
        "", "As which client the token server is asked", A, default_text="none: without a name"
    )
    app_introspect_client_secret: Annotated[str, SECRET] = setting(
        "", "The secret of this client", A, default_text="none", secret=True
    )
    app_introspect_client_auth: Annotated[str, TEXT] = setting(
        "basic", "How name and secret are sent: `basic`, in a header, or `post`, in the form", A
    )
    app_introspect_user_claim: Annotated[str, TEXT] = setting(
        "sub",
        "Which part of the token server's answer is the name of the user: `sub` (Hydra; where it is missing, "
        "`username`), or `username` (Keycloak, whose `sub` is a UUID)",
        A,
    )
    app_introspect_audience: Annotated[str, TEXT] = setting(
        "", "What has to be in `aud` of a token", A, default_text="none: tokens for anybody are good"
    )
    app_introspect_env_proxies: Annotated[bool, BOOLEAN] = setting(
        False, "The token server is asked by the proxies that HTTP_PROXY, HTTPS_PROXY, … name", A
    )
    app_dashboard_client_id: Annotated[str, TEXT] = setting(
        "",
        "As which client people log in to the dashboard by OAUTH2_AUTHORIZATION_URL (authorization code with PKCE). "
        "Its redirect URI is `dashboard/login/callback.public` under API_ROOT",
        A,
        default_text="none: tokens are pasted",
    )
    app_dashboard_client_secret: Annotated[str, SECRET] = setting(
        "",
        "The secret of this client. APP_INTROSPECT_CLIENT_AUTH says how it is sent",
        A,
        default_text="none: a public client",
        secret=True,
    )
    app_dashboard_scope: Annotated[str, TEXT] = setting(
        "openid access access.readonly",
        "What it asks for. With `openid` the token server has to answer with an ID token, whose nonce is checked",
        A,
    )
    app_worker_postgres_urls: Annotated[tuple[str, ...], DATABASE_URLS] = setting(
        (),
        "Worker databases whose queues, set-aside messages and payments to traders the admin Web API shows",
        A,
        default_text="none",
        secret=True,
    )
    app_superuser_subject_regex: Annotated[re.Pattern[str], REGEX] = setting(
        re.compile(""),
        "Users that are superusers: the whole name matches",
        A,
        default_text="empty: exactly OAUTH2_SUPERUSER_USERNAME",
    )
    app_supervisor_subject_regex: Annotated[re.Pattern[str], REGEX] = setting(
        re.compile(""),
        "Users that are supervisors: the whole name matches",
        A,
        default_text="empty: exactly OAUTH2_SUPERVISOR_USERNAME",
    )
    app_creditor_subject_regex: Annotated[re.Pattern[str], REGEX] = setting(
        re.compile("^creditors:([0-9]+)$"),
        "Users that are creditors: the whole name matches; the first group is the unsigned creditor ID",
        A,
    )


class Monitoring(SettingsGroup):
    """Metrics for Prometheus, and the health of a server's processes."""

    title = "Internal: monitoring"
    app_metrics_port: Annotated[int, INTEGER] = setting(0, "Port of /metrics and /health; 0 = do not serve them", S, W)
    app_metrics_host: Annotated[str, TEXT] = setting(
        "127.0.0.1", "Address to listen on; 0.0.0.0 in a container, where Prometheus asks from outside", S, W
    )
    app_metrics_postgres_url: Annotated[str, DATABASE_URL] = setting(
        "",
        "The server's own database, with a role that only reads (`configure --grant-reader`); for the figures",
        S,
        W,
        default_text="SOLVER_POSTGRES_URL or WORKER_POSTGRES_URL",
        secret=True,
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
    openapi_swagger_ui_path: Annotated[str, TEXT] = setting("swagger-ui", "Path of the page under it, beside `/`", A)
    openapi_swagger_ui_url: Annotated[str, URL] = setting(
        "",
        "If this is set, the page is also under OPENAPI_SWAGGER_UI_PATH. Its files come with this service, "
        "whatever the value is",
        A,
        default_text="none",
    )
    api_root: Annotated[str, TEXT] = setting(
        "", "Where the API is reached, if not at the root of the page's server", A, default_text="none"
    )
    oauth2_token_url: Annotated[str, TEXT] = setting("/oauth2/token", "Where clients get tokens", A)
    oauth2_authorization_url: Annotated[str, TEXT] = setting(
        "", "Where users log in, for clients with the authorization code flow", A, default_text="none"
    )
    oauth2_refresh_url: Annotated[str, TEXT] = setting("", "Where clients renew tokens", A, default_text="none")


INTERNAL_GROUPS: tuple[type[SettingsGroup], ...] = (Limits, Internals, AdminApi, Monitoring, Documentation)


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
    for table, (_, days) in SCANS.items():
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

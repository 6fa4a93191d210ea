"""What settings have to satisfy before a server starts, beyond being readable.

A rule is checked for the roles it names only, and only where its variables are used at all: a web server does not mind
a setting of the solver.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from bridge.messages.types import LARGEST_BYTES
from bridge.rabbitmq.tls import NO_FILES, TlsFiles
from settings.hosts import is_address, is_loopback
from settings.internal import BURST_COUNTS
from settings.urls import lead_to_one_broker
from sql.scans import SCANS

Role = Literal["solver", "worker", "webserver", "configure"]
ROLES: tuple[Role, ...] = ("solver", "worker", "webserver", "configure")
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
LOG_FORMATS = ("text", "json")

ValueOf = Callable[[str], Any]

_BROKER_URL = re.compile("amqps?://", re.IGNORECASE)
_BROKER_URL_FORM = (
    "such as amqp://user:password@host:5672/vhost, of a cluster amqp://user:password@host1:5672,host2:5672/vhost, "
    "with : / ? # @ % of user, password and virtual host written as %3A %2F %3F %23 %40 %25"
)
_RESERVED_IDS = 2**32
_ZERO = timedelta(0)


@dataclass(frozen=True, slots=True)
class Rule:
    """`holds` gets the values of the variables in their order; the first variable is the one to blame."""

    variables: tuple[str, ...]
    roles: tuple[Role, ...]
    allowed: str
    holds: Callable[..., bool]


def broken_rules(role: Role, value_of: ValueOf, left_out: Collection[str] = ()) -> Iterator[Rule]:
    """The rules that the settings of a server with this role break; rules with variables in `left_out` do not count."""
    for rule in RULES:
        if (
            role in rule.roles
            and not any(variable in left_out for variable in rule.variables)
            and not rule.holds(*map(value_of, rule.variables))
        ):
            yield rule


def warnings(value_of: ValueOf) -> list[str]:
    """What is allowed but hardly meant, one line each."""
    lines = []
    if value_of("MAX_COLLECTOR_ID") >= 0 and value_of("MIN_COLLECTOR_ID") < _RESERVED_IDS:
        lines.append("MIN_COLLECTOR_ID … MAX_COLLECTOR_ID overlap 0 … 4294967295, which the protocol reserves")
    # Halves, because the sum of the longest durations is too long for a duration.
    half_of_phases = value_of("TURN_PHASE1_DURATION") / 2 + value_of("TURN_PHASE2_DURATION") / 2
    if half_of_phases >= value_of("TURN_PERIOD") / 2 > _ZERO:
        lines.append("TURN_PHASE1_DURATION + TURN_PHASE2_DURATION is not shorter than TURN_PERIOD: turns will be late")
    elif _leaves_no_rest(half_of_phases, value_of("TURN_PHASE2_DURATION"), value_of("TURN_PERIOD")):
        lines.append(
            "TURN_PHASE1_DURATION + 2 * TURN_PHASE2_DURATION + 6 minutes is longer than 90% of TURN_PERIOD: a turn may "
            "still go on when the next one should start"
        )
    pouring = value_of("OFFERS_POURING_DURATION")
    if pouring is not None and pouring >= value_of("TURN_PHASE2_DURATION"):
        lines.append(
            "OFFERS_POURING_DURATION is not shorter than TURN_PHASE2_DURATION: workers will hand over no offers"
        )
    cushion = pouring or min(value_of("APP_TURN_PHASE_CUSHION_PERIOD"), half_of_phases / 5)
    if cushion < value_of("APP_ROLL_WORKER_TURNS_WAIT"):
        lines.append(
            "APP_ROLL_WORKER_TURNS_WAIT is longer than OFFERS_POURING_DURATION, or without it than "
            "APP_TURN_PHASE_CUSHION_PERIOD or a tenth of TURN_PHASE1_DURATION + TURN_PHASE2_DURATION: "
            "workers may look at a turn too late to ship offers"
        )
    urls = [value_of("PROTOCOL_BROKER_URL"), value_of("INTERNAL_BROKER_URL")]
    if not any(url.lower().startswith("amqps://") for url in urls) and (
        value_of("APP_BROKER_CA_FILE") or value_of("APP_BROKER_CERT_FILE")
    ):
        lines.append("APP_BROKER_CA_FILE and APP_BROKER_CERT_FILE are for amqps:// only, not for amqp://")
    if value_of("TRANSFERS_HEALTHY_MAX_COMMIT_DELAY") < value_of("TURN_PHASE2_DURATION"):
        lines.append(
            "TRANSFERS_HEALTHY_MAX_COMMIT_DELAY is shorter than TURN_PHASE2_DURATION: "
            "transfers may be given up before they can succeed"
        )
    return lines


def _leaves_no_rest(half_of_phases: timedelta, phase2: timedelta, period: timedelta) -> bool:
    return period > _ZERO and half_of_phases / 5 + phase2 / 10 + timedelta(seconds=36) > period * 0.09


def _each(variables: tuple[str, ...], roles: tuple[Role, ...], allowed: str, holds: Callable[..., bool]) -> list[Rule]:
    return [Rule((variable,), roles, allowed, holds) for variable in variables]


def _broker_rules(variable: str, allowed: str, holds: Callable[..., bool], *others: str) -> list[Rule]:
    """Workers always need the broker, `configure` only when it sets it up."""
    return [
        Rule((variable, *others), ("worker",), allowed, holds),
        Rule(
            (variable, *others, "SETUP_RABBITMQ_BINDINGS"),
            ("configure",),
            allowed,
            lambda *values: values[-1] != "yes" or holds(*values[:-1]),
        ),
    ]


def _is_broker_url(text: str) -> bool:
    # Imported here: only who talks to a broker needs its client.
    from bridge.rabbitmq.access import url_problem

    return url_problem(text) is None


def _are_two_brokers(protocol_url: str, internal_url: str) -> bool:
    try:
        return bool(internal_url) and not lead_to_one_broker(protocol_url, internal_url)
    except ValueError:
        return True  # what is wrong with the URL another rule tells


def _is_usable(files: TlsFiles) -> bool:
    try:
        # Reading the system's authorities takes longer than all other checks, and says nothing about these.
        if files != NO_FILES:
            files.context()
    except (OSError, ValueError):
        return False
    return True


def _is_http_url(text: str) -> bool:
    # Imported here: it takes longer to load than all the rest, and only web servers need it.
    import httpx

    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return False
    return url.scheme in ("http", "https") and bool(url.host)


ALL = ROLES
_W: tuple[Role, ...] = ("worker",)
_S: tuple[Role, ...] = ("solver",)
_A: tuple[Role, ...] = ("webserver",)
_WA: tuple[Role, ...] = ("worker", "webserver")

RULES: tuple[Rule, ...] = (
    Rule(
        ("MIN_COLLECTOR_ID", "MAX_COLLECTOR_ID"),
        ALL,
        "not 0, and have the sign of MAX_COLLECTOR_ID",
        lambda low, high: (low > 0 and high > 0) or (low < 0 and high < 0),
    ),
    Rule(
        ("MAX_COLLECTOR_ID", "MIN_COLLECTOR_ID"),
        ALL,
        "at least MIN_COLLECTOR_ID",
        lambda high, low: low <= high,
    ),
    Rule(("TRANSFERS_AMOUNT_CUT",), ALL, "from 1e-10 to 0.1", lambda cut: 1e-10 <= cut <= 0.1),
    Rule(("MIN_TRADE_AMOUNT",), ALL, "from 10 to 9223372036854775807", lambda amount: 10 <= amount < 2**63),
    Rule(("APP_LOCATOR_CLAIM_EXPIRY_DAYS",), ALL, "at least 30", lambda days: days >= timedelta(days=30)),
    Rule(("APP_DEBTOR_INFO_EXPIRY_DAYS",), ALL, "at least 1", lambda days: days >= timedelta(days=1)),
    Rule(
        ("APP_LOCATOR_CLAIM_EXPIRY_DAYS", "APP_DEBTOR_INFO_EXPIRY_DAYS"),
        ALL,
        "at least 5 times APP_DEBTOR_INFO_EXPIRY_DAYS",
        # Divided, because five times the longest duration is too long for a duration.
        lambda claim, info: claim / 5 >= info,
    ),
    Rule(
        ("APP_INTEREST_RATE_HISTORY_PERIOD", "APP_TURN_MAX_COMMIT_PERIOD"),
        ALL,
        "at least APP_TURN_MAX_COMMIT_PERIOD",
        lambda history, commit: history >= commit,
    ),
    Rule(("APP_LOG_LEVEL",), ALL, f"one of {', '.join(LOG_LEVELS)}", lambda level: level.lower() in LOG_LEVELS),
    Rule(("APP_LOG_FORMAT",), ALL, f"one of {', '.join(LOG_FORMATS)}", lambda name: name in LOG_FORMATS),
    Rule(("SOLVER_POSTGRES_URL",), ALL, "set", bool),
    Rule(("WORKER_POSTGRES_URL",), ("worker", "configure"), "set", bool),
    Rule(
        ("BASE_DEBTOR_INFO_LOCATOR",),
        _S,
        "set, begin with https:// and have at most 200 characters",
        lambda locator: locator.startswith("https://") and len(locator) <= 200,
    ),
    Rule(("BASE_DEBTOR_ID",), _S, "set, and not 0", bool),
    Rule(("MAX_DISTANCE_TO_BASE",), ("solver", "worker"), "from 1 to 32767", lambda links: 1 <= links <= 32767),
    Rule(("APP_SOLVER_TIME_LIMIT",), _S, "more than 0", lambda limit: limit is None or limit > _ZERO),
    Rule(("APP_ARCHIVED_TURNS",), _S, "from 0 to 100000", lambda count: 0 <= count <= 100_000),
    Rule(("TURN_CHECK_INTERVAL",), _S, "more than 0", lambda interval: interval > _ZERO),
    Rule(
        ("TRANSFERS_HEALTHY_MAX_COMMIT_DELAY",),
        _W,
        "more than 0 and at most 2147483647 seconds",
        lambda delay: _ZERO < delay <= timedelta(seconds=2**31 - 1),
    ),
    Rule(("APP_MIN_DEMURRAGE_RATE",), _W, "more than -100 and at most 0", lambda rate: -100 < rate <= 0),
    Rule(("APP_MIN_TRANSFER_NOTE_MAX_BYTES",), _W, "from 77 to 500", lambda count: 77 <= count <= 500),
    *_each(
        (
            "PROTOCOL_BROKER_PROCESSES",
            "INTERNAL_BROKER_PROCESSES",
            "FLUSH_PROCESSES",
            "HTTP_FETCH_PROCESSES",
            "TRIGGER_TRANSFERS_PROCESSES",
            "WEBSERVER_PROCESSES",
        ),
        _WA,
        "at least 0",
        lambda count: count >= 0,
    ),
    *_each(
        (
            "PROTOCOL_BROKER_THREADS",
            "INTERNAL_BROKER_THREADS",
            "HANDLE_PRISTINE_COLLECTORS_THREADS",
            "WEBSERVER_THREADS",
        ),
        _WA,
        "at least 1",
        lambda count: count >= 1,
    ),
    *_broker_rules(
        "PROTOCOL_BROKER_URL", "a URL that begins with amqp:// or amqps://", lambda url: bool(_BROKER_URL.match(url))
    ),
    *_broker_rules(
        "PROTOCOL_BROKER_URL",
        _BROKER_URL_FORM,
        lambda url: not _BROKER_URL.match(url) or _is_broker_url(url),
    ),
    *_broker_rules(
        "APP_BROKER_CA_FILE", "a file of certificates (PEM) that can be read", lambda path: _is_usable(TlsFiles(path))
    ),
    *_broker_rules(
        "APP_BROKER_CERT_FILE",
        "a file with a certificate (PEM) that can be read; its key is there, too, or in APP_BROKER_KEY_FILE, without a "
        "password",
        lambda path, key: _is_usable(TlsFiles("", path, key)),
        "APP_BROKER_KEY_FILE",
    ),
    *_broker_rules(
        "APP_BROKER_KEY_FILE",
        "empty unless APP_BROKER_CERT_FILE is set",
        lambda key, path: not key or bool(path),
        "APP_BROKER_CERT_FILE",
    ),
    Rule(
        ("APP_MAX_MESSAGE_BYTES",),
        _W,
        f"from {LARGEST_BYTES}, the size of the largest messages, to {2**27}",
        lambda size: LARGEST_BYTES <= size <= 2**27,
    ),
    # For an empty name the broker would invent one, and fill that queue for ever. The longest has room for `.XQ`.
    *_broker_rules(
        "PROTOCOL_BROKER_QUEUE", "a name of 1 to 252 bytes", lambda name: 1 <= len(name.encode(errors="replace")) <= 252
    ),
    *_broker_rules("INTERNAL_BROKER_URL", f"empty, or {_BROKER_URL_FORM}", lambda url: not url or _is_broker_url(url)),
    *_broker_rules(
        "INTERNAL_BROKER_QUEUE",
        "empty, or a name of up to 252 bytes",
        lambda name: len(name.encode(errors="replace")) <= 252,
    ),
    *_broker_rules(
        "INTERNAL_BROKER_QUEUE",
        "another name than PROTOCOL_BROKER_QUEUE, as both are on one broker",
        lambda internal, protocol, *urls: not internal or internal != protocol or _are_two_brokers(*urls),
        "PROTOCOL_BROKER_QUEUE",
        "PROTOCOL_BROKER_URL",
        "INTERNAL_BROKER_URL",
    ),
    *_each(
        ("PROTOCOL_BROKER_PREFETCH_COUNT", "INTERNAL_BROKER_PREFETCH_COUNT"),
        _WA,
        "from 0 to 65535",
        lambda count: 0 <= count <= 65535,
    ),
    *_each(("PROTOCOL_BROKER_PREFETCH_SIZE", "INTERNAL_BROKER_PREFETCH_SIZE"), _WA, "0", lambda size: size == 0),
    Rule(("HTTP_FETCH_CONNECTIONS",), _W, "at least 1", lambda count: count >= 1),
    Rule(("HTTP_FETCH_TIMEOUT",), _W, "more than 0", lambda timeout: timeout > _ZERO),
    *_each(
        (
            "FLUSH_PERIOD",
            "TRIGGER_TRANSFERS_PERIOD",
            "HANDLE_PRISTINE_COLLECTORS_PERIOD",
            "APP_ROLL_WORKER_TURNS_WAIT",
            "APP_ACCOUNT_LOCK_MAX_DAYS",
            "APP_RELEASED_ACCOUNT_LOCK_MAX_DAYS",
            "APP_EXTREME_MESSAGE_DELAY_DAYS",
            "APP_MAX_HEARTBEAT_DELAY_DAYS",
            "APP_WORKER_COLLECTING_SLACK_DAYS",
            "APP_WORKER_SENDING_SLACK_DAYS",
            "APP_WORKER_DISPATCHING_SLACK_DAYS",
            "APP_VERIFY_SHARD_SLEEP_SECONDS",
        ),
        _W,
        "at least 0",
        lambda time: time >= _ZERO,
    ),
    *_each(
        (
            "APP_HANDLE_PRISTINE_COLLECTORS_MAX_COUNT",
            "APP_DEBTOR_INFO_FETCH_BURST_COUNT",
            "APP_RESCHEDULED_TRANSFERS_BURST_COUNT",
            "APP_VERIFY_SHARD_YIELD_PER",
            *(f"APP_{name}_BURST_COUNT" for name in BURST_COUNTS.values()),
            *(f"APP_{table.upper()}_SCAN_BLOCKS_PER_QUERY" for table in SCANS),
            *(f"APP_{table.upper()}_SCAN_BEAT_MILLISECS" for table in SCANS),
        ),
        _W,
        "from 1 to 2147483647",
        lambda count: 1 <= count < 2**31,
    ),
    *_each(
        tuple(f"APP_{table.upper()}_SCAN_DAYS" for table in SCANS),
        _W,
        "more than 0",
        lambda time: time > _ZERO,
    ),
    Rule(
        ("OAUTH2_INTROSPECT_URL", "APP_WEBSERVER_NO_TOKEN_CHECK"),
        _A,
        "an http:// or https:// URL; only with APP_WEBSERVER_NO_TOKEN_CHECK, empty",
        lambda url, is_unchecked: not url if is_unchecked else _is_http_url(url),
    ),
    Rule(
        ("APP_WEBSERVER_HOST", "APP_WEBSERVER_NO_TOKEN_CHECK"),
        _A,
        "an IP address; with APP_WEBSERVER_NO_TOKEN_CHECK a loopback one, as whoever reaches it is a superuser",
        lambda host, is_unchecked: not host or (is_loopback if is_unchecked else is_address)(host),
    ),
    Rule(
        ("APP_ENABLE_CORS", "APP_WEBSERVER_NO_TOKEN_CHECK"),
        _A,
        "false with APP_WEBSERVER_NO_TOKEN_CHECK, as any page that a superuser looks at could do everything",
        lambda is_enabled, is_unchecked: not (is_enabled and is_unchecked),
    ),
    Rule(("APP_INTROSPECT_CLIENT_AUTH",), _A, "basic or post", lambda way: way in ("basic", "post")),
    Rule(("APP_INTROSPECT_USER_CLAIM",), _A, "sub or username", lambda claim: claim in ("sub", "username")),
    Rule(
        ("APP_INTROSPECT_CLIENT_ID", "APP_INTROSPECT_CLIENT_SECRET"),
        _A,
        "set where APP_INTROSPECT_CLIENT_SECRET is",
        lambda name, secret: bool(name or not secret),
    ),
    Rule(
        ("APP_DASHBOARD_CLIENT_ID", "OAUTH2_AUTHORIZATION_URL", "OAUTH2_TOKEN_URL", "API_ROOT"),
        _A,
        "set only where OAUTH2_AUTHORIZATION_URL, OAUTH2_TOKEN_URL and API_ROOT are http:// or https:// URLs",
        lambda name, *urls: not name or all(_is_http_url(url) for url in urls),
    ),
    Rule(
        ("APP_DASHBOARD_CLIENT_ID", "APP_DASHBOARD_CLIENT_SECRET"),
        _A,
        "set where APP_DASHBOARD_CLIENT_SECRET is",
        lambda name, secret: bool(name or not secret),
    ),
    *_each(
        ("APP_SUPERUSER_SUBJECT_REGEX", "APP_SUPERVISOR_SUBJECT_REGEX"),
        _A,
        "empty, or a regular expression that does not match everything",
        lambda pattern: not pattern.pattern or not pattern.fullmatch(""),
    ),
    Rule(("APP_CREDITOR_SUBJECT_REGEX",), _A, "a regular expression with a group", lambda pattern: pattern.groups >= 1),
    Rule(("WEBSERVER_PORT",), _A, "from 1 to 65535", lambda port: 1 <= port <= 65535),
    Rule(("APP_METRICS_PORT",), ("solver", "worker"), "from 0 to 65535", lambda port: 0 <= port <= 65535),
    Rule(("TRANSFERS_COLLECTOR_LIMIT",), _S, "from 0 to 9223372036854775807", lambda limit: 0 <= limit < 2**63),
    *_each(
        ("APP_NUMBER_OF_TURNS_FOR_BUYERS_COUNT_STATS", "APP_NUMBER_OF_CURRENCIES_IN_BUYERS_COUNT_STATS"),
        _S,
        "from 1 to 1000000",
        lambda count: 1 <= count <= 10**6,
    ),
    Rule(("APP_DEFAULT_NUMBER_OF_COLLECTOR_ACCOUNTS",), _W, "from 1 to 500", lambda count: 1 <= count <= 500),
    Rule(
        ("OFFERS_POURING_DURATION",),
        _W,
        "empty, or more than 0",
        lambda duration: duration is None or duration > _ZERO,
    ),
    Rule(
        ("OWNER_CREDITOR_ID", "MIN_COLLECTOR_ID", "MAX_COLLECTOR_ID"),
        _A,
        "not 0, and not the ID of a collector account",
        lambda owner, low, high: owner is None or (owner != 0 and not low <= owner <= high),
    ),
    Rule(
        ("HTTP_FETCH_SSL_CERT_FILE",),
        _W,
        "a file of certificates (PEM) that can be read",
        lambda path: _is_usable(TlsFiles(path)),
    ),
    Rule(
        ("APP_COIN_INFO_DOCUMENT_MAX_LENGTH",),
        _W,
        f"from 1 to {2**24}",
        lambda length: 1 <= length <= 2**24,
    ),
    Rule(("SOLVER_CLIENT_POOL_SIZE",), ("solver", "worker", "webserver"), "at least 0", lambda size: size >= 0),
    Rule(
        ("SQLALCHEMY_ENGINE_OPTIONS",),
        _W,
        "a JSON object whose pool_size, if any, is an integer from 0",
        lambda options: type(size := options.get("pool_size", 0)) is int and size >= 0,
    ),
)

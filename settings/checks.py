"""What settings have to satisfy before a server starts, beyond being readable.

A rule is checked for the roles it names only: a web server does not mind a setting of the solver.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from settings.internal import BURST_COUNTS
from settings.scan_days import SCAN_DAYS

Role = Literal["solver", "worker", "webserver", "configure"]
ROLES: tuple[Role, ...] = ("solver", "worker", "webserver", "configure")
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
LOG_FORMATS = ("text", "json")

ValueOf = Callable[[str], Any]

_BROKER_URL = re.compile("amqps?://", re.IGNORECASE)
_RESERVED_IDS = 2**32
_ZERO = timedelta(0)


@dataclass(frozen=True, slots=True)
class Rule:
    """`holds` gets the values of the variables in their order; the first variable is the one to blame."""

    variables: tuple[str, ...]
    roles: tuple[Role, ...]
    allowed: str
    holds: Callable[..., bool]


def broken_rules(role: Role, value_of: ValueOf, unreadable: Collection[str] = ()) -> Iterator[Rule]:
    """The rules that the settings of a server with this role break; rules with an unreadable variable are left out."""
    for rule in RULES:
        if (
            role in rule.roles
            and not any(variable in unreadable for variable in rule.variables)
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
    if min(value_of("APP_TURN_PHASE_CUSHION_PERIOD"), half_of_phases / 5) < value_of("APP_ROLL_WORKER_TURNS_WAIT"):
        lines.append(
            "APP_ROLL_WORKER_TURNS_WAIT is longer than APP_TURN_PHASE_CUSHION_PERIOD, or than a tenth of "
            "TURN_PHASE1_DURATION + TURN_PHASE2_DURATION: workers may look at a turn too late to ship offers"
        )
    if value_of("TRANSFERS_HEALTHY_MAX_COMMIT_DELAY") < value_of("TURN_PHASE2_DURATION"):
        lines.append(
            "TRANSFERS_HEALTHY_MAX_COMMIT_DELAY is shorter than TURN_PHASE2_DURATION: "
            "transfers may be given up before they can succeed"
        )
    return lines


def _each(variables: tuple[str, ...], roles: tuple[Role, ...], allowed: str, holds: Callable[..., bool]) -> list[Rule]:
    return [Rule((variable,), roles, allowed, holds) for variable in variables]


def _broker_rules(variable: str, allowed: str, holds: Callable[[str], bool]) -> list[Rule]:
    """Workers always need the broker, `configure` only when it sets it up."""
    return [
        Rule((variable,), ("worker",), allowed, holds),
        Rule(
            (variable, "SETUP_RABBITMQ_BINDINGS"),
            ("configure",),
            allowed,
            lambda value, set_up: set_up != "yes" or holds(value),
        ),
    ]


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
        ("PROTOCOL_BROKER_THREADS", "HANDLE_PRISTINE_COLLECTORS_THREADS", "WEBSERVER_THREADS"),
        _WA,
        "at least 1",
        lambda count: count >= 1,
    ),
    *_broker_rules(
        "PROTOCOL_BROKER_URL", "a URL that begins with amqp:// or amqps://", lambda url: bool(_BROKER_URL.match(url))
    ),
    # For an empty name the broker would invent one, and fill that queue for ever. The longest has room for `.XQ`.
    *_broker_rules(
        "PROTOCOL_BROKER_QUEUE", "a name of 1 to 252 bytes", lambda name: 1 <= len(name.encode(errors="replace")) <= 252
    ),
    Rule(("PROTOCOL_BROKER_PREFETCH_COUNT",), _WA, "from 0 to 65535", lambda count: 0 <= count <= 65535),
    Rule(("PROTOCOL_BROKER_PREFETCH_SIZE",), _WA, "0", lambda size: size == 0),
    Rule(("HTTP_FETCH_CONNECTIONS",), _W, "at least 1", lambda count: count >= 1),
    Rule(("HTTP_FETCH_TIMEOUT",), _W, "more than 0", lambda timeout: timeout > _ZERO),
    *_each(
        (
            "FLUSH_PERIOD",
            "HTTP_FETCH_PERIOD",
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
            *(f"APP_{name}_BURST_COUNT" for name in BURST_COUNTS.values()),
            *(f"APP_{table.upper()}_SCAN_BLOCKS_PER_QUERY" for table in SCAN_DAYS),
            *(f"APP_{table.upper()}_SCAN_BEAT_MILLISECS" for table in SCAN_DAYS),
        ),
        _W,
        "from 1 to 2147483647",
        lambda count: 1 <= count < 2**31,
    ),
    *_each(
        tuple(f"APP_{table.upper()}_SCAN_DAYS" for table in SCAN_DAYS),
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
    Rule(("APP_CREDITOR_SUBJECT_REGEX",), _A, "a regular expression with a group", lambda pattern: pattern.groups >= 1),
    Rule(("WEBSERVER_PORT",), _A, "from 1 to 65535", lambda port: 1 <= port <= 65535),
    Rule(("APP_METRICS_PORT",), ("solver", "worker"), "from 0 to 65535", lambda port: 0 <= port <= 65535),
    Rule(("APP_COLLECTOR_TRANSFERS_LIMIT",), _S, "from 0 to 9223372036854775807", lambda limit: 0 <= limit < 2**63),
    Rule(("SOLVER_CLIENT_POOL_SIZE",), ("solver", "worker", "webserver"), "at least 0", lambda size: size >= 0),
    Rule(
        ("SQLALCHEMY_ENGINE_OPTIONS",),
        _W,
        "a JSON object whose pool_size, if any, is an integer from 0",
        lambda options: type(size := options.get("pool_size", 0)) is int and size >= 0,
    ),
)

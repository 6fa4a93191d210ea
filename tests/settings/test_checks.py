"""What start-up refuses, what it warns about, and how it says so."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from settings.checks import ROLES, RULES
from settings.config import ConfigError, Role, load
from tests.covering import covers
from tests.settings.environments import ENVIRONMENTS, load_with, problems_with

S: tuple[Role, ...] = ("solver",)
W: tuple[Role, ...] = ("worker",)
A: tuple[Role, ...] = ("webserver",)
SERVERS: tuple[Role, ...] = ("solver", "worker", "webserver")

BAD_BROKER_URLS = (
    "amqp://g:p#w@h/",
    "amqp://g:p/w@h/",
    "amqp://g:p?w@h/",
    "amqp://g:p@w@h/",
    "amqp://g:p%w@h/",
    "amqp://g:p:w@h:x/",
    "amqp://g:p w@h/",
    "amqp://g:p[w@h/",
    "amqp://user-alone@h/",
    "amqp://g:pw@/",
    "amqp:///vhost",
    "amqp://",
    "amqp://g:pw@h:0/",
    "amqp://g:pw@h:65536/",
    "amqp://g:pw@h:port/",
    "amqp://g:pw@h,/",
    "amqp://g:pw@h,,i/",
    "amqp://g:pw@h:5672,i:0/",
    "amqp://g:pw@h:5672,g:pw@i:5672/",
    "amqp://g:pw@h;amqp://g:pw@i",
    "amqp://g:pw@h;i/",
    "amqp://g:pw@h, i/",
    "amqp://g:pw@[::1/",
    "amqp://g:pw@h//",
    "amqp://g:pw@h/a/b",
    "amqp://g:pw@h/#",
    "amqp://g:pw@h/?heartbeat=x",
    "amqp://g:pw@h/?heartbeat=-1",
    "amqp://g:pw@h/?heartbeet=60",
    "amqp://g:pw@h/?heartbeat=1&heartbeat=2",
    "amqp://g:pw@h/?ssl_options={",
    "amqps://g:pw@h/?ssl_options={'ca_certs':'/nowhere'}",
    "amqps://g:pw@h/?ssl_options=None",
    "amqps://g:pw@h/?ssl_options=7",
)
GOOD_BROKER_URLS = (
    "amqp://localhost",
    "AMQP://localhost:5672/",
    "amqps://g:p%23%2F%3F%40%25w@h.example.com:5671/%2F",
    "amqp://g:@h/v",
    "amqp://g:p!$&'()*+,;=-._~w@10.0.0.1:1/a-b",
    "amqp://g:pw@[::1]:5672/?heartbeat=0&socket_timeout=2.5",
    "amqp://g:pw@h?connection_attempts=2",
    "amqp://g:pw@h,i/",
    "amqps://g:p,w@h:5672,10.0.0.1,[::1]:5673/v?heartbeat=9",
)

# Who refuses, the variable to blame, what it must be, and the variables that are wrong.
UNCHECKED = {"OAUTH2_INTROSPECT_URL": "", "APP_WEBSERVER_NO_TOKEN_CHECK": "true"}
VIOLATIONS: list[tuple[tuple[Role, ...], str, str, dict[str, str]]] = [
    (S, "TURN_PERIOD", "a number from 0, optionally", {"TURN_PERIOD": "1H"}),
    (SERVERS, "MIN_COLLECTOR_ID", "not 0", {"MIN_COLLECTOR_ID": "0"}),
    (SERVERS, "MIN_COLLECTOR_ID", "not 0", {"MIN_COLLECTOR_ID": "-5", "MAX_COLLECTOR_ID": "5"}),
    (SERVERS, "MIN_COLLECTOR_ID", "not 0", {"MIN_COLLECTOR_ID": "-5", "MAX_COLLECTOR_ID": "0"}),
    (SERVERS, "MAX_COLLECTOR_ID", "at least MIN_COLLECTOR_ID", {"MIN_COLLECTOR_ID": "7", "MAX_COLLECTOR_ID": "6"}),
    (W, "TRANSFERS_AMOUNT_CUT", "from 1e-10 to 0.1", {"TRANSFERS_AMOUNT_CUT": "9e-11"}),
    (W, "TRANSFERS_AMOUNT_CUT", "from 1e-10 to 0.1", {"TRANSFERS_AMOUNT_CUT": "0.11"}),
    (
        ("worker", "configure"),
        "PROTOCOL_BROKER_QUEUE_ROUTING_KEY",
        "0 to 16",
        {"PROTOCOL_BROKER_QUEUE_ROUTING_KEY": "0." * 17 + "#"},
    ),
    (S, "MIN_TRADE_AMOUNT", "from 10 to", {"MIN_TRADE_AMOUNT": "9"}),
    (S, "MIN_TRADE_AMOUNT", "from 10 to", {"MIN_TRADE_AMOUNT": "9223372036854775808"}),
    (
        W,
        "APP_LOCATOR_CLAIM_EXPIRY_DAYS",
        "at least 30",
        {"APP_LOCATOR_CLAIM_EXPIRY_DAYS": "29.9", "APP_DEBTOR_INFO_EXPIRY_DAYS": "1"},
    ),
    (W, "APP_DEBTOR_INFO_EXPIRY_DAYS", "at least 1", {"APP_DEBTOR_INFO_EXPIRY_DAYS": "0.9"}),
    (W, "APP_LOCATOR_CLAIM_EXPIRY_DAYS", "at least 5 times", {"APP_DEBTOR_INFO_EXPIRY_DAYS": "9.1"}),
    (W, "APP_INTEREST_RATE_HISTORY_PERIOD", "at least APP_TURN", {"APP_INTEREST_RATE_HISTORY_PERIOD": "29d"}),
    (ROLES, "APP_LOG_LEVEL", "one of debug, info", {"APP_LOG_LEVEL": "warn"}),
    (ROLES, "APP_LOG_FORMAT", "one of text, json", {"APP_LOG_FORMAT": "JSON"}),
    (ROLES, "SOLVER_POSTGRES_URL", "set", {"SOLVER_POSTGRES_URL": ""}),
    (ROLES, "SOLVER_POSTGRES_URL", "a URL", {"SOLVER_POSTGRES_URL": "mysql://host/db"}),
    (("worker", "configure"), "WORKER_POSTGRES_URL", "set", {"WORKER_POSTGRES_URL": ""}),
    (W, "PROTOCOL_BROKER_URL", "a URL that begins", {"PROTOCOL_BROKER_URL": ""}),
    (W, "PROTOCOL_BROKER_URL", "a URL that", {"PROTOCOL_BROKER_URL": "http://localhost"}),
    (W, "PROTOCOL_BROKER_URL", "such as amqp://user:password@host", {"PROTOCOL_BROKER_URL": "amqp:///vhost"}),
    (W, "APP_BROKER_CA_FILE", "a file of certificates", {"APP_BROKER_CA_FILE": "/nowhere/ca.pem"}),
    (W, "APP_BROKER_CA_FILE", "a file of certificates", {"APP_BROKER_CA_FILE": __file__}),
    (W, "APP_BROKER_CERT_FILE", "a file with a certificate", {"APP_BROKER_CERT_FILE": __file__}),
    (
        W,
        "APP_BROKER_CERT_FILE",
        "a file with a certificate",
        {"APP_BROKER_CERT_FILE": "/nowhere/a", "APP_BROKER_KEY_FILE": "/nowhere/b"},
    ),
    (W, "APP_BROKER_KEY_FILE", "empty unless APP_BROKER_CERT_FILE", {"APP_BROKER_KEY_FILE": "/nowhere/key.pem"}),
    *(
        (("worker", "configure"), variable, allowed, {variable: path, "SETUP_RABBITMQ_BINDINGS": "yes"})
        for variable, allowed, path in [
            ("PROTOCOL_BROKER_URL", "such as amqp://", "amqp:///vhost"),
            ("APP_BROKER_CA_FILE", "a file of", "/nowhere/ca.pem"),
            ("APP_BROKER_CERT_FILE", "a file with", "/nowhere/cert.pem"),
            ("APP_BROKER_KEY_FILE", "empty unless", "/nowhere/key.pem"),
        ]
    ),
    (W, "APP_MAX_MESSAGE_BYTES", "from 20480", {"APP_MAX_MESSAGE_BYTES": "20479"}),
    (W, "APP_MAX_MESSAGE_BYTES", "from 20480", {"APP_MAX_MESSAGE_BYTES": "134217729"}),
    (W, "PROTOCOL_BROKER_QUEUE", "a name of 1 to 252 bytes", {"PROTOCOL_BROKER_QUEUE": ""}),
    (W, "PROTOCOL_BROKER_QUEUE", "a name of 1 to 252 bytes", {"PROTOCOL_BROKER_QUEUE": "é" * 127}),
    (W, "INTERNAL_BROKER_URL", "empty, or such as amqp://user", {"INTERNAL_BROKER_URL": "http://localhost"}),
    (W, "INTERNAL_BROKER_URL", "empty, or such as amqp://user", {"INTERNAL_BROKER_URL": "amqp:///vhost"}),
    (W, "INTERNAL_BROKER_QUEUE", "empty, or a name of up to 252 bytes", {"INTERNAL_BROKER_QUEUE": "é" * 127}),
    (W, "INTERNAL_BROKER_QUEUE", "another name than PROTOCOL", {"INTERNAL_BROKER_QUEUE": "swpt_trade"}),
    (
        ("worker", "configure"),
        "INTERNAL_BROKER_QUEUE",
        "another name than PROTOCOL",
        {
            "INTERNAL_BROKER_QUEUE": "swpt_trade",
            "INTERNAL_BROKER_URL": "amqp://guest:guest@LOCALHOST/%2F",
            "SETUP_RABBITMQ_BINDINGS": "yes",
        },
    ),
    (W, "INTERNAL_BROKER_PROCESSES", "at least 0", {"INTERNAL_BROKER_PROCESSES": "-1"}),
    (W, "INTERNAL_BROKER_THREADS", "at least 1", {"INTERNAL_BROKER_THREADS": "0"}),
    (W, "INTERNAL_BROKER_PREFETCH_COUNT", "from 0 to 65535", {"INTERNAL_BROKER_PREFETCH_COUNT": "65536"}),
    (W, "INTERNAL_BROKER_PREFETCH_SIZE", "0", {"INTERNAL_BROKER_PREFETCH_SIZE": "1"}),
    *(
        (("worker", "configure"), variable, allowed, {variable: "", "SETUP_RABBITMQ_BINDINGS": "yes"})
        for variable, allowed in [("PROTOCOL_BROKER_URL", "a URL that"), ("PROTOCOL_BROKER_QUEUE", "a name of")]
    ),
    (S, "BASE_DEBTOR_INFO_LOCATOR", "set, begin with", {"BASE_DEBTOR_INFO_LOCATOR": ""}),
    (S, "BASE_DEBTOR_INFO_LOCATOR", "set, begin with", {"BASE_DEBTOR_INFO_LOCATOR": "http://example.com/"}),
    (S, "BASE_DEBTOR_INFO_LOCATOR", "set, begin with", {"BASE_DEBTOR_INFO_LOCATOR": "https://" + 193 * "x"}),
    (S, "BASE_DEBTOR_ID", "set, and not 0", {"BASE_DEBTOR_ID": "0"}),
    (S, "BASE_DEBTOR_ID", "set, and not 0", {"BASE_DEBTOR_ID": ""}),
    (("solver", "worker"), "MAX_DISTANCE_TO_BASE", "from 1 to 32767", {"MAX_DISTANCE_TO_BASE": "0"}),
    (("solver", "worker"), "MAX_DISTANCE_TO_BASE", "from 1 to 32767", {"MAX_DISTANCE_TO_BASE": "32768"}),
    (S, "TURN_CHECK_INTERVAL", "more than 0", {"TURN_CHECK_INTERVAL": "0"}),
    (S, "APP_ARCHIVED_TURNS", "from 0 to 100000", {"APP_ARCHIVED_TURNS": "-1"}),
    (S, "APP_SOLVER_TIME_LIMIT", "more than 0", {"APP_SOLVER_TIME_LIMIT": "0"}),
    (
        W,
        "TRANSFERS_HEALTHY_MAX_COMMIT_DELAY",
        "more than 0 and",
        {"TRANSFERS_HEALTHY_MAX_COMMIT_DELAY": "0", "TURN_PHASE2_DURATION": "0"},
    ),
    (W, "TRANSFERS_HEALTHY_MAX_COMMIT_DELAY", "more than 0 and", {"TRANSFERS_HEALTHY_MAX_COMMIT_DELAY": "2147483648"}),
    (W, "APP_MIN_DEMURRAGE_RATE", "more than -100", {"APP_MIN_DEMURRAGE_RATE": "-100"}),
    (W, "APP_MIN_DEMURRAGE_RATE", "more than -100", {"APP_MIN_DEMURRAGE_RATE": "0.1"}),
    (W, "APP_MIN_TRANSFER_NOTE_MAX_BYTES", "from 77 to 500", {"APP_MIN_TRANSFER_NOTE_MAX_BYTES": "76"}),
    (W, "APP_MIN_TRANSFER_NOTE_MAX_BYTES", "from 77 to 500", {"APP_MIN_TRANSFER_NOTE_MAX_BYTES": "501"}),
    *(
        (A if variable.startswith("WEB") else W, variable, allowed, {variable: text})
        for variable, allowed, text in [
            ("PROTOCOL_BROKER_PROCESSES", "at least 0", "-1"),
            ("FLUSH_PROCESSES", "at least 0", "-1"),
            ("HTTP_FETCH_PROCESSES", "at least 0", "-1"),
            ("TRIGGER_TRANSFERS_PROCESSES", "at least 0", "-1"),
            ("WEBSERVER_PROCESSES", "at least 0", "-1"),
            ("PROTOCOL_BROKER_THREADS", "at least 1", "0"),
            ("HANDLE_PRISTINE_COLLECTORS_THREADS", "at least 1", "0"),
            ("WEBSERVER_THREADS", "at least 1", "0"),
            ("PROTOCOL_BROKER_PREFETCH_COUNT", "from 0 to 65535", "-1"),
            ("PROTOCOL_BROKER_PREFETCH_COUNT", "from 0 to 65535", "65536"),
            ("PROTOCOL_BROKER_PREFETCH_SIZE", "0", "1"),
        ]
    ),
    *(
        (W, variable, allowed, {variable: text})
        for variable, allowed, text in [
            ("HTTP_FETCH_CONNECTIONS", "at least 1", "0"),
            ("HTTP_FETCH_TIMEOUT", "more than 0", "0"),
            ("FLUSH_PERIOD", "at least 0", "-0.1"),
            ("HTTP_FETCH_PERIOD", "a number from 0", "-1"),
            ("TRIGGER_TRANSFERS_PERIOD", "at least 0", "-1"),
            ("HANDLE_PRISTINE_COLLECTORS_PERIOD", "at least 0", "-1"),
            ("APP_ROLL_WORKER_TURNS_WAIT", "at least 0", "-1"),
            ("APP_ACCOUNT_LOCK_MAX_DAYS", "at least 0", "-1"),
            ("APP_WORKER_SENDING_SLACK_DAYS", "at least 0", "-1"),
            ("APP_HANDLE_PRISTINE_COLLECTORS_MAX_COUNT", "from 1 to", "0"),
            ("APP_DEBTOR_INFO_FETCH_BURST_COUNT", "from 1 to", "0"),
            ("APP_RESCHEDULED_TRANSFERS_BURST_COUNT", "from 1 to", "0"),
            ("APP_VERIFY_SHARD_YIELD_PER", "from 1 to", "0"),
            ("APP_VERIFY_SHARD_SLEEP_SECONDS", "at least 0", "-1"),
            ("APP_FLUSH_CONFIGURE_ACCOUNTS_BURST_COUNT", "from 1 to", "0"),
            ("APP_START_DISPATCHING_BURST_COUNT", "from 1 to", "2147483648"),
            ("APP_ACCOUNT_LOCKS_SCAN_BLOCKS_PER_QUERY", "from 1 to", "0"),
            ("APP_TRADING_POLICIES_SCAN_BEAT_MILLISECS", "from 1 to", "0"),
            ("APP_TRANSFER_ATTEMPTS_SCAN_DAYS", "more than 0", "0"),
            ("SQLALCHEMY_ENGINE_OPTIONS", "a JSON object whose pool_size", '{"pool_size": "5"}'),
        ]
    ),
    (A, "OAUTH2_INTROSPECT_URL", "an http:// or https:// URL", {"OAUTH2_INTROSPECT_URL": ""}),
    (A, "OAUTH2_INTROSPECT_URL", "an http:// or https:// URL", {"OAUTH2_INTROSPECT_URL": "ftp://example.com/"}),
    (A, "OAUTH2_INTROSPECT_URL", "an http:// or https:// URL", {"OAUTH2_INTROSPECT_URL": "https:///introspect"}),
    (
        A,
        "OAUTH2_INTROSPECT_URL",
        "an http:// or https:// URL; only",
        {"OAUTH2_INTROSPECT_URL": "https://example.com/x", "APP_WEBSERVER_NO_TOKEN_CHECK": "true"},
    ),
    (A, "APP_WORKER_POSTGRES_URLS", "URLs of databases", {"APP_WORKER_POSTGRES_URLS": "mysql://host/db"}),
    (A, "APP_SUPERUSER_SUBJECT_REGEX", "a Python regular expression", {"APP_SUPERUSER_SUBJECT_REGEX": "("}),
    (A, "APP_SUPERVISOR_SUBJECT_REGEX", "a Python regular expression", {"APP_SUPERVISOR_SUBJECT_REGEX": "("}),
    (A, "APP_CREDITOR_SUBJECT_REGEX", "a Python regular expression", {"APP_CREDITOR_SUBJECT_REGEX": "("}),
    (A, "APP_CREDITOR_SUBJECT_REGEX", "a regular expression with", {"APP_CREDITOR_SUBJECT_REGEX": "creditors:[0-9]+"}),
    *(
        (
            A,
            f"APP_{user}_SUBJECT_REGEX",
            "empty, or a regular expression that does not match",
            {f"APP_{user}_SUBJECT_REGEX": text},
        )
        for user in ("SUPERUSER", "SUPERVISOR")
        for text in (".*", "(root)?", "^")
    ),
    (A, "APP_WEBSERVER_HOST", "an IP address", {"APP_WEBSERVER_HOST": "example.com"}),
    *(
        (
            A,
            "APP_WEBSERVER_HOST",
            "an IP address; with APP_WEBSERVER_NO_TOKEN_CHECK",
            {**UNCHECKED, "APP_WEBSERVER_HOST": host},
        )
        for host in ("0.0.0.0", "::", "10.0.0.1", "localhost.example.com", "nonsense")
    ),
    (A, "APP_ENABLE_CORS", "false with APP_WEBSERVER_NO_TOKEN_CHECK", {**UNCHECKED, "APP_ENABLE_CORS": "true"}),
    (A, "APP_INTROSPECT_CLIENT_AUTH", "basic or post", {"APP_INTROSPECT_CLIENT_AUTH": "Basic"}),
    (A, "APP_INTROSPECT_USER_CLAIM", "sub or username", {"APP_INTROSPECT_USER_CLAIM": "email"}),
    (
        A,
        "APP_INTROSPECT_CLIENT_ID",
        "set where APP_INTROSPECT_CLIENT_SECRET is",
        {"APP_INTROSPECT_CLIENT_ID": "", "APP_INTROSPECT_CLIENT_SECRET": "s3cret"},
    ),
    (
        A,
        "APP_DASHBOARD_CLIENT_ID",
        "set where APP_DASHBOARD_CLIENT_SECRET is",
        {"APP_DASHBOARD_CLIENT_ID": "", "APP_DASHBOARD_CLIENT_SECRET": "s3cret"},
    ),
    *(
        (
            A,
            "APP_DASHBOARD_CLIENT_ID",
            "set only where OAUTH2_AUTHORIZATION_URL, OAUTH2_TOKEN_URL and API_ROOT are",
            {
                "APP_DASHBOARD_CLIENT_ID": "dashboard",
                "OAUTH2_AUTHORIZATION_URL": "https://login.example/authorize",
                "OAUTH2_TOKEN_URL": "https://login.example/token",
                "API_ROOT": "https://trade.example/trade/",
                **wrong,
            },
        )
        for wrong in ({"OAUTH2_AUTHORIZATION_URL": ""}, {"OAUTH2_TOKEN_URL": "/oauth2/token"}, {"API_ROOT": "/trade/"})
    ),
    (A, "WEBSERVER_PORT", "from 1 to 65535", {"WEBSERVER_PORT": "65536"}),
    (("solver", "worker"), "APP_METRICS_PORT", "from 0 to 65535", {"APP_METRICS_PORT": "65536"}),
    (S, "TRANSFERS_COLLECTOR_LIMIT", "from 0 to", {"TRANSFERS_COLLECTOR_LIMIT": "-1"}),
    (W, "APP_DEFAULT_NUMBER_OF_COLLECTOR_ACCOUNTS", "from 1 to 500", {"APP_DEFAULT_NUMBER_OF_COLLECTOR_ACCOUNTS": "0"}),
    (
        S,
        "APP_NUMBER_OF_TURNS_FOR_BUYERS_COUNT_STATS",
        "from 1 to",
        {"APP_NUMBER_OF_TURNS_FOR_BUYERS_COUNT_STATS": "0"},
    ),
    (
        S,
        "APP_NUMBER_OF_CURRENCIES_IN_BUYERS_COUNT_STATS",
        "from 1 to",
        {"APP_NUMBER_OF_CURRENCIES_IN_BUYERS_COUNT_STATS": "1000001"},
    ),
    (W, "OFFERS_POURING_DURATION", "empty, or more than 0", {"OFFERS_POURING_DURATION": "0"}),
    (A, "OWNER_CREDITOR_ID", "not 0, and not", {"OWNER_CREDITOR_ID": "0"}),
    (A, "OWNER_CREDITOR_ID", "not 0, and not", {"OWNER_CREDITOR_ID": "0x100000003ff"}),
    (W, "HTTP_FETCH_SSL_CERT_FILE", "a file of certificates", {"HTTP_FETCH_SSL_CERT_FILE": "/nowhere/ca.pem"}),
    (W, "APP_COIN_INFO_DOCUMENT_MAX_LENGTH", "from 1 to", {"APP_COIN_INFO_DOCUMENT_MAX_LENGTH": "0"}),
    (("solver", "worker"), "SOLVER_INCREASED_WORK_MEM", "an amount of memory", {"SOLVER_INCREASED_WORK_MEM": "50 Mb!"}),
    (("solver", "worker", "webserver"), "SOLVER_CLIENT_POOL_SIZE", "at least 0", {"SOLVER_CLIENT_POOL_SIZE": "-1"}),
]


@pytest.mark.parametrize(("roles", "variable", "allowed", "variables"), VIOLATIONS)
def test_each_check_names_variable_value_and_range(
    roles: tuple[Role, ...], variable: str, allowed: str, variables: dict[str, str]
) -> None:
    for role in ROLES:
        problems = problems_with(role, **variables)
        assert len(problems) == (1 if role in roles else 0), problems
        for problem in problems:
            text = variables.get(variable)
            assert problem.startswith(f"{variable}={text!r}: " if text is not None else f"{variable} is not set, ")
            assert f": must be {allowed}" in problem
            assert "\n" not in problem
            assert "s3cret" not in problem


@covers("M8", "C8")
@pytest.mark.parametrize(("size", "problems"), [("0", 0), ("1", 1), ("-1", 1)])
def test_only_prefetch_size_0_is_accepted(size: str, problems: int) -> None:
    """RabbitMQ closes the connection of whoever asks for a prefetch size."""
    assert len(problems_with("worker", PROTOCOL_BROKER_PREFETCH_SIZE=size)) == problems


def test_every_rule_is_violated_once_by_these_tests() -> None:
    blamed = {variable for _, variable, _, _ in VIOLATIONS}
    families = ("_BURST_COUNT", "_SCAN_DAYS", "_SCAN_BLOCKS_PER_QUERY", "_SCAN_BEAT_MILLISECS", "_DAYS")
    unblamed = {rule.variables[0] for rule in RULES} - blamed
    assert {name for name in unblamed if not name.endswith(families)} == set()


@pytest.mark.parametrize(
    ("role", "variables"),
    [
        ("worker", {"TRANSFERS_AMOUNT_CUT": "1e-10", "MIN_TRADE_AMOUNT": "10", "APP_MIN_DEMURRAGE_RATE": "0"}),
        ("worker", {"TRANSFERS_AMOUNT_CUT": "0.1", "MIN_TRADE_AMOUNT": "9223372036854775807"}),
        ("worker", {"MIN_COLLECTOR_ID": "-1", "MAX_COLLECTOR_ID": "-1"}),
        ("worker", {"APP_LOCATOR_CLAIM_EXPIRY_DAYS": "30", "APP_DEBTOR_INFO_EXPIRY_DAYS": "6"}),
        ("worker", {"APP_LOCATOR_CLAIM_EXPIRY_DAYS": "30", "APP_DEBTOR_INFO_EXPIRY_DAYS": "1"}),
        ("worker", {"APP_INTEREST_RATE_HISTORY_PERIOD": "30d", "APP_LOG_LEVEL": "Critical", "APP_LOG_FORMAT": "json"}),
        ("worker", {"MAX_DISTANCE_TO_BASE": "1", "APP_MIN_TRANSFER_NOTE_MAX_BYTES": "77", "FLUSH_PROCESSES": "0"}),
        ("worker", {"MAX_DISTANCE_TO_BASE": "32767", "APP_MIN_TRANSFER_NOTE_MAX_BYTES": "500", "FLUSH_PERIOD": "0"}),
        ("worker", {"TRANSFERS_HEALTHY_MAX_COMMIT_DELAY": "2147483647", "PROTOCOL_BROKER_PREFETCH_COUNT": "0"}),
        ("worker", {"APP_MIN_DEMURRAGE_RATE": "-99.9", "APP_ACCOUNT_LOCKS_SCAN_DAYS": "1e-3"}),
        ("solver", {"BASE_DEBTOR_INFO_LOCATOR": "https://" + 192 * "x", "BASE_DEBTOR_ID": "-1", "TURN_PERIOD": "0"}),
        ("webserver", {"OAUTH2_INTROSPECT_URL": "", "APP_WEBSERVER_NO_TOKEN_CHECK": "true"}),
        ("webserver", {"OAUTH2_INTROSPECT_URL": "https://example.com/x", "APP_CREDITOR_SUBJECT_REGEX": "(a)(b)"}),
    ],
)
def test_the_ends_of_the_ranges_are_allowed(role: Role, variables: dict[str, str]) -> None:
    assert problems_with(role, **variables) == []


def test_everything_is_reported_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        load(
            "solver", {"TURN_PERIOD": "soon", "MIN_TRADE_AMOUNT": "9", "MAX_COLLECTOR_ID": "x", "APP_LOG_FORMAT": "xml"}
        )
    assert caught.value.problems == str(caught.value).splitlines()
    assert sorted(problem.partition(":")[0] for problem in caught.value.problems) == [
        "APP_LOG_FORMAT='xml'",
        "BASE_DEBTOR_ID is not set",
        "BASE_DEBTOR_INFO_LOCATOR is not set",
        "MAX_COLLECTOR_ID='x'",
        "MIN_TRADE_AMOUNT='9'",
        "SOLVER_POSTGRES_URL is not set",
        "TURN_PERIOD='soon'",
    ]


def test_rules_about_two_variables_show_both() -> None:
    assert problems_with(MIN_COLLECTOR_ID="0x7", MAX_COLLECTOR_ID="6") == [
        "MAX_COLLECTOR_ID='6': must be at least MIN_COLLECTOR_ID (MIN_COLLECTOR_ID='0x7')"
    ]
    assert problems_with(APP_TURN_MAX_COMMIT_PERIOD="200d") == [
        "APP_INTEREST_RATE_HISTORY_PERIOD is not set, default 180d: must be at least APP_TURN_MAX_COMMIT_PERIOD "
        "(APP_TURN_MAX_COMMIT_PERIOD='200d')"
    ]


@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:s3cret@host/db",
        "postgresql//me:s3cret@host/db",
        "me:s3cret@host/db",
        "postgresql://me:s3cret@a@host/db",
        "mysql://me:s3cret",
        "postgresql://host/db?password=s3cret&nonsense=1",
        "postgresql://host/db?user=me&nonsense=1&password=s3cret",
        "host=h password=s3cret",
        "host=h password = 's3cret'",
        "host:s3cret",
    ],
)
def test_passwords_are_never_printed(url: str) -> None:
    (problem,) = problems_with(SOLVER_POSTGRES_URL=url)
    assert problem.startswith("SOLVER_POSTGRES_URL=")
    assert "s3cret" not in problem
    (problem,) = problems_with("webserver", OAUTH2_INTROSPECT_URL="ftp://me:s3cret@host/")
    assert problem.startswith("OAUTH2_INTROSPECT_URL='ftp://***@host/': must be an http:// or https:// URL")
    assert "s3cret" not in problem
    (problem,) = problems_with("webserver", APP_WORKER_POSTGRES_URLS="postgresql://host/db mysql://me:s3cret@host/db")
    assert problem.startswith("APP_WORKER_POSTGRES_URLS='postgresql://host/db mysql://***@host/db': ")


def test_passwords_are_not_in_representations() -> None:
    config = load_with(
        SOLVER_POSTGRES_URL="postgresql://me:s3cret@host/db",
        WORKER_POSTGRES_URL="postgresql://me:s3cret@host/db",
        PROTOCOL_BROKER_URL="amqp://me:s3cret@host",
        OAUTH2_INTROSPECT_URL="http://me:s3cret@host",
        APP_WORKER_POSTGRES_URLS="postgresql://me:s3cret@host/db",
    )
    assert "s3cret" not in f"{config!r} {config}"


@pytest.mark.parametrize(
    ("role", "variables", "expected"),
    [
        ("worker", {"MIN_COLLECTOR_ID": "4294967295"}, "MIN_COLLECTOR_ID"),
        ("worker", {"MIN_COLLECTOR_ID": "4294967296"}, None),
        ("worker", {"MIN_COLLECTOR_ID": "-9", "MAX_COLLECTOR_ID": "-1"}, None),
        ("solver", {"TURN_PERIOD": "70m"}, "TURN_PHASE1_DURATION + TURN_PHASE2_DURATION"),
        ("solver", {"TURN_PERIOD": "71m"}, "TURN_PHASE1_DURATION + 2 * TURN_PHASE2_DURATION + 6 minutes is longer"),
        ("solver", {"TURN_PERIOD": "151m"}, "TURN_PHASE1_DURATION + 2 * TURN_PHASE2_DURATION + 6 minutes is longer"),
        ("solver", {"TURN_PERIOD": "152m"}, None),
        ("worker", {"OFFERS_POURING_DURATION": "1h"}, "OFFERS_POURING_DURATION is not shorter"),
        ("solver", {"TURN_PERIOD": "0"}, None),
        (
            "worker",
            {"TURN_PHASE1_DURATION": "999999999d", "TURN_PHASE2_DURATION": "2h"},
            "TURN_PHASE1_DURATION + TURN_PHASE2_DURATION",
        ),
        ("worker", {"TRANSFERS_HEALTHY_MAX_COMMIT_DELAY": "59m"}, "TRANSFERS_HEALTHY_MAX_COMMIT_DELAY"),
        ("worker", {"TRANSFERS_HEALTHY_MAX_COMMIT_DELAY": "1h"}, None),
    ],
)
def test_doubtful_settings_give_a_warning(role: Role, variables: dict[str, str], expected: str | None) -> None:
    warnings = load_with(role, **variables).warnings()
    assert len(warnings) == (0 if expected is None else 1)
    assert all(warning.startswith(expected or "") for warning in warnings)


@covers("G23")
@pytest.mark.parametrize(
    ("wait", "cushion", "is_long"),
    [("420", "1h", False), ("420.5", "1h", True), ("300", "5m", False), ("300.5", "5m", True), ("0.5", "0", True)],
)
def test_a_worker_that_looks_too_seldom_is_a_problem(wait: str, cushion: str, is_long: bool) -> None:
    """The phases take 70 minutes together."""
    variables = {"APP_ROLL_WORKER_TURNS_WAIT": wait, "APP_TURN_PHASE_CUSHION_PERIOD": cushion}
    warnings = load_with("worker", **variables).warnings()
    assert [warning.startswith("APP_ROLL_WORKER_TURNS_WAIT") for warning in warnings] == [True] * is_long


def test_the_smallest_environments_have_nothing_to_spare() -> None:
    for role, environ in ENVIRONMENTS.items():
        for name in environ:
            with pytest.raises(ConfigError, match=name):
                load(role, {other: text for other, text in environ.items() if other != name})


@pytest.mark.parametrize("url", GOOD_BROKER_URLS)
def test_good_urls_of_brokers_are_taken(url: str) -> None:
    assert load_with("worker", PROTOCOL_BROKER_URL=url).protocol_broker_url == url


@pytest.mark.parametrize("url", BAD_BROKER_URLS)
def test_bad_urls_of_brokers_are_refused_and_no_part_of_a_password_is_shown(url: str) -> None:
    (problem,) = problems_with("worker", PROTOCOL_BROKER_URL=url)
    assert problem.startswith("PROTOCOL_BROKER_URL=")
    assert "must be such as amqp://user:password@host:5672/vhost" in problem
    shown = problem.partition(": must be")[0]
    assert not any(part in shown for part in ("p#w", "p/w", "p?w", "p@w", "p%w", "p:w", "p w", "p[w", "pw@"))


def test_files_of_certificates_are_tried_at_the_start(tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    certificate = authority.issue_cert("client")
    names = ("ca.pem", "cert.pem", "key.pem", "both.pem", "other.pem", "garbage.pem")
    ca, cert, key, both, other, garbage = (str(tmp_path / name) for name in names)
    authority.cert_pem.write_to_path(ca)
    certificate.cert_chain_pems[0].write_to_path(cert)
    certificate.private_key_pem.write_to_path(key)
    certificate.private_key_and_cert_chain_pem.write_to_path(both)
    stranger.issue_cert("x").private_key_pem.write_to_path(other)
    Path(garbage).write_text("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    url = "amqps://g:p@h"

    def wrong(**variables: str) -> list[str]:
        return [line.partition("=")[0] for line in problems_with("worker", PROTOCOL_BROKER_URL=url, **variables)]

    files = {"APP_BROKER_CA_FILE": ca, "APP_BROKER_CERT_FILE": cert, "APP_BROKER_KEY_FILE": key}
    config = load_with("worker", PROTOCOL_BROKER_URL=url, **files)
    assert (config.broker_files.authorities, config.broker_files.key) == (ca, key)
    load_with("worker", PROTOCOL_BROKER_URL=url, APP_BROKER_CERT_FILE=both)
    assert wrong(APP_BROKER_CA_FILE=garbage) == ["APP_BROKER_CA_FILE"]
    assert wrong(APP_BROKER_CA_FILE=str(tmp_path)) == ["APP_BROKER_CA_FILE"]
    assert wrong(APP_BROKER_CERT_FILE=cert) == ["APP_BROKER_CERT_FILE"]
    assert wrong(APP_BROKER_CERT_FILE=cert, APP_BROKER_KEY_FILE=other) == ["APP_BROKER_CERT_FILE"]


def test_files_of_certificates_without_tls_are_worth_a_warning(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    config = load_with("worker", APP_BROKER_CA_FILE=str(tmp_path / "ca.pem"))
    assert [line for line in config.warnings() if "APP_BROKER_CA_FILE" in line]

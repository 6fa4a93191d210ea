"""What `load` makes of an environment."""

from __future__ import annotations

import pickle
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from pydantic import ValidationError

from settings.checks import ROLES
from settings.config import (
    FIELDS,
    SECRETS,
    Config,
    ConfigError,
    Role,
    Scan,
    default_text,
    doubts,
    kind_of,
    load,
    used_by,
)
from settings.internal import BURST_COUNTS
from settings.localhost import gateway_of, substitute_localhost
from sql.scans import SCANS
from tests.covering import covers
from tests.settings.environments import ENVIRONMENTS, load_with, problems_with


@pytest.mark.parametrize("role", ROLES)
def test_defaults_are_enough_for_every_role(role: Role) -> None:
    assert load(role, ENVIRONMENTS[role]).warnings() == []


def test_the_defaults_are_as_documented() -> None:
    config = load_with()
    assert (config.min_collector_id, config.max_collector_id) == (0x10000000000, 0x100000007FF)
    assert config.turn_period == timedelta(days=1)
    assert config.turn_period_offset == timedelta(hours=2)
    assert config.transfers_healthy_max_commit_delay == timedelta(hours=2)
    assert config.flush_period == timedelta(seconds=2)
    assert config.protocol_broker_url == "amqp://guest:guest@localhost:5672"
    assert config.app_creditor_subject_regex.pattern == "^creditors:([0-9]+)$"
    assert config.app_min_demurrage_rate == -50.0
    assert config.base_debtor_id is None
    assert config.worker_pool_size == 0


def test_unknown_variables_and_other_letter_cases_are_ignored() -> None:
    assert (
        load_with(OWNER_CREDITOR_ID="x", turn_period="x", PROTOCOL_BROKER_QEUE="x", SQLALCHEMY_ECHO="x") == load_with()
    )


def test_the_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOLVER_POSTGRES_URL", "postgresql://solver@host/db")
    monkeypatch.setenv("WORKER_POSTGRES_URL", "postgresql://worker@host/db")
    monkeypatch.setenv("FLUSH_PROCESSES", "3")
    assert load("worker").flush_processes == 3


def test_a_configuration_can_not_be_changed() -> None:
    with pytest.raises(ValidationError):
        load_with().flush_processes = 2


def test_a_configuration_can_be_handed_to_another_process() -> None:
    config = load_with(FLUSH_PROCESSES="3", APP_WORKER_SENDINGS_SCAN_DAYS="2", APP_SUPERUSER_SUBJECT_REGEX="boss")
    assert pickle.loads(pickle.dumps(config)) == config


@covers("C5")
@pytest.mark.parametrize("role", ROLES)
def test_a_variable_that_a_role_uses_is_checked_at_its_start(role: Role) -> None:
    for variable in ("TURN_PERIOD", "TURN_CHECK_INTERVAL", "FLUSH_PERIOD", "WEBSERVER_PORT", "APP_ENABLE_CORS"):
        problems = problems_with(role, **{variable: "7 parsecs"})
        assert len(problems) == (variable in used_by(role))
        assert all(problem.startswith(f"{variable}='7 parsecs': must be ") for problem in problems)


@pytest.mark.parametrize("role", ROLES)
def test_a_variable_that_a_role_does_not_use_never_stops_it(role: Role) -> None:
    unused = set(FIELDS) - used_by(role)
    for nonsense in ("7 parsecs", "", "-1", "tcp://10.96.0.1:8080", "mysql://a:b@c/d", "\n", "("):
        environ = ENVIRONMENTS[role] | dict.fromkeys(unused, nonsense)
        environ |= {f"{name}_FILE": "/nowhere" for name in SECRETS if name in unused}
        load(role, environ)


def test_it_is_told_of_what_it_does_not_use_and_can_not_read() -> None:
    environ = ENVIRONMENTS["worker"] | {"TURN_PERIOD": "1H", "WEBSERVER_PORT": "tcp://10.96.0.1:8080", "API_TITLE": "x"}
    assert [line.partition(":")[0] for line in doubts("worker", environ)] == ["TURN_PERIOD='1H'"]
    assert doubts("worker", ENVIRONMENTS["worker"]) == []


@pytest.mark.parametrize(("role", "variable"), [("webserver", "WEBSERVER_PORT"), ("solver", "APP_METRICS_PORT")])
def test_a_port_that_kubernetes_has_set_is_recognized(role: Role, variable: str) -> None:
    (problem,) = problems_with(role, **{variable: "tcp://10.96.0.1:8080"})
    assert problem.startswith(f"{variable}='tcp://10.96.0.1:8080': must be a decimal integer. Kubernetes")
    assert "enableServiceLinks: false" in problem


@pytest.mark.parametrize("space", [" ", "\n", "\r\n", "\t", "\N{NO-BREAK SPACE}", " \n\n "])
def test_white_space_around_values_does_not_count(space: str) -> None:
    written = {name: text for name, field in FIELDS.items() if (text := default_text(name)) and field.repr}
    written = {name: text for name, text in written.items() if kind_of(FIELDS[name]).can_read(text)}
    # Their defaults are words, not files.
    written = {name: text for name, text in written.items() if not name.endswith("_FILE")}
    written |= ENVIRONMENTS["worker"] | {"PROTOCOL_BROKER_URL": "amqp://host"}
    assert len(written) > 100
    assert load("worker", {name: f"{space}{text}{space}" for name, text in written.items()}) == load("worker", written)


def test_elements_of_lists_may_be_on_lines_of_their_own() -> None:
    config = load_with(
        "webserver",
        APP_WORKER_POSTGRES_URLS="\n  postgresql://a/b\n  postgresql://c/d\n",
        APP_ASSOCIATED_LOGGERS="\tx \n y\n",
    )
    assert config.app_worker_postgres_urls == ("postgresql://a/b", "postgresql://c/d")
    assert config.app_associated_loggers == ("x", "y")


@pytest.mark.parametrize("variable", ["PROTOCOL_BROKER_QUEUE", "PROTOCOL_BROKER_URL", "WORKER_POSTGRES_URL"])
def test_a_value_of_several_lines_is_refused(variable: str) -> None:
    (problem,) = problems_with(**{variable: "postgresql://a/b\nc"})
    assert problem.startswith(variable)
    assert "\n" not in problem


def test_commands_that_need_little_check_little() -> None:
    environ = {"WORKER_POSTGRES_URL": "postgresql://a/b", "FLUSH_PERIOD": "x", "MIN_COLLECTOR_ID": "0"}
    assert load("worker", environ, used=("WORKER_POSTGRES_URL",)).worker_postgres_url == "postgresql://a/b"
    with pytest.raises(ConfigError, match=r"\AWORKER_POSTGRES_URL is not set: must be set\Z"):
        load("worker", {}, used=("WORKER_POSTGRES_URL",))
    with pytest.raises(ConfigError, match="APP_LOG_LEVEL"):
        load("worker", environ | {"APP_LOG_LEVEL": "x"}, used=("WORKER_POSTGRES_URL",))


@covers("C9")
def test_workers_and_configure_need_a_worker_database() -> None:
    for role in ROLES:
        environ = {name: text for name, text in ENVIRONMENTS[role].items() if name != "WORKER_POSTGRES_URL"}
        if role in ("worker", "configure"):
            with pytest.raises(ConfigError, match=r"\AWORKER_POSTGRES_URL is not set: must be set\Z"):
                load(role, environ)
        else:
            assert load(role, environ).worker_postgres_url == ""


@covers("C9")
def test_solver_and_web_server_ignore_the_worker_database() -> None:
    assert load_with("solver", WORKER_POSTGRES_URL="nonsense").worker_postgres_url == ""
    assert load_with("webserver", WORKER_POSTGRES_URL="nonsense").worker_postgres_url == ""
    (problem,) = problems_with("worker", WORKER_POSTGRES_URL="nonsense")
    assert problem.startswith("WORKER_POSTGRES_URL='nonsense': must be a URL")


@covers("C11")
@pytest.mark.parametrize("table", SCANS)
def test_scan_days_are_numbers(table: str) -> None:
    config = load_with(**{f"APP_{table.upper()}_SCAN_DAYS": "0.5"})
    assert config.scan(table) == Scan(timedelta(hours=12), 40, timedelta(milliseconds=100))


def test_settings_of_scans_and_flushers_have_families() -> None:
    config = load_with(
        APP_WORKER_SENDINGS_SCAN_BLOCKS_PER_QUERY="7",
        APP_WORKER_SENDINGS_SCAN_BEAT_MILLISECS="250",
        APP_FLUSH_PREPARE_TRANSFERS_BURST_COUNT="11",
        APP_START_SENDING_BURST_COUNT="12",
    )
    assert config.scan("worker_sendings") == Scan(timedelta(days=1), 7, timedelta(milliseconds=250))
    assert config.scan("worker_collectings").days == timedelta(days=3)
    assert {message_type: config.burst_count(message_type) for message_type in BURST_COUNTS} == {
        **dict.fromkeys(BURST_COUNTS, 10000),
        "PrepareTransfer": 11,
        "StartSending": 12,
    }
    assert (len(BURST_COUNTS), len(SCANS)) == (16, 16)
    assert "APP_FLUSH_START_SENDING_BURST_COUNT" not in FIELDS


@pytest.mark.parametrize("others", [{}, {"APP_VERIFY_SSL_CERTS": "no"}, {"APP_FETCH_PRIVATE_ADDRESSES": ""}])
def test_private_addresses_are_fetched_by_their_own_setting_only(others: dict[str, str]) -> None:
    assert load_with(**others).app_fetch_private_addresses is False
    assert load_with(**others | {"APP_FETCH_PRIVATE_ADDRESSES": "yes"}).app_fetch_private_addresses is True


def test_subjects_are_exact_user_names_unless_there_is_a_pattern() -> None:
    config = load_with(OAUTH2_SUPERUSER_USERNAME="a.b", APP_SUPERVISOR_SUBJECT_REGEX="boss")
    assert config.superuser_subject.fullmatch("a.b")
    assert not any(config.superuser_subject.fullmatch(name) for name in ("axb", "a.bc", "a.b\n", "", "xa.b"))
    assert config.supervisor_subject.fullmatch("boss")
    assert not config.supervisor_subject.fullmatch("bossy")
    assert not config.supervisor_subject.fullmatch("creditors-supervisor")
    assert load_with().supervisor_subject.fullmatch("creditors-supervisor")


def test_the_pool_size_of_the_worker_database_is_read() -> None:
    assert load_with(SQLALCHEMY_ENGINE_OPTIONS='{"pool_size": 5, "echo": true}').worker_pool_size == 5


def test_localhost_is_substituted_where_it_is_asked_for() -> None:
    environ = {
        "SUBSTITUTE_LOCALHOST_IN_VARS": "A B MISSING",
        "A": "amqp://localhost:5672",
        "B": "postgresql://localhost:pw@localhost/localhost",
        "C": "http://localhost/",
    }
    changed = substitute_localhost(environ, lambda: "172.17.0.1")
    assert changed["A"] == "amqp://172.17.0.1:5672"
    assert changed["B"] == "postgresql://172.17.0.1:pw@172.17.0.1/localhost"
    assert changed["C"] == "http://localhost/"
    assert substitute_localhost(environ, lambda: None) == environ
    assert substitute_localhost({"A": "http://localhosts"}, lambda: "1.2.3.4") == {"A": "http://localhosts"}


def test_the_default_gateway_is_read_from_the_routes() -> None:
    routes = (
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
        "eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
        "eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    )
    assert gateway_of(routes) == "172.17.0.1"
    assert gateway_of(routes[: routes.rindex("eth0")]) is None


@covers("G24")
@pytest.mark.parametrize(
    ("variables", "days"),
    [
        ({}, 210),
        ({"APP_WORKER_SENDING_SLACK_DAYS": "200"}, 230),
        ({"APP_TURN_MAX_COMMIT_PERIOD": "40d"}, 220),
        ({"APP_INTEREST_RATE_HISTORY_PERIOD": "300d"}, 300),
        ({"APP_WORKER_SENDING_SLACK_DAYS": "10", "APP_WORKER_DISPATCHING_SLACK_DAYS": "9"}, 180),
    ],
)
def test_interest_rates_are_remembered_as_long_as_attempts_live(variables: dict[str, str], days: int) -> None:
    assert load_with(**variables).interest_rate_history_period == timedelta(days=days)


def _stored(connection: psycopg.Connection[Any], config: Config) -> dict[str, Any]:
    connection.execute("select worker.set_configuration(%s)", (Jsonb(config.worker_settings()),))
    row = connection.cursor(row_factory=dict_row).execute("table worker.configuration").fetchone()
    assert row is not None
    return row


def test_worker_settings_are_the_columns_of_the_worker_database(worker_db: psycopg.Connection[Any]) -> None:
    defaults = _stored(worker_db, load_with())
    limits = {"min_collector_id", "max_collector_id"}
    assert set(load_with().worker_settings()) == defaults.keys() - {"only_row", "lane_count"} - limits
    assert (defaults["min_collector_id"], defaults["max_collector_id"]) == (
        load_with().min_collector_id,
        load_with().max_collector_id,
    )
    assert load_with(MAX_COLLECTOR_ID="0x20000000000").worker_settings()["max_collector_id"] == 2**41
    assert defaults["interest_rate_history_period"] == timedelta(days=210)

    changed = _stored(
        worker_db,
        load_with(
            PROTOCOL_BROKER_QUEUE_ROUTING_KEY="1.0.#",
            APP_LOCAL_DELIVERY="no",
            DELETE_PARENT_SHARD_RECORDS="yes",
            MIN_COLLECTOR_ID="-20",
            MAX_COLLECTOR_ID="-10",
            MAX_DISTANCE_TO_BASE="3",
            TRANSFERS_HEALTHY_MAX_COMMIT_DELAY="1.5s",
            TRANSFERS_AMOUNT_CUT="1e-10",
            APP_MIN_DEMURRAGE_RATE="-10.5",
            APP_MIN_TRANSFER_NOTE_MAX_BYTES="100",
            APP_TURN_MAX_COMMIT_PERIOD="1d",
            APP_TURN_PHASE_CUSHION_PERIOD="2m",
            OFFERS_POURING_DURATION="20m",
            APP_DEFAULT_NUMBER_OF_COLLECTOR_ACCOUNTS="2",
            APP_INTEREST_RATE_HISTORY_PERIOD="999d",
            APP_LOCATOR_CLAIM_EXPIRY_DAYS="40",
            APP_DEBTOR_INFO_EXPIRY_DAYS="1.5",
            APP_EXTREME_MESSAGE_DELAY_DAYS="2",
            APP_MAX_HEARTBEAT_DELAY_DAYS="3",
            APP_ACCOUNT_LOCK_MAX_DAYS="4",
            APP_RELEASED_ACCOUNT_LOCK_MAX_DAYS="5",
            APP_WORKER_COLLECTING_SLACK_DAYS="6",
            APP_WORKER_SENDING_SLACK_DAYS="7",
            APP_WORKER_DISPATCHING_SLACK_DAYS="8",
        ),
    )
    assert changed == {
        "only_row": True,
        "lane_count": defaults["lane_count"],
        "binding_key": "1.0.#",
        "realm_mask": -(2**30),
        "realm": -(2**31),
        "parent_realm_mask": -(2**31),
        "parent_realm": -(2**31),
        "local_delivery": False,
        "delete_parent_shard_records": True,
        "min_collector_id": -20,
        "max_collector_id": -10,
        "max_distance_to_base": 3,
        "healthy_max_commit_delay": timedelta(seconds=1.5),
        "amount_cut": 1e-10,
        "min_demurrage_rate": -10.5,
        "min_transfer_note_max_bytes": 100,
        "turn_max_commit_period": timedelta(days=1),
        "turn_phase_cushion": timedelta(minutes=2),
        "offers_pouring": timedelta(minutes=20),
        "default_collector_count": 2,
        "interest_rate_history_period": timedelta(days=999),
        "locator_claim_expiry": timedelta(days=40),
        "debtor_info_expiry": timedelta(days=1.5),
        "extreme_message_delay": timedelta(days=2),
        "max_heartbeat_delay": timedelta(days=3),
        "account_lock_max_age": timedelta(days=4),
        "released_account_lock_max_age": timedelta(days=5),
        "collecting_slack": timedelta(days=6),
        "sending_slack": timedelta(days=7),
        "dispatching_slack": timedelta(days=8),
    }


def test_the_longest_settings_are_times_that_the_database_can_add(worker_db: psycopg.Connection[Any]) -> None:
    longest = "999999999"
    config = load_with(
        APP_TURN_MAX_COMMIT_PERIOD=longest + "d",
        APP_INTEREST_RATE_HISTORY_PERIOD=longest + "d",
        APP_WORKER_DISPATCHING_SLACK_DAYS=longest,
        APP_EXTREME_MESSAGE_DELAY_DAYS=longest,
    )
    _stored(worker_db, config)
    row = worker_db.execute(
        """
        select extract(year from timestamptz '2026-01-01Z' - turn_max_commit_period - dispatching_slack
            - extreme_message_delay) < 0,
          extract(year from timestamptz '2026-01-01Z' - interest_rate_history_period) < 1100,
          extract(year from timestamptz '2026-01-01Z' + turn_max_commit_period + dispatching_slack) > 4000
        from worker.configuration
        """
    ).fetchone()
    assert row == (True, True, True)


@covers("N5.2")
@pytest.mark.parametrize(
    ("internal", "is_other"),
    [
        ("", False),
        ("amqp://guest:guest@rabbit", False),
        ("amqp://other:pw@RABBIT:5672/", False),
        ("amqp://guest:guest@rabbit:5672/%2F?heartbeat=30", False),
        ("amqps://guest:guest@rabbit", True),
        ("amqp://guest:guest@rabbit:5673", True),
        ("amqp://guest:guest@rabbit/internal", True),
        ("amqp://guest:guest@rabbit-2", True),
        ("amqp://guest:guest@rabbit-2,rabbit:5672/", False),
        ("amqp://guest:guest@rabbit-2,rabbit:5673", True),
    ],
)
def test_another_broker_has_another_host_port_or_virtual_host(internal: str, is_other: bool) -> None:
    config = load_with(PROTOCOL_BROKER_URL="amqp://guest:guest@rabbit", INTERNAL_BROKER_URL=internal)
    assert config.has_internal_broker is is_other
    assert config.internal_queue.url == internal or not internal


@covers("N5.2")
def test_the_internal_queue_is_named_after_the_other_one() -> None:
    assert load_with(PROTOCOL_BROKER_QUEUE="q").internal_queue.name == "q-internal"
    config = load_with(INTERNAL_BROKER_QUEUE="i", INTERNAL_BROKER_PREFETCH_COUNT="7", INTERNAL_BROKER_THREADS="3")
    queue = config.internal_queue
    assert (queue.name, queue.processes, queue.threads, queue.prefetch_count) == ("i", 1, 3, 7)

"""Names that are nearly those of settings are told of; others are not."""

from __future__ import annotations

import pytest

from settings.config import FIELDS, doubts
from tests.settings.environments import ENVIRONMENTS

MEANT = {
    "TRUN_PERIOD": "TURN_PERIOD",
    "TURN_PEROID": "TURN_PERIOD",
    "turn_period": "TURN_PERIOD",
    "Turn_Period": "TURN_PERIOD",
    "TURN-PERIOD": "TURN_PERIOD",
    "TURN__PERIOD": "TURN_PERIOD",
    "TURN_PERIOD_": "TURN_PERIOD",
    "PERIOD_TURN": "TURN_PERIOD",
    "APP_TURN_PERIOD": "TURN_PERIOD",
    "SWPT_TRADE_TURN_PERIOD": "TURN_PERIOD",
    "PROTOCOL_BROKER_QEUE": "PROTOCOL_BROKER_QUEUE",
    "PROTOCOL_BROKER_URI": "PROTOCOL_BROKER_URL",
    "PROTOCOL_BROKER_URL_FIEL": "PROTOCOL_BROKER_URL_FILE",
    "SOLVER_POSTGRESQL_URL": "SOLVER_POSTGRES_URL",
    "solver_postgres_url": "SOLVER_POSTGRES_URL",
    "OAUTH2_INTROSPECTION_URL": "OAUTH2_INTROSPECT_URL",
    "VERIFY_SSL_CERTS": "APP_VERIFY_SSL_CERTS",
    "SWPT_VERIFY_SSL_CERTS": "APP_VERIFY_SSL_CERTS",
    "APP_LOGLEVEL": "APP_LOG_LEVEL",
    "LOG_LEVEL": "APP_LOG_LEVEL",
    "SWPT_LOG_LEVEL": "APP_LOG_LEVEL",
    "FLUSH_PROCESS": "FLUSH_PROCESSES",
    "MIN_COLLECTORID": "MIN_COLLECTOR_ID",
    "LOAD_POLICY_URL": "LOAD_POLICIES_URL",
    "APP_WORKER_SENDING_SCAN_DAYS": "APP_WORKER_SENDINGS_SCAN_DAYS",
}

UNRELATED = """
PATH HOME HOSTNAME LANG LC_ALL TZ TERM PWD OLDPWD SHLVL SHELL USER LOGNAME _ EDITOR DISPLAY TMPDIR DEBUG ENV
PORT HOST NODE_ENV CI DATABASE_URL REDIS_URL PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE PGSERVICE PGSSLMODE
PGOPTIONS PGAPPNAME POSTGRES_USER POSTGRES_PASSWORD POSTGRES_DB POSTGRES_URL POSTGRES_HOST PYTHONPATH
PYTHONUNBUFFERED PYTHON_VERSION PYTHON_PIP_VERSION PIP_VERSION GPG_KEY APP_VERSION APP_NAME APP_ENV
APP_ROOT_DIR APP_PORT API_URL API_ROOT OAUTH2_TOKEN_URL OAUTH2_AUTHORIZATION_URL OAUTH2_REFRESH_URL
SSL_CERT_FILE SSL_CERT_DIR HTTP_PROXY https_proxy NO_PROXY KUBERNETES_SERVICE_HOST KUBERNETES_PORT
KUBERNETES_PORT_443_TCP_ADDR WEBSERVER_SERVICE_HOST WEBSERVER_SERVICE_PORT WEBSERVER_SERVICE_PORT_HTTP
WEBSERVER_PORT_8080_TCP WEBSERVER_PORT_8080_TCP_PORT APP_METRICS_SERVICE_PORT RABBITMQ_LOG_LEVEL
DJANGO_LOG_LEVEL RUST_LOG MYAPP_LOG_FORMAT RABBITMQ_DEFAULT_USER GUNICORN_WORKERS GUNICORN_LOGLEVEL FLASK_APP
FLASK_RUN_PORT SQLALCHEMY_ECHO SQLALCHEMY_TRACK_MODIFICATIONS RESOURCE_SERVER SOLVER_POSTGRES_USER
SOLVER_POSTGRES_PASSWORD WORKER_POSTGRES_HOST WORKER_POSTGRES_DB PROTOCOL_BROKER_USER PROTOCOL_BROKER_PASSWORD
INTERNAL_BROKER_USER INTERNAL_BROKER_PASSWORD PROMETHEUS_MULTIPROC_DIR
SWPT_TRADE_PARENT_PID INVOCATION_ID JOURNAL_STREAM NOTIFY_SOCKET container SSH_CONNECTION XDG_RUNTIME_DIR
LS_COLORS VIRTUAL_ENV BASH_FUNC_x%% OTEL_EXPORTER_OTLP_ENDPOINT MALLOC_ARENA_MAX
"""


@pytest.mark.parametrize(("name", "meant"), MEANT.items())
def test_a_misspelt_setting_is_told_of(name: str, meant: str) -> None:
    (line,) = doubts("worker", ENVIRONMENTS["worker"] | {name: "s3cret"})
    assert line == f"{name} is ignored, there is no such setting: is {meant} meant?"


@pytest.mark.parametrize("name", UNRELATED.split())
def test_a_variable_of_somebody_else_is_not(name: str) -> None:
    assert doubts("worker", ENVIRONMENTS["worker"] | {name: "8080"}) == []


def test_settings_themselves_are_not() -> None:
    for name in FIELDS:
        assert doubts("worker", ENVIRONMENTS["worker"] | {name: ENVIRONMENTS["worker"].get(name, "")}) == []


def test_what_kubernetes_sets_for_a_service_is_not() -> None:
    assert doubts("worker", {"SWPT_TRADE_WEBSERVER_PORT": "tcp://10.96.0.1:80"}) == []


def test_a_variable_that_another_one_is_made_of_is_not() -> None:
    assert doubts("solver", {"SWPT_TRADE_TURN_PERIOD": "1d", "TURN_PERIOD": "1d"}) == []
    assert len(doubts("solver", {"SWPT_TRADE_TURN_PERIOD": "1d", "TURN_PERIOD": "2d"})) == 1


def test_what_is_no_secret_is_not_read_from_a_file() -> None:
    (line,) = doubts("solver", {"TURN_PERIOD_FILE": "/run/x"})
    assert line == "TURN_PERIOD_FILE is ignored: only secrets are read from files, TURN_PERIOD is not one"


@pytest.mark.parametrize("text", ['"swpt_trade"', "'swpt_trade'"])
def test_quotation_marks_that_became_part_of_a_value_are_told_of(text: str) -> None:
    """They do in files for `docker run --env-file`."""
    (line,) = doubts("worker", ENVIRONMENTS["worker"] | {"PROTOCOL_BROKER_QUEUE": text})
    assert line.startswith("PROTOCOL_BROKER_QUEUE is in quotation marks")

"""Writes `development.env` from the settings: `python -m settings.development_env FILE`.

All variables, with their defaults or with values that make things quick on one machine. docker-compose.yml uses it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from settings.config import FIELDS, default_text
from settings.internal import INTERNAL_GROUPS, burst_count_fields, scan_fields
from settings.public import PUBLIC_GROUPS

DEVELOPMENT = {
    "SOLVER_POSTGRES_URL": "postgresql+psycopg://service:service@solver-db:5432/solver",
    "WORKER_POSTGRES_URL": "postgresql+psycopg://service:service@worker-0-db:5432/worker",
    "PROTOCOL_BROKER_URL": "amqp://guest:guest@rabbitmq:5672",
    "PROTOCOL_BROKER_PREFETCH_COUNT": "1000",
    "SETUP_RABBITMQ_BINDINGS": "yes",
    "TURN_PERIOD": "10m",
    "TURN_PERIOD_OFFSET": "0",
    "TURN_PHASE1_DURATION": "1m",
    "TURN_PHASE2_DURATION": "1m",
    "TURN_CHECK_INTERVAL": "5s",
    "BASE_DEBTOR_INFO_LOCATOR": "https://sandbox:8443/4294967297",
    "BASE_DEBTOR_ID": "4294967297",
    "TRANSFERS_HEALTHY_MAX_COMMIT_DELAY": "10m",
    "HANDLE_PRISTINE_COLLECTORS_PERIOD": "5",
    "OAUTH2_INTROSPECT_URL": "http://sandbox:8444/introspect",
    "OPENAPI_SWAGGER_UI_URL": "/trade/.docs/swagger-ui-files/",
    "APP_WORKER_POSTGRES_URLS": "postgresql://operator:operator@worker-0-db:5432/worker"
    " postgresql://operator:operator@worker-1-db:5432/worker",
    "APP_LOG_LEVEL": "info",
    "APP_VERIFY_SSL_CERTS": "false",
    "APP_FETCH_PRIVATE_ADDRESSES": "true",
    "APP_ROLL_WORKER_TURNS_WAIT": "5",
    "APP_METRICS_PORT": "9100",
    "APP_METRICS_HOST": "0.0.0.0",
    "APP_METRICS_DIR": "/tmp/swpt-trade",
}
"""What differs from the defaults, or has none."""

_HEAD = """\
# For development with docker-compose.yml. Every variable is explained in docs/configuration.md.
# Written by `python -m settings.development_env development.env`; a test fails when it is out of date.
"""

_HARMLESS = re.compile(r"[\w@%+=:,./-]*")


def development_env() -> str:
    """The whole file."""
    parts = [(group.title, tuple(group.model_fields)) for group in (*PUBLIC_GROUPS, *INTERNAL_GROUPS)]
    parts += [("Internal: messages in one batch", tuple(burst_count_fields()))]
    parts += [("Internal: scans", tuple(scan_fields()))]
    return _HEAD + "".join(f"\n# {title}\n{_lines(fields)}" for title, fields in parts)


def _lines(fields: tuple[str, ...]) -> str:
    return "".join(f"{name}={_quoted(_value(name))}\n" for name in map(str.upper, fields))


def _value(name: str) -> str:
    if name in DEVELOPMENT:
        return DEVELOPMENT[name]
    extra = FIELDS[name].json_schema_extra
    assert isinstance(extra, dict)
    # A text stands for a default that can not be written down.
    return "" if extra["default_text"] else default_text(name)


def _quoted(value: str) -> str:
    """Between single quotes nothing has a special meaning, neither for compose nor for a shell."""
    return value if _HARMLESS.fullmatch(value) else f"'{value}'"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(development_env(), encoding="utf-8")

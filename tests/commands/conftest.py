from __future__ import annotations

import os
import secrets
from collections.abc import Callable

import pytest

from sql import Kind
from tests.commands.service import Environment


@pytest.fixture(autouse=True)
def _no_settings_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of whoever runs the tests do not count."""
    for name in [*os.environ]:
        if name.startswith(("APP_", "PROTOCOL_", "FLUSH_", "TURN_", "SOLVER_", "WORKER_", "BASE_", "HTTP_FETCH_")):
            monkeypatch.delenv(name)


@pytest.fixture
def environment(new_database: Callable[[Kind], str]) -> Environment:
    """The smallest one for solver and worker, with fresh databases and no broker."""
    return {
        "SOLVER_POSTGRES_URL": new_database("solver"),
        "WORKER_POSTGRES_URL": new_database("worker"),
        "BASE_DEBTOR_INFO_LOCATOR": "https://example.com/1",
        "BASE_DEBTOR_ID": "1",
        # Where nobody listens.
        "PROTOCOL_BROKER_URL": "amqp://guest:secret@127.0.0.1:1",
        "APP_LOG_LEVEL": "info",
    }


@pytest.fixture
def rabbitmq_environment(environment: Environment, rabbitmq_url: str) -> Environment:
    """The same, with a broker."""
    return environment | {
        "PROTOCOL_BROKER_URL": rabbitmq_url,
        "PROTOCOL_BROKER_QUEUE": f"commands-{secrets.token_hex(4)}",
    }

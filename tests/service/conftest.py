from __future__ import annotations

import os
import secrets
from collections.abc import Callable

import pytest

from sandbox.servers.installation import Environment
from service import binding
from sql import Kind
from tests.databases import connection_to


@pytest.fixture(autouse=True)
def _no_settings_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of whoever runs the tests do not count."""
    for name in [*os.environ]:
        if name.startswith(("APP_", "PROTOCOL_", "FLUSH_", "TURN_", "SOLVER_", "WORKER_", "BASE_", "HTTP_FETCH_")):
            monkeypatch.delenv(name)


@pytest.fixture
def environment(new_database: Callable[[Kind], str]) -> Environment:
    """The smallest one for solver and worker, with fresh databases and no broker."""
    solver_url, worker_url = new_database("solver"), new_database("worker")
    with connection_to(solver_url) as solver, connection_to(worker_url) as worker:
        binding.bind(worker, binding.make_installation(solver), "#")
    return {
        "SOLVER_POSTGRES_URL": solver_url,
        "WORKER_POSTGRES_URL": worker_url,
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

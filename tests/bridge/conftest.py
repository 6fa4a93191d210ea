from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.bridge.broker import private_broker, server_script
from tests.conftest import skip_or_fail

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def rabbitmq_url() -> Iterator[str]:
    """A RabbitMQ server of this run."""
    script = server_script()
    if script is None:
        skip_or_fail("no RabbitMQ server program")
        return
    with private_broker(script) as url:
        yield url


@pytest.fixture
def name_prefix() -> str:
    """Goes before the names of a test's exchanges and queues."""
    return f"t{next(_numbers)}."

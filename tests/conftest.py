"""One PostgreSQL server a run, an empty database for each test."""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from sandbox.servers.broker import private_broker, rabbitmqctl, server_script
from sandbox.servers.postgres import PrivateServer, server_programs
from service.logs import APPLICATION_LOGGERS
from service.watching.directory import LIBRARY_VARIABLE
from sql import KINDS, Kind
from tests import pooler
from tests.databases import SERVER_SETTINGS, DatabasePool, make_hostile
from tests.pooler import Pooler

pytest_plugins = ["tests.examples", "tests.leftovers", "tests.slow"]

Connection = psycopg.Connection[tuple[Any, ...]]


def skip_or_fail(reason: str) -> None:
    """A missing program skips a test visibly; in CI it is a failure."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def pytest_collection_finish() -> None:
    """What has been loaded stays until the end: nobody has to look again and again whether it is garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _process_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Commands that run within the test's process set up logging and metrics; what they change is put back.

    The library of the metrics finds their folder in the environment, where the test's children would find it, too.
    """
    # Set first, so that it is put back even where a test sets or deletes it without telling.
    monkeypatch.setenv(LIBRARY_VARIABLE, "")
    monkeypatch.delenv(LIBRARY_VARIABLE)
    root = logging.getLogger()
    loggers = [root, *map(logging.getLogger, (*APPLICATION_LOGGERS, "pika", "httpx"))]
    handlers, levels = root.handlers[:], [logger.level for logger in loggers]
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PrivateServer]:
    """The server of the run, of the oldest version at hand; the newest one is tested apart."""
    programs = server_programs()
    with PrivateServer(programs[min(v for v in programs if v >= 15)], **SERVER_SETTINGS) as server:
        make_hostile(server)
        yield server


@pytest.fixture(scope="session")
def rabbitmq_url() -> Iterator[str]:
    """A RabbitMQ server of this run."""
    script = server_script()
    if script is None:
        skip_or_fail("no RabbitMQ server program")
        return
    with private_broker(script) as url:
        yield url


@pytest.fixture(scope="session")
def internal_url(rabbitmq_url: str) -> str:
    """A virtual host of its own on that server, which counts as another broker."""
    rabbitmqctl(rabbitmq_url, "add_vhost", "internal")
    rabbitmqctl(rabbitmq_url, "set_permissions", "-p", "internal", "guest", ".*", ".*", ".*")
    return f"{rabbitmq_url}/internal"


@pytest.fixture
def start_pooler(postgres: PrivateServer) -> Iterator[Callable[..., Pooler]]:
    """Call it with a mode, and settings if you like, to get a PgBouncer in front of the server of the run."""
    if pooler.PROGRAM is None:
        skip_or_fail("no pgbouncer")
    with ExitStack() as closing:
        yield lambda mode, **settings: closing.enter_context(pooler.private_pooler(postgres, mode, **settings))


@pytest.fixture(scope="session")
def pools(postgres: PrivateServer) -> Iterator[dict[Kind, DatabasePool]]:
    """Databases to use again and again."""
    made = {kind: DatabasePool(postgres, kind) for kind in KINDS}
    yield made
    for pool in made.values():
        pool.close()


@pytest.fixture
def new_database(postgres: PrivateServer, pools: dict[Kind, DatabasePool]) -> Iterator[Callable[[Kind], str]]:
    """Call it with a kind to get the URL of a fresh database of that kind."""
    taken: list[tuple[Kind, str]] = []

    def make(kind: Kind) -> str:
        taken.append((kind, pools[kind].take()))
        return postgres.database_url(taken[-1][1])

    yield make
    for kind, name in taken:
        pools[kind].give_back(name)


@pytest.fixture
def worker_db(pools: dict[Kind, DatabasePool]) -> Iterator[Connection]:
    """A connection (autocommit) to a fresh worker database. `set swpt.now = '…'` stops its clock."""
    with pools["worker"].connection() as connection:
        yield connection


@pytest.fixture
def solver_db(pools: dict[Kind, DatabasePool]) -> Iterator[Connection]:
    """A connection (autocommit) to a fresh solver database."""
    with pools["solver"].connection() as connection:
        yield connection

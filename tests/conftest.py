"""One PostgreSQL server a run, one template database a kind, one clone a test."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from admin.configure import configure, install_test_clock
from sandbox.postgres import PrivateServer, server_programs
from sql import KINDS, Kind
from tests.bridge.broker import private_broker, server_script

Connection = psycopg.Connection[tuple[Any, ...]]

_numbers = itertools.count(1)


def skip_or_fail(reason: str) -> None:
    """A missing program skips a test visibly; in CI it is a failure."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PrivateServer]:
    """The server of the run, of the oldest version at hand; the newest one is tested apart."""
    programs = server_programs()
    with PrivateServer(programs[min(v for v in programs if v >= 15)]) as server:
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
def templates(postgres: PrivateServer) -> dict[Kind, str]:
    """Configured databases to clone, with the test clock."""
    names: dict[Kind, str] = {}
    with postgres.admin() as admin:
        for kind in KINDS:
            names[kind] = f"template_{kind}"
            admin.execute(f"create database {names[kind]}".encode())
            with postgres.admin(names[kind]) as connection:
                configure(connection, kind)
                install_test_clock(connection, kind)
    return names


@pytest.fixture
def new_database(postgres: PrivateServer, templates: dict[Kind, str]) -> Iterator[Callable[[Kind], str]]:
    """Call it with a kind to get the URL of a fresh database of that kind."""
    made: list[str] = []

    def make(kind: Kind) -> str:
        name = f"test_{next(_numbers)}"
        with postgres.admin() as admin:
            admin.execute(f"create database {name} template {templates[kind]} strategy wal_log".encode())
        made.append(name)
        return postgres.database_url(name)

    yield make
    with postgres.admin() as admin:
        for name in made:
            admin.execute(f"drop database {name} with (force)".encode())


@pytest.fixture
def worker_db(new_database: Callable[[Kind], str]) -> Iterator[Connection]:
    """A connection (autocommit) to a fresh worker database. `set swpt.now = '…'` stops its clock."""
    with psycopg.connect(new_database("worker"), autocommit=True) as connection:
        yield connection


@pytest.fixture
def solver_db(new_database: Callable[[Kind], str]) -> Iterator[Connection]:
    """A connection (autocommit) to a fresh solver database."""
    with psycopg.connect(new_database("solver"), autocommit=True) as connection:
        yield connection

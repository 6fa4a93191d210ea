"""A worker database whose clock stands still."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sql import Kind
from tests.conftest import Connection
from tests.databases import DatabasePool, connection_to
from tests.sql.scans.rows import NOW

_STOP_CLOCK = "select set_config('swpt.now', %s, false)"


@pytest.fixture(scope="module")
def module_db(pools: dict[Kind, DatabasePool]) -> Iterator[Connection]:
    """One database for all tests of a module that need only one connection."""
    with pools["worker"].connection() as connection:
        connection.execute(_STOP_CLOCK, (NOW.isoformat(),))
        yield connection


@pytest.fixture
def db(module_db: Connection) -> Iterator[Connection]:
    """A connection to an empty database. What a test does is rolled back."""
    with module_db.transaction(force_rollback=True):
        yield module_db


@pytest.fixture
def open_db(worker_db: Connection) -> Connection:
    """A connection to an empty database; what a test does is there for other connections, too."""
    worker_db.execute(_STOP_CLOCK, (NOW.isoformat(),))
    return worker_db


@pytest.fixture
def other(open_db: Connection) -> Iterator[Connection]:
    """Another connection to the same database."""
    with connection_to(open_db.info.dsn) as connection:
        yield connection

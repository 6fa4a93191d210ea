from __future__ import annotations

from collections.abc import Iterator

import pytest

from sql import Kind
from tests.conftest import Connection
from tests.databases import DatabasePool


@pytest.fixture(scope="module")
def module_solver(pools: dict[Kind, DatabasePool]) -> Iterator[Connection]:
    """A solver database for all examples of the module's property tests."""
    with pools["solver"].connection() as connection:
        yield connection


@pytest.fixture(scope="module")
def module_worker(pools: dict[Kind, DatabasePool]) -> Iterator[Connection]:
    """The same for a worker database."""
    with pools["worker"].connection() as connection:
        yield connection

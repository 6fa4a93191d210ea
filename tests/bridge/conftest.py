from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.bridge.coins import document
from tests.bridge.documents import DocumentServer, Page, document_server

_numbers = itertools.count(1)


@pytest.fixture
def name_prefix() -> str:
    """Goes before the names of a test's exchanges and queues."""
    return f"t{next(_numbers)}."


@pytest.fixture(scope="module")
def running_server() -> Iterator[DocumentServer]:
    with document_server() as server:
        yield server


@pytest.fixture
def server(running_server: DocumentServer) -> DocumentServer:
    """A web server with one good document."""
    running_server.pages = {"/good": Page(document())}
    running_server.requests, running_server.cookies, running_server.hosts = [], [], []
    return running_server

"""The process that fetches documents, with strangers at the other end."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from sandbox.protocol.coin_info import CoinInfo
from sandbox.servers.documents import DocumentServer
from sandbox.servers.installation import Environment, eventually, server
from tests.conftest import Connection
from tests.databases import connection_to

DEBTOR = 4294967297
CROWD = 120


def order(worker: Connection, *iris: str) -> None:
    worker.execute(
        "insert into worker.debtor_info_fetch (iri, debtor_id, is_locator_fetch, scheduled_at, next_attempt_at)"
        " select iri, %s, true, worker.now(), worker.now() from unnest(%s::text[]) as iri",
        (DEBTOR, list(iris)),
    )


@pytest.mark.slow
def test_documents_are_stored_while_a_silent_host_has_hours(environment: Environment, tmp_path: Path) -> None:
    settings = {
        "APP_FETCH_PRIVATE_ADDRESSES": "true",
        "APP_VERIFY_SSL_CERTS": "false",
        "HTTP_FETCH_TIMEOUT": "3600",
        "HTTP_FETCH_PERIOD": "0.1",
    }
    with (
        DocumentServer() as documents,
        socket.create_server(("127.0.0.1", 0), backlog=1000) as silent,
        connection_to(environment["WORKER_POSTGRES_URL"]) as worker,
    ):
        documents.put(CoinInfo(DEBTOR, "Anna", "hour"))
        port = silent.getsockname()[1]
        locator = documents.locator(DEBTOR)
        is_left = "select count(*) from worker.debtor_info_fetch where iri = %s"
        order(worker, *(f"https://127.0.0.1:{port}/{number}" for number in range(CROWD)), locator)
        with server(environment | settings, tmp_path, "fetch_debtor_infos") as process:
            for _ in range(2):
                eventually(lambda: worker.execute(is_left, (locator,)).fetchone() == (0,), "it is stored")
                # What gets due later does not wait for the silent ones either.
                order(worker, locator)
            process.send(signal.SIGTERM)
            assert process.wait() == 0
        is_silent = "select count(*) from worker.debtor_info_fetch where iri <> %s and attempts_count = 0"
        assert worker.execute(is_silent, (locator,)).fetchone() == (CROWD,)

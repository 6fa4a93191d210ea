"""One host never delays others, whatever it does not do.

Nothing here measures time: the silent have an hour, so a test in which somebody waits for them does not end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from typing import Any

import pytest

from bridge.fetching.circuits import FAILURES
from bridge.fetching.requests import Requests
from bridge.http_fetch import HttpFetch, Outcome
from tests.bridge.coins import document
from tests.bridge.documents import FAR, DocumentServer, Lookups, Page, outcomes, requests_to, silent_host
from tests.conftest import Connection
from tests.sql.messages import apply, message

CROWD = 120


def schedule(connection: Connection, *urls: str) -> None:
    wish = {"is_locator_fetch": True, "is_discovery_fetch": False, "debtor_id": -123}
    apply(connection, *(message("FetchDebtorInfo", iri=url, **wish) for url in urls))


def fetches_left(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "select iri, attempts_count, next_attempt_at > worker.now() from worker.debtor_info_fetch order by iri"
    ).fetchall()


def store_until(fetcher: HttpFetch, requests: Requests, is_done: Callable[[], bool]) -> None:
    while not is_done():
        fetcher.step()
        requests.wait(0.1)


@pytest.fixture
def silent(server: DocumentServer) -> Iterator[str]:
    with silent_host() as port:
        yield f"https://localhost:{port}"


@pytest.mark.parametrize("connections", [100, 2])
def test_an_honest_document_is_stored_while_many_of_a_silent_host_hang(
    server: DocumentServer, silent: str, worker_db: Connection, connections: int
) -> None:
    crowd = [f"{silent}/{number:03}" for number in range(CROWD)]
    schedule(worker_db, *crowd)
    schedule(worker_db, server.url + "/good")
    with closing(requests_to(server, connections=connections, timeout=FAR)) as requests:
        fetcher = HttpFetch(worker_db, requests, timeout=FAR)
        store_until(fetcher, requests, lambda: len(fetches_left(worker_db)) == CROWD)
        assert fetches_left(worker_db) == [(url, 0, True) for url in sorted(crowd)]


def test_an_honest_document_that_gets_due_later_is_stored_while_others_hang(
    server: DocumentServer, silent: str, worker_db: Connection
) -> None:
    schedule(worker_db, silent + "/1")
    with closing(requests_to(server, timeout=FAR)) as requests:
        fetcher = HttpFetch(worker_db, requests, timeout=FAR, period=0.0)
        fetcher.step()
        schedule(worker_db, server.url + "/good")
        store_until(fetcher, requests, lambda: len(fetches_left(worker_db)) == 1)


def test_silent_nameservers_hold_up_no_document(server: DocumentServer, worker_db: Connection) -> None:
    async def look_up(host: str) -> list[str]:
        if "silent" in host:
            await asyncio.Event().wait()
        return ["127.0.0.1"]

    crowd = [f"https://{number:03}.silent{number % 3}.example/" for number in range(CROWD)]
    schedule(worker_db, *crowd)
    schedule(worker_db, server.url + "/good")
    with closing(requests_to(server, connections=10, timeout=FAR, look_up=look_up)) as requests:
        fetcher = HttpFetch(worker_db, requests, timeout=FAR)
        store_until(fetcher, requests, lambda: len(fetches_left(worker_db)) == CROWD)
        assert fetches_left(worker_db) == [(url, 0, True) for url in sorted(crowd)]


def test_many_names_of_one_silent_address_hold_up_no_other_address(server: DocumentServer) -> None:
    async def look_up(host: str) -> list[str]:
        return ["127.0.0.2" if "silent" in host else "127.0.0.1"]

    with silent_host("127.0.0.2") as port, closing(requests_to(server, timeout=FAR, look_up=look_up)) as requests:
        requests.submit((number, f"https://silent{number}.example:{port}/") for number in range(CROWD))
        requests.submit([("honest", server.url + "/good")])
        requests.wait(FAR)
        assert [key for key, _ in requests.results()] == ["honest"]


def test_a_host_that_does_not_answer_is_left_alone(server: DocumentServer) -> None:
    """What waits behind the first failures is tried later, and occupies no connection."""
    names = Lookups(["127.0.0.1"])
    with silent_host() as port, closing(requests_to(server, connections=10, timeout=0.2, look_up=names)) as requests:
        urls = [f"https://silent.example:{port}/{number}" for number in range(CROWD)]
        assert outcomes(requests, *urls) == [Outcome("retry")] * CROWD
        # The name is forgotten after each failure.
        assert len(names.asked) == FAILURES


def test_a_crowd_before_one_host_gives_way(server: DocumentServer, worker_db: Connection) -> None:
    """More documents of one host than can be had soon: they wait in the database, which is not counted."""
    for number in range(4):
        server.pages[f"/{number}"] = Page(document(), delay=0.3)
    schedule(worker_db, *(f"{server.url}/{number}" for number in range(4)))
    with closing(requests_to(server, connections=1, timeout=FAR, patience=0.1)) as requests:
        assert HttpFetch(worker_db, requests, timeout=FAR).run_once() == 4
    left = fetches_left(worker_db)
    assert 1 <= len(left) <= 3
    assert {row[1:] for row in left} == {(0, True)}


def test_what_is_under_way_is_given_back_at_the_end(server: DocumentServer, silent: str, worker_db: Connection) -> None:
    schedule(worker_db, *(f"{silent}/{number}" for number in range(3)))
    with closing(HttpFetch(worker_db, requests_to(server, timeout=FAR), timeout=FAR)) as fetcher:
        assert fetcher.step() == 0
        assert {row[1:] for row in fetches_left(worker_db)} == {(0, True)}
    assert {row[1:] for row in fetches_left(worker_db)} == {(0, False)}


def test_a_round_ends_at_once_when_it_is_told_to(server: DocumentServer, silent: str, worker_db: Connection) -> None:
    schedule(worker_db, silent + "/1")
    looks = []

    def give_up() -> bool:
        looks.append(datetime.now())
        return len(looks) > 1

    with closing(HttpFetch(worker_db, requests_to(server, timeout=FAR), timeout=FAR, give_up=give_up)) as fetcher:
        assert fetcher.run_once() == 0


def test_nothing_waits_for_requests_that_hang(server: DocumentServer, silent: str) -> None:
    requests = requests_to(server, timeout=FAR)
    requests.submit([(1, silent + "/1")])
    requests.close()
    with pytest.raises(RuntimeError, match="has ended"):
        requests.results()

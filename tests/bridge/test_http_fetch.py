from __future__ import annotations

import asyncio
import gzip
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from bridge import addresses
from bridge.addresses import is_public
from bridge.coin_info import CONTENT_TYPE, MAX_BODY_BYTES
from bridge.http_fetch import HttpFetch, Outcome
from bridge.loopback import LoopbackBroker
from bridge.outbound import Outbound
from bridge.wire.sharding import Realm
from bridge.wire.topology import worker_topology
from tests.bridge.coins import DOCUMENT, document
from tests.bridge.documents import DocumentServer, Page, document_server
from tests.conftest import Connection
from tests.covering import covers
from tests.sql.messages import apply, message
from tests.sql.outgoing import publish_everything, sent

FAR = 3600.0


@pytest.fixture(scope="module")
def running_server() -> Iterator[DocumentServer]:
    with document_server() as server:
        yield server


@pytest.fixture
def server(running_server: DocumentServer) -> DocumentServer:
    running_server.pages = {"/good": Page(document())}
    running_server.requests, running_server.cookies = [], []
    return running_server


def fetch(server: DocumentServer, *urls: str, connection: Any = None, **options: Any) -> list[Outcome]:
    options = {"verify": server.trust, "allow_private": True, "timeout": 30.0, **options}
    return HttpFetch(connection, **options).fetch(urls)


def test_a_document_is_fetched_with_its_content_type(server: DocumentServer) -> None:
    (outcome,) = fetch(server, server.url + "/good")
    assert outcome.outcome == "document"
    assert outcome.document is not None
    assert outcome.document.debtor_id == -123
    assert server.requests == [("/good", CONTENT_TYPE)]


@covers("V9.13")
@pytest.mark.parametrize(
    ("page", "errorcode"),
    [
        (Page(document(), status=404), 404),
        (Page(document(), status=500), 500),
        (Page(document(), status=203), 203),
        (Page(document(), content_type="text/html"), None),
        (Page(document(), content_type=""), None),
        (Page(b"{}"), None),
        (Page(document("summary", "x" * MAX_BODY_BYTES)), None),
        (Page(gzip.compress(document()), headers={"Content-Encoding": "gzip"}), None),
    ],
)
def test_what_may_get_better_is_tried_again(server: DocumentServer, page: Page, errorcode: int | None) -> None:
    server.pages["/bad"] = page
    assert fetch(server, server.url + "/bad", server.url + "/good")[0] == Outcome("retry", errorcode)


@pytest.mark.parametrize(
    "content_type",
    [CONTENT_TYPE, CONTENT_TYPE.upper(), CONTENT_TYPE + "; charset=utf-8", CONTENT_TYPE + " ;charset=latin1"],
)
def test_parameters_of_the_content_type_do_not_matter(server: DocumentServer, content_type: str) -> None:
    server.pages["/good"].content_type = content_type
    assert fetch(server, server.url + "/good")[0].outcome == "document"


@covers("V9.13")
@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/good",
        "HTTPS://localhost/good",
        "https://!q:2222hub.io/",
        "https://",
        "https:///good",
        "https://[::1/good",
        "https://localhost:99999/good",
        "ftp://localhost/good",
        "swpt:1",
        "",
    ],
)
def test_addresses_that_never_work_are_dropped(server: DocumentServer, url: str) -> None:
    first, second = fetch(server, url, server.url + "/good")
    assert (first, second.outcome) == (Outcome("drop"), "document")


def test_network_errors_are_retried(server: DocumentServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    urls = [f"https://localhost:{port}/", "https://host.invalid/", server.url + "/good"]
    assert [outcome.outcome for outcome in fetch(server, *urls)] == ["retry", "retry", "document"]


def test_certificates_are_verified_unless_told_otherwise(server: DocumentServer) -> None:
    assert fetch(server, server.url + "/good", verify=True) == [Outcome("retry")]
    assert fetch(server, server.url + "/good", verify=False)[0].outcome == "document"


def redirect(server: DocumentServer, path: str, location: str) -> str:
    server.pages[path] = Page(status=302, headers={"Location": location})
    return server.url + path


def test_two_redirects_are_followed(server: DocumentServer) -> None:
    redirect(server, "/1", "/good")
    redirect(server, "/2", server.url + "/1")
    redirect(server, "/3", "/2")
    outcomes = fetch(server, *(server.url + path for path in ("/1", "/2", "/3")))
    assert [outcome.outcome for outcome in outcomes] == ["document", "document", "retry"]
    assert outcomes[2].errorcode == 302


@covers("M22")
@pytest.mark.parametrize("location", ["http://localhost/good", "ftp://x/", "https://[::1", "data:,x", "//"])
def test_no_hop_goes_to_another_scheme(server: DocumentServer, location: str) -> None:
    (outcome,) = fetch(server, redirect(server, "/away", location))
    assert outcome.outcome == "retry"
    assert {path for path, _ in server.requests} == {"/away"}


@covers("M24")
@pytest.mark.slow
def test_the_time_of_a_fetch_begins_when_it_does(server: DocumentServer) -> None:
    for number in range(4):
        server.pages[f"/{number}"] = Page(document(), delay=0.5)
    outcomes = fetch(server, *(f"{server.url}/{number}" for number in range(4)), connections=1, timeout=1.5)
    assert [outcome.outcome for outcome in outcomes] == ["document"] * 4


@pytest.mark.slow
def test_a_slow_server_holds_up_no_other(server: DocumentServer) -> None:
    server.pages["/slow"] = Page(document(), delay=FAR)
    outcomes = fetch(server, server.url + "/slow", server.url + "/good", timeout=1.0)
    assert [outcome.outcome for outcome in outcomes] == ["retry", "document"]


@covers("G18")
@pytest.mark.parametrize(
    "address",
    ["93.184.216.34", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"],
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@covers("G18")
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0",
        "fc00::1", "fec0::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
        "2002:7f00:1::1", "64:ff9b::a9fe:a9fe", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b:1::7f00:1", "5f00::1",
        "192.88.99.1", "3fff::1", "2002:c058:6301::1", "100.127.255.255", "239.255.255.255", "0.1.2.3",
    ],
)  # fmt: skip
def test_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@covers("G18")
@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "[::1]", "2130706433", "127.1", "0x7f.1", "0177.0.0.1", "[::ffff:127.0.0.1]"],
)
def test_private_hosts_get_no_request(server: DocumentServer, host: str) -> None:
    assert fetch(server, f"https://{host}:{server.port}/good", allow_private=False) == [Outcome("drop")]
    assert server.requests == []


@covers("G18")
def test_the_address_of_every_hop_is_checked(server: DocumentServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "is_public", lambda address: address == "127.0.0.1")
    server.pages["/good"].headers = {}
    near = f"https://127.0.0.1:{server.port}"
    redirect(server, "/near", near + "/good")
    redirect(server, "/away", f"https://127.0.0.2:{server.port}/good")
    outcomes = fetch(server, near + "/near", near + "/away", allow_private=False)
    assert [outcome.outcome for outcome in outcomes] == ["document", "drop"]


def resolve(monkeypatch: pytest.MonkeyPatch, answers: list[list[str]]) -> None:
    """Lets the resolver give these answers, one after the other."""

    async def getaddrinfo(_loop: object, _host: object, port: int, **_options: object) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answers.pop(0)]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)


@covers("G18")
def test_the_checked_address_is_the_one_connected_to(server: DocumentServer, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve(monkeypatch, [["127.0.0.1"], ["10.255.255.1"]])
    (outcome,) = fetch(server, f"https://documents.example:{server.port}/good", timeout=5.0)
    assert outcome.outcome == "document"


@covers("G18")
def test_one_special_address_is_enough(server: DocumentServer, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve(monkeypatch, [["93.184.216.34", "127.0.0.1"]])
    url = f"https://documents.example:{server.port}/good"
    assert fetch(server, url, allow_private=False) == [Outcome("drop")]


def count_lookups(monkeypatch: pytest.MonkeyPatch, address: str) -> list[str]:
    """Sends every host to this address; the list grows with each question to the resolver."""
    asked: list[str] = []

    async def getaddrinfo(_loop: object, host: str, port: int, **_options: object) -> list[tuple[Any, ...]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return asked


def test_names_are_looked_up_once_an_hour(server: DocumentServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = count_lookups(monkeypatch, "127.0.0.1")
    clock = [1000.0]
    monkeypatch.setattr(addresses, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    fetcher = HttpFetch(None, verify=server.trust, allow_private=True, timeout=30.0)
    url = f"https://documents.example:{server.port}/good"
    for seconds, lookups in ((0.0, 1), (addresses.NAME_SECONDS - 1, 1), (1.0, 2)):
        clock[0] += seconds
        assert fetcher.fetch([url])[0].outcome == "document"
        assert len(asked) == lookups


def test_a_server_that_may_have_moved_is_looked_up_again(
    server: DocumentServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = count_lookups(monkeypatch, "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    fetcher = HttpFetch(None, verify=server.trust, allow_private=True, timeout=30.0)
    for lookups in (1, 2):
        assert fetcher.fetch([f"https://documents.example:{port}/"]) == [Outcome("retry")]
        assert len(asked) == lookups


@covers("G18")
def test_remembered_addresses_are_checked_as_well(server: DocumentServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = count_lookups(monkeypatch, "127.0.0.1")
    fetcher = HttpFetch(None, verify=server.trust, timeout=30.0)
    url = f"https://documents.example:{server.port}/good"
    assert [fetcher.fetch([url]) for _ in range(2)] == [[Outcome("drop")]] * 2
    assert (len(asked), server.requests) == (1, [])


@covers("M23", "G18")
@pytest.mark.parametrize(("size", "outcome"), [(MAX_BODY_BYTES, "document"), (MAX_BODY_BYTES + 1, "retry")])
def test_a_document_has_at_most_the_limit_of_bytes(server: DocumentServer, size: int, outcome: str) -> None:
    body = document()
    server.pages["/long"] = Page(body + b" " * (size - len(body)))
    assert fetch(server, server.url + "/long")[0].outcome == outcome


@covers("M23", "G18")
def test_no_more_than_the_limit_is_read(server: DocumentServer, caplog: pytest.LogCaptureFixture) -> None:
    server.pages["/endless"] = Page(b" " * 2 * MAX_BODY_BYTES, headers={"Content-Length": str(2**40)})
    with caplog.at_level("INFO"):
        assert fetch(server, server.url + "/endless", timeout=FAR) == [Outcome("retry")]
    assert "larger than 1 MiB" in caplog.text


def test_cookies_stay_with_nobody(server: DocumentServer) -> None:
    """A document must not depend on what other servers of its domain did in the same batch."""
    cookie = {"Set-Cookie": "a=" + "x" * 3000 + "; Path=/; Secure"}
    server.pages["/sets"] = Page(document(), headers=cookie)
    server.pages["/leads"] = Page(status=302, headers={"Location": "/good", **cookie})
    outcomes = fetch(server, *(server.url + path for path in ("/sets", "/leads", "/good")), connections=1)
    assert [outcome.outcome for outcome in outcomes] == ["document"] * 3
    assert server.cookies == [None] * 4


@pytest.fixture
def silent_address(server: DocumentServer) -> Iterator[str]:
    """An address that answers no attempt to connect to the server's port."""
    with ExitStack() as sockets:
        listening = sockets.enter_context(socket.socket())
        listening.bind(("127.0.0.2", server.port))
        listening.listen(0)
        for _ in range(4):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.2", server.port))
        yield "127.0.0.2"


@covers("M24")
@pytest.mark.slow
def test_slow_names_hold_up_no_other(server: DocumentServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetches that have given up leave their look-ups behind, which end when they like."""
    look_up = socket.getaddrinfo

    def slow(host: str, *arguments: Any, **options: Any) -> Any:
        if host.startswith("slow"):
            time.sleep(4.0)
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    urls = [f"https://slow{number}.example/" for number in range(6)]
    outcomes = fetch(server, *urls, server.url + "/good", connections=2, timeout=1.0)
    assert [outcome.outcome for outcome in outcomes] == ["retry"] * 6 + ["document"]


@pytest.mark.slow
def test_an_address_that_does_not_answer_leaves_time_for_the_others(
    server: DocumentServer, silent_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve(monkeypatch, [[silent_address, "127.0.0.1"]])
    assert fetch(server, f"https://documents.example:{server.port}/good", timeout=6.0)[0].outcome == "document"


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_looked_up_again(
    server: DocumentServer, silent_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = count_lookups(monkeypatch, silent_address)
    fetcher = HttpFetch(None, verify=server.trust, allow_private=True, timeout=0.5)
    for lookups in (1, 2):
        assert fetcher.fetch([f"https://documents.example:{server.port}/good"]) == [Outcome("retry")]
        assert len(asked) == lookups


@pytest.mark.slow
def test_timeout_counts_the_whole_body(server: DocumentServer) -> None:
    """Bytes that drip in keep a fetch alive no longer than others."""
    server.pages["/drips"] = Page(b" " * 1000, drip=0.2)
    started = time.monotonic()
    assert fetch(server, server.url + "/drips", timeout=1.0) == [Outcome("retry")]
    assert time.monotonic() - started < 10.0


def test_international_addresses_are_encoded(server: DocumentServer) -> None:
    server.pages["/%D0%BC%D0%BE%D0%BD%D0%B5%D1%82%D0%B0?%C3%A9"] = Page(document())
    assert fetch(server, server.url + "/монета?é")[0].outcome == "document"


def test_an_unexpected_error_drops_one_fetch(server: DocumentServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(body: bytes) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("bridge.http_fetch.parse_coin_info", explode)
    server.pages["/html"] = Page(b"", content_type="text/html")
    outcomes = fetch(server, server.url + "/good", server.url + "/html")
    assert [outcome.outcome for outcome in outcomes] == ["drop", "retry"]


def schedule(connection: Connection, iri: str, debtor_id: int, forced_iri: str | None = None) -> None:
    wish = {"is_locator_fetch": True, "is_discovery_fetch": True, "forced_iri": forced_iri}
    apply(connection, message("FetchDebtorInfo", iri=iri, debtor_id=debtor_id, **wish))


def test_due_fetches_are_settled(server: DocumentServer, worker_db: Connection) -> None:
    locator = server.url + "/good"
    server.pages["/good"].body = document("latestDebtorInfo.uri", locator)
    schedule(worker_db, locator, -123)
    schedule(worker_db, server.url + "/missing", 5)
    schedule(worker_db, "http://localhost/", 6)
    fetcher = HttpFetch(worker_db, verify=server.trust, allow_private=True)
    assert fetcher.run_once() == 3
    assert fetcher.run_once() == 0
    rows = worker_db.execute("select debtor_id, attempts_count, latest_attempt_errorcode from worker.debtor_info_fetch")
    assert [row for row in rows if row[0] == 5] == [(5, 1, 404)]
    (stored,) = worker_db.execute(
        """
        select message ->> 'debtor_info_locator', message ->> 'debtor_id', message ->> 'peg_debtor_id',
          (message ->> 'peg_exchange_rate')::float8, (message ->> 'will_not_change_until')::timestamptz
        from (select message from pgmq.q_inbox_0 union all select message from pgmq.q_inbox_1
          union all select message from pgmq.q_inbox_2 union all select message from pgmq.q_inbox_3
          union all select message from pgmq.q_inbox_4 union all select message from pgmq.q_inbox_5
          union all select message from pgmq.q_inbox_6 union all select message from pgmq.q_inbox_7) as inbox
        where message ->> 'type' = 'StoreDocument'
        """
    ).fetchall()
    assert stored[:4] == (locator, "-123", "666", 0.5)
    assert stored[4].isoformat()[:10] == DOCUMENT["willNotChangeUntil"][:10]


@covers("G49")
@pytest.mark.parametrize("base_answers", [True, False])
def test_bytes_of_a_forced_address_are_nobody_s_document(
    server: DocumentServer, worker_db: Connection, base_answers: bool
) -> None:
    """An issuer claims the locator of another currency, then says that its document is at an address of its own."""
    publish_everything(worker_db)
    locator = server.url + "/base"
    server.pages["/thief"] = Page(document("latestDebtorInfo.uri", locator))
    redirect(server, "/base", "/hosted")
    if base_answers:
        body = json.loads(document("latestDebtorInfo.uri", locator))
        body["debtorIdentity"]["uri"] = "swpt:666"
        server.pages["/hosted"] = Page(json.dumps(body).encode())
    schedule(worker_db, locator, -123, forced_iri=server.url + "/thief")
    assert HttpFetch(worker_db, verify=server.trust, allow_private=True).run_once() == 2
    assert sorted(path for path, _ in server.requests) == ["/base", "/hosted", "/thief"]
    # A redirect from the locator is the locator's own word.
    stored = [(item["debtor_info_locator"], item["debtor_id"]) for item in sent(worker_db, "StoreDocument")]
    assert stored == ([(locator, 666)] if base_answers else [])
    assert sent(worker_db, "ConfirmDebtor") == []


@covers("G49", "V13.14")
def test_a_move_is_learnt_though_the_locator_fails(server: DocumentServer, worker_db: Connection) -> None:
    publish_everything(worker_db)
    server.pages["/rev2"] = Page(document("latestDebtorInfo.uri", server.url + "/new"))
    schedule(worker_db, server.url + "/gone", -123, forced_iri=server.url + "/rev2")
    assert HttpFetch(worker_db, verify=server.trust, allow_private=True).run_once() == 2
    moved = {"debtor_id": -123, "debtor_info_locator": server.url + "/new"}
    assert sent(worker_db, "ConfirmDebtor") == [moved]
    assert sent(worker_db, "StoreDocument") == []


@pytest.mark.slow
def test_extreme_documents_harm_no_other(server: DocumentServer, worker_db: Connection) -> None:
    """All results are applied in one transaction, so none may make it fail, and what follows must fit the wire."""
    worker_db.execute("update worker.configuration set local_delivery = false")
    worker_db.execute("set time zone 'Pacific/Kiritimati'")
    extremes: list[tuple[str, object]] = [
        ("willNotChangeUntil", "9999-12-31T23:59:59.999999Z"),
        ("willNotChangeUntil", "0001-01-01T00:00:00Z"),
        ("willNotChangeUntil", "9999-12-31T23:59:59-01:00"),
        ("peg.exchangeRate", 5e-324),
        ("peg.exchangeRate", 1.7976931348623157e308),
        ("peg.exchangeRate", 10**400),
        ("peg.latestDebtorInfo.uri", "😀" * 200),
        ("peg.latestDebtorInfo.uri", "\ud800"),
        ("peg.latestDebtorInfo.uri", "\\N\\."),
        ("peg.debtorIdentity.uri", "swpt:0"),
        ("peg.debtorIdentity.uri", "swpt:9223372036854775808"),
        ("latestDebtorInfo.uri", "\ufffe\ufdd0 %00"),
    ]
    for number, (path, value) in enumerate(extremes):
        iri = f"{server.url}/{number}"
        body = json.loads(document("latestDebtorInfo.uri", iri))
        *parents, name = path.split(".")
        place = body
        for parent in parents:
            place = place[parent]
        place[name] = value
        server.pages[f"/{number}"] = Page(json.dumps(body).encode())
        schedule(worker_db, iri, -123)
    assert HttpFetch(worker_db, verify=server.trust, allow_private=True).run_once() == len(extremes)
    broker = LoopbackBroker()
    broker.declare(worker_topology("q", "#"))
    Outbound(worker_db, broker.target(), Realm.parse("#")).run_once()
    assert worker_db.execute("select message_type, error from worker.set_aside").fetchall() == []
    left = worker_db.execute("select iri, attempts_count from worker.debtor_info_fetch order by iri").fetchall()
    assert left == [(f"{server.url}/{number}", 1) for number in (2, 5, 7)]
    # Nine documents are confirmed; all but the one that names another locator are stored, and all but the peg to
    # debtor 0 lead on.
    assert broker.depth("q") == 9 + 8 + 7

"""What is fetched, and what is not."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import trustme

from bridge.coin_info import CONTENT_TYPE, MAX_BODY_BYTES
from bridge.http_fetch import Outcome
from tests.bridge.coins import document
from tests.bridge.documents import FAR, DocumentServer, Lookups, Page, fetch, outcomes, redirect, requests_to
from tests.covering import covers


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


def test_what_is_gone_is_not_asked_for_again(server: DocumentServer) -> None:
    server.pages["/gone"] = Page(document(), status=410)
    assert fetch(server, server.url + "/gone") == [Outcome("drop", 410)]


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
    "host",
    ["localhost", "127.0.0.1", "[::1]", "2130706433", "127.1", "0x7f.1", "0177.0.0.1", "[::ffff:127.0.0.1]"],
)
def test_private_hosts_get_no_request(server: DocumentServer, host: str) -> None:
    (outcome,) = fetch(server, f"https://{host}:{server.port}/good", allow_private=False)
    # What is neither a name nor an address never works; the others may be allowed some day.
    assert outcome == Outcome("retry" if host in ("localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]") else "drop")
    assert server.requests == []


@covers("G18")
def test_the_address_of_every_hop_is_checked(server: DocumentServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.fetching.policy.is_public", lambda address: address == "127.0.0.1")
    server.pages["/good"].headers = {}
    near = f"https://127.0.0.1:{server.port}"
    redirect(server, "/near", near + "/good")
    redirect(server, "/away", f"https://127.0.0.2:{server.port}/good")
    outcomes = fetch(server, near + "/near", near + "/away", allow_private=False)
    assert [outcome.outcome for outcome in outcomes] == ["document", "retry"]


@covers("G18")
def test_the_checked_address_is_the_one_connected_to(server: DocumentServer) -> None:
    names = Lookups(["127.0.0.1"], ["10.255.255.1"])
    (outcome,) = fetch(server, f"https://documents.example:{server.port}/good", look_up=names)
    assert (outcome.outcome, names.asked) == ("document", ["documents.example"])
    assert server.hosts == [f"documents.example:{server.port}"]


@covers("G18")
def test_certificates_are_those_of_names_though_addresses_are_connected_to(server: DocumentServer) -> None:
    """Both names lead to one server, which has a certificate for the first only; no connection serves two names."""
    names = Lookups(["127.0.0.1"])
    urls = [f"https://{name}.example:{server.port}/good" for name in ("documents", "other", "documents", "other")]
    with closing(requests_to(server, look_up=names)) as requests:
        for url, expected in zip(urls, ("document", "retry") * 2, strict=True):
            assert outcomes(requests, url)[0].outcome == expected
        assert [outcome.outcome for outcome in outcomes(requests, *urls)] == ["document", "retry"] * 2
    assert set(server.hosts) == {f"documents.example:{server.port}"}


def test_hosts_may_be_addresses(server: DocumentServer) -> None:
    assert fetch(server, f"https://127.0.0.1:{server.port}/good")[0].outcome == "document"
    assert server.hosts == [f"127.0.0.1:{server.port}"]


@covers("G18")
def test_one_special_address_is_enough(server: DocumentServer) -> None:
    names = Lookups(["93.184.216.34", "127.0.0.1"])
    url = f"https://documents.example:{server.port}/good"
    assert fetch(server, url, allow_private=False, look_up=names) == [Outcome("retry")]


@covers("G18")
def test_the_port_of_every_hop_is_checked(server: DocumentServer) -> None:
    other = server.port - 1
    away = redirect(server, "/away", f"https://localhost:{other}/good")
    urls = (server.url + "/good", f"https://localhost:{other}/good", away, "https://localhost/good")
    ports = ((1, 1), (server.port, server.port))
    outcomes = fetch(server, *urls, ports=ports)
    assert [outcome.outcome for outcome in outcomes] == ["document", "drop", "drop", "drop"]


@pytest.mark.parametrize("port", [1, 22, 25, 80, 444, 1023])
def test_privileged_ports_other_than_that_of_https_get_no_request(server: DocumentServer, port: int) -> None:
    assert fetch(server, f"https://localhost:{port}/") == [Outcome("drop")]


def test_a_server_that_may_have_moved_is_looked_up_again(server: DocumentServer) -> None:
    names = Lookups(["127.0.0.1"])
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with closing(requests_to(server, look_up=names)) as requests:
        for lookups in (1, 2):
            assert outcomes(requests, f"https://documents.example:{port}/") == [Outcome("retry")]
            assert len(names.asked) == lookups


@covers("G18")
def test_remembered_addresses_are_checked_as_well(server: DocumentServer) -> None:
    names = Lookups(["127.0.0.1"])
    url = f"https://documents.example:{server.port}/good"
    with closing(requests_to(server, allow_private=False, look_up=names)) as requests:
        assert [outcomes(requests, url) for _ in range(2)] == [[Outcome("retry")]] * 2
    assert (len(names.asked), server.requests) == (1, [])


@covers("M23", "G18")
@pytest.mark.parametrize(("size", "outcome"), [(MAX_BODY_BYTES, "document"), (MAX_BODY_BYTES + 1, "retry")])
def test_a_document_has_at_most_the_limit_of_bytes(server: DocumentServer, size: int, outcome: str) -> None:
    body = document()
    server.pages["/long"] = Page(body + b" " * (size - len(body)))
    assert fetch(server, server.url + "/long")[0].outcome == outcome


@pytest.mark.parametrize(("size", "outcome"), [(5000, "document"), (5001, "retry"), (2 * MAX_BODY_BYTES, None)])
def test_the_limit_of_bytes_can_be_set(server: DocumentServer, size: int, outcome: str | None) -> None:
    body = document()
    server.pages["/long"] = Page(body + b" " * (size - len(body)))
    limit = 5000 if outcome else 2 * MAX_BODY_BYTES
    assert fetch(server, server.url + "/long", timeout=FAR, max_bytes=limit)[0].outcome == (outcome or "document")


def test_authorities_can_be_those_of_a_file(server: DocumentServer, tmp_path: Path) -> None:
    trusted = tmp_path / "ca.pem"
    trusted.write_text(server.authority)
    assert fetch(server, server.url + "/good", verify=True, ca_file=str(trusted))[0].outcome == "document"
    trustme.CA().cert_pem.write_to_path(str(trusted))
    assert fetch(server, server.url + "/good", verify=True, ca_file=str(trusted)) == [Outcome("retry")]


@covers("M23", "G18")
def test_no_more_than_the_limit_is_read(server: DocumentServer, caplog: pytest.LogCaptureFixture) -> None:
    server.pages["/endless"] = Page(b" " * 2 * MAX_BODY_BYTES, headers={"Content-Length": str(2**40)})
    with caplog.at_level("INFO"):
        assert fetch(server, server.url + "/endless", timeout=FAR) == [Outcome("retry")]
    assert f"larger than {MAX_BODY_BYTES} bytes" in caplog.text


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


@pytest.mark.slow
def test_an_address_that_does_not_answer_leaves_time_for_the_others(
    server: DocumentServer, silent_address: str
) -> None:
    names = Lookups([silent_address, "127.0.0.1"])
    url = f"https://documents.example:{server.port}/good"
    assert fetch(server, url, timeout=6.0, look_up=names)[0].outcome == "document"


@pytest.mark.slow
def test_the_addresses_of_a_host_have_one_time_in_all(server: DocumentServer, silent_address: str) -> None:
    """Only a few are tried, each for its share."""
    names = Lookups([silent_address] * 120)
    started = time.monotonic()
    assert fetch(server, f"https://documents.example:{server.port}/good", timeout=1.0, look_up=names) == [
        Outcome("retry")
    ]
    assert time.monotonic() - started < 60.0


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_looked_up_again(server: DocumentServer, silent_address: str) -> None:
    names = Lookups([silent_address])
    with closing(requests_to(server, timeout=0.5, look_up=names)) as requests:
        for lookups in (1, 2):
            assert outcomes(requests, f"https://documents.example:{server.port}/good") == [Outcome("retry")]
            assert len(names.asked) == lookups


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

"""What keeps documents away is told of at the default level, with cause and remedy, and seldom."""

from __future__ import annotations

import logging
import socket
import ssl
from contextlib import closing

import httpx
import pytest

from bridge.fetch_faults import FetchFaults
from bridge.fetching.names import HostUnknown
from bridge.fetching.policy import PrivateAddress
from bridge.seldom import MOST, Seldom
from tests.bridge.documents import DocumentServer, outcomes, requests_to


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged at the default level, from now on."""
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    caplog.clear()
    return lines


def certificate_error() -> httpx.ConnectError:
    """As it reaches us through the libraries."""
    error = httpx.ConnectError("failed")
    error.__cause__ = ssl.SSLCertVerificationError("self-signed certificate")
    return error


def unknown_host() -> httpx.ConnectError:
    error = httpx.ConnectError("Name or service not known")
    error.__cause__ = HostUnknown("Name or service not known")
    return error


def test_a_certificate_that_is_not_accepted_is_told_of(
    server: DocumentServer, caplog: pytest.LogCaptureFixture
) -> None:
    faults = FetchFaults()
    with closing(requests_to(server, verify=True)) as requests:
        for _ in range(3):
            urls = (server.url + "/good", server.url + "/other")
            assert outcomes(requests, *urls, faults=faults)[0].outcome == "retry"
    (line,) = warnings(caplog)
    assert line.startswith("documents of localhost can not be fetched: its certificate is not accepted: ")
    for remedy in ("SSL_CERT_FILE", "APP_VERIFY_SSL_CERTS", "clock"):
        assert remedy in line


def test_a_host_in_a_private_network_is_told_of_and_tried_again(
    server: DocumentServer, caplog: pytest.LogCaptureFixture
) -> None:
    faults = FetchFaults()
    with closing(requests_to(server, allow_private=False)) as requests:
        for _ in range(3):
            assert outcomes(requests, server.url + "/good", faults=faults)[0].outcome == "retry"
    (line,) = warnings(caplog)
    assert line.startswith("documents of localhost are not fetched, and will be tried again: ")
    assert "APP_FETCH_PRIVATE_ADDRESSES=true" in line


def test_a_server_without_tls_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    faults = FetchFaults()
    error = httpx.ConnectError("failed")
    error.__context__ = ssl.SSLError("wrong version number")
    faults.failed("https://a.example/1", error)
    assert warnings(caplog)[0].startswith("documents of a.example can not be fetched: TLS failed: ")


def test_a_fault_is_told_of_once_an_hour_for_each_host(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    faults = FetchFaults(lambda: now)
    for moment, count in ((0.0, 2), (1.0, 0), (3599.0, 0), (3600.0, 2), (3601.0, 0)):
        now = moment
        for host in ("a", "b"):
            for number in range(3):
                faults.failed(f"https://{host}.example/{number}", certificate_error())
        assert len(warnings(caplog)) == count


def test_a_crowd_of_hosts_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    faults = FetchFaults()
    for number in range(1000):
        faults.failed(f"https://{number}.example/", PrivateAddress("no"))
    assert len(warnings(caplog)) == MOST
    faults.failed("https://other.example/", certificate_error())
    assert len(warnings(caplog)) == 1


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (unknown_host(), "does DNS work here?"),
        (httpx.ConnectTimeout("slow"), "connections to the Internet allowed here"),
        (TimeoutError(), "connections to the Internet allowed here"),
        (socket.gaierror(-3, "x"), "connections to the Internet allowed here"),
    ],
)
def test_that_nobody_answers_is_told_of(error: Exception, hint: str, caplog: pytest.LogCaptureFixture) -> None:
    faults = FetchFaults()
    for host in "abcdef":
        faults.failed(f"https://{host}.example/", error)
    (line,) = warnings(caplog)
    assert line.startswith("no document could be fetched lately: none of 3 hosts (a.example, b.example, c.example)")
    assert hint in line


def test_that_some_host_does_not_answer_is_nothing_to_tell(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    faults = FetchFaults(lambda: now)
    for _ in range(10):
        now += 1000
        faults.failed("https://a.example/", TimeoutError())
        faults.failed("https://b.example/", TimeoutError())
        faults.answered()
    assert warnings(caplog) == []
    faults.failed("https://a.example/", TimeoutError())
    now += 2000
    faults.failed("https://a.example/", TimeoutError())
    assert len(warnings(caplog)) == 1


def test_unknown_hosts_are_recognized_through_the_libraries(
    server: DocumentServer, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(requests_to(server)) as requests:
        outcomes(requests, *(f"https://{name}.invalid/" for name in "abc"))
    (line,) = warnings(caplog)
    assert "does DNS work here?" in line


def test_what_was_said_may_be_said_again_after_an_hour() -> None:
    now = 0.0
    seldom = Seldom(lambda: now)
    assert [seldom.allows("a"), seldom.allows("a"), seldom.allows("b", 1)] == [True, False, True]
    now = 3600.0
    assert seldom.allows("a")

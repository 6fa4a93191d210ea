"""Requests as clients write them, and what an application gets to see."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from service.serving.messages import Limits
from tests.service.serving.conftest import Served, answer_on, rest_of


def body_of(answer: bytes) -> str:
    return answer.partition(b"\r\n\r\n")[2].decode()


@pytest.fixture
def server(serve: Callable[..., Served]) -> Served:
    return serve(Limits(body_bytes=100))


def test_requests_follow_each_other_on_one_connection(server: Served) -> None:
    connection = server.connect()
    for path in ("/a", "/b?x=%20&y"):
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        assert body_of(answer_on(connection)).startswith(f"GET {path.replace('?', ' ')}")
    connection.sendall(b"GET /c HTTP/1.1\r\nHost: h\r\n\r\nGET /d HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    answers = rest_of(connection)
    assert answers.count(b"HTTP/1.1 200") == 2
    assert answers.index(b"GET /c") < answers.index(b"GET /d")


@pytest.mark.parametrize(
    ("target", "seen"),
    [
        ("/%61%2Fb//c", "/a/b//c "),
        ("/a?b=c?d", "/a b=c?d"),
        ("http://other/a?b", "/a b"),
        ("HTTPS://other", "/ "),
        ("/a/../b", "/a/../b "),
        ("/%C3%A9", "/\u00c3\u00a9 "),
    ],
)
def test_the_path_is_decoded_once(server: Served, target: str, seen: str) -> None:
    assert body_of(server.get(target)).startswith(f"GET {seen}\n")


@pytest.mark.parametrize("target", ["*", "host:80", "ftp://host/", "a"])
def test_targets_that_are_no_paths(server: Served, target: str) -> None:
    assert server.get(target).startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_headers_with_underscores_do_not_pass_for_others(server: Served) -> None:
    request = (
        b"GET / HTTP/1.1\r\nHost: h\r\nX_User: bad\r\nX-A: 1\r\nx-a: 2\r\nContent-Type: t\r\nConnection: close\r\n\r\n"
    )
    seen = body_of(rest_of(server.connect(request))).splitlines()
    assert seen == ["GET / ", "CONTENT_TYPE=t", "HTTP_CONNECTION=close", "HTTP_HOST=h", "HTTP_X_A=1,2"]


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 5\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
    ],
)
def test_bodies_arrive_whole(server: Served, rest: bytes) -> None:
    answer = answer_on(server.connect(b"POST / HTTP/1.1\r\nHost: h\r\n" + rest))
    assert body_of(answer).splitlines() == ["POST / ", "CONTENT_LENGTH=5", "HTTP_HOST=h", "hello"]


def test_whoever_waits_for_permission_gets_it(server: Served) -> None:
    connection = server.connect(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    assert connection.recv(100) == b"HTTP/1.1 100 \r\n\r\n"
    connection.sendall(b"hello")
    assert body_of(answer_on(connection)).endswith("hello")


@pytest.mark.parametrize(
    ("framing", "length"),
    [
        (b"Content-Length: 5000\r\n\r\n", b"5000"),
        (b"Content-Length: 5000\r\nExpect: 100-continue\r\n\r\n", b"5000"),
        (b"Content-Length: 5000\r\n\r\n" + b"x" * 5000, b"5000"),
        (b"Transfer-Encoding: chunked\r\n\r\n" + b"50\r\n" + b"x" * 80 + b"\r\n28\r\n" + b"x" * 40 + b"\r\n", b"120"),
    ],
)
def test_of_a_body_that_is_too_long_only_the_length_is_told(server: Served, framing: bytes, length: bytes) -> None:
    answer = rest_of(server.connect(b"POST / HTTP/1.1\r\nHost: h\r\n" + framing))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"CONTENT_LENGTH=" + length in answer
    assert b"Connection: close" in answer
    assert b"xxx" not in answer


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", b"501"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"x" * 20_000, b"431"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"400"),
    ],
)
def test_what_is_no_request_is_told_so(server: Served, request_text: bytes, status: bytes) -> None:
    answer = rest_of(server.connect(request_text))
    assert answer.startswith(b"HTTP/1.1 " + status + b" ")
    assert server.get("/").startswith(b"HTTP/1.1 200 ")


def test_an_old_client_gets_one_answer(server: Served) -> None:
    answer = rest_of(server.connect(b"GET / HTTP/1.0\r\n\r\n"))
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_answers_without_a_body(server: Served) -> None:
    connection = server.connect(
        b"HEAD /a HTTP/1.1\r\nHost: h\r\n\r\nGET /nothing HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    )
    first, second = rest_of(connection).split(b"\r\n\r\n")[:2]
    assert first.startswith(b"HTTP/1.1 200 ")
    assert second.startswith(b"HTTP/1.1 204 ")


def test_what_an_application_raises_is_an_answer(server: Served, caplog: pytest.LogCaptureFixture) -> None:
    answer = server.get("/fail")
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"as asked for" not in answer
    assert "as asked for" in caplog.text
    assert server.get("/").startswith(b"HTTP/1.1 200 ")


def test_a_client_that_goes_away_is_no_failure(server: Served, caplog: pytest.LogCaptureFixture) -> None:
    for first in (
        b"",
        b"GET / HT",
        b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n",
    ):
        server.connect(first).close()
    assert server.get("/").startswith(b"HTTP/1.1 200 ")
    assert caplog.records == []

"""What clients can not do to each other: every wait for one of them ends, and holds up no other one."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from service.serving.messages import Limits
from tests.service.serving.conftest import PATIENCE, QUICK, Served, answer_on, rest_of

pytestmark = pytest.mark.slow

GET = b"GET /wait HTTP/1.1\r\nHost: h\r\n\r\n"


def trickle(connection: socket.socket, text: bytes) -> bytes:
    """Sends a byte now and then, until the server has had enough; returns what it says."""
    try:
        for number in range(2000):
            connection.sendall(text[number % len(text) :][:1])
            connection.settimeout(0.02)
            try:
                if not (part := connection.recv(1000)):
                    return b""
            except TimeoutError:
                continue
            connection.settimeout(PATIENCE)
            return part + rest_of(connection)
    except (ConnectionResetError, BrokenPipeError):
        return b""
    raise AssertionError("the server listens for ever")


@pytest.mark.parametrize("first", [b"", b"G", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx"])
def test_slow_clients_hold_up_nobody(serve: Callable[..., Served], first: bytes) -> None:
    server = serve()
    slow = [server.connect(first) for _ in range(100)]
    assert server.get("/fast").startswith(b"HTTP/1.1 200 ")
    assert len(slow) == 100


def test_a_head_that_never_ends_has_a_deadline(serve: Callable[..., Served]) -> None:
    server = serve(QUICK)
    assert trickle(server.connect(), b"GET /x HTTP/1.1\r\nHost: h\r\n" + b"A: b\r\n" * 1000) == b""


def test_a_body_that_never_ends_has_a_deadline(serve: Callable[..., Served]) -> None:
    server = serve(QUICK)
    for framing, byte in (("Content-Length: 9999", b"x"), ("Transfer-Encoding: chunked", b"1\r\nx\r\n")):
        connection = server.connect(f"POST / HTTP/1.1\r\nHost: h\r\n{framing}\r\n\r\n".encode())
        assert trickle(connection, byte).startswith(b"HTTP/1.1 408 Request Timeout\r\n")


@pytest.mark.parametrize("first", [b"", b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"])
def test_an_idle_connection_has_a_deadline(serve: Callable[..., Served], first: bytes) -> None:
    connection = serve(QUICK).connect(first)
    answer = rest_of(connection)
    assert answer.startswith(b"HTTP/1.1 200 ") if first else answer == b""


def test_an_answer_that_nobody_reads_has_a_deadline(serve: Callable[..., Served]) -> None:
    server = serve(QUICK)
    connection = server.connect(b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n")
    time.sleep(2)
    with suppress(ConnectionResetError):
        assert len(rest_of(connection)) < 50_000_000


def test_the_reserved_path_is_answered_when_all_threads_are_busy(serve: Callable[..., Served]) -> None:
    server = serve(threads=3)
    busy = [server.connect(GET) for _ in range(30)]
    for _ in range(3):
        assert server.app.waiting.acquire(timeout=PATIENCE)
    for _ in range(10):
        assert server.get("/reserved").startswith(b"HTTP/1.1 200 ")
    server.app.may_go_on.set()
    assert {answer_on(connection)[:12] for connection in busy} == {b"HTTP/1.1 200"}


def test_not_everybody_may_wait_for_a_thread(serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.serving.wsgi.MAX_WAITING", 2)
    server = serve(threads=1)
    served = [server.connect(GET)]
    assert server.app.waiting.acquire(timeout=PATIENCE)
    served += [server.connect(GET) for _ in range(5)]
    refused = [connection for connection in served[1:] if _is_refused(connection)]
    assert len(refused) == 3
    assert server.get("/reserved").startswith(b"HTTP/1.1 200 ")


def _is_refused(connection: socket.socket) -> bool:
    connection.settimeout(1)
    try:
        return answer_on(connection).startswith(b"HTTP/1.1 503 ")
    except TimeoutError:
        return False


def test_with_too_many_connections_those_that_wait_longest_give_way(serve: Callable[..., Served]) -> None:
    server = serve(Limits(connections=10))
    busy = [server.connect(GET) for _ in range(2)]
    for _ in busy:
        assert server.app.waiting.acquire(timeout=PATIENCE)
    slow = [server.connect(b"G") for _ in range(50)]
    assert server.get("/fast").startswith(b"HTTP/1.1 200 ")
    for connection in slow[:40]:
        assert trickle(connection, b"x") == b""
    server.app.may_go_on.set()
    assert {answer_on(connection)[:12] for connection in busy} == {b"HTTP/1.1 200"}


def test_with_too_many_requests_nobody_else_gets_in(serve: Callable[..., Served]) -> None:
    server = serve(Limits(connections=2))
    busy = [server.connect(GET) for _ in range(2)]
    for _ in busy:
        assert server.app.waiting.acquire(timeout=PATIENCE)
    assert trickle(server.connect(), b"G") == b""
    server.app.may_go_on.set()
    assert {answer_on(connection)[:12] for connection in busy} == {b"HTTP/1.1 200"}


def test_a_stop_lets_answers_end_and_waits_for_nobody_else(serve: Callable[..., Served]) -> None:
    server = serve()
    slow = [
        server.connect(first)
        for first in (b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx")
    ]
    busy = server.connect(GET)
    assert server.app.waiting.acquire(timeout=PATIENCE)
    # Not before the server is stopping: then it waits for the busy one only.
    server.call(_later(server.app.may_go_on.set))
    server.stop(PATIENCE)
    assert b"Connection: close" in answer_on(busy)
    for connection in slow:
        assert trickle(connection, b"x") == b""


def test_a_stop_does_not_wait_for_ever(serve: Callable[..., Served]) -> None:
    server = serve()
    busy = server.connect(GET)
    assert server.app.waiting.acquire(timeout=PATIENCE)
    server.stop(0.1)
    assert trickle(busy, b"x") == b""


async def _later(action: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(0.5, action)

"""A server of HTTP in this process, and clients that are slower or ruder than any library."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from service.serving.messages import Limits
from service.serving.server import HttpServer
from service.serving.wsgi import Gateway

PATIENCE = 30.0
QUICK = Limits(head_seconds=0.5, body_seconds=0.5, answer_seconds=0.5)


@dataclass
class Application:
    """Mirrors what it gets. Requests for /wait wait until `may_go_on`; `waiting` counts them."""

    may_go_on: threading.Event = field(default_factory=threading.Event)
    waiting: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/wait":
            self.waiting.release()
            assert self.may_go_on.wait(PATIENCE)
        if path == "/fail":
            raise RuntimeError("as asked for")
        if path == "/large":
            start_response("200 OK", [])
            return [b"x" * 1_000_000] * 50
        if path == "/nothing":
            start_response("204 No Content", [])
            return []
        names = sorted(name for name in environ if name.startswith(("HTTP_", "CONTENT_")))
        lines = [f"{environ['REQUEST_METHOD']} {path} {environ['QUERY_STRING']}"]
        lines += [f"{name}={environ[name]}" for name in names]
        start_response("200 OK", [("Content-Type", "text/plain")])
        return ["\n".join(lines).encode(), b"\n", environ["wsgi.input"].read()]


class Served:
    """A server with this application, and connections to it."""

    def __init__(self, app: Application, limits: Limits, threads: int) -> None:
        self.app = app
        self._limits = limits
        self._threads = threads
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._gateway = Gateway(app, threads, ["/reserved"])
        self._server = HttpServer(self._gateway.answer, limits)

    def start(self) -> None:
        self._thread.start()
        self.call(self._server.listen(self._listener))

    def call(self, coroutine: Any) -> Any:
        """The result of a coroutine in the server's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE)

    def stop(self, seconds: float) -> None:
        """As `HttpServer.stop`."""
        self.call(self._server.stop(seconds))

    def connect(self, first: bytes = b"") -> socket.socket:
        """A new connection, on which this was sent."""
        connection = socket.create_connection(self._listener.getsockname(), PATIENCE)
        self._sockets.append(connection)
        connection.sendall(first)
        return connection

    def get(self, path: str) -> bytes:
        """The whole answer to a request on a connection of its own."""
        return rest_of(self.connect(f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode()))

    def close(self) -> None:
        self.app.may_go_on.set()
        self.stop(PATIENCE)
        self._gateway.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        for connection in (*self._sockets, self._listener):
            connection.close()


def rest_of(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    parts = []
    while part := connection.recv(65_536):
        parts.append(part)
    return b"".join(parts)


def answer_on(connection: socket.socket) -> bytes:
    """One answer with a length, head and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65_536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(65_536)
    assert len(body) == length
    return head + b"\r\n\r\n" + body


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Call it to get a server."""
    servers: list[Served] = []

    def start(limits: Limits | None = None, threads: int = 3) -> Served:
        servers.append(Served(Application(), limits or Limits(), threads))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.close()

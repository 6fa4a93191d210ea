"""An HTTPS server for documents, with a certificate authority of its own."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import trustme

from bridge.coin_info import CONTENT_TYPE
from bridge.fetch_faults import FetchFaults
from bridge.fetching.requests import Requests
from bridge.http_fetch import Outcome, make_requests, outcome_of

FAR = 3600.0


class Page:
    """What the server answers at a path."""

    def __init__(
        self,
        body: bytes = b"",
        status: int = 200,
        content_type: str = CONTENT_TYPE,
        delay: float = 0.0,
        headers: dict[str, str] | None = None,
        drip: float = 0.0,
    ) -> None:
        """`delay` is before the answer, `drip` between its bytes, both in seconds."""
        self.body = body
        self.status = status
        self.content_type = content_type
        self.delay = delay
        self.headers = headers or {}
        self.drip = drip


class DocumentServer:
    """`pages` may be changed at any time.

    `authority`: who signed its certificate (PEM).
    `requests` records path and Accept header of every request, `cookies` its Cookie header, `hosts` its Host header.
    """

    def __init__(self) -> None:
        authority = trustme.CA()
        self.authority = authority.cert_pem.bytes().decode()
        self.pages: dict[str, Page] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.cookies: list[str | None] = []
        self.hosts: list[str | None] = []
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "documents.example", "127.0.0.1").configure_cert(context)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self.url = f"https://localhost:{self.port}"
        self.trust = ssl.create_default_context()
        authority.configure_trust(self.trust)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append((self.path, self.headers.get("Accept")))
                server.hosts.append(self.headers.get("Host"))
                server.cookies.append(self.headers.get("Cookie"))
                page = server.pages.get(self.path, Page(status=404))
                if page.delay:
                    server.closing.wait(page.delay)
                self.send_response(page.status)
                for name, value in page.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", page.content_type)
                if "Content-Length" not in page.headers:
                    self.send_header("Content-Length", str(len(page.body)))
                self.end_headers()
                if not page.drip:
                    self.wfile.write(page.body)
                    return
                with suppress(OSError):
                    for byte in page.body:
                        self.wfile.write(bytes([byte]))
                        server.closing.wait(page.drip)

            def log_message(self, *_args: object) -> None:
                pass

        return Handler


@contextmanager
def document_server() -> Iterator[DocumentServer]:
    server = DocumentServer()
    try:
        yield server
    finally:
        server.close()


@contextmanager
def silent_host(address: str = "127.0.0.1") -> Iterator[int]:
    """A port that takes every connection, and never says a word."""
    with socket.create_server((address, 0), backlog=1000) as listening:
        yield listening.getsockname()[1]


class Lookups:
    """Stands in for nameservers: gives these answers, one after the other, the last one for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)

    async def __call__(self, host: str) -> list[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def fetch(server: DocumentServer, *urls: str, **options: Any) -> list[Outcome]:
    """Gets all, and ends."""
    with closing(requests_to(server, **options)) as requests:
        return outcomes(requests, *urls)


def requests_to(server: DocumentServer, **options: Any) -> Requests:
    return make_requests(**{"verify": server.trust, "allow_private": True, "timeout": 30.0, **options})


def outcomes(requests: Requests, *urls: str, faults: FetchFaults | None = None) -> list[Outcome]:
    """What comes of all."""
    faults = faults or FetchFaults()
    requests.submit(enumerate(urls))
    found: dict[Any, Outcome] = {}
    while len(found) < len(urls):
        requests.wait(FAR)
        found |= {key: outcome_of(urls[key], result, faults) for key, result in requests.results()}
    return [found[number] for number in range(len(urls))]


def redirect(server: DocumentServer, path: str, location: str) -> str:
    server.pages[path] = Page(status=302, headers={"Location": location})
    return server.url + path

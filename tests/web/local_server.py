"""An HTTP server within the test's process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.web.serving import running

Headers = dict[str, str]
"""By name, in lower case."""

Answer = tuple[int, str, str]
"""Status, content type, and the body."""


def _nothing(_path: str) -> Answer:
    return 404, "text/plain", ""


@contextmanager
def local_server(post: Callable[[str, Headers], Answer], get: Callable[[str], Answer] = _nothing) -> Iterator[str]:
    """Serves on a free port of this machine; gives the root's URL. `post` gets body and headers, `get` the path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(*get(self.path))

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._send(*post(text, {name.lower(): value for name, value in self.headers.items()}))

        def _send(self, status: int, kind: str, body: str) -> None:
            data = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with running(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield url

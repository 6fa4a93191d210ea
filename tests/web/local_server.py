"""An HTTP server within the test's process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

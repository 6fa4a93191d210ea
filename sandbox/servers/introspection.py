"""Answers the admin Web API's questions about tokens, for development: one token, which may do everything."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

DEVELOPMENT_TOKEN = "sandbox-superuser"
"""Send it as `Authorization: Bearer sandbox-superuser`."""

_GRANT = {
    "active": True,
    "sub": "creditors-superuser",
    "scope": "access activate deactivate",
}
_MOST_BYTES = 10_000


class Introspection:
    """A token introspection endpoint (RFC 7662) at every path. Use it as a context manager."""

    def __init__(self, address: str, port: int) -> None:
        """Listens on this address and port (0: any free one)."""
        self._server = ThreadingHTTPServer((address, port), _Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Introspection:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    timeout = 10.0

    def do_POST(self) -> None:
        length = min(int(self.headers.get("Content-Length", 0)), _MOST_BYTES)
        tokens = parse_qs(self.rfile.read(length).decode()).get("token", [])
        body = json.dumps(_GRANT if tokens == [DEVELOPMENT_TOKEN] else {"active": False}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: tokens are looked up with each request."""

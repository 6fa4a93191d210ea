"""Answers the admin Web API's questions about tokens, for development: one token, which may do everything."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs

from service.serving.wsgi_server import WsgiServer

DEVELOPMENT_TOKEN = "sandbox-superuser"
"""Send it as `Authorization: Bearer sandbox-superuser`."""

_GRANT = {
    "active": True,
    "sub": "creditors-superuser",
    "username": "creditors-superuser",
    "scope": "access activate deactivate",
}


class Introspection:
    """A token introspection endpoint (RFC 7662) at every path. Use it as a context manager."""

    def __init__(self, address: str, port: int) -> None:
        """Listens on this address and port (0: any free one)."""
        self._server = WsgiServer(address, port, _answer)
        self.port: int = self._server.port
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Introspection:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._thread.join()


def _answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if environ["REQUEST_METHOD"] != "POST":
        start_response("405 Method Not Allowed", [("Allow", "POST")])
        return []
    tokens = parse_qs(environ["wsgi.input"].read().decode(errors="replace")).get("token", [])
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(_GRANT if tokens == [DEVELOPMENT_TOKEN] else {"active": False}).encode()]

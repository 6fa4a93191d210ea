"""An authorization server that only answers what tokens are good for."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs


@dataclass
class IntrospectionServer:
    """`answers` says what each token is; others are not active. A text is a whole body, a number a status."""

    url: str = ""
    answers: dict[str, dict[str, Any] | str | int] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def allow(self, token: str, subject: str, scope: str, **more: Any) -> str:
        """Makes the token an active one of this user, and returns it."""
        self.answers[token] = {"active": True, "sub": subject, "scope": scope, **more}
        return token


@contextmanager
def introspection_server() -> Iterator[IntrospectionServer]:
    """A server on a free port of this machine."""
    state = IntrospectionServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = parse_qs(text)
            state.requests.append((text, {name.lower(): value for name, value in self.headers.items()}))
            answer = state.answers.get(form["token"][0], {"active": False})
            status, body = (answer, "") if isinstance(answer, int) else (200, answer)
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/introspect"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

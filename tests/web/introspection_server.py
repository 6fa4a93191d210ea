"""An authorization server that only answers what tokens are good for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tests.web.local_server import Answer, Headers, local_server


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

    def post(text: str, headers: Headers) -> Answer:
        state.requests.append((text, headers))
        answer = state.answers.get(parse_qs(text)["token"][0], {"active": False})
        status, body = (answer, "") if isinstance(answer, int) else (200, answer)
        return status, "application/json", body if isinstance(body, str) else json.dumps(body)

    with local_server(post) as root:
        state.url = f"{root}/introspect"
        yield state

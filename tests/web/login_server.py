"""An OAuth 2 server of one client, at which one logs in with a button: authorization code, PKCE, ID tokens."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.web.introspection_server import IntrospectionServer
from tests.web.local_server import Answer, Headers, local_server

CLIENT, SECRET = "dashboard", "s3cret+/%"


@dataclass
class LoginServer:
    """Who logs in is `subject`; `answer` changes what the token endpoint answers, `status` how.

    Tokens that it makes are good at the introspection server. `asked` has what authorizations were asked for.
    """

    tokens: IntrospectionServer
    url: str = ""
    subject: str = "creditors-superuser"
    answer: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    is_refused: bool = False
    asked: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def settings(self, api_root: str) -> dict[str, str]:
        """What a web server at this root needs to log people in here."""
        return {
            "OAUTH2_AUTHORIZATION_URL": f"{self.url}/authorize",
            "OAUTH2_TOKEN_URL": f"{self.url}/token",
            "APP_DASHBOARD_CLIENT_ID": CLIENT,
            "APP_DASHBOARD_CLIENT_SECRET": SECRET,
            "API_ROOT": api_root,
        }

    def authorize(self, query: dict[str, str]) -> str:
        """Somebody has logged in: where the browser goes next."""
        self.asked.append(query)
        if self.is_refused:
            return f"{query['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': query['state']})}"
        code = f"code-{len(self.asked)}"
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Status and body for a code, which is good for once, and for who has its verifier."""
        login = self.codes.pop(form.get("code", ""), None)
        expected = base64.b64encode(f"{CLIENT}:s3cret%2B%2F%25".encode()).decode()
        if authorization != f"Basic {expected}":
            return 401, {"error": "invalid_client"}
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            login is None
            or form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != login["redirect_uri"]
            or challenge.decode().rstrip("=") != login["code_challenge"]
            or login["code_challenge_method"] != "S256"
        ):
            return 400, {"error": "invalid_grant"}
        token = self.tokens.allow(f"made-{len(self.asked)}", self.subject, login["scope"])
        claims = base64.urlsafe_b64encode(json.dumps({"aud": CLIENT, "nonce": login["nonce"]}).encode()).decode()
        body = {"access_token": token, "token_type": "bearer", "expires_in": 3600, "id_token": f"e30.{claims}.x"}
        return self.status, {**body, **self.answer}


@contextmanager
def login_server(tokens: IntrospectionServer) -> Iterator[LoginServer]:
    """A server on a free port of this machine."""
    state = LoginServer(tokens)

    def get(path: str) -> Answer:
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        where = html.escape(state.authorize(query))
        page = f"<!doctype html><html lang=en><title>Login</title><p>Who are you?<p><a href='{where}'>It is me</a>"
        return 200, "text/html", page

    def post(text: str, headers: Headers) -> Answer:
        form = {name: values[0] for name, values in parse_qs(text).items()}
        status, body = state.token(form, headers.get("authorization", ""))
        return status, "application/json", json.dumps(body)

    with local_server(post, get) as state.url:
        yield state

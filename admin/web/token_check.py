"""The check of tokens in front of the application.

It is WSGI middleware, so that no route of the application can be reached around it. The application learns from it who
calls, by headers; what a client sends in their place never gets through, on no route.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from werkzeug.http import parse_cookie

from admin.web.access_rules import Access, is_granted
from admin.web.errors import json_error
from admin.web.introspection import IntrospectionError, Introspector
from bridge.seldom import Seldom

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from werkzeug.wrappers import Response

logger = logging.getLogger(__name__)

GRANTED_SCOPE: Final = "swpt_trade.granted_scope"
"""Key in the environment of requests that have passed: the scope that they needed, and had."""

DASHBOARD: Final = "/trade/dashboard/"
"""The address of the dashboard; its pages are below it."""

TOKEN_COOKIE: Final = "swpt_trade_token"
"""Holds the token of somebody who looks at the dashboard. It counts there only."""

_IDENTITY_PREFIX = "HTTP_X_SWPT_"
# As RFC 6750 has it; in a header after the scheme, in any letter case.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_BEARER = re.compile(rf"bearer +({_TOKEN.pattern})", re.IGNORECASE)


class StripIdentity:
    """Removes headers that only the token check may set."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        for name in [name for name in environ if name.startswith(_IDENTITY_PREFIX)]:
            del environ[name]
        return self._app(environ, start_response)


class TokenCheck:
    """Lets requests pass whose token has the scope they need, with the identity of the user in headers."""

    def __init__(
        self,
        app: WSGIApplication,
        introspector: Introspector,
        access_to: Callable[[WSGIEnvironment], Access | None],
    ) -> None:
        """`access_to` says what a request needs; None: there is nothing for it."""
        self._app = app
        self._introspector = introspector
        self._seldom = Seldom()
        self._access_to = access_to

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        app = self._refusal(environ) or self._app
        return app(environ, start_response)

    def _refusal(self, environ: WSGIEnvironment) -> Response | None:
        """The answer to a request that may not pass; for one that may, None, and the environment is prepared."""
        access = self._access_to(environ)
        if access is None:
            return json_error(404)
        if access.scope is None:
            return None

        token = _token(environ)
        if token is None:
            return json_error(401, "A bearer token is required.", "Bearer")
        try:
            grant = self._introspector.grant(token)
        except IntrospectionError as error:
            if self._seldom.allows(str(error)):
                logger.warning(
                    "no token can be checked, so nobody gets in: %s. Is OAUTH2_INTROSPECT_URL right, and can its "
                    "server be reached from here?",
                    error,
                )
            return json_error(503, "Tokens can not be checked now.")
        if grant is None:
            return json_error(401, "The token is not valid.", 'Bearer error="invalid_token"')
        if not is_granted(access.scope, grant.scopes):
            challenge = f'Bearer error="insufficient_scope", scope="{access.scope}"'
            return json_error(403, f"The token has no scope {access.scope}.", challenge)

        environ[GRANTED_SCOPE] = access.scope
        environ["HTTP_X_SWPT_USER_ID"] = grant.subject
        environ["HTTP_X_SWPT_REQUIRE_PIN"] = "false" if "disable_pin" in grant.scopes else "true"
        return None


def is_token(text: str) -> bool:
    """Whether this may be an access token."""
    return _TOKEN.fullmatch(text) is not None


def _token(environ: WSGIEnvironment) -> str | None:
    """The token of a request: in its header; on the dashboard, where there is no such header, in a cookie."""
    if "HTTP_AUTHORIZATION" in environ or not environ.get("PATH_INFO", "").startswith(DASHBOARD):
        authorization = _BEARER.fullmatch(environ.get("HTTP_AUTHORIZATION", "").strip(" "))
        return authorization and authorization[1]
    cookie = parse_cookie(environ.get("HTTP_COOKIE", "")).get(TOKEN_COOKIE, "")
    return cookie if is_token(cookie) else None

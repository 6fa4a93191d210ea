"""The check of tokens in front of the application.

It is WSGI middleware, so that no route of the application can be reached around it. The application learns from it who
calls, by headers; what a client sends in their place never gets through, on no route.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.wrappers import Response

from admin.web.access_rules import access_to, is_granted
from admin.web.introspection import IntrospectionError, Introspector

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger(__name__)

IS_PUBLIC: Final = "swpt_trade.is_public"
"""Key in the environment of requests that need no token: nobody may take them for a superuser's."""

_IDENTITY_PREFIX = "HTTP_X_SWPT_"
# The scheme in any letter case, then a token as RFC 6750 has it.
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)


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

    def __init__(self, app: WSGIApplication, introspector: Introspector) -> None:
        self._app = app
        self._introspector = introspector

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        app = self._refusal(environ) or self._app
        return app(environ, start_response)

    def _refusal(self, environ: WSGIEnvironment) -> Response | None:
        """The answer to a request that may not pass; for one that may, None, and the environment is prepared."""
        # PATH_INFO holds the bytes of the path as Latin-1; all that matters here is ASCII.
        access = access_to(environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""))
        if access is None:
            return _error(404)
        if access.scope is None:
            environ[IS_PUBLIC] = True
            return None

        authorization = _BEARER.fullmatch(environ.get("HTTP_AUTHORIZATION", "").strip(" "))
        if authorization is None:
            return _error(401, "A bearer token is required.", "Bearer")
        try:
            grant = self._introspector.grant(authorization[1])
        except IntrospectionError as error:
            logger.warning("no token can be checked: %s", error)
            return _error(503, "Tokens can not be checked now.")
        if grant is None:
            return _error(401, "The token is not valid.", 'Bearer error="invalid_token"')
        if not is_granted(access.scope, grant.scopes):
            challenge = f'Bearer error="insufficient_scope", scope="{access.scope}"'
            return _error(403, f"The token has no scope {access.scope}.", challenge)

        environ["HTTP_X_SWPT_USER_ID"] = grant.subject
        environ["HTTP_X_SWPT_REQUIRE_PIN"] = "false" if "disable_pin" in grant.scopes else "true"
        return None


def _error(code: int, message: str | None = None, challenge: str | None = None) -> Response:
    body: dict[str, object] = {"code": code, "status": HTTP_STATUS_CODES[code]}
    if message is not None:
        body["message"] = message
    headers = {} if challenge is None else {"WWW-Authenticate": challenge}
    return Response(json.dumps(body) + "\n", code, headers, mimetype="application/json")

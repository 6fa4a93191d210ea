"""Requests that somebody else's web page makes a browser send.

Browsers reach what their users reach: a server on the loopback interface, and one behind a proxy that adds tokens by
itself. So no page of another site may change anything, and where no token is checked none may even read, under
whatever name it reaches the server (DNS rebinding).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from admin.web.errors import json_error
from settings.hosts import host_name, is_loopback

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from werkzeug.wrappers import Response

_SAFE = ("GET", "HEAD", "OPTIONS")


class CrossSiteCheck:
    """Refuses requests that change something and come from pages of other sites."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        app: WSGIApplication | Response = self._app
        if environ["REQUEST_METHOD"] not in _SAFE and is_cross_site(environ):
            app = json_error(403, "Pages of other sites may not do this. APP_ENABLE_CORS=true allows it.")
        return app(environ, start_response)


class HostCheck:
    """Refuses requests for other hosts than this machine itself and the named ones."""

    def __init__(self, app: WSGIApplication, names: Collection[str]) -> None:
        self._app = app
        self._names = {name.lower() for name in names}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        app: WSGIApplication | Response = self._app
        host = host_name(f"//{environ.get('HTTP_HOST', '')}")
        if host is None or not (is_loopback(host) or host in self._names):
            app = json_error(403, "This server has another name. APP_WEBSERVER_HOST_NAMES says which are good.")
        return app(environ, start_response)


def is_cross_site(environ: WSGIEnvironment) -> bool:
    """Whether a browser sends this for a page of another origin. What is no browser says nothing about pages."""
    site = environ.get("HTTP_SEC_FETCH_SITE")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = environ.get("HTTP_ORIGIN")
    return origin is not None and origin.partition("://")[2].lower() != environ.get("HTTP_HOST", "").lower()

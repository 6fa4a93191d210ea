"""Which scope a token needs for a request: the endpoint that answers it says so, however the path is spelled."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, RequestRedirect

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

View = TypeVar("View", bound=Callable[..., Any])

PREFIX: Final = "/trade/"
SCOPES: Final = {
    "access.readonly": "read-only access",
    "access": "all access that is not listed here",
    "activate": "make sure that there are collector accounts",
    "deactivate": "reserved",
}
"""All scopes, and what they allow."""

READ_METHODS: Final = ("GET", "HEAD")

_ATTRIBUTE = "_swpt_trade_access"
_WRITE = ("POST", "PUT", "PATCH", "DELETE")
# Serves the OpenAPI document. Its view comes from flask-smorest, and can not say itself that it is public.
_DOCUMENT = "api-docs.openapi_json"


@dataclass(frozen=True, slots=True)
class Access:
    """What a request needs: a token with this scope, or nothing if the scope is None."""

    scope: str | None


PUBLIC: Final = Access(None)


def needs(scope: str | None) -> Callable[[View], View]:
    """Declares the scope that a view, or one method of a class of views, needs; None: it needs not even a token."""
    if scope is not None and scope not in SCOPES:
        raise ValueError(f"there is no scope {scope}")

    def declare(view: View) -> View:
        setattr(view, _ATTRIBUTE, Access(scope))
        return view

    return declare


class AccessRules:
    """What the requests to an application need."""

    def __init__(self, app: flask.Flask) -> None:
        """Reads what the views declare. Raises ValueError when one has forgotten to."""
        self._map: Map = app.url_map
        self._declared = dict(_declarations(app))

    def of_endpoint(self, endpoint: str, method: str) -> Access:
        """What this method of an endpoint needs. Nobody declared it: what the method needs in general."""
        if method == "OPTIONS":
            return PUBLIC
        declared = self._declared.get((endpoint, "GET" if method == "HEAD" else method))
        return declared or Access("access.readonly" if method in READ_METHODS else "access")

    def of_request(self, environ: WSGIEnvironment) -> Access | None:
        """What a request needs. None: there is nothing under this path, nor could there be."""
        method = environ["REQUEST_METHOD"]
        # The bytes of the path as Latin-1; as Flask reads it.
        path = environ.get("PATH_INFO", "").encode("latin-1").decode(errors="replace")
        if not (path.startswith(PREFIX) or path == "/") or method not in ("OPTIONS", *READ_METHODS, *_WRITE):
            return None
        try:
            endpoint, _ = self._map.bind("").match(path, method)
        except (HTTPException, RequestRedirect):
            # Nothing answers this, so there is nothing to protect; but where pages may be, their absence is public.
            return PUBLIC if method in READ_METHODS and _may_be_page(path) else self.of_endpoint("", method)
        return self.of_endpoint(endpoint, method)


def is_granted(required: str, scopes: Collection[str]) -> bool:
    """Whether these scopes allow what needs the required one: a scope covers itself and everything below a dot."""
    return any(required == scope or (scope and required.startswith(f"{scope}.")) for scope in scopes)


def _may_be_page(path: str) -> bool:
    return path.startswith("/trade/.docs/") or path.endswith((".public", "/public", "-public"))


def _declarations(app: flask.Flask) -> Iterator[tuple[tuple[str, str], Access]]:
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            methods = getattr(view, "view_class", None)
            declared = getattr(getattr(methods, method.lower()) if methods else view, _ATTRIBUTE, None)
            if rule.endpoint == _DOCUMENT:
                declared = PUBLIC
            if declared is None:
                raise ValueError(f"nothing says which scope {method} {rule.rule} needs")
            yield (rule.endpoint, method), declared

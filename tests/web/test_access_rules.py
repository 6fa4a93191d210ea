"""What is needed for a request, over all that the application answers, however it is spelled."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

import flask
import pytest
from flask.testing import FlaskClient
from flask.views import MethodView
from werkzeug.test import create_environ, run_wsgi_app

from admin.web.access_rules import Access, AccessRules, needs
from tests.covering import covers
from tests.web.conftest import EVERY_SCOPE
from tests.web.introspection_server import IntrospectionServer

READ, WRITE, PUBLIC = "access.readonly", "access", None
NEEDED = {
    "/trade/health/check/public": {"GET": PUBLIC},
    "/trade/.docs/openapi.json": {"GET": PUBLIC},
    "/trade/.docs/": {"GET": PUBLIC},
    "/trade/.docs/swagger-ui": {"GET": PUBLIC},
    "/trade/.docs/swagger-ui-files/page.js": {"GET": PUBLIC},
    "/": {"GET": PUBLIC},
    "/trade/dashboard/style.public": {"GET": PUBLIC},
    "/trade/dashboard/drawing.public": {"GET": PUBLIC},
    "/trade/dashboard/login/public": {"GET": PUBLIC, "POST": PUBLIC},
    "/trade/dashboard/login/start.public": {"GET": PUBLIC},
    "/trade/dashboard/login/callback.public": {"GET": PUBLIC},
    "/trade/dashboard/logout/public": {"POST": PUBLIC},
    "/trade/dashboard/problem/public": {"GET": PUBLIC},
    "/trade/dashboard/": {"GET": READ},
    "/trade/dashboard/turns/": {"GET": READ},
    "/trade/dashboard/turns/7": {"GET": READ},
    "/trade/dashboard/turns/7/trader": {"GET": READ},
    "/trade/dashboard/held/": {"GET": READ},
    "/trade/dashboard/held/0/messages/1": {"GET": READ},
    "/trade/dashboard/held/0/messages": {"POST": WRITE},
    "/trade/dashboard/log/": {"GET": READ},
    "/trade/dashboard/shards/": {"GET": READ},
    "/trade/dashboard/shards/0": {"GET": READ},
    "/trade/dashboard/shards/0/queues/inbox_0": {"GET": READ},
    "/trade/dashboard/currencies/": {"GET": READ},
    "/trade/dashboard/currencies/1": {"GET": READ},
    "/trade/dashboard/collectors/1/2": {"GET": READ},
    "/trade/collectors/": {"GET": READ},
    "/trade/collectors/1/": {"GET": READ},
    "/trade/collectors/1/2": {"GET": READ},
    "/trade/collectors/1/activate": {"POST": "activate"},
    "/trade/turns/": {"GET": READ},
    "/trade/turns/7": {"GET": READ},
    "/trade/turns/7/currencies/": {"GET": READ},
    "/trade/turns/7/currencies/1": {"GET": READ},
    "/trade/turns/7/creditors/1": {"GET": READ},
    "/trade/turns/7/circles/": {"GET": READ},
    "/trade/statistics/most-bought-currencies.csv": {"GET": READ},
    "/trade/queues/": {"GET": READ},
    "/trade/queues/0": {"GET": READ},
    "/trade/set-aside/0/": {"GET": READ},
    "/trade/set-aside/0/decisions/": {"GET": READ},
    "/trade/set-aside/0/1": {"GET": READ},
    "/trade/set-aside/0/1/replay": {"POST": WRITE},
    "/trade/set-aside/0/1/discard": {"POST": WRITE},
}
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")


def spellings(path: str) -> Iterator[str]:
    """Ways to write a path, each of which may lead to the same endpoint or to none."""
    yield path
    yield path.rstrip("/") + "/"
    yield path.rstrip("/")
    yield path + "//"
    yield path.replace("/", "//")
    yield "/" + path
    yield path.replace("/", "//", 2)
    yield path[:-1] + f"%{ord(path[-1]):02X}"
    yield path[:-2] + f"%{ord(path[-2]):02x}" + path[-1]
    yield path.replace("/", "%2F")
    yield path[:7] + path[7:].replace("/", "%2f")
    yield path + "%00"
    yield path + "%0A"
    yield path + ";x"
    yield path + "?x=/public"
    yield path + "/.."
    yield path + "/public"
    yield path + ".public"
    yield path + "\N{LATIN SMALL LETTER E WITH ACUTE}"
    yield path.upper()


def environ_of(method: str, target: str, token: str | None = None) -> dict[str, Any]:
    """What a server makes of a request line. (Clients for tests change some paths before they send them.)"""
    path, _, query = target.partition("?")
    environ = create_environ("/", method=method)
    environ |= {"PATH_INFO": unquote_to_bytes(path).decode("latin-1"), "QUERY_STRING": query}
    return environ if token is None else environ | {"HTTP_AUTHORIZATION": f"Bearer {token}"}


def scopes_that_pass(client: FlaskClient, method: str, path: str) -> set[str | None]:
    """The scopes, each alone, with which a request gets to what answers it. None: without any token."""
    passing: set[str | None] = set()
    for scope in (None, *EVERY_SCOPE.split(), "access.readonly"):
        _, status, _ = run_wsgi_app(client.application, environ_of(method, path, scope and f"only-{scope}"))
        if not status.startswith(("401", "403", "404", "405")):
            passing.add(scope)
    return passing


@pytest.fixture
def client(
    make_client: Callable[..., FlaskClient], tokens: IntrospectionServer, monkeypatch: pytest.MonkeyPatch
) -> FlaskClient:
    """A client of an application whose databases are down, with tokens that have one scope each."""
    monkeypatch.setattr("admin.web.database.Database.transaction", lambda _self: flask.abort(418))
    for scope in (*EVERY_SCOPE.split(), "access.readonly"):
        tokens.allow(f"only-{scope}", "creditors-superuser", scope)
    return make_client(OPENAPI_SWAGGER_UI_URL="yes", APP_WORKER_POSTGRES_URLS="postgresql://nobody@127.0.0.1:1/none")


def test_every_rule_is_in_the_table(client: FlaskClient) -> None:
    url_map = client.application.url_map
    known = set()
    for path, methods in NEEDED.items():
        for method in methods:
            known.add((url_map.bind("").match(path, method, return_rule=True)[0].rule, method))
    expected = {
        (rule.rule, method) for rule in url_map.iter_rules() for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert known == expected


@covers("C20")
@pytest.mark.parametrize("path", [path for path in NEEDED if path != "/"])
def test_the_scope_follows_the_endpoint_however_it_is_spelled(client: FlaskClient, path: str) -> None:
    """Whatever spelling leads to an endpoint needs what the endpoint needs; whatever leads nowhere reveals nothing."""
    url_map = client.application.url_map
    readers: set[str | None] = {"access", "access.readonly"}
    allowed: dict[str | None, set[str | None]] = {
        None: {None, "access", "access.readonly", "activate", "deactivate"},
        READ: readers,
        WRITE: {"access"},
        "activate": {"activate"},
    }
    reached = 0
    for spelling in dict.fromkeys(spellings(path)):
        for method in METHODS:
            decoded = environ_of(method, spelling)["PATH_INFO"].encode("latin-1").decode(errors="replace")
            try:
                rule = url_map.bind("").match(decoded, method, return_rule=True)[0]
            except Exception:
                rule = None
            passing = scopes_that_pass(client, method, spelling)
            if rule is None or not decoded.startswith("/trade/"):
                assert passing == set(), (method, spelling)
                continue
            if method == "OPTIONS":
                assert passing == allowed[PUBLIC]
                continue
            wanted = NEEDED[path]["GET" if method == "HEAD" else method] if rule.rule == _rule(url_map, path) else READ
            assert passing == allowed[wanted], (method, spelling)
            reached += 1
    assert reached >= 2


def test_outside_there_is_only_a_way_to_the_dashboard(client: FlaskClient) -> None:
    for method in ("GET", "HEAD"):
        _, status, headers = run_wsgi_app(client.application, environ_of(method, "/"))
        assert (status, headers["Location"]) == ("303 SEE OTHER", "/trade/dashboard/")
    assert scopes_that_pass(client, "POST", "/") == set()


def _rule(url_map: object, path: str) -> str:
    method = next(iter(NEEDED[path]))
    rule: str = url_map.bind("").match(path, method, return_rule=True)[0].rule  # type: ignore[attr-defined]
    return rule


def test_an_activation_with_a_slash_is_an_activation(client: FlaskClient) -> None:
    for path in ("/trade/collectors/1/activate", "/trade/collectors/1/activate/", "/trade/collectors/1/%61ctivate"):
        for scope, code in (("access", 403), ("deactivate", 403), ("access.readonly", 403), ("activate", 418)):
            response = client.post(path, headers={"Authorization": f"Bearer only-{scope}"})
            assert response.status_code == code, (path, scope)


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("OPTIONS", "/trade/collectors/1/activate", PUBLIC),
        ("GET", "/trade/.docs/nothing", PUBLIC),
        ("GET", "/trade/x.public", PUBLIC),
        ("GET", "/trade/x/public\n", READ),
        ("GET", "/trade/nothing", READ),
        ("POST", "/trade/nothing/activate", WRITE),
        ("DELETE", "/trade/collectors/1/activate", WRITE),
        ("POST", "/trade/health/check/public", WRITE),
        ("PUT", "/trade/", WRITE),
    ],
)
def test_what_leads_nowhere_needs_what_its_method_needs(
    client: FlaskClient, method: str, path: str, needed: str | None
) -> None:
    assert AccessRules(client.application).of_request(environ_of(method, path)) == Access(needed)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/x"),
        ("GET", "/trade"),
        ("OPTIONS", "/x"),
        ("GET", "/Trade/x"),
        ("TRACE", "/trade/x"),
        ("GET", "//trade/"),
    ],
)
def test_nothing_else_is_there(client: FlaskClient, method: str, path: str) -> None:
    assert AccessRules(client.application).of_request(environ_of(method, path)) is None
    body, status, _ = run_wsgi_app(client.application, environ_of(method, path, "superuser"))
    assert (status, json.loads(b"".join(body))) == ("404 NOT FOUND", {"code": 404, "status": "Not Found"})


def test_a_view_that_says_nothing_ends_the_start() -> None:
    app = flask.Flask("some", static_folder=None)

    @app.get("/declared")
    @needs("access.readonly")
    def declared() -> str:
        return ""

    assert AccessRules(app).of_endpoint("declared", "HEAD") == Access("access.readonly")

    class Both(MethodView):
        @needs("access")
        def post(self) -> str:
            return ""

        def get(self) -> str:
            return ""

    app.add_url_rule("/both", view_func=Both.as_view("both"))
    with pytest.raises(ValueError, match="nothing says which scope GET /both needs"):
        AccessRules(app)


def test_there_are_only_known_scopes() -> None:
    with pytest.raises(ValueError, match=r"no scope acces$"):
        needs("acces")

"""The check of tokens in front of the API."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import Client, TestResponse
from werkzeug.wrappers import Request, Response

from admin.web.access_rules import Access, is_granted
from admin.web.app import create_app
from admin.web.introspection import CACHE_SECONDS, REFUSED_SECONDS, Introspector
from admin.web.introspection_client import IntrospectionClient
from admin.web.token_check import StripIdentity, TokenCheck
from settings.config import ConfigError, load
from tests.covering import covers
from tests.settings.environments import load_with
from tests.web.introspection_server import IntrospectionServer

READ, ACCESS, ACTIVATE = "access.readonly", "access", "activate"


@pytest.mark.parametrize(
    ("required", "scopes", "granted"),
    [
        (READ, {"access.readonly"}, True),
        (READ, {"access"}, True),
        (READ, {"acc", "access.read", "access.readonly.more", "activate", "ACCESS"}, False),
        (ACCESS, {"access.readonly"}, False),
        (ACTIVATE, {"access"}, False),
        (ACTIVATE, {"activate"}, True),
        (READ, set(), False),
        (READ, {""}, False),
    ],
)
def test_scopes_are_hierarchical(required: str, scopes: set[str], granted: bool) -> None:
    assert is_granted(required, scopes) is granted


@Request.application
def mirror(request: Request) -> Response:
    """An application that tells which identity it sees."""
    names = [name for name in request.headers.keys() if name.lower().startswith("x-swpt")]  # noqa: SIM118
    return Response("|".join(f"{name}={request.headers[name]}" for name in sorted(names)))


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def checked(tokens: IntrospectionServer, clock: Clock | None = None) -> Callable[..., TestResponse]:
    """Requests to the mirror behind a token check."""
    introspector = Introspector(IntrospectionClient(tokens.url), clock=clock or Clock())

    def access_to(environ: dict[str, Any]) -> Access:
        return Access(None if environ["PATH_INFO"].endswith("public") else READ)

    client = Client(StripIdentity(TokenCheck(mirror, introspector, access_to)))

    def call(authorization: str | None, path: str = "/trade/x", **headers: str) -> TestResponse:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if authorization is not None:
            headers["Authorization"] = authorization
        return client.get(path, headers=headers)

    return call


def test_the_token_is_introspected_as_agreed(tokens: IntrospectionServer) -> None:
    tokens.allow("a.b-c_~+/==", "me", "access")
    assert checked(tokens)("bearer  a.b-c_~+/==").status_code == 200
    ((body, headers),) = tokens.requests
    assert body == "token=a.b-c_~%2B%2F%3D%3D"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert headers["x-forwarded-proto"] == "https"


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer a b", "Bearer ä", "Basic superuser", "superuser", "Bearer ="],
)
def test_what_is_no_token_is_not_even_asked_for(tokens: IntrospectionServer, authorization: str | None) -> None:
    response = checked(tokens)(authorization)
    assert response.status_code == 401
    assert response.json == {"code": 401, "status": "Unauthorized", "message": "A bearer token is required."}
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert tokens.requests == []


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"active": False, "sub": "me", "scope": "access"}, 401),
        ({"active": "true", "sub": "me", "scope": "access"}, 401),
        ({"active": 1, "sub": "me", "scope": "access"}, 401),
        ({"sub": "me", "scope": "access"}, 401),
        ({"active": True, "sub": "me", "scope": "access", "exp": 1}, 401),
        ({"active": True, "sub": "me", "scope": "activate"}, 403),
        ({"active": True, "sub": "me"}, 403),
        ({"active": True, "sub": "me", "scope": "other access", "exp": 10**400}, 200),
        ({"active": True, "sub": "me", "scope": "access", "exp": "soon"}, 200),
        ("[]", 503),
        ("not JSON", 503),
        ("[" * 100_000, 503),
        (500, 503),
        (204, 503),
        (401, 503),
    ],
)
def test_answers_of_the_authorization_server(tokens: IntrospectionServer, answer: Any, code: int) -> None:
    tokens.answers["t"] = answer
    response = checked(tokens)("Bearer t")
    assert response.status_code == code
    if code != 200:
        assert response.json is not None
        assert response.json["code"] == code
        assert response.json["status"]
        assert ("WWW-Authenticate" in response.headers) == (code in (401, 403))


def test_an_unreachable_authorization_server_makes_the_service_unavailable() -> None:
    response = checked(IntrospectionServer(url="http://127.0.0.1:1/"))("Bearer t")
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert response.json == {"code": 503, "status": "Service Unavailable", "message": "Tokens can not be checked now."}


@covers("C19")
@pytest.mark.parametrize(
    ("answer", "user"),
    [
        ({"sub": "s", "username": "u"}, "s"),
        ({"sub": "", "username": "u"}, "u"),
        ({"sub": None, "username": "u"}, "u"),
        ({"username": "u"}, "u"),
        ({"sub": 7, "username": ""}, None),
        ({}, None),
    ],
)
def test_the_user_is_the_sub_or_the_username(
    tokens: IntrospectionServer, answer: dict[str, Any], user: str | None
) -> None:
    tokens.answers["t"] = {"active": True, "scope": "access", **answer}
    response = checked(tokens)("Bearer t")
    if user is None:
        assert response.status_code == 401
    else:
        assert response.text == f"X-Swpt-Require-Pin=true|X-Swpt-User-Id={user}"


FORGED = {"X_Swpt_User_Id": "creditors-superuser", "X_Swpt_Require_Pin": "false", "X_Swpt_Anything": "x"}


@covers("C20")
def test_clients_can_not_say_who_they_are(tokens: IntrospectionServer) -> None:
    tokens.allow("t", "me", "access")
    tokens.allow("p", "me", "access disable_pin")
    call = checked(tokens)
    assert call("Bearer t", **FORGED).text == "X-Swpt-Require-Pin=true|X-Swpt-User-Id=me"
    assert call("Bearer p", **FORGED).text == "X-Swpt-Require-Pin=false|X-Swpt-User-Id=me"
    assert call(None, "/trade/x/public", **FORGED).text == ""
    assert call("Bearer t", "/trade/x/public", **FORGED).text == ""


@covers("C20")
def test_what_was_not_checked_makes_nobody_a_superuser(make_client: Callable[..., FlaskClient]) -> None:
    """Even if a request came around the check, or the check took it for another one."""
    client = make_client()
    app = Client(client.application.__class__.wsgi_app.__get__(client.application))
    assert app.get("/trade/turns/").status_code == 403
    assert app.get("/trade/turns/", headers={"X-Swpt-User-Id": "creditors-superuser"}).status_code == 403
    assert app.get("/trade/health/check/public").status_code == 200


@covers("C20")
def test_without_a_token_check_forged_names_are_stripped(make_client: Callable[..., FlaskClient]) -> None:
    client = make_client(OAUTH2_INTROSPECT_URL="", APP_WEBSERVER_NO_TOKEN_CHECK="true")

    @client.application.get("/trade/mirror")
    def mirrored() -> str:
        import flask

        return flask.request.headers.get("X-Swpt-User-Id", "nobody")

    assert client.get("/trade/mirror", headers={"X-Swpt-User-Id": "creditors:1"}).text == "nobody"


def test_valid_tokens_are_remembered_for_five_minutes(tokens: IntrospectionServer) -> None:
    clock = Clock()
    tokens.allow("t", "me", "access")
    call = checked(tokens, clock)
    for after, asked in ((0.0, 1), (CACHE_SECONDS - 1, 1), (2.0, 2)):
        clock.now += after
        assert call("Bearer t").status_code == 200
        assert len(tokens.requests) == asked
    tokens.answers["t"] = {"active": False}
    clock.now += CACHE_SECONDS + 1
    assert call("Bearer t").status_code == 401


def test_no_token_is_remembered_beyond_its_end(tokens: IntrospectionServer) -> None:
    clock = Clock()
    tokens.allow("t", "me", "access", exp=clock.now + 10)
    call = checked(tokens, clock)
    assert [call("Bearer t").status_code, len(tokens.requests)] == [200, 1]
    clock.now += 9
    assert [call("Bearer t").status_code, len(tokens.requests)] == [200, 1]
    clock.now += 1
    assert [call("Bearer t").status_code, len(tokens.requests)] == [401, 2]


def test_refused_tokens_are_remembered_for_a_moment(tokens: IntrospectionServer) -> None:
    clock = Clock()
    call = checked(tokens, clock)
    assert [call("Bearer t").status_code for _ in range(3)] == [401, 401, 401]
    assert len(tokens.requests) == 1
    tokens.allow("t", "me", "access")
    clock.now += REFUSED_SECONDS + 1
    assert call("Bearer t").status_code == 200


def test_the_cache_has_an_end(tokens: IntrospectionServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("admin.web.introspection.CACHE_SIZE", 2)
    for name in "abc":
        tokens.allow(name, name, "access")
    introspector = Introspector(IntrospectionClient(tokens.url))
    assert [grant.subject for name in "abcb" if (grant := introspector.grant(name))] == ["a", "b", "c", "b"]
    assert len(tokens.requests) == 3
    introspector.grant("a")
    assert len(tokens.requests) == 4
    introspector.close()


def test_a_flood_of_bad_tokens_drives_no_good_one_out(
    tokens: IntrospectionServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("admin.web.introspection.CACHE_SIZE", 2)
    tokens.allow("good", "me", "access")
    introspector = Introspector(IntrospectionClient(tokens.url))
    for name in ("good", "bad1", "bad2", "bad3", "good"):
        introspector.grant(name)
    assert len(tokens.requests) == 4
    introspector.close()


def cors_headers(response: TestResponse) -> dict[str, str]:
    assert len(response.headers.getlist("Access-Control-Allow-Origin")) <= 1
    return {name: value for name, value in response.headers if name.startswith("Access-Control-")}


ORIGIN = {"Origin": "https://example.com"}


@pytest.mark.parametrize("in_app", ["false", "true"])
def test_cross_origin_requests_are_allowed_if_wanted(make_client: Callable[..., FlaskClient], in_app: str) -> None:
    client = make_client(APP_ENABLE_CORS=in_app)
    preflight = client.options(
        "/trade/collectors/1/activate", headers=ORIGIN | {"Access-Control-Request-Method": "POST"}
    )
    assert preflight.status_code == 204
    assert cors_headers(preflight) == {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "POST, GET, PUT, PATCH, DELETE",
        "Access-Control-Allow-Headers": "Authorization, Content-Type, X-Requested-With",
        "Access-Control-Expose-Headers": "Content-Type, Location",
        "Access-Control-Max-Age": "86400",
    }
    # Errors too, or pages could not read them.
    for path, code in (("/trade/health/check/public", 200), ("/trade/turns/", 401), ("/x", 404)):
        response = client.get(path, headers=ORIGIN)
        assert response.status_code == code
        assert cors_headers(response) == {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": "Content-Type, Location",
        }
    assert client.options("/trade/turns/").status_code == 200


def test_nothing_is_served_unchecked_by_default() -> None:
    with pytest.raises(ConfigError, match=r"OAUTH2_INTROSPECT_URL is not set.*APP_WEBSERVER_NO_TOKEN_CHECK"):
        load("webserver", {"SOLVER_POSTGRES_URL": "postgresql://solver@host/db"})
    with pytest.raises(ValueError, match="OAUTH2_INTROSPECT_URL is not set"):
        create_app(load_with("worker"))

"""Logging in to the dashboard: with a token, and by the server that makes the tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.web.conftest import Web
from tests.web.introspection_server import IntrospectionServer
from tests.web.login_server import LoginServer, login_server

DASHBOARD = "/trade/dashboard/"
LOGIN = f"{DASHBOARD}login/public"
START, CALLBACK = f"{DASHBOARD}login/start.public", f"{DASHBOARD}login/callback.public"
ROOT = "https://trade.example/trade/"
TOKEN, BEGUN = "swpt_trade_token", "swpt_trade_login"


@pytest.fixture
def server(tokens: IntrospectionServer) -> Iterator[LoginServer]:
    with login_server(tokens) as running:
        yield running


@pytest.fixture
def client(make_client: Callable[..., FlaskClient], server: LoginServer) -> FlaskClient:
    return make_client(**server.settings(ROOT))


def begin(client: FlaskClient, server: LoginServer, to: str = "") -> str:
    """Somebody presses "Log in", and logs in there; returns what the browser is sent back with."""
    answer = client.get(START, query_string={"to": to} if to else {})
    assert answer.status_code == 303
    url = urlsplit(answer.headers["Location"])
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{server.url}/authorize"
    back = server.authorize({name: values[0] for name, values in parse_qs(url.query).items()})
    assert back.startswith(f"{ROOT}dashboard/login/callback.public?")
    return urlsplit(back).query


def come_back(client: FlaskClient, query: str) -> TestResponse:
    return client.get(f"{CALLBACK}?{query}")


def cookie(client: FlaskClient, name: str = TOKEN, path: str = DASHBOARD) -> str | None:
    found = client.get_cookie(name, path=path)
    return found and found.value


def test_who_logs_in_by_the_token_server_comes_back_with_a_token(client: FlaskClient, server: LoginServer) -> None:
    query = begin(client, server, f"{DASHBOARD}turns/?before=4")
    assert cookie(client, BEGUN, f"{DASHBOARD}login/") is not None
    answer = come_back(client, query)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{DASHBOARD}turns/?before=4")
    assert cookie(client) == "made-1"
    assert cookie(client, BEGUN, f"{DASHBOARD}login/") is None
    (made,) = [text for text in answer.headers.getlist("Set-Cookie") if text.startswith(TOKEN)]
    for part in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/trade/dashboard/", "Max-Age=3600"):
        assert part in made
    (asked,) = server.asked
    assert asked["scope"] == "openid access access.readonly"
    assert asked["response_type"] == "code"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3


def test_no_two_logins_are_alike_and_each_is_good_once(client: FlaskClient, server: LoginServer) -> None:
    begin(client, server)
    query = begin(client, server)
    first, second = server.asked
    assert all(first[name] != second[name] for name in ("state", "nonce", "code_challenge"))
    assert come_back(client, query).status_code == 303
    assert "not begun here" in come_back(client, query).text


def test_the_answer_to_another_login_is_refused(client: FlaskClient, server: LoginServer) -> None:
    """Somebody else's code would log its user in as somebody else."""
    others = begin(client, server)
    begin(client, server)
    answer = come_back(client, others)
    assert answer.status_code == 400
    assert "This is the answer to another login." in answer.text
    assert cookie(client) is None


@pytest.mark.parametrize("begun", [None, "", "x", "e30=", "bm90aGluZw==", "\N{LATIN SMALL LETTER E WITH ACUTE}"])
def test_a_login_that_nobody_began_is_refused(client: FlaskClient, server: LoginServer, begun: str | None) -> None:
    query = begin(client, server)
    client.delete_cookie(BEGUN, path=f"{DASHBOARD}login/")
    if begun is not None:
        client.set_cookie(BEGUN, begun, path=f"{DASHBOARD}login/")
    answer = come_back(client, query)
    assert answer.status_code == 400
    assert "not begun here" in answer.text
    assert cookie(client) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": 500}, "The token server answered 500."),
        ({"answer": {"access_token": None}}, "did not answer with a bearer token"),
        ({"answer": {"access_token": "a b"}}, "did not answer with a bearer token"),
        ({"answer": {"access_token": "a" * 4000}}, "Browsers keep no token of more than 3,800 characters."),
        ({"answer": {"token_type": "mac"}}, "did not answer with a bearer token"),
        ({"answer": {"id_token": None}}, "a token of another login"),
        ({"answer": {"id_token": "e30.e30.x"}}, "a token of another login"),
        ({"answer": {"more": "x" * 70_000}}, "The token server answered too much."),
        ({"is_refused": True}, "The login server says: access_denied"),
    ],
)
def test_a_login_that_fails_says_why(
    client: FlaskClient, server: LoginServer, change: dict[str, Any], message: str
) -> None:
    for name, value in change.items():
        setattr(server, name, value)
    answer = come_back(client, begin(client, server))
    assert answer.status_code == 400
    assert message in answer.text
    assert cookie(client) is None
    assert cookie(client, BEGUN, f"{DASHBOARD}login/") is None


def test_a_code_without_its_verifier_is_worth_nothing(client: FlaskClient, server: LoginServer) -> None:
    query = begin(client, server)
    server.codes["code-1"]["code_challenge"] = "another"
    assert "The token server answered 400 (invalid_grant)." in come_back(client, query).text


def test_a_token_server_that_is_down(make_client: Callable[..., FlaskClient], server: LoginServer) -> None:
    settings = server.settings(ROOT) | {"OAUTH2_TOKEN_URL": "http://127.0.0.1:1/token"}
    client = make_client(**settings)
    assert "The token server can not be reached" in come_back(client, begin(client, server)).text


def test_without_a_client_there_is_no_such_login(make_client: Callable[..., FlaskClient]) -> None:
    client = make_client()
    assert client.get(START).headers["Location"] == LOGIN
    assert "not begun here" in client.get(CALLBACK).text
    assert "login/start" not in client.get(LOGIN).text


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/",
        "//evil.example/",
        "/trade/dashboard//evil.example",
        "/trade/dashboard/../../x",
        "/trade/dashboard/\\evil",
        "/trade/turns/",
        "javascript:alert(1)",
        "/trade/dashboard/\r\nSet-Cookie: x=y",
    ],
)
def test_a_login_leads_to_the_dashboard_only(client: FlaskClient, server: LoginServer, address: str) -> None:
    pasted = client.post(LOGIN, data={"token": "superuser", "to": address})
    assert pasted.headers["Location"] == DASHBOARD
    assert come_back(client, begin(client, server, address)).headers["Location"] == DASHBOARD


def test_the_cookie_counts_on_the_dashboard_only_and_goes_with_the_logout(web: Web) -> None:
    answer = web.client.post(LOGIN, data={"token": "superuser"})
    assert "Secure" not in answer.headers["Set-Cookie"]
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    assert web.client.get(DASHBOARD).status_code == 200
    web.client.set_cookie(TOKEN, "superuser", path="/")
    assert web.client.get("/trade/turns/").status_code == 401
    web.client.delete_cookie(TOKEN, path="/")
    # A header comes first, even one that is wrong.
    assert web.client.get(DASHBOARD, headers={"Authorization": "Bearer unknown"}).status_code == 401
    assert web.client.post(f"{DASHBOARD}logout/public").status_code == 303
    assert web.client.get(DASHBOARD).status_code == 401


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_no_page_of_another_site_logs_anybody_in_or_out(make_client: Callable[..., FlaskClient], site: str) -> None:
    client = make_client(APP_ENABLE_CORS="true")
    headers = {"Sec-Fetch-Site": site}
    assert client.post(LOGIN, data={"token": "superuser"}, headers=headers).status_code == 403
    client.set_cookie(TOKEN, "superuser", path=DASHBOARD)
    assert client.post(f"{DASHBOARD}logout/public", headers=headers).status_code == 403
    assert cookie(client) == "superuser"

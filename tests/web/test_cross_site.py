"""What pages of other sites can make a browser do here."""

from __future__ import annotations

from collections.abc import Callable

import flask
import pytest
from flask.testing import FlaskClient

from tests.covering import covers

UNCHECKED = {"OAUTH2_INTROSPECT_URL": "", "APP_WEBSERVER_NO_TOKEN_CHECK": "true"}
EVIL = "https://evil.example"
ACTIVATE = "/trade/collectors/0/activate"

Made = Callable[..., FlaskClient]


CASES: list[tuple[dict[str, str], bool]] = [
    ({}, False),
    ({"Sec-Fetch-Site": "same-origin"}, False),
    ({"Sec-Fetch-Site": "none"}, False),
    ({"Sec-Fetch-Site": "cross-site"}, True),
    ({"Sec-Fetch-Site": "same-site"}, True),
    ({"Sec-Fetch-Site": "something-new"}, True),
    ({"Sec-Fetch-Site": ""}, True),
    ({"Origin": "http://localhost:8080"}, False),
    ({"Origin": "HTTP://LOCALHOST:8080"}, False),
    ({"Origin": "http://localhost"}, True),
    ({"Origin": "http://localhost:8081"}, True),
    ({"Origin": EVIL}, True),
    ({"Origin": "null"}, True),
    ({"Origin": ""}, True),
    ({"Origin": "http://["}, True),
    # A proxy in front may have changed the host; the browser knows better.
    ({"Sec-Fetch-Site": "same-origin", "Origin": "https://trade.example"}, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:8080"}, True),
]


@pytest.mark.parametrize("is_checked", [True, False])
def test_pages_of_other_sites_change_nothing(
    make_client: Made, monkeypatch: pytest.MonkeyPatch, is_checked: bool
) -> None:
    monkeypatch.setattr("admin.web.database.Database.transaction", lambda _self: flask.abort(418))
    client = make_client(**({} if is_checked else UNCHECKED))
    token = {"Authorization": "Bearer superuser"} if is_checked else {}
    for headers, is_refused in CASES:
        for method in ("POST", "PUT", "PATCH", "DELETE", "GET", "HEAD", "OPTIONS"):
            sent = {"Host": "localhost:8080", **token, **headers}
            response = client.open(ACTIVATE, method=method, headers=sent)
            if is_refused and method in ("POST", "PUT", "PATCH", "DELETE"):
                assert response.status_code == 403, (method, headers)
                assert response.json is not None
                assert "Pages of other sites" in response.json["message"]
            else:
                answer = {"POST": 418, "OPTIONS": 200}.get(method, 405)
                assert response.status_code == answer, (method, headers)


def test_pages_of_other_sites_may_change_things_if_that_is_wanted(make_client: Made) -> None:
    client = make_client(APP_ENABLE_CORS="true")
    headers = {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}
    assert client.post(ACTIVATE, headers=headers).status_code == 401
    response = client.post("/trade/nothing", headers={**headers, "Authorization": "Bearer superuser"})
    assert response.status_code == 404
    assert response.headers["Access-Control-Allow-Origin"] == "*"


HOSTS = [
    ("localhost", True),
    ("LocalHost:8080", True),
    ("trade.localhost:8080", True),
    ("127.0.0.1:8080", True),
    ("127.8.9.1", True),
    ("[::1]:8080", True),
    ("proxy.example:443", True),
    ("evil.example", False),
    ("evil.example:8080", False),
    ("localhost.evil.example", False),
    ("127.0.0.1.evil.example", False),
    ("evil-localhost", False),
    ("192.168.1.1:8080", False),
    ("0.0.0.0:8080", False),
    ("localhost@evil.example", False),
    ("evil.example#localhost", False),
    ("evil.example/localhost", False),
    ("localhost:x", False),
    ("[", False),
    ("", False),
]


@covers("C20")
def test_where_nothing_is_checked_the_name_of_the_server_is(make_client: Made) -> None:
    client = make_client(**UNCHECKED, APP_WEBSERVER_HOST_NAMES="other.example Proxy.Example")
    for host, is_good in HOSTS:
        for path, good in (("/trade/health/check/public", 200), ("/trade/nothing", 404)):
            response = client.get(path, headers={"Host": host})
            assert response.status_code == (good if is_good else 403), host
            if not is_good:
                assert response.json is not None
                assert "another name" in response.json["message"]


def test_with_tokens_every_name_is_good(make_client: Made) -> None:
    assert make_client().get("/trade/health/check/public", headers={"Host": "any.example"}).status_code == 200

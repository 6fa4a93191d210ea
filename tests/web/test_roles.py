"""Who may do what: every endpoint, every user, every kind of token."""

from __future__ import annotations

import pytest

from admin.web.roles import UserType, user_type
from tests.covering import covers
from tests.settings.environments import load_with
from tests.web.conftest import Web
from tests.web.rows import insert_collector, insert_turn, set_aside
from tests.web.solved_turns import insert_solved_turn

READABLE = {
    "/trade/collectors/": 200,
    "/trade/collectors/1/": 200,
    "/trade/collectors/1/2": 200,
    "/trade/turns/": 200,
    "/trade/turns/7": 200,
    "/trade/turns/5/currencies/": 200,
    "/trade/turns/5/currencies/1": 200,
    "/trade/turns/5/creditors/1": 200,
    "/trade/turns/5/circles/": 200,
    "/trade/statistics/most-bought-currencies.csv": 200,
    "/trade/queues/": 200,
    "/trade/queues/0": 200,
    "/trade/set-aside/0/": 200,
    "/trade/set-aside/0/1": 200,
    "/trade/set-aside/0/decisions/": 200,
    "/trade/dashboard/": 200,
    "/trade/dashboard/turns/": 200,
    "/trade/dashboard/turns/7": 200,
    "/trade/dashboard/turns/7/trader": 200,
    "/trade/dashboard/held/": 200,
    "/trade/dashboard/held/0/messages/1": 200,
    "/trade/dashboard/log/": 200,
    "/trade/dashboard/shards/": 200,
    "/trade/dashboard/shards/0": 200,
    "/trade/dashboard/shards/0/queues/inbox_0": 200,
    "/trade/dashboard/currencies/": 200,
    "/trade/dashboard/currencies/1": 200,
    "/trade/dashboard/collectors/1/2": 200,
}
# Path, needed scope, whether a supervisor may.
WRITABLE = [
    ("/trade/collectors/1/activate", "activate", True),
    ("/trade/set-aside/0/1/replay", "access", False),
    ("/trade/set-aside/0/1/discard", "access", False),
]
PUBLIC = [
    "/trade/health/check/public",
    "/trade/.docs/openapi.json",
    "/trade/.docs/",
    "/trade/.docs/swagger-ui-files/LICENSE",
    "/trade/.docs/swagger-ui-files/page.js",
    "/trade/.docs/swagger-ui-files/swagger-ui-bundle.js",
    "/trade/.docs/swagger-ui-files/swagger-ui.css",
    "/trade/dashboard/login/public",
    "/trade/dashboard/style.public",
    "/trade/dashboard/script.public",
    "/trade/dashboard/drawing.public",
]
# They need no token, and answer otherwise than with a page.
ODD = {
    "/trade/dashboard/login/start.public": 303,
    "/trade/dashboard/login/callback.public": 400,
    "/": 303,
    "/trade/dashboard/problem/public": 303,
}
LOGOUT = "/trade/dashboard/logout/public"
DECISION = "/trade/dashboard/held/0/messages"
POSTED = (*(path for path, _, _ in WRITABLE), LOGOUT, DECISION)


@pytest.fixture
def rows(web: Web) -> Web:
    """Something to see under every path."""
    insert_collector(web.solver, 1, 2)
    insert_turn(web.solver, 7)
    insert_solved_turn(web.solver, 5)
    assert set_aside(web.worker, {"type": "UpdatedFlags", "creditor_id": 1}) == 1
    return web


def test_the_lists_above_are_complete(web: Web) -> None:
    listed = {*READABLE, *POSTED, *PUBLIC, *ODD}
    match = web.client.application.url_map.bind("").match
    methods = dict.fromkeys(POSTED, "POST")
    endpoints = {match(path, methods.get(path, "GET"), return_rule=True)[0].rule for path in listed}
    assert endpoints == {rule.rule for rule in web.client.application.url_map.iter_rules()}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_may_read(rows: Web, method: str) -> None:
    rows.tokens.allow("expired", "creditors-superuser", "access", exp=1)
    rows.tokens.allow("other-scopes", "creditors-superuser", "activate deactivate")
    rows.tokens.allow("readonly", "creditors-superuser", "access.readonly")
    for path in READABLE:
        for token, code in {
            None: 401,
            "unknown": 401,
            "expired": 401,
            "other-scopes": 403,
            "readonly": 200,
            "superuser": 200,
            "supervisor": 200,
            "owner": 200,
            "creditor": 403,
            "somebody": 403,
        }.items():
            response = rows.call(method, path, token)
            assert response.status_code == code, (path, token)
            if code != 200 and method == "GET":
                assert response.json is not None
                assert response.json["code"] == code


@pytest.mark.parametrize(("path", "scope", "supervisor_may"), WRITABLE)
def test_who_may_write(rows: Web, path: str, scope: str, supervisor_may: bool) -> None:
    others = " ".join({"access", "activate", "deactivate", "access.readonly"} - {scope})
    rows.tokens.allow("wrong-scope", "creditors-superuser", others)
    rows.tokens.allow("expired", "creditors-superuser", scope, exp=1)
    rows.tokens.allow("right-scope", "creditors-superuser", scope)
    for token, code in (
        (None, 401),
        ("unknown", 401),
        ("expired", 401),
        ("wrong-scope", 403),
        ("creditor", 403),
        ("owner", 403),
        ("somebody", 403),
        ("supervisor", 204 if supervisor_may else 403),
        ("right-scope", 204),
    ):
        response = rows.post(path, token)
        assert response.status_code == code, token


def test_public_paths_need_no_token(rows: Web) -> None:
    for path in PUBLIC:
        for token in (None, "unknown", "creditor"):
            assert rows.get(path, token).status_code == 200, path
            assert rows.call("HEAD", path, token).status_code == 200, path
    for path, code in ODD.items():
        assert rows.get(path, None).status_code == code, path
    assert rows.post(LOGOUT, None).status_code == 303
    assert rows.tokens.requests == []


@pytest.mark.parametrize(
    ("subject", "variables", "expected"),
    [
        (None, {}, "superuser"),
        ("creditors-superuser", {}, "superuser"),
        ("creditors-superuser2", {}, "unknown"),
        ("creditors-superuser\n", {}, "unknown"),
        ("creditors-supervisor", {}, "supervisor"),
        ("", {}, "unknown"),
        ("creditors:", {}, "unknown"),
        ("creditors:18446744073709551615", {}, "creditor"),
        ("creditors:7", {"OWNER_CREDITOR_ID": "7"}, "owner"),
        ("creditors:8", {"OWNER_CREDITOR_ID": "7"}, "creditor"),
        ("creditors:18446744073709551615", {"OWNER_CREDITOR_ID": "-1"}, "owner"),
        ("root", {"OAUTH2_SUPERUSER_USERNAME": "root"}, "superuser"),
        ("creditors-superuser", {"OAUTH2_SUPERUSER_USERNAME": "root"}, "unknown"),
        ("admin-7", {"APP_SUPERUSER_SUBJECT_REGEX": "admin-[0-9]+"}, "superuser"),
        ("admin-7x", {"APP_SUPERUSER_SUBJECT_REGEX": "admin-[0-9]+"}, "unknown"),
        ("admin-7\n", {"APP_SUPERUSER_SUBJECT_REGEX": "admin-[0-9]+$"}, "unknown"),
        ("admin", {"APP_SUPERUSER_SUBJECT_REGEX": "root|admin"}, "superuser"),
        ("administrator", {"APP_SUPERUSER_SUBJECT_REGEX": "root|admin"}, "unknown"),
        ("the-admin-7", {"APP_SUPERUSER_SUBJECT_REGEX": "admin-"}, "unknown"),
        ("x", {"APP_SUPERUSER_SUBJECT_REGEX": "x", "APP_SUPERVISOR_SUBJECT_REGEX": "x"}, "superuser"),
        ("boss", {"APP_SUPERVISOR_SUBJECT_REGEX": "boss"}, "supervisor"),
        ("c7", {"APP_CREDITOR_SUBJECT_REGEX": "c([0-9]+)"}, "creditor"),
        ("c7x", {"APP_CREDITOR_SUBJECT_REGEX": "c([0-9]+)"}, "unknown"),
        ("c", {"APP_CREDITOR_SUBJECT_REGEX": "c([0-9]+)?"}, "unknown"),
    ],
)
def test_subjects_are_users_of_some_type(subject: str | None, variables: dict[str, str], expected: UserType) -> None:
    assert user_type(load_with("webserver", **variables), subject) == expected


@covers("C21")
@pytest.mark.parametrize("number", [str(2**64), "9" * 21, "9" * 10_000])
def test_creditors_with_impossible_numbers_are_refused(web: Web, number: str) -> None:
    web.tokens.allow("t", f"creditors:{number}", "access")
    assert web.get("/trade/collectors/1/", "t").status_code == 403

"""Collector accounts in the admin API."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.web.conftest import Web
from tests.web.rows import insert_collector

PATH = "/trade/collectors/666/activate"
MAX_ID = "18446744073709551615"


def collectors(solver: Connection, debtor_id: int = 666) -> list[tuple[int, int]]:
    query = "select collector_id, status from solver.collector_account where debtor_id = %s order by 1"
    return [(collector_id, status) for collector_id, status in solver.execute(query, (debtor_id,)).fetchall()]


def test_the_example_of_the_former_service_works(web: Web) -> None:
    """What a client of the service that this one replaces sends."""
    body = '{"type":"ActivateCollectorsRequest","numberOfAccounts":3}'
    for _ in range(2):
        response = web.post(
            "/trade/collectors/18446744073709551493/activate", data=body, content_type="application/json"
        )
        assert (response.status_code, response.data) == (204, b"")
        assert [status for _, status in collectors(web.solver, -123)] == [0, 0, 0]


@covers("C23")
@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 1),
        ({"json": {}}, 1),
        ({"data": "", "content_type": "application/json"}, 1),
        ({"data": "", "content_type": "text/plain"}, 1),
        ({"json": {"numberOfAccounts": 2}}, 2),
        ({"data": '{"numberOfAccounts": 2}', "content_type": "application/json; charset=utf-8"}, 2),
        ({"data": '{"numberOfAccounts": 2}', "content_type": "application/problem+json"}, 2),
    ],
)
def test_absent_bodies_mean_the_defaults(web: Web, options: dict[str, Any], count: int) -> None:
    assert web.post(PATH, **options).status_code == 204
    assert len(collectors(web.solver)) == count


@covers("C23")
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_bodies_of_other_types_are_refused(web: Web, content_type: str) -> None:
    response = web.post(PATH, data='{"numberOfAccounts": 2}', content_type=content_type)
    assert response.status_code == 415
    assert response.json is not None
    assert response.json["status"] == "Unsupported Media Type"
    assert collectors(web.solver) == []


@covers("C23")
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"numberOfAccounts": "2"}, "numberOfAccounts"),
        ({"numberOfAccounts": 2.0}, "numberOfAccounts"),
        ({"numberOfAccounts": True}, "numberOfAccounts"),
        ({"numberOfAccounts": None}, "numberOfAccounts"),
        ({"numberOfAccounts": 0}, "numberOfAccounts"),
        ({"numberOfAccounts": -1}, "numberOfAccounts"),
        ({"numberOfAccounts": 2**63}, "numberOfAccounts"),
        ({"type": "ActivateCollectors"}, "type"),
        ({"type": None}, "type"),
        ({"numberofaccounts": 1}, "numberofaccounts"),
        ({"more": 1}, "more"),
        ([], "_schema"),
        (3, "_schema"),
    ],
)
def test_invalid_bodies_are_refused(web: Web, body: object, field: str) -> None:
    response = web.post(PATH, json=body)
    assert response.status_code == 422
    assert response.json is not None
    assert response.json["code"] == 422
    # Another name in later releases of HTTP.
    assert response.json["status"] in ("Unprocessable Entity", "Unprocessable Content")
    ((name, messages),) = response.json["errors"]["json"].items()
    assert name == field
    assert all(isinstance(message, str) for message in messages)
    assert collectors(web.solver) == []


def test_null_is_no_absent_body(web: Web) -> None:
    assert web.post(PATH, data="null", content_type="application/json").status_code == 422


@pytest.mark.parametrize(
    "body", [b"{", b" ", b"\xff", b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b"1" * 5000, b"[" * 60_000]
)
def test_malformed_json_is_a_bad_request(web: Web, body: bytes) -> None:
    response = web.post(PATH, data=body, content_type="application/json")
    assert response.json == {"code": 400, "status": "Bad Request", "errors": {"json": ["Invalid JSON body."]}}
    assert response.status_code == 400


def test_bodies_that_are_too_large(web: Web) -> None:
    response = web.post(PATH, data=b" " * 65_537, content_type="application/json")
    assert response.status_code == 413
    assert response.json is not None
    assert response.json["code"] == 413


@covers("C22")
def test_debtor_0_gets_no_collectors(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    response = web.post("/trade/collectors/0/activate")
    assert response.json == {
        "code": 500,
        "status": "Internal Server Error",
        "message": "no collector accounts can be created for this request: "
        "debtor 0 is reserved; the number of accounts has to be positive",
    }
    assert response.status_code == 500
    records = [record for record in caplog.records if record.name.startswith("admin")]
    assert [(record.levelno, record.exc_info) for record in records] == [(logging.WARNING, None)]


@covers("C22")
@pytest.mark.parametrize(("count", "code"), [(1536, 204), (1537, 500), (2**63 - 1, 500)])
def test_too_few_free_ids_are_told(web: Web, caplog: pytest.LogCaptureFixture, count: int, code: int) -> None:
    """Three quarters of 2048."""
    response = web.post(PATH, json={"numberOfAccounts": count})
    assert response.status_code == code
    assert len(collectors(web.solver)) == (count if code == 204 else 0)
    if code == 500:
        assert response.json is not None
        assert response.json["message"].startswith("too few free collector IDs")
        assert [record.exc_info for record in caplog.records if record.name.startswith("admin")] == [None]


@covers("C24")
@pytest.mark.parametrize(
    "debtor",
    ["-1", "007", "0x1", "00", "18446744073709551616", "99999999999999999999", "1" * 21, "1.0", "a", "٣", "1%0A"],
)
def test_what_is_no_debtor_id_is_not_found(web: Web, debtor: str) -> None:
    for response in (
        web.post(f"/trade/collectors/{debtor}/activate"),
        web.get(f"/trade/collectors/{debtor}/"),
        web.get(f"/trade/collectors/1/{debtor}"),
    ):
        assert (response.status_code, response.json) == (404, {"code": 404, "status": "Not Found"})


@covers("G26")
def test_collectors_can_be_seen(web: Web) -> None:
    insert_collector(web.solver, -1, -2, status=2)
    insert_collector(web.solver, -1, 5, status=3)
    insert_collector(web.solver, 7, 6)
    first = {
        "type": "CollectorAccount",
        "debtorId": MAX_ID,
        "collectorId": "5",
        "status": 3,
        "accountId": "",
        "latestStatusChangeAt": "2026-03-01T08:00:00+00:00",
    }
    second = {**first, "collectorId": "18446744073709551614", "status": 2, "accountId": "account"}
    response = web.get(f"/trade/collectors/{MAX_ID}/")
    assert response.status_code == 200
    assert response.json == {"type": "CollectorAccountsList", "debtorId": MAX_ID, "items": [first, second]}
    assert web.get(f"/trade/collectors/{MAX_ID}/5").json == first
    assert web.get(f"/trade/collectors/{MAX_ID}/18446744073709551614").json == second
    assert web.get("/trade/collectors/8/").json == {"type": "CollectorAccountsList", "debtorId": "8", "items": []}
    assert web.get("/trade/collectors/7/5").status_code == 404
    assert web.get("/trade/collectors/8/6").status_code == 404


def test_the_overview_comes_in_pages(web: Web) -> None:
    for debtor_id in (-3, 1, 2):
        for status in range(4):
            insert_collector(web.solver, debtor_id, 10 + status, status)
    insert_collector(web.solver, 2, 20, status=2)
    path: str | None = "/trade/collectors/?limit=2"
    items = []
    while path is not None:
        overview = web.get(path).json
        assert overview is not None
        counts = {
            name: overview[name] for name in ("type", "currencies", "pristine", "requested", "active", "disabled")
        }
        assert counts == {
            "type": "CollectorsOverview",
            "currencies": 3,
            "pristine": 3,
            "requested": 3,
            "active": 4,
            "disabled": 3,
        }
        items += overview["items"]
        path = overview["next"]
    assert [(item["debtorId"], item["active"]) for item in items] == [("18446744073709551613", 1), ("1", 1), ("2", 2)]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "cursor=-1", "cursor=01", "cursor=", "cursor=9" + "9" * 19]
)
def test_pages_that_can_not_be(web: Web, query: str) -> None:
    response = web.get(f"/trade/collectors/?{query}")
    assert response.status_code == 422
    assert response.json is not None
    assert list(response.json["errors"]["query"]) == [query.partition("=")[0]]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", PATH, {"POST", "OPTIONS"}),
        ("PUT", PATH, {"POST", "OPTIONS"}),
        ("DELETE", "/trade/collectors/1/", {"GET", "HEAD", "OPTIONS"}),
        ("POST", "/trade/collectors/1/2", {"GET", "HEAD", "OPTIONS"}),
        ("POST", "/trade/health/check/public", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_methods_that_are_not_allowed(web: Web, method: str, path: str, allowed: set[str]) -> None:
    response = web.call(method, path)
    assert (response.status_code, response.json) == (405, {"code": 405, "status": "Method Not Allowed"})
    assert set(response.headers["Allow"].split(", ")) == allowed

"""What operators see of turns, queues and messages that were set aside, and what they can do about these."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from flask.testing import FlaskClient

from admin.web.services import services_of
from sandbox.servers.installation import eventually
from tests.databases import connection_to
from tests.web.conftest import Web
from tests.web.introspection_server import IntrospectionServer
from tests.web.rows import insert_collector, insert_statistic, insert_turn, set_aside

DECIDED_AT = "2026-03-02T00:00:00+00:00"


def all_items(web: Web, path: str | None) -> list[dict[str, Any]]:
    """The items of all pages of a list."""
    items = []
    while path is not None:
        part = web.get(path).json
        assert part is not None
        items += part["items"]
        path = part["next"]
    return items


def test_turns_are_listed_newest_first(web: Web) -> None:
    for turn_id in (1, 2, 3):
        insert_turn(web.solver, turn_id)
    insert_turn(web.solver, 4, phase=2, deadline="2026-03-01T12:00:00Z")
    insert_statistic(web.solver, 2, 1, 10)
    insert_statistic(web.solver, 2, 2, 5)
    for limit in (1, 2, 4):
        turns = all_items(web, f"/trade/turns/?limit={limit}")
        assert [(turn["turnId"], turn["phase"]) for turn in turns] == [(4, 2), (3, 4), (2, 4), (1, 4)]
        assert [turn["statistics"] for turn in turns] == [
            None,
            None,
            {"currencies": 2, "takings": 15, "givings": 17, "collectorTransfers": 6},
            None,
        ]
    assert turns[0] == {
        "type": "TurnSummary",
        "turnId": 4,
        "phase": 2,
        "startedAt": "2026-03-01T10:00:00+00:00",
        "phaseDeadline": "2026-03-01T12:00:00+00:00",
        "collectionStartedAt": None,
        "collectionDeadline": "2026-03-31T10:00:00+00:00",
        "baseDebtorId": "18446744073709551615",
        "baseDebtorInfoLocator": "https://example.com/1",
        "maxDistanceToBase": 10,
        "minTradeAmount": 1000,
        "statistics": None,
    }
    assert web.get("/trade/turns/?cursor=1").json == {"type": "TurnsList", "items": [], "next": None}


def test_one_turn_is_shown_with_its_figures(web: Web) -> None:
    insert_turn(web.solver, 7, phase=3)
    insert_statistic(web.solver, 7, 1, 10)
    for table, columns in (
        ("debtor_info", "(turn_id, debtor_info_locator, debtor_id) values (7, 'https://x', 1)"),
        ("sell_offer", "values (7, 1, 1, 1, 1), (7, 1, 2, 1, 1)"),
        ("buy_offer", "values (7, 1, 1, 1), (7, 1, 2, 1), (7, 1, 3, 1)"),
        ("creditor_taking", "(turn_id, creditor_id, debtor_id, amount, collector_id) values (7, 1, 1, 1, 1)"),
        (
            "collector_sending",
            "(turn_id, debtor_id, from_collector_id, to_collector_id, amount) values (7, 1, 1, 2, 1)",
        ),
        (
            "currency_info",
            "(turn_id, debtor_info_locator, debtor_id, is_confirmed) values (7, 'a', 1, true), (7, 'b', 1, false)",
        ),
    ):
        web.solver.execute(f"insert into solver.{table} {columns}".encode())
    turn = web.get("/trade/turns/7").json
    assert turn is not None
    assert (turn["type"], turn["phaseDeadline"]) == ("Turn", None)
    assert turn["statistics"] == {"currencies": 1, "takings": 10, "givings": 11, "collectorTransfers": 3}
    assert turn["rows"] == {"documents": 1, "currencies": 1, "sellOffers": 2, "buyOffers": 3, "paymentsToFetch": 2}
    for other in ("8", "07", "2147483648", "-1"):
        assert web.get(f"/trade/turns/{other}").status_code == 404


def test_queues_are_shown_by_worker(web: Web) -> None:
    set_aside(web.worker, {"type": "UpdatedFlags"})
    web.worker.execute("update worker.configuration set binding_key = '0.#'")
    worker = web.get("/trade/queues/0").json
    assert worker is not None
    assert {name: value for name, value in worker.items() if name != "queues"} == {
        "type": "WorkerQueues",
        "worker": 0,
        "isReachable": True,
        "bindingKey": "0.#",
    }
    queues = {queue["queue"]: queue for queue in worker["queues"]}
    assert queues["set_aside"].pop("oldestSeconds") > 0
    assert queues["set_aside"] == {"queue": "set_aside", "kind": "set_aside", "messageType": "", "messages": 1}
    assert queues["out_trigger_transfer"] == {
        "queue": "out_trigger_transfer",
        "kind": "outbox",
        "messageType": "TriggerTransfer",
        "messages": 0,
        "oldestSeconds": 0.0,
    }
    assert len(queues) == 28
    everything = web.get("/trade/queues/").json
    assert everything is not None
    assert [item["worker"] for item in everything["items"]] == [0]
    for other in ("1", "00", "99999999999999999999"):
        assert web.get(f"/trade/queues/{other}").status_code == 404


def test_messages_that_were_set_aside(web: Web) -> None:
    large = {"type": "UpdatedLedger", "creditor_id": 2**63 - 1, "x": [None, 1.5, {"ä": "\n"}], "huge": 10**30}
    numbers = [set_aside(web.worker, body) for body in (large, {"type": "UpdatedFlags"}, {})]
    items = all_items(web, "/trade/set-aside/0/?limit=2")
    assert [item["setAsideId"] for item in items] == numbers
    expected = {
        "type": "SetAsideMessage",
        "setAsideId": numbers[0],
        "queue": "inbox_0",
        "messageType": "UpdatedLedger",
        "body": large,
        "sqlstate": "22003",
        "error": "too large",
        "failures": 2,
        "setAsideAt": "2026-03-01T10:00:00+00:00",
    }
    assert items[0] == expected
    assert items[2]["messageType"] is None
    assert web.get(f"/trade/set-aside/0/{numbers[0]}").json == expected
    for path in ("/trade/set-aside/0/999", "/trade/set-aside/1/1", "/trade/set-aside/1/", "/trade/set-aside/0/0x1"):
        assert web.get(path).status_code == 404


def test_decisions_are_recorded(web: Web) -> None:
    body = {"type": "UpdatedFlags", "creditor_id": 1, "debtor_id": 2}
    replayed, discarded, kept = (set_aside(web.worker, body) for _ in range(3))
    web.tokens.allow("me", "creditors-superuser", "access")
    assert web.post(f"/trade/set-aside/0/{replayed}/replay", "me").status_code == 204
    assert web.post(f"/trade/set-aside/0/{discarded}/discard", "me").status_code == 204
    row = web.worker.execute(
        "select count(*) from worker.queue_figures(9) where kind = 'inbox' and messages > 0"
    ).fetchone()
    assert row == (1,)
    assert [item["setAsideId"] for item in all_items(web, "/trade/set-aside/0/")] == [kept]
    decisions = all_items(web, "/trade/set-aside/0/decisions/?limit=1")
    assert [(item["setAsideId"], item["isReplay"], item["decidedBy"]) for item in decisions] == [
        (discarded, False, "creditors-superuser"),
        (replayed, True, "creditors-superuser"),
    ]
    assert decisions[0]["type"] == "SetAsideDecision"
    assert decisions[0]["decidedAt"] > "2026"
    # Once is enough.
    assert web.post(f"/trade/set-aside/0/{replayed}/replay", "me").status_code == 404
    assert web.post(f"/trade/set-aside/0/{discarded}/discard", "me").status_code == 404


def test_messages_of_another_shard_stay(web: Web) -> None:
    number = set_aside(web.worker, {"type": "UpdatedFlags", "creditor_id": 1})
    hash_of_1 = web.worker.execute("select worker.hash32(1::bigint)").fetchone()
    assert hash_of_1 is not None
    web.worker.execute(
        "update worker.configuration set realm_mask = -2147483648, realm = %s", (0 if hash_of_1[0] < 0 else -(2**31),)
    )
    response = web.post(f"/trade/set-aside/0/{number}/replay")
    assert (response.status_code, response.json) == (
        409,
        {"code": 409, "status": "Conflict", "message": "The message belongs to another shard."},
    )
    assert web.get(f"/trade/set-aside/0/{number}").status_code == 200


def authorized(client: FlaskClient, path: str, method: str = "GET") -> Any:
    return client.open(path, method=method, headers={"Authorization": "Bearer superuser"})


DOWN = {"code": 503, "status": "Service Unavailable", "message": "A database does not answer now."}


@pytest.mark.slow
def test_databases_that_are_down(
    web: Web, make_client: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("admin.web.database.WAIT_SECONDS", 0.2)
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    worker_url = web.worker.info.dsn
    client = make_client(
        APP_WORKER_POSTGRES_URLS=f"{nowhere} postgresql://{web.worker.info.user}@127.0.0.1:{web.worker.info.port}"
        f"/{web.worker.info.dbname}"
    )
    assert worker_url
    for path in (
        "/trade/turns/",
        "/trade/collectors/1/",
        "/trade/queues/0",
        "/trade/set-aside/0/",
        "/trade/dashboard/",
    ):
        response = authorized(client, path)
        assert (response.status_code, response.json) == (503, DOWN), path
    assert authorized(client, "/trade/collectors/1/activate", "POST").status_code == 503
    assert authorized(client, "/trade/health/check/public").status_code == 200
    # One worker that is down hides no other.
    everything = authorized(client, "/trade/queues/").json
    assert [(item["worker"], item["isReachable"], bool(item["queues"])) for item in everything["items"]] == [
        (0, False, False),
        (1, True, True),
    ]


def test_no_connection_is_kept(web: Web) -> None:
    """It could lead to a server that is no longer the right one."""
    ours = "select count(*) from pg_stat_activity where application_name = 'swpt-trade webserver'"
    assert web.get("/trade/turns/").status_code == 200
    eventually(lambda: web.solver.execute(ours).fetchone() == (0,), "no connection")


def test_who_asks_when_all_connections_are_in_use_waits_a_moment(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("admin.web.database.WAIT_SECONDS", 1)
    database = services_of(web.client.application).solver
    with ExitStack() as closing:
        for _ in range(services_of(web.client.application).config.webserver_threads):
            closing.enter_context(database.transaction())
        response = web.get("/trade/turns/")
        assert (response.status_code, response.json) == (503, DOWN)
    assert web.get("/trade/turns/").status_code == 200


def test_slow_databases_are_not_waited_for(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("admin.web.database.LIMIT_SECONDS", 0.1)
    with connection_to(web.solver.info.dsn, autocommit=False) as blocker:
        blocker.execute("lock table solver.turn in access exclusive mode")
        response = web.get("/trade/turns/")
        assert (response.status_code, response.json) == (503, DOWN)


def test_unexpected_errors_say_nothing_but_that(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("admin.web.turns.latest_turns", fail)
    response = web.get("/trade/turns/")
    assert (response.status_code, response.json) == (500, {"code": 500, "status": "Internal Server Error"})


def test_the_dashboard_shows_what_goes_on(web: Web, tokens: IntrospectionServer) -> None:
    empty = web.get("/trade/dashboard/")
    assert (empty.status_code, empty.mimetype) == (200, "text/html")
    assert "No turn is under way." in empty.text
    insert_turn(web.solver, 1)
    insert_statistic(web.solver, 1, 1, 12_345)
    insert_turn(web.solver, 2, phase=2, deadline="2026-03-01T12:00:00Z")
    insert_collector(web.solver, -1, 1, status=2)
    set_aside(web.worker, {"type": "UpdatedFlags"})
    web.solver.execute("alter role operator set swpt.now = '2026-03-01T10:54:59Z'")
    try:
        web.solver.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where application_name = 'swpt-trade webserver'"
        )
        text = web.get("/trade/dashboard/").text
    finally:
        web.solver.execute("alter role operator reset swpt.now")
    assert ">Turn 2</a>, phase 2: offers" in text
    assert "<dt>Phase ends in</dt><dd>1 h 5 min</dd>" in text
    assert "12\N{THIN SPACE}345" in text
    assert "18446744073709551615" in text
    assert '<div class="problem">\n        <dt>Set aside</dt>\n        <dd>1 ' in text
    assert "default-src 'none'" in empty.headers["Content-Security-Policy"]


def test_texts_of_others_are_shown_as_texts(web: Web) -> None:
    """What a message says is data: in JSON, and on the page, whose policy would run no script of its own either."""
    evil = "<script>alert(1)</script>"
    set_aside(web.worker, {"type": evil, "name": evil})
    page = web.get("/trade/dashboard/")
    assert "&lt;script&gt;alert(1)" in page.text
    assert "<script>alert" not in page.text
    assert "script-src" in page.headers["Content-Security-Policy"]
    (message,) = web.get("/trade/set-aside/0/").get_json()["items"]
    assert message["body"]["name"] == evil


def test_the_dashboard_says_that_turns_wait_for_shards(web: Web) -> None:
    assert "stepped back" not in web.get("/trade/dashboard/").text
    web.solver.execute("select solver.notice_step_back('it was promoted')")
    text = web.get("/trade/dashboard/").text
    assert "database stepped back: it was promoted" in text
    assert "Turns wait for #" in text

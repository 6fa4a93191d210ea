"""Due fetches out of the database, and results back in."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import pytest

from bridge.http_fetch import HttpFetch
from bridge.loopback import LoopbackBroker
from bridge.outbound import Outbound
from bridge.wire.sharding import Realm
from bridge.wire.topology import worker_topology
from tests.bridge.coins import DOCUMENT, document
from tests.bridge.documents import DocumentServer, Page, redirect, requests_to
from tests.conftest import Connection
from tests.covering import covers
from tests.sql.messages import apply, message
from tests.sql.outgoing import publish_everything, sent


def fetcher(server: DocumentServer, connection: Connection, **options: Any) -> HttpFetch:
    return HttpFetch(connection, requests_to(server), **options)


def run_once(server: DocumentServer, connection: Connection) -> int:
    with closing(fetcher(server, connection)) as one:
        return one.run_once()


def schedule(connection: Connection, iri: str, debtor_id: int, forced_iri: str | None = None) -> None:
    wish = {"is_locator_fetch": True, "is_discovery_fetch": True, "forced_iri": forced_iri}
    apply(connection, message("FetchDebtorInfo", iri=iri, debtor_id=debtor_id, **wish))


def test_due_fetches_are_settled(server: DocumentServer, worker_db: Connection) -> None:
    locator = server.url + "/good"
    server.pages["/good"].body = document("latestDebtorInfo.uri", locator)
    schedule(worker_db, locator, -123)
    schedule(worker_db, server.url + "/missing", 5)
    schedule(worker_db, "http://localhost/", 6)
    with closing(fetcher(server, worker_db)) as one:
        assert one.run_once() == 3
        assert one.run_once() == 0
    rows = worker_db.execute("select debtor_id, attempts_count, latest_attempt_errorcode from worker.debtor_info_fetch")
    assert [row for row in rows if row[0] == 5] == [(5, 1, 404)]
    (stored,) = worker_db.execute(
        """
        select message ->> 'debtor_info_locator', message ->> 'debtor_id', message ->> 'peg_debtor_id',
          (message ->> 'peg_exchange_rate')::float8, (message ->> 'will_not_change_until')::timestamptz
        from (select message from pgmq.q_inbox_0 union all select message from pgmq.q_inbox_1
          union all select message from pgmq.q_inbox_2 union all select message from pgmq.q_inbox_3
          union all select message from pgmq.q_inbox_4 union all select message from pgmq.q_inbox_5
          union all select message from pgmq.q_inbox_6 union all select message from pgmq.q_inbox_7) as inbox
        where message ->> 'type' = 'StoreDocument'
        """
    ).fetchall()
    assert stored[:4] == (locator, "-123", "666", 0.5)
    assert stored[4].isoformat()[:10] == DOCUMENT["willNotChangeUntil"][:10]


@covers("G49")
@pytest.mark.parametrize("base_answers", [True, False])
def test_bytes_of_a_forced_address_are_nobody_s_document(
    server: DocumentServer, worker_db: Connection, base_answers: bool
) -> None:
    """An issuer claims the locator of another currency, then says that its document is at an address of its own."""
    publish_everything(worker_db)
    locator = server.url + "/base"
    server.pages["/thief"] = Page(document("latestDebtorInfo.uri", locator))
    redirect(server, "/base", "/hosted")
    if base_answers:
        body = json.loads(document("latestDebtorInfo.uri", locator))
        body["debtorIdentity"]["uri"] = "swpt:666"
        server.pages["/hosted"] = Page(json.dumps(body).encode())
    schedule(worker_db, locator, -123, forced_iri=server.url + "/thief")
    assert run_once(server, worker_db) == 2
    assert sorted(path for path, _ in server.requests) == ["/base", "/hosted", "/thief"]
    # A redirect from the locator is the locator's own word.
    stored = [(item["debtor_info_locator"], item["debtor_id"]) for item in sent(worker_db, "StoreDocument")]
    assert stored == ([(locator, 666)] if base_answers else [])
    assert sent(worker_db, "ConfirmDebtor") == []


@covers("G49", "V13.14")
def test_a_move_is_learnt_though_the_locator_fails(server: DocumentServer, worker_db: Connection) -> None:
    publish_everything(worker_db)
    server.pages["/rev2"] = Page(document("latestDebtorInfo.uri", server.url + "/new"))
    schedule(worker_db, server.url + "/gone", -123, forced_iri=server.url + "/rev2")
    assert run_once(server, worker_db) == 2
    moved = {"debtor_id": -123, "debtor_info_locator": server.url + "/new"}
    assert sent(worker_db, "ConfirmDebtor") == [moved]
    assert sent(worker_db, "StoreDocument") == []


@pytest.mark.slow
def test_extreme_documents_harm_no_other(server: DocumentServer, worker_db: Connection) -> None:
    """All results are applied in one transaction, so none may make it fail, and what follows must fit the wire."""
    worker_db.execute("update worker.configuration set local_delivery = false")
    extremes: list[tuple[str, object]] = [
        ("willNotChangeUntil", "9999-12-31T23:59:59.999999Z"),
        ("willNotChangeUntil", "0001-01-01T00:00:00Z"),
        ("willNotChangeUntil", "9999-12-31T23:59:59-01:00"),
        ("peg.exchangeRate", 5e-324),
        ("peg.exchangeRate", 1.7976931348623157e308),
        ("peg.exchangeRate", 10**400),
        ("peg.latestDebtorInfo.uri", "😀" * 200),
        ("peg.latestDebtorInfo.uri", "\ud800"),
        ("peg.latestDebtorInfo.uri", "\\N\\."),
        ("peg.debtorIdentity.uri", "swpt:0"),
        ("peg.debtorIdentity.uri", "swpt:9223372036854775808"),
        ("latestDebtorInfo.uri", "\ufffe\ufdd0 %00"),
    ]
    for number, (path, value) in enumerate(extremes):
        iri = f"{server.url}/{number}"
        body = json.loads(document("latestDebtorInfo.uri", iri))
        *parents, name = path.split(".")
        place = body
        for parent in parents:
            place = place[parent]
        place[name] = value
        server.pages[f"/{number}"] = Page(json.dumps(body).encode())
        schedule(worker_db, iri, -123)
    assert run_once(server, worker_db) == len(extremes)
    broker = LoopbackBroker()
    broker.declare(worker_topology("q", "#"))
    Outbound(worker_db, broker.target(), Realm.parse("#")).run_once()
    assert worker_db.execute("select message_type, error from worker.set_aside").fetchall() == []
    left = worker_db.execute("select iri, attempts_count from worker.debtor_info_fetch order by iri").fetchall()
    assert left == [(f"{server.url}/{number}", 1) for number in (2, 5, 7)]
    # Nine documents are confirmed; all but the one that names another locator are stored, and all but the peg to
    # debtor 0 lead on.
    assert broker.depth("q") == 9 + 8 + 7

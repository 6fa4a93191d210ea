"""Documents that lie: no issuer can touch what is known of another currency."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.debtors.web import Web

BASE = "https://example.com/base"
THIEF = "https://example.com/thief"
FROZEN = "9999-12-31T23:59:59+00:00"


@pytest.fixture
def web(db: Connection) -> Web:
    """The base currency 666 is known, and issuer 999 has an address of its own."""
    made = Web(db)
    made.publish(BASE, BASE, 666)
    made.publish(f"{BASE}?rev=1", BASE, 666)
    made.report(666, f"{BASE}?rev=1")
    made.heard.clear()
    made.read.clear()
    return made


def documents(connection: Connection) -> dict[str, int]:
    query = "select debtor_info_locator, debtor_id from worker.debtor_info_document"
    return dict(connection.execute(query).fetchall())


def claims(connection: Connection) -> dict[int, str]:
    query = "select debtor_id, debtor_info_locator from worker.debtor_locator_claim"
    return dict(connection.execute(query).fetchall())


def later(connection: Connection, moment: str) -> None:
    connection.execute(f"set swpt.now = '{moment}'".encode())


@covers("G49")
def test_an_issuer_cannot_replace_the_document_of_another_currency(db: Connection, web: Web) -> None:
    web.publish(THIEF, BASE, 999)
    web.report(999, THIEF)
    assert claims(db) == {666: BASE, 999: BASE}
    later(db, "2026-03-01T03:00:00Z")
    web.publish(f"{THIEF}?rev=2", BASE, 999, will_not_change_until=FROZEN)
    web.report(999, f"{THIEF}?rev=2")
    assert documents(db) == {BASE: 666}
    assert db.execute("select will_not_change_until from worker.debtor_info_document").fetchall() == [(None,)]
    # The base's own server was asked, past the stored document, and what it says is stored anew.
    assert web.read.count(BASE) == 1
    stored = [m for m in web.heard if m["type"] == "StoreDocument"]
    assert [(m["debtor_info_locator"], m["debtor_id"]) for m in stored] == [(BASE, 666)]


@covers("G49")
def test_an_issuer_cannot_do_so_when_the_other_server_does_not_answer(db: Connection, web: Web) -> None:
    web.publish(THIEF, BASE, 999)
    web.report(999, THIEF)
    del web.pages[BASE]
    web.publish(f"{THIEF}?rev=2", BASE, 999)
    later(db, "2026-03-01T03:00:00Z")
    web.report(999, f"{THIEF}?rev=2")
    assert documents(db) == {BASE: 666}
    assert [m for m in web.heard if m["type"] == "StoreDocument"] == []


@covers("G49")
def test_a_locator_that_names_another_debtor_leads_to_no_peg(db: Connection, web: Web) -> None:
    """The stored document of the base counts for nobody else, from the cache or not."""
    peg: dict[str, Any] = {"peg_debtor_info_locator": THIEF, "peg_debtor_id": 5, "peg_exchange_rate": 1.0}
    web.publish(BASE, BASE, 666, **peg)
    later(db, "2026-03-10T02:00:00Z")
    web.report(666, f"{BASE}?rev=1")
    web.heard.clear()
    web.publish(THIEF, BASE, 999)
    web.report(999, THIEF)
    assert [m["type"] for m in web.heard] == ["FetchDebtorInfo", "ConfirmDebtor", "FetchDebtorInfo"]
    assert {m["debtor_id"] for m in web.heard} == {999}

"""Locator claims: how a debtor's official address is learnt, and how often it is looked at."""

from __future__ import annotations

import pytest

from tests.conftest import Connection
from tests.sql.debtors.rows import IRI, LOCATOR, add_claim, claim, confirm, discover, fetch
from tests.sql.messages import apply
from tests.sql.outgoing import sent


def test_v9_1_and_v9_2(db: Connection) -> None:
    apply(db, discover())
    assert claim(db) == (None, None, 0, None)
    assert sent(db, "FetchDebtorInfo") == [fetch(IRI, False)]
    apply(db, discover(force_locator_refetch=True))
    assert claim(db) == (None, None, 0, None)
    assert sent(db, "FetchDebtorInfo") == []


def test_v9_3_confirm(db: Connection) -> None:
    apply(db, discover())
    sent(db, "FetchDebtorInfo")
    apply(db, confirm())
    assert claim(db) == (LOCATOR, 0, 0, None)
    assert sent(db, "FetchDebtorInfo") == [fetch(LOCATOR, True)]


@pytest.mark.parametrize(
    ("ts", "is_heard"),
    [("2026-02-21T02:00:00Z", False), ("2026-02-22T01:59:59Z", False), ("2026-02-22T02:00:00Z", True)],
)
def test_v9_3_late_confirmation(db: Connection, ts: str, is_heard: bool) -> None:
    apply(db, confirm(ts=ts))
    assert db.execute("select count(*) from worker.debtor_locator_claim").fetchone() == (int(is_heard),)
    assert len(sent(db, "FetchDebtorInfo")) == int(is_heard)


@pytest.mark.parametrize(("age", "is_refetched"), [("7 days 1 hour", False), ("7 days 1 hour 1 second", True)])
def test_v9_4(db: Connection, age: str, is_refetched: bool) -> None:
    add_claim(db, fetched=age)
    apply(db, discover())
    assert sent(db, "FetchDebtorInfo") == ([fetch(LOCATOR, True)] if is_refetched else [])
    assert (claim(db)[1] == 0) == is_refetched


@pytest.mark.parametrize(("forced", "is_refetched"), [(None, True), ("6 days", False), ("8 days", True)])
def test_v9_5(db: Connection, forced: str | None, is_refetched: bool) -> None:
    add_claim(db, fetched="1 hour", forced=forced)
    apply(db, discover(force_locator_refetch=True))
    assert sent(db, "FetchDebtorInfo") == ([fetch(LOCATOR, True, IRI)] if is_refetched else [])
    assert claim(db) == (LOCATOR, 0, 0, 0) if is_refetched else (LOCATOR, 3600, 0, 6 * 86400)


def test_old_and_forced_is_one_forced_fetch(db: Connection) -> None:
    add_claim(db, fetched="8 days")
    apply(db, discover(force_locator_refetch=True))
    assert sent(db, "FetchDebtorInfo") == [fetch(LOCATOR, True, IRI)]


def test_v9_6(db: Connection) -> None:
    add_claim(db, fetched="46 days", discovered="46 days")
    apply(db, discover())
    messages = sent(db, "FetchDebtorInfo")
    assert sorted(messages, key=lambda m: m["iri"]) == [fetch(LOCATOR, True), fetch(IRI, False)]
    assert claim(db) == (LOCATOR, 0, 0, None)


@pytest.mark.parametrize(("age", "is_repeated"), [("45 days 1 hour", False), ("45 days 1 hour 1 second", True)])
def test_discovery_is_repeated_without_a_locator(db: Connection, age: str, is_repeated: bool) -> None:
    add_claim(db, fetched=None, discovered=age)
    apply(db, discover())
    assert sent(db, "FetchDebtorInfo") == ([fetch(IRI, False)] if is_repeated else [])


def test_v12_10(db: Connection) -> None:
    """G19: a delayed confirmation can not bring an old locator back."""
    apply(db, confirm(debtor_info_locator="https://example.com/L2", ts="2026-02-28T12:05:00Z"))
    apply(db, confirm(debtor_info_locator="https://example.com/L1", ts="2026-02-28T12:00:00Z"))
    assert claim(db)[0] == "https://example.com/L2"
    assert [m["iri"] for m in sent(db, "FetchDebtorInfo")] == ["https://example.com/L2"]
    apply(db, confirm(debtor_info_locator="https://example.com/L3", ts="2026-02-28T12:06:00Z"))
    assert claim(db)[0] == "https://example.com/L3"


def test_confirmation_twice_is_one_more_fetch(db: Connection) -> None:
    apply(db, confirm())
    apply(db, confirm())
    assert sent(db, "FetchDebtorInfo") == [fetch(LOCATOR, True)] * 2


def test_debtor_0_is_nobody(db: Connection) -> None:
    apply(db, discover(debtor_id=0))
    apply(db, confirm(debtor_id=0))
    assert sent(db, "FetchDebtorInfo") == []


def test_batch_of_many_debtors(db: Connection) -> None:
    apply(db, *[confirm(debtor_id=n) for n in range(2, 300, 2)])
    assert len(sent(db, "FetchDebtorInfo")) == 149
    apply(db, *[discover(debtor_id=n) for n in range(299, 0, -1)])
    assert sent(db, "FetchDebtorInfo") == [fetch(IRI, False, debtor_id=n) for n in range(299, 0, -2)]

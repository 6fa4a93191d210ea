"""Locator claims: how a debtor's official address is learnt, and how often it is looked at."""

from __future__ import annotations

import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.debtors.rows import IRI, LOCATOR, add_claim, claim, confirm, discover, fetch
from tests.sql.messages import apply
from tests.sql.outgoing import sent


@covers("V9.1", "V9.2")
def test_an_unknown_currency_is_fetched_once(db: Connection) -> None:
    apply(db, discover())
    assert claim(db) == (None, None, 0, None)
    assert sent(db, "FetchDebtorInfo") == [fetch(IRI, False)]
    apply(db, discover(force_locator_refetch=True))
    assert claim(db) == (None, None, 0, None)
    assert sent(db, "FetchDebtorInfo") == []


@covers("V9.3")
def test_a_confirmation_tells_the_locator_and_has_it_fetched(db: Connection) -> None:
    apply(db, discover())
    sent(db, "FetchDebtorInfo")
    apply(db, confirm())
    assert claim(db) == (LOCATOR, 0, 0, None)
    assert sent(db, "FetchDebtorInfo") == [fetch(LOCATOR, True)]


@covers("V9.3")
@pytest.mark.parametrize(
    ("ts", "is_heard"),
    [("2026-02-21T02:00:00Z", False), ("2026-02-22T01:59:59Z", False), ("2026-02-22T02:00:00Z", True)],
)
def test_a_confirmation_that_is_a_week_late_is_ignored(db: Connection, ts: str, is_heard: bool) -> None:
    apply(db, confirm(ts=ts))
    assert db.execute("select count(*) from worker.debtor_locator_claim").fetchone() == (int(is_heard),)
    assert len(sent(db, "FetchDebtorInfo")) == int(is_heard)


@covers("V9.4")
@pytest.mark.parametrize(("age", "is_refetched"), [("7 days 1 hour", False), ("7 days 1 hour 1 second", True)])
def test_a_locator_is_fetched_again_after_a_week(db: Connection, age: str, is_refetched: bool) -> None:
    add_claim(db, fetched=age)
    apply(db, discover())
    assert sent(db, "FetchDebtorInfo") == ([fetch(LOCATOR, True)] if is_refetched else [])
    assert (claim(db)[1] == 0) == is_refetched


@covers("V9.5")
@pytest.mark.parametrize(("forced", "is_refetched"), [(None, True), ("6 days", False), ("8 days", True)])
def test_a_locator_is_forced_once_a_week(db: Connection, forced: str | None, is_refetched: bool) -> None:
    add_claim(db, fetched="1 hour", forced=forced)
    apply(db, discover(force_locator_refetch=True))
    assert sent(db, "FetchDebtorInfo") == ([fetch(LOCATOR, True, IRI)] if is_refetched else [])
    assert claim(db) == (LOCATOR, 0, 0, 0) if is_refetched else (LOCATOR, 3600, 0, 6 * 86400)


def test_old_and_forced_is_one_forced_fetch(db: Connection) -> None:
    add_claim(db, fetched="8 days")
    apply(db, discover(force_locator_refetch=True))
    assert sent(db, "FetchDebtorInfo") == [fetch(LOCATOR, True, IRI)]


@covers("V9.6")
def test_locator_and_discovery_are_both_renewed(db: Connection) -> None:
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


@covers("V12.10", "G19")
def test_a_delayed_confirmation_does_not_bring_an_old_locator_back(db: Connection) -> None:
    """A delayed confirmation can not bring an old locator back."""
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

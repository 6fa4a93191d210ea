"""Moments from clocks that run ahead, other shards' or our own of yesterday, block nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.debtors.rows import (
    IRI,
    LOCATOR,
    add_claim,
    claim,
    confirm,
    discover,
    document,
    fetch,
    fetches,
    finish,
    order,
    store,
    take,
)
from tests.sql.messages import apply, message
from tests.sql.outgoing import sent, solver_requests

LATER = "2030-01-01T00:00:00Z"
NEXT = "https://example.com/next"


def at(connection: Connection, moment: str) -> None:
    connection.execute(f"set swpt.now = '{moment}'".encode())


def row(connection: Connection, query: str) -> tuple[Any, ...]:
    (found,) = connection.execute(query.encode()).fetchall()
    return tuple(found)


@covers("G48")
def test_a_confirmation_of_2030_does_not_block_the_next_one(db: Connection) -> None:
    apply(db, confirm(ts=LATER))
    assert row(db, "select latest_confirmation_ts = worker.now() from worker.debtor_locator_claim") == (True,)
    at(db, "2026-03-01T03:00:00Z")
    apply(db, confirm(debtor_info_locator=NEXT, ts="2026-03-01T03:00:00Z"))
    assert claim(db)[0] == NEXT


@covers("G48")
def test_a_confirmation_stored_in_the_future_counts_as_absent(db: Connection) -> None:
    apply(db, confirm())
    db.execute("update worker.debtor_locator_claim set latest_confirmation_ts = %s", (LATER,))
    apply(db, confirm(debtor_info_locator=NEXT))
    assert claim(db)[0] == NEXT


@covers("G48")
def test_a_document_of_2030_gets_old_and_is_replaced(db: Connection) -> None:
    apply(db, message("StoreDocument", ts=LATER))
    assert row(db, "select fetched_at = worker.now() from worker.debtor_info_document") == (True,)
    at(db, "2026-03-08T02:00:01Z")
    order(db, LOCATOR, is_locator_fetch=True)
    assert [lease[0] for lease in take(db)] == [LOCATOR]
    apply(db, message("StoreDocument", ts="2026-03-08T02:00:01Z", debtor_id=7))
    assert row(db, "select debtor_id from worker.debtor_info_document") == (7,)


@covers("G48")
@pytest.mark.parametrize("frozen_until", [None, "9999-12-31T00:00:00Z"])
def test_a_document_stored_in_the_future_counts_as_absent(db: Connection, frozen_until: str | None) -> None:
    store(db, "-1 hour", frozen_until)
    order(db, LOCATOR, is_locator_fetch=True)
    (lease,) = take(db)
    assert finish(db, lease, "document", document=document()) == 1
    (stored,) = sent(db, "StoreDocument")
    apply(db, message("StoreDocument", **stored))
    assert row(db, "select fetched_at = worker.now() from worker.debtor_info_document") == (True,)


@covers("G48")
@pytest.mark.parametrize(
    ("ages", "messages"),
    [
        ({"fetched": "-1 hour"}, [fetch(LOCATOR, True)]),
        ({"fetched": "1 hour", "discovered": "-1 hour"}, [fetch(IRI, False)]),
        ({"fetched": None, "discovered": "-1 hour"}, [fetch(IRI, False)]),
        ({"fetched": "-30 seconds", "discovered": "-30 seconds"}, []),
    ],
)
def test_fetches_of_the_future_are_ordered_again(
    db: Connection, ages: dict[str, Any], messages: list[dict[str, Any]]
) -> None:
    """Half a minute is what transactions that run at the same time may differ by."""
    add_claim(db, **ages)
    apply(db, discover())
    assert sent(db, "FetchDebtorInfo") == messages


@covers("G48", "V9.5")
def test_a_forced_refetch_of_the_future_is_ordered_again(db: Connection) -> None:
    add_claim(db, fetched="1 hour", forced="-1 hour")
    apply(db, discover(force_locator_refetch=True))
    assert sent(db, "FetchDebtorInfo") == [fetch(LOCATOR, True, IRI)]


@covers("G48")
@pytest.mark.parametrize("outcome", [None, "retry"])
def test_leases_and_pauses_of_a_clock_that_stepped_back_end(db: Connection, outcome: str | None) -> None:
    order(db, IRI, is_discovery_fetch=True)
    at(db, LATER)
    (lease,) = take(db)
    if outcome:
        finish(db, lease, outcome, errorcode=503, jitter=1.0)
    at(db, "2026-03-01T02:00:05Z")
    (again,) = take(db)
    # The other fetcher is too late, if it lives.
    assert finish(db, lease, "document", document=document()) == 0
    assert finish(db, again, "document", document=document()) == 1
    assert fetches(db) == []


@covers("G48")
def test_a_lease_of_this_minute_is_nobody_else_s(db: Connection) -> None:
    """A transaction that began a little earlier sees it in the future."""
    order(db, IRI, is_discovery_fetch=True)
    at(db, "2026-03-01T02:00:30Z")
    assert len(take(db)) == 1
    at(db, "2026-03-01T02:00:00Z")
    assert take(db) == []


@covers("G48")
def test_a_collector_needed_in_2030_can_be_requested_again(db: Connection) -> None:
    apply(db, message("NeededCollector", ts=LATER))
    assert row(db, "select needed_at = worker.now() from worker.recently_needed_collector") == (True,)
    assert len(solver_requests(db)) == 1
    apply(db, message("NeededCollector"))
    assert solver_requests(db) == []
    db.execute("update worker.recently_needed_collector set needed_at = %s", (LATER,))
    apply(db, message("NeededCollector"))
    assert len(solver_requests(db)) == 1
    assert row(db, "select needed_at = worker.now() from worker.recently_needed_collector") == (True,)

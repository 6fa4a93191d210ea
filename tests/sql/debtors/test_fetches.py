"""Scheduled HTTP requests: merging, leasing, back-off, and what a document leads to."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from bridge.wire.sharding import hash32
from tests.conftest import Connection
from tests.covering import covers
from tests.databases import connection_to
from tests.sql.debtors.rows import (
    IRI,
    LOCATOR,
    PEG_LOCATOR,
    document,
    fetches,
    finish,
    order,
    pegged_document,
    store,
    take,
)
from tests.sql.messages import apply, message
from tests.sql.outgoing import sent

FOREIGN = "https://example.com/0"
"""Its hash begins with a 1; that of IRI and LOCATOR with a 0."""


def peg_fetch(level: int) -> dict[str, Any]:
    return {
        "iri": PEG_LOCATOR,
        "debtor_id": 777,
        "is_locator_fetch": True,
        "is_discovery_fetch": False,
        "forced_iri": None,
        "recursion_level": level,
    }


def fetch_and_find(connection: Connection, found: dict[str, Any]) -> None:
    (lease,) = take(connection)
    assert finish(connection, lease, "document", document=found) == 1


def nothing_sent(connection: Connection) -> bool:
    return not any(sent(connection, t) for t in ("ConfirmDebtor", "StoreDocument", "FetchDebtorInfo"))


@covers("V9.7")
def test_orders_of_one_address_are_one_fetch(db: Connection) -> None:
    order(db, IRI, is_locator_fetch=True, recursion_level=4)
    order(db, IRI, is_discovery_fetch=True, recursion_level=2)
    columns = (
        "is_locator_fetch, is_discovery_fetch, recursion_level, is_past_cache, forced_iri, "
        "next_attempt_at = worker.now()"
    )
    assert fetches(db, columns) == [(True, True, 2, False, None, True)]
    order(db, IRI, is_locator_fetch=True, recursion_level=5, forced_iri="https://example.com/forced")
    order(db, IRI, is_locator_fetch=True, forced_iri=None)
    assert fetches(db, columns) == [
        (True, True, 0, True, None, True),
        (False, False, 0, False, "https://example.com/forced", True),
    ]
    order(db, IRI, is_locator_fetch=True, forced_iri="https://example.com/newer")
    assert fetches(db, "forced_iri") == [(None,), ("https://example.com/newer",)]


def test_merging_keeps_the_back_off_schedule(db: Connection) -> None:
    order(db, IRI, is_discovery_fetch=True)
    (lease,) = take(db)
    finish(db, lease, "retry", errorcode=404, jitter=1.0)
    order(db, IRI, is_locator_fetch=True)
    assert fetches(db, "attempts_count, next_attempt_at::text, is_locator_fetch") == [
        (1, "2026-03-01 02:01:00+00", True)
    ]
    assert take(db) == []


@covers("V9.8", "V14.43")
@pytest.mark.parametrize(("attempts", "wait"), [(0, 60), (1, 120), (13, 491520), (14, None)])
@pytest.mark.parametrize("jitter", [0.5, 1.0])
def test_failed_fetches_wait_ever_longer_until_they_are_given_up(
    db: Connection, attempts: int, wait: int | None, jitter: float
) -> None:
    order(db, IRI)
    db.execute(
        "update worker.debtor_info_fetch set attempts_count = %s, latest_attempt_at = %s",
        (attempts, "2026-02-28T02:00:00Z" if attempts else None),
    )
    (lease,) = take(db)
    assert finish(db, lease, "retry", errorcode=503, jitter=jitter) == 1
    columns = (
        "attempts_count, latest_attempt_at = worker.now(), latest_attempt_errorcode, "
        "extract(epoch from next_attempt_at - worker.now())::float8"
    )
    assert fetches(db, columns) == ([] if wait is None else [(attempts + 1, True, 503, wait * jitter)])


@pytest.mark.parametrize(("outcome", "wait"), [("wait", 10.0), ("again", 0.0)])
def test_fetches_that_did_not_get_their_turn_are_tried_once_more(db: Connection, outcome: str, wait: float) -> None:
    """That is nothing to count, however often it happens."""
    order(db, IRI)
    for _ in range(3):
        db.execute("update worker.debtor_info_fetch set next_attempt_at = worker.now()")
        (lease,) = take(db)
        assert finish(db, lease, outcome, jitter=0.5) == 1
    columns = "attempts_count, leased_url, extract(epoch from next_attempt_at - worker.now())::float8"
    assert fetches(db, columns) == [(0, None, wait)]


@covers("V9.9")
@pytest.mark.parametrize(
    ("fetched", "frozen_until", "is_cached"),
    [
        ("7 days", None, True),
        ("7 days 1 second", None, False),
        ("8 days", None, False),
        ("8 days", "2026-03-02T02:00:00Z", True),
        ("8 days", "2026-03-01T02:00:00Z", False),
        ("30 days", "2099-01-01T00:00:00Z", True),
        ("30 days 1 second", "2099-01-01T00:00:00Z", False),
    ],
)
def test_fresh_and_frozen_documents_are_not_fetched_again(
    db: Connection, fetched: str, frozen_until: str | None, is_cached: bool
) -> None:
    store(db, fetched, frozen_until)
    order(db, LOCATOR, is_locator_fetch=True)
    assert len(take(db)) == int(not is_cached)
    # Recursion runs over cached documents; they are not stored again.
    assert sent(db, "FetchDebtorInfo") == ([peg_fetch(1)] if is_cached else [])
    assert sent(db, "StoreDocument") == []
    assert fetches(db) == ([] if is_cached else [(LOCATOR, 666)])


@covers("V13.10", "G15")
def test_frozen_documents_are_fetched_again_all_the_same(db: Connection) -> None:
    """Frozen documents are fetched again all the same. (That they stay stored is a matter of the scan.)"""
    store(db, "46 days", "2099-01-01T00:00:00Z")
    order(db, LOCATOR, is_locator_fetch=True)
    fetch_and_find(db, pegged_document(will_not_change_until="2099-01-01T00:00:00+00:00"))
    (stored,) = sent(db, "StoreDocument")
    apply(db, message("StoreDocument", **stored))
    assert db.execute("select fetched_at = worker.now() from worker.debtor_info_document").fetchone() == (True,)


@covers("G49")
def test_a_forced_fetch_reads_the_locator_past_the_cache_and_the_other_address(db: Connection) -> None:
    store(db, "1 hour")
    order(db, LOCATOR, is_locator_fetch=True, forced_iri=IRI)
    assert [lease[:3] for lease in take(db)] == [(LOCATOR, 666, LOCATOR), (LOCATOR, 666, IRI)]


def test_cached_document_confirms_a_discovery(db: Connection) -> None:
    store(db, "1 hour")
    order(db, LOCATOR, is_discovery_fetch=True)
    assert take(db) == []
    assert sent(db, "ConfirmDebtor") == [{"debtor_id": 666, "debtor_info_locator": LOCATOR}]
    assert nothing_sent(db)


def test_a_discovery_confirms_the_debtor(db: Connection) -> None:
    order(db, IRI, is_discovery_fetch=True)
    fetch_and_find(db, pegged_document())
    assert sent(db, "ConfirmDebtor") == [{"debtor_id": 666, "debtor_info_locator": LOCATOR}]
    assert nothing_sent(db)
    assert fetches(db) == []


def test_a_locator_fetch_stores_the_document_and_fetches_its_peg(db: Connection) -> None:
    order(db, LOCATOR, is_locator_fetch=True, recursion_level=3)
    found = pegged_document(will_not_change_until="2026-06-30T00:00:00+00:00")
    fetch_and_find(db, found)
    assert sent(db, "StoreDocument") == [found]
    assert sent(db, "FetchDebtorInfo") == [peg_fetch(4)]
    assert nothing_sent(db)
    assert fetches(db) == []


def test_what_a_currency_calls_itself_is_kept_with_its_document(db: Connection) -> None:
    order(db, LOCATOR, is_locator_fetch=True)
    fetch_and_find(db, document(name="Regio", abbreviation=None))
    (found,) = sent(db, "StoreDocument")
    assert found == document(name="Regio")
    apply(db, message("StoreDocument", **found))
    names = "select name, abbreviation from worker.debtor_info_document"
    assert db.execute(names).fetchall() == [("Regio", None)]
    # A later document may have other names.
    db.execute("update worker.debtor_info_document set fetched_at = fetched_at - interval '1 day'")
    apply(db, message("StoreDocument", **document(abbreviation="RGO")))
    assert db.execute(names).fetchall() == [(None, "RGO")]


@covers("V9.10")
def test_at_the_greatest_distance_no_peg_is_fetched(db: Connection) -> None:
    order(db, LOCATOR, is_locator_fetch=True, recursion_level=10)
    fetch_and_find(db, pegged_document())
    assert sent(db, "StoreDocument") == [pegged_document()]
    assert nothing_sent(db)


@covers("G32")
def test_with_a_distance_of_1_the_first_peg_is_fetched(db: Connection) -> None:
    db.execute("update worker.configuration set max_distance_to_base = 1")
    for level, expected in ((0, [peg_fetch(1)]), (1, [])):
        order(db, LOCATOR, is_locator_fetch=True, recursion_level=level)
        fetch_and_find(db, pegged_document())
        assert sent(db, "FetchDebtorInfo") == expected


def test_locator_fetch_for_another_debtor_is_stored_only(db: Connection) -> None:
    order(db, LOCATOR, is_locator_fetch=True, debtor_id=5)
    fetch_and_find(db, pegged_document())
    assert sent(db, "StoreDocument") == [pegged_document()]
    assert nothing_sent(db)


@covers("V9.11")
def test_a_document_with_another_locator_is_not_stored(db: Connection) -> None:
    order(db, LOCATOR, is_locator_fetch=True)
    fetch_and_find(db, pegged_document(locator="https://example.com/L2"))
    assert fetches(db) == []
    assert nothing_sent(db)


@covers("V9.12")
def test_a_document_of_another_debtor_confirms_nothing(db: Connection) -> None:
    order(db, IRI, is_discovery_fetch=True, debtor_id=5)
    fetch_and_find(db, document(debtor_id=6))
    assert fetches(db) == []
    assert nothing_sent(db)


L2 = "https://example.com/L2"


@covers("V13.14", "G33", "G49")
@pytest.mark.parametrize("debtor_id", [666, 667])
@pytest.mark.parametrize("old_server", ["document", "retry", "drop"])
def test_a_forced_document_tells_of_a_move(db: Connection, debtor_id: int, old_server: str) -> None:
    """The authority names an address whose document says that the debtor has moved."""
    order(db, LOCATOR, is_locator_fetch=True, forced_iri=IRI)
    old, new = take(db)
    assert finish(db, new, "document", document=pegged_document(locator=L2, debtor_id=debtor_id)) == 1
    moved = {"debtor_id": 666, "debtor_info_locator": L2}
    assert sent(db, "ConfirmDebtor") == ([moved] if debtor_id == 666 else [])
    assert nothing_sent(db)
    assert finish(db, old, old_server, document=document() if old_server == "document" else None, jitter=1.0) == 1
    assert sent(db, "StoreDocument") == ([document()] if old_server == "document" else [])
    assert nothing_sent(db)
    # The locator is tried again, and the move is not told again.
    assert fetches(db, "forced_iri, attempts_count") == ([(None, 1)] if old_server == "retry" else [])


@covers("G49")
def test_what_a_forced_address_has_is_never_stored(db: Connection) -> None:
    """Not even if it is the debtor's own document, and the locator is the one that was asked for."""
    order(db, LOCATOR, is_locator_fetch=True, is_discovery_fetch=True, forced_iri=IRI)
    _, new = take(db)
    found = pegged_document(will_not_change_until="9999-12-31T00:00:00+00:00")
    assert finish(db, new, "document", document=found) == 1
    assert nothing_sent(db)
    assert fetches(db, "forced_iri, is_locator_fetch, is_past_cache") == [(None, True, True)]


@covers("G49")
def test_a_forced_address_that_fails_is_tried_again_alone(db: Connection) -> None:
    order(db, LOCATOR, is_locator_fetch=True, forced_iri=IRI)
    old, new = take(db)
    assert finish(db, old, "document", document=document()) == 1
    assert finish(db, new, "retry", errorcode=404, jitter=1.0) == 1
    assert sent(db, "StoreDocument") == [document()]
    # What others want from the locator meanwhile does not wait for it, and may be answered by what is stored.
    store(db, "0 seconds")
    order(db, LOCATOR, is_discovery_fetch=True)
    assert take(db) == []
    assert sent(db, "ConfirmDebtor") == [{"debtor_id": 666, "debtor_info_locator": LOCATOR}]
    db.execute("set swpt.now = '2026-03-01T02:01:00Z'")
    (again,) = take(db)
    assert again[2] == IRI
    assert finish(db, again, "document", document=pegged_document(locator=L2)) == 1
    assert sent(db, "ConfirmDebtor") == [{"debtor_id": 666, "debtor_info_locator": L2}]
    assert fetches(db) == []


@covers("G49")
def test_a_locator_that_failed_is_read_past_the_cache_the_next_time(db: Connection) -> None:
    store(db, "1 hour")
    order(db, LOCATOR, is_locator_fetch=True, forced_iri=IRI)
    old, new = take(db)
    finish(db, new, "drop")
    finish(db, old, "retry", errorcode=503, jitter=1.0)
    db.execute("set swpt.now = '2026-03-01T02:01:00Z'")
    assert [lease[2] for lease in take(db)] == [LOCATOR]


@covers("G49")
def test_a_forced_address_that_is_the_locator_tells_of_a_move_too(db: Connection) -> None:
    order(db, LOCATOR, is_locator_fetch=True, forced_iri=LOCATOR)
    for lease in take(db):
        assert finish(db, lease, "document", document=document(locator=L2)) == 1
    assert sent(db, "ConfirmDebtor") == [{"debtor_id": 666, "debtor_info_locator": L2}]
    assert nothing_sent(db)


def test_dropped_fetch_is_gone(db: Connection) -> None:
    order(db, IRI, is_discovery_fetch=True)
    (lease,) = take(db)
    assert finish(db, lease, "drop") == 1
    assert fetches(db) == []
    assert nothing_sent(db)


def test_fetches_of_other_shards_are_dropped(db: Connection) -> None:
    def is_foreign(iri: str) -> bool:
        return hashlib.md5(iri.encode()).digest()[0] >= 0x80

    iris = [f"https://example.com/{n}" for n in range(20)]
    for iri in iris:
        order(db, iri, is_discovery_fetch=True)
    db.execute("update worker.configuration set binding_key = '0.#', realm_mask = -2147483648, realm = 0")
    own = sorted(iri for iri in iris if not is_foreign(iri))
    assert 0 < len(own) < 20
    assert sorted(lease[0] for lease in take(db)) == own
    assert sorted(row[0] for row in fetches(db)) == own


def test_fetchers_that_drop_at_once_do_not_wait_for_each_other(db: Connection) -> None:
    for debtor_id in (1, 2):
        order(db, FOREIGN, debtor_id=debtor_id, is_discovery_fetch=True)
    db.execute("update worker.configuration set binding_key = '0.#', realm_mask = -2147483648, realm = 0")
    with connection_to(db.info.dsn, autocommit=False) as other:
        other.execute("select from worker.debtor_info_fetch where debtor_id = 1 for update")
        db.execute("set lock_timeout = '5 s'")
        assert take(db) == []
        assert fetches(db) == [(FOREIGN, 1)]


@covers("G18")
def test_a_fetch_is_leased_to_one_fetcher_at_a_time(db: Connection) -> None:
    order(db, IRI, is_discovery_fetch=True)
    (lease,) = take(db)
    assert lease == (IRI, 666, IRI, "2026-03-01 02:10:00+00", False)
    assert take(db) == []
    # The fetcher died; another one gets the row, and the first one's result comes after all.
    db.execute("set swpt.now = '2026-03-01T02:10:00Z'")
    (second_lease,) = take(db)
    assert finish(db, lease, "document", document=document()) == 0
    assert nothing_sent(db)
    assert finish(db, second_lease, "document", document=document()) == 1
    assert finish(db, second_lease, "document", document=document()) == 0
    assert len(sent(db, "ConfirmDebtor")) == 1


@pytest.mark.parametrize("outcome", ["document", "retry", "drop"])
def test_result_from_before_a_forced_wish_is_useless(db: Connection, outcome: str) -> None:
    """While the request is under way, the authority tells of a change: what comes may be what was there before."""
    order(db, LOCATOR, is_locator_fetch=True)
    (lease,) = take(db)
    order(db, LOCATOR, is_locator_fetch=True, forced_iri=IRI)
    found = document() if outcome == "document" else None
    assert finish(db, lease, outcome, document=found, errorcode=404, jitter=1.0) == 1
    assert nothing_sent(db)
    assert [lease[2] for lease in take(db)] == [LOCATOR, IRI]


def test_result_of_another_forced_address_is_useless(db: Connection) -> None:
    order(db, LOCATOR, is_locator_fetch=True, forced_iri=IRI)
    _, lease = take(db)
    order(db, LOCATOR, is_locator_fetch=True, forced_iri=L2)
    assert finish(db, lease, "document", document=document(locator="https://example.com/L3")) == 1
    assert nothing_sent(db)
    assert [lease[2] for lease in take(db)] == [L2]


def test_wish_that_comes_during_the_request_is_served(db: Connection) -> None:
    order(db, LOCATOR, is_locator_fetch=True)
    (lease,) = take(db)
    order(db, LOCATOR, is_discovery_fetch=True)
    assert finish(db, lease, "document", document=document()) == 1
    assert len(sent(db, "ConfirmDebtor")) == 1
    assert len(sent(db, "StoreDocument")) == 1


def test_limit_takes_the_longest_waiting(db: Connection) -> None:
    for n in (3, 1, 2):
        db.execute(f"set swpt.now = '2026-03-01T02:00:0{n}Z'".encode())
        order(db, f"https://example.com/{n}", is_discovery_fetch=True)
    db.execute("set swpt.now = '2026-03-01T02:00:10Z'")
    assert sorted(lease[0] for lease in take(db, 2)) == ["https://example.com/1", "https://example.com/2"]


def test_fetches_without_http_do_not_end_the_queue(db: Connection) -> None:
    """Whole batches that were left over from a split, or that stored documents answer."""
    store(db, "1 hour")
    foreign = [f"https://example.com/{n}" for n in range(20) if hash32(f"https://example.com/{n}") < 0]
    for n, iri in enumerate([*foreign, *[LOCATOR] * 4, IRI]):
        db.execute(f"set swpt.now = '2026-03-01T02:00:{n:02}Z'".encode())
        order(db, iri, debtor_id=n, is_locator_fetch=True)
    own = [iri for iri in (LOCATOR, IRI) if hash32(iri) >= 0]
    assert own == [LOCATOR, IRI]
    assert len(foreign) > 4
    db.execute("update worker.configuration set binding_key = '0.#', realm_mask = -2147483648, realm = 0")
    assert [lease[0] for lease in take(db, 2)] == [IRI]
    assert [row[0] for row in fetches(db)] == [IRI]
    assert take(db, 2) == []


def test_many_results_at_once(db: Connection) -> None:
    apply(db, *[message("FetchDebtorInfo", iri=f"i{n}", debtor_id=n, is_discovery_fetch=True) for n in range(1, 301)])
    outcomes = ("document", "retry", "drop")
    results = [
        {
            "iri": iri,
            "debtor_id": debtor_id,
            "looks_for_move": looks_for_move,
            "leased_until": leased_until,
            "outcome": outcomes[debtor_id % 3],
            "errorcode": 500,
            "jitter": 0.75,
            "document": document(f"l{debtor_id}", debtor_id) if debtor_id % 3 == 0 else None,
        }
        for iri, debtor_id, _, leased_until, looks_for_move in take(db, 1000)
    ]
    assert db.execute("select worker.apply_fetch_results(%s)", (json.dumps(results),)).fetchone() == (300,)
    assert {m["debtor_id"] for m in sent(db, "ConfirmDebtor")} == set(range(3, 301, 3))
    assert {row[1] for row in fetches(db)} == set(range(1, 301, 3))


@covers("V9.14")
@pytest.mark.parametrize(("later", "rate"), [("2026-03-01T02:00:00Z", 1.0), ("2026-03-01T02:00:01Z", 2.0)])
def test_only_a_later_document_replaces_a_stored_one(db: Connection, later: str, rate: float) -> None:
    def stored(ts: str, rate: float) -> dict[str, Any]:
        peg = {"peg_debtor_info_locator": PEG_LOCATOR, "peg_debtor_id": 777, "peg_exchange_rate": rate}
        return message("StoreDocument", ts=ts, **peg)

    apply(db, stored("2026-03-01T02:00:00Z", 1.0))
    db.execute(f"set swpt.now = '{later}'".encode())
    apply(db, stored(later, 2.0))
    row = db.execute("select peg_exchange_rate, fetched_at from worker.debtor_info_document").fetchone()
    assert row is not None
    assert row[0] == rate
    assert row[1].isoformat().startswith(later[:19] if rate == 2.0 else "2026-03-01T02:00:00")

"""The solver's catalogue of collector accounts: which IDs are chosen, and how their status changes."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from sql import Kind
from tests.conftest import Connection
from tests.covering import covers
from tests.databases import connection_to
from tests.sql.collectors.rows import MAX, MIN, add, disabling, ensure, needing, request, rows, statuses


@pytest.fixture
def db(solver_db: Connection) -> Connection:
    solver_db.execute("set swpt.now = '2026-03-01T02:00:00Z'")
    return solver_db


def sequence(debtor_id: int, low: int, high: int) -> Iterator[int]:
    """The rule in Python: candidates in order, each once."""
    seen = set()
    for k in itertools.count():
        seed = debtor_id.to_bytes(8, "big", signed=True) + k.to_bytes(4, "big")
        candidate = low + int(hashlib.md5(seed).hexdigest()[:14], 16) % (high - low + 1)
        if candidate not in seen:
            seen.add(candidate)
            yield candidate


def first(n: int, debtor_id: int, low: int, high: int) -> list[int]:
    return list(itertools.islice(sequence(debtor_id, low, high), n))


def activation(account_id: str, ts: str, collector_id: int = MIN, debtor_id: int = 666) -> dict[str, Any]:
    body = {"type": "ActivateCollector", "debtor_id": debtor_id, "creditor_id": collector_id}
    return body | {"account_id": account_id, "ts": ts}


@pytest.mark.parametrize(
    ("debtor_id", "low", "high", "chosen"),
    [
        pytest.param(666, MIN, MAX, [0x1000000037D, 0x10000000524, 0x100000002A2], id="666", marks=covers("V8.1")),
        pytest.param(777, MIN, MAX, [0x10000000356, 0x100000000A1, 0x10000000586], id="777", marks=covers("V8.2")),
        pytest.param(-1, MIN, MAX, [0x10000000527, 0x1000000052B, 0x10000000477], id="minus_1", marks=covers("V8.2")),
        pytest.param(666, 1000, 2000, [1182, 1749, 1387], id="small-range", marks=covers("V8.3")),
        pytest.param(-(2**63), 1, 2**63 - 1, first(3, -(2**63), 1, 2**63 - 1), id="widest"),
        pytest.param(2**63 - 1, -(2**63), -1, first(3, 2**63 - 1, -(2**63), -1), id="widest_negative"),
    ],
)
def test_the_first_collectors_of_a_currency_are_pseudo_random(
    db: Connection, debtor_id: int, low: int, high: int, chosen: list[int]
) -> None:
    assert first(3, debtor_id, low, high) == chosen
    assert ensure(db, debtor_id, 3, low, high) == 3
    columns = "debtor_id, collector_id, status, account_id, latest_status_change_at = solver.now()"
    assert rows(db, columns) == [(debtor_id, i, 0, "", True) for i in sorted(chosen)]


@covers("V8.4")
def test_dead_collectors_do_not_count(db: Connection) -> None:
    ensure(db, 666, 3)
    dead = first(4, 666, MIN, MAX)[3]
    add(db, dead, 3)
    assert ensure(db, 666, 4) == 1
    assert rows(db) == sorted([(i, 0) for i in first(5, 666, MIN, MAX) if i != dead] + [(dead, 3)])
    assert ensure(db, 666, 4) == 0


@covers("V8.5")
def test_too_few_free_ids_are_an_error(db: Connection) -> None:
    with pytest.raises(psycopg.Error, match="too few free collector IDs") as failure:
        ensure(db, 666, 40, 1, 2)
    assert failure.value.sqlstate == "ST083"
    assert failure.value.diag.message_hint
    assert rows(db) == []


@covers("V8.6")
def test_enough_living_collectors_need_no_ids(db: Connection) -> None:
    assert ensure(db, 666, 1, 1, 2) == 1
    add(db, 3 - rows(db)[0][0], 3)
    assert ensure(db, 666, 1, 1, 2) == 0
    with pytest.raises(psycopg.Error):
        ensure(db, 666, 2, 1, 2)


@pytest.mark.parametrize(("count", "is_possible"), [(4, True), (5, False), (2**63 - 1, False)])
def test_a_quarter_of_the_range_stays_free(db: Connection, count: int, is_possible: bool) -> None:
    """Two dead ones of nine IDs: up to 6 * 3/4 rounded down."""
    for collector_id in (1, 9):
        add(db, collector_id, 3)
    if is_possible:
        assert ensure(db, 666, count, 1, 9) == count
    else:
        with pytest.raises(psycopg.Error, match="too few"):
            ensure(db, 666, count, 1, 9)


def test_most_of_the_range_can_be_used(db: Connection) -> None:
    assert ensure(db, 666, 1536) == 1536
    assert [i for i, _ in rows(db)] == sorted(first(1536, 666, MIN, MAX))


@pytest.mark.parametrize(
    ("debtor_id", "count", "low", "high", "sqlstate"),
    [
        (0, 1, MIN, MAX, "ST081"),
        (666, 0, MIN, MAX, "ST081"),
        (666, 1, 0, 10, "ST082"),
        (666, 1, -1, 10, "ST082"),
        (666, 1, 10, 9, "ST082"),
    ],
)
def test_nonsense_makes_no_collectors(
    db: Connection, debtor_id: int, count: int, low: int, high: int, sqlstate: str
) -> None:
    with pytest.raises(psycopg.Error) as failure:
        ensure(db, debtor_id, count, low, high)
    assert failure.value.sqlstate == sqlstate


def test_processes_that_race_create_no_extras(new_database: Callable[[Kind], str]) -> None:
    url = new_database("solver")
    with connection_to(url, autocommit=False) as one, connection_to(url) as two, ThreadPoolExecutor(1) as pool:
        ensure(one, 666, 2)
        second = pool.submit(ensure, two, 666, 3)
        assert ensure(one, 667, 1) == 1
        one.commit()
        assert second.result(timeout=60) == 1
        assert {i for i, _ in rows(two)} >= set(first(3, 666, MIN, MAX))


@covers("V8.7")
@pytest.mark.parametrize(
    ("status", "result"), [(0, (2, "a", True)), (1, (2, "a", True)), (2, (2, "a", False)), (3, (3, "a", False))]
)
def test_only_pristine_and_requested_collectors_become_active(
    db: Connection, status: int, result: tuple[Any, ...]
) -> None:
    add(db, MIN, status)
    for _ in range(2):
        request(db, activation("a", "2026-03-01T01:00:00Z"))
        assert rows(db, "status, account_id, latest_status_change_at = solver.now()") == [result]


def test_disabled_collector_takes_no_other_id(db: Connection) -> None:
    add(db, MIN, 3)
    request(db, activation("b", "2026-03-02T00:00:00Z"))
    assert rows(db, "status, account_id") == [(3, "a")]


@covers("V8.17", "M29")
def test_a_delayed_message_brings_no_old_account_id_back(db: Connection) -> None:
    """A re-created account has another ID; a delayed message can not bring the old one back."""
    add(db, MIN, 1)
    request(db, activation("a", "2026-03-01T01:00:00Z"))
    for account_id, ts, stored in (
        ("b", "2026-03-01T00:59:59Z", "a"),
        ("b", "2026-03-01T01:00:00Z", "a"),
        ("b", "2026-03-02T01:00:00Z", "b"),
        ("a", "2026-03-01T01:00:00Z", "b"),
    ):
        db.execute("set swpt.now = '2026-03-05T02:00:00Z'")
        request(db, activation(account_id, ts))
        assert rows(db, "status, account_id, latest_status_change_at::date::text") == [(2, stored, "2026-03-01")]


@covers("V8.17")
@pytest.mark.parametrize(("ts", "stored"), [("2026-02-28T02:00:00Z", "a"), ("2026-02-28T02:00:01Z", "b")])
def test_an_account_id_without_a_known_moment_is_replaced(db: Connection, ts: str, stored: str) -> None:
    add(db, MIN, 2)
    request(db, activation("b", ts))
    assert rows(db, "account_id") == [(stored,)]


@pytest.mark.parametrize("is_reversed", [False, True])
def test_newest_activation_of_a_batch_counts(db: Connection, is_reversed: bool) -> None:
    add(db, MIN, 0)
    messages = [activation("a", "2026-03-01T01:00:00Z"), activation("b", "2026-03-01T01:00:01Z")]
    request(db, *(reversed(messages) if is_reversed else messages))
    assert rows(db, "account_id, account_id_ts::text") == [("b", "2026-03-01 01:00:01+00")]


def test_activation_of_an_unknown_collector_is_ignored(db: Connection) -> None:
    request(db, activation("a", "2026-03-01T01:00:00Z"))
    assert rows(db) == []


def test_a_needed_currency_gets_one_collector(db: Connection) -> None:
    add(db, MIN, 1, debtor_id=1)
    add(db, MIN, 3, debtor_id=2)
    for _ in range(2):
        request(db, *[needing(n) for n in (3, 2, 1, 3, 0)])
        assert [d for (d,) in rows(db, "debtor_id")] == [1, 2, 2, 3]
    assert rows(db)[3] == (first(1, 3, MIN, MAX)[0], 0)


def test_a_needed_currency_gets_as_many_collectors_as_the_setting_says(db: Connection) -> None:
    request(db, needing(666), count=2)
    assert [collector_id for collector_id, _ in rows(db)] == sorted(first(2, 666, MIN, MAX))
    request(db, needing(666), count=2)
    assert len(rows(db)) == 2


def test_exhausted_currency_stops_no_other(db: Connection) -> None:
    notices: list[str | None] = []
    db.add_notice_handler(lambda notice: notices.append(notice.message_primary))
    for collector_id in (1, 2):
        add(db, collector_id, 3, debtor_id=5)
    request(db, needing(5), needing(6), low=1, high=2)
    assert [d for (d,) in rows(db, "debtor_id")] == [5, 5, 6]
    assert notices == ["too few free collector IDs for debtor 5"]


def test_unknown_request_stops_no_other(db: Connection) -> None:
    notices: list[str | None] = []
    db.add_notice_handler(lambda notice: notices.append(notice.message_primary))
    request(db, {"type": "Nonsense"}, needing(6))
    assert len(rows(db)) == 1
    assert notices == ["requests of unknown types were ignored: Nonsense"]


@covers("G14")
@pytest.mark.parametrize("status", [0, 1, 2])
def test_a_vanished_collector_is_replaced(db: Connection, status: int) -> None:
    replacement = first(1, 666, MIN, MAX)[0]
    add(db, MIN, status)
    for _ in range(2):
        request(db, disabling(MIN, is_replaced=True))
        assert rows(db, "collector_id, status, latest_status_change_at = solver.now()") == [
            (MIN, 3, True),
            (replacement, 0, True),
        ]


@covers("G14")
def test_there_is_no_replacement_beside_another_collector(db: Connection) -> None:
    add(db, MIN, 2)
    add(db, MIN + 1, 2)
    request(db, disabling(MIN, is_replaced=True))
    assert statuses(db) == [3, 2]


@covers("G12")
def test_a_rejected_collector_is_not_replaced(db: Connection) -> None:
    add(db, MIN, 1)
    request(db, disabling(MIN, is_replaced=False))
    assert statuses(db) == [3]


def test_repeated_disabling_brings_nothing_back(db: Connection) -> None:
    """An operator has disabled the replacement as well, then an old request comes again."""
    add(db, MIN, 3)
    add(db, MIN + 1, 3)
    request(db, disabling(MIN, is_replaced=True))
    assert statuses(db) == [3, 3]


def test_collectors_are_marked_only_from_the_right_status(db: Connection) -> None:
    for status in range(4):
        add(db, MIN + status, status)
    ids = ([666] * 4, [MIN + s for s in range(4)])
    assert db.execute("select solver.mark_collectors_requested(%s, %s)", ids).fetchone() == (1,)
    assert statuses(db) == [1, 1, 2, 3]
    assert db.execute("select solver.mark_collectors_requested(%s, %s)", ids).fetchone() == (0,)
    assert db.execute("select solver.mark_collectors_pristine(%s, %s)", ids).fetchone() == (2,)
    assert rows(db, "status, latest_status_change_at = solver.now()") == [
        (0, True),
        (0, True),
        (2, False),
        (3, False),
    ]


@covers("V1.9")
def test_shard_sees_its_own_pristine_collectors(db: Connection) -> None:
    """The realm `1.#` as signed 16-bit numbers is -32768, -32768."""
    ensure(db, 666, 40)
    add(db, MAX + 1, 1)
    own = [(666, i) for i in sorted(first(40, 666, MIN, MAX)) if hashlib.md5(i.to_bytes(8, "big")).digest()[0] >= 0x80]
    assert 0 < len(own) < 40
    query = "select * from solver.pristine_collectors(%s, %s, %s)"
    assert db.execute(query, (-32768, -32768, 100)).fetchall() == own
    assert db.execute(query, (-32768, -32768, 2)).fetchall() == own[:2]
    assert len(db.execute(query, (-32768, 0, 100)).fetchall()) == 40 - len(own)
    assert len(db.execute(query, (0, 0, 100)).fetchall()) == 40


@covers("G12")
def test_collectors_requested_a_week_ago_are_overdue(db: Connection) -> None:
    for collector_id, status, age in ((1, 1, "7 days"), (2, 1, "8 days"), (3, 0, "9 days"), (4, 2, "9 days")):
        add(db, collector_id, status)
        db.execute(
            "update solver.collector_account set latest_status_change_at = solver.now() - %s::interval "
            "where collector_id = %s",
            (age, collector_id),
        )
    query = "select * from solver.list_overdue_collectors(0, 0, '7 days', 10)"
    assert db.execute(query).fetchall() == [(666, 2)]

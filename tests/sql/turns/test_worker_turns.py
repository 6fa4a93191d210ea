"""A worker's copy of the solver's turns, and when their steps may run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.covering import covers
from tests.databases import connection_to
from tests.sql.turns.rows import PHASES, TURN, Connection, insert, insert_worker_turn, rows, stop_clock, value


@pytest.fixture
def two_sessions(new_database: Callable[[Any], str]) -> Iterator[tuple[Connection, Connection]]:
    """Two connections to one worker database; the second gives up waiting at once."""
    url = new_database("worker")
    with connection_to(url) as first, connection_to(url) as second:
        second.execute("set lock_timeout = '100ms'")
        yield first, second


def _solver_turn(phase: int, turn_id: int = 1, **columns: Any) -> dict[str, Any]:
    nulls = {"phase_deadline": None, "collection_started_at": None, "collection_deadline": None}
    return {"turn_id": turn_id, "phase": phase, **nulls, **TURN, **PHASES[phase], **columns}


def _upsert(worker: Connection, *turns: dict[str, Any]) -> int:
    return int(value(worker, "select worker.upsert_turns(%s::jsonb)", json.dumps(turns)))


def _phases(worker: Connection) -> list[tuple[Any, ...]]:
    return rows(worker, "select turn_id, phase, worker_turn_subphase from worker.worker_turn order by 1")


def test_upsert_copies_a_new_turn(worker_db: Connection) -> None:
    assert _upsert(worker_db, _solver_turn(2)) == 1
    assert rows(
        worker_db,
        "select turn_id, started_at = '2026-03-01T02:00Z', base_debtor_info_locator, base_debtor_id,"
        " max_distance_to_base, min_trade_amount, phase, phase_deadline = '2026-03-01T03:10Z', collection_started_at,"
        " collection_deadline = '2026-04-01Z', worker_turn_subphase from worker.worker_turn",
    ) == [(1, True, "B", 1, 2, 1000, 2, True, None, True, 0)]


@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [
        ((1, 10), 2, (2, 0)),
        ((1, 0), 3, (3, 0)),
        ((2, 5), 4, (3, 0)),
        ((2, 10), 3, (3, 0)),
        ((2, 5), 2, (2, 5)),
        ((3, 5), 2, (3, 5)),
        ((3, 10), 4, (3, 10)),
    ],
)
def test_upsert_restarts_the_sub_phases_of_a_later_phase(
    worker_db: Connection, here: tuple[int, int], there: int, expected: tuple[int, int]
) -> None:
    insert_worker_turn(worker_db, *here)
    assert _upsert(worker_db, _solver_turn(there)) == (here != expected)
    assert _phases(worker_db) == [(1, *expected)]
    query = "select phase_deadline is null, collection_started_at is not null from worker.worker_turn"
    assert rows(worker_db, query) == [(expected[0] == 3, expected[0] == 3)]


@covers("G17")
def test_only_a_change_of_phase_waits_for_candidate_offers(two_sessions: tuple[Connection, Connection]) -> None:
    first, second = two_sessions
    insert_worker_turn(first, 2, 5)
    with first.transaction():
        first.execute("select worker.lock_turn_shared(1)")
        assert _upsert(second, _solver_turn(2)) == 0
        with pytest.raises(psycopg.errors.LockNotAvailable):
            _upsert(second, _solver_turn(3))
    assert _upsert(second, _solver_turn(3)) == 1


def test_overlooked_and_forgotten_turns(worker_db: Connection) -> None:
    for turn_id, phase in ((1, 2), (2, 1), (3, 3), (4, 2)):
        insert_worker_turn(worker_db, phase, 0, turn_id)
    insert_worker_turn(worker_db, 3, 0, 5)
    insert(worker_db, "worker.staging_stamp", {"turn_id": 5, "phase": 3, "row_count": 0})
    insert_worker_turn(worker_db, 3, 5, 6)
    assert rows(worker_db, "select * from worker.overlooked_turns('{4}')") == [(1,), (2,), (3,)]
    assert rows(worker_db, "select * from worker.overlooked_turns('{}')") == [(1,), (2,), (3,), (4,)]
    assert value(worker_db, "select worker.forget_turns('{2,3,5,6,99}')") == 2
    assert _phases(worker_db) == [(1, 2, 0), (2, 3, 10), (3, 3, 10), (4, 2, 0), (5, 3, 0), (6, 3, 5)]
    assert rows(worker_db, "select turn_id from worker.worker_turn where is_lost order by 1") == [(2,), (3,)]


def test_accounts_of_forgotten_turns_are_free_again(worker_db: Connection) -> None:
    """Nobody will ever give a verdict on them, and without one they could not trade for a year."""
    for turn_id, phase in ((1, 2), (2, 2), (3, 3)):
        insert_worker_turn(worker_db, phase, 5, turn_id)
    lock = {
        "collector_id": 999,
        "initiated_at": "2026-03-01T02:11:00Z",
        "amount": -5000,
        "collection_deadline": "2026-04-01T00:00:00Z",
        "has_been_revised": False,
        "finalized_at": None,
    }
    settled = {"has_been_revised": True, "finalized_at": "2026-03-01T02:12:00Z"}
    for creditor_id, turn_id, transfer_id, state in (
        (11, 1, 905, {}),
        (12, 1, None, {}),
        (13, 1, 906, settled),
        (14, 2, 907, {}),
        (15, 3, 908, {}),
    ):
        row = {"creditor_id": creditor_id, "debtor_id": 666, "turn_id": turn_id, "transfer_id": transfer_id}
        insert(worker_db, "worker.account_lock", {**lock, **row, **state})
    insert(worker_db, "worker.staged_price", {"turn_id": 1, "debtor_id": 666, "price": 1.0})
    assert value(worker_db, "select worker.forget_turns('{1,3}')") == 1
    for lane in range(8):
        worker_db.execute("select worker.drain_inbox(%s, 100, 0)", (lane,))
    assert rows(worker_db, "select creditor_id from worker.account_lock order by 1") == [(13,), (14,), (15,)]
    query = "select creditor_id, transfer_id, committed_amount from outbox.finalize_transfer"
    assert rows(worker_db, query) == [(11, 905, 0)]
    assert rows(worker_db, "select * from worker.staged_price") == []


@pytest.mark.parametrize(("last_turn", "is_told"), [(None, True), (0, True), (1, False)])
def test_collectors_hear_that_the_sellers_of_a_forgotten_turn_will_never_pay(
    worker_db: Connection, last_turn: int | None, is_told: bool
) -> None:
    """Their shard may have got the result before the solver's database stepped back. Who himself may have
    forgotten what he paid says nothing."""
    db = worker_db
    insert_worker_turn(db, 2, 5)
    lock = {
        "debtor_id": 666,
        "turn_id": 1,
        "initiated_at": "2026-03-01T02:11:00Z",
        "collection_deadline": "2026-04-01T00:00:00Z",
    }
    paid = {"has_been_revised": True, "finalized_at": "2026-03-01T02:12:00Z"}
    for creditor_id, amount, state in ((11, -5000, {}), (12, -500, paid), (13, 5000, {}), (999, -5, {})):
        account = {"creditor_id": creditor_id, "amount": amount, "collector_id": 999, "transfer_id": creditor_id}
        insert(db, "worker.account_lock", {**lock, **account, **state})
    if last_turn is not None:
        db.execute("select worker.notice_step_back()")
        db.execute("update worker.life set timeline_id = timeline_id + 1")
        db.execute("select worker.notice_step_back()")
        db.execute("select worker.limit_doubts(%s)", (last_turn,))
    db.execute("select worker.forget_turns('{1}')")
    told = "select message ->> 'unpaid', message ->> 'collector_id', message ->> 'creditor_id' from pgmq.q_inbox_{}"
    union = " union all ".join(told.format(lane) for lane in range(8))
    notices = rows(db, f"select * from ({union}) as m (unpaid, collector, payer) where unpaid is not null")
    assert notices == ([("collecting", "999", "11")] if is_told else [])
    for lane in range(8):
        db.execute("select worker.drain_inbox(%s, 100, 0)", (lane,))
    # This collector's shard does not know the result either: nobody waits for anything.
    assert rows(db, "select * from worker.early_arrival") == []


def test_notices_for_a_forgotten_turn_are_not_kept(worker_db: Connection) -> None:
    """Whether they came before it was forgotten or after; payments are: somebody has to pay them back."""
    db = worker_db
    insert_worker_turn(db, 2, 5, 2)
    notice = "row('collecting', 999, {}, 666, {}, null)::worker.expected_payment"
    payment = "row('collecting', 999, 2, 666, 13, 5000)::worker.expected_payment"
    keep = "select worker.keep_early_arrivals(array[{}])"
    db.execute(keep.format(", ".join((notice.format(2, 11), payment))).encode())
    assert value(db, "select count(*) from worker.early_arrival") == 2
    db.execute("select worker.forget_turns('{2}')")
    # The first turn was never known here.
    db.execute(keep.format(", ".join((notice.format(2, 12), notice.format(1, 11)))).encode())
    assert rows(db, "select other_id, amount from worker.early_arrival") == [(13, 5000)]


@covers("G22")
def test_old_turns_are_deleted(worker_db: Connection) -> None:
    stop_clock(worker_db, "2027-03-01T02:00:01Z")
    insert_worker_turn(worker_db, 3, 10, 1)
    insert_worker_turn(worker_db, 3, 10, 2, started_at="2026-03-01T02:00:02Z")
    insert_worker_turn(worker_db, 3, 5, 3)
    insert(worker_db, "worker.worker_turn_lane", {"turn_id": 1, "phase": 3, "subphase": 0, "lane": 0})
    assert value(worker_db, "select worker.delete_old_worker_turns(10)") == 1
    assert [turn_id for turn_id, *_ in _phases(worker_db)] == [2, 3]


@pytest.mark.parametrize(
    ("deadline", "ship_after"),
    [
        pytest.param("2026-03-01T03:10:00Z", "2026-03-01T03:05:00", id="long-phases", marks=covers("V3.10")),
        pytest.param("2026-03-01T02:06:00Z", "2026-03-01T02:05:24", id="short-phases", marks=covers("V3.11")),
    ],
)
def test_offers_are_shipped_a_while_before_the_deadline(worker_db: Connection, deadline: str, ship_after: str) -> None:
    insert_worker_turn(worker_db, 2, 5, phase_deadline=deadline)
    stop_clock(worker_db, f"{ship_after}Z")
    assert value(worker_db, "select worker.next_step_at() = worker.now()")
    assert rows(worker_db, "select * from worker.pending_steps()") == []
    assert value(worker_db, "select worker.begin_step(1, 2, 5)") == "gone"
    stop_clock(worker_db, f"{ship_after}.001Z")
    assert rows(worker_db, "select * from worker.pending_steps()") == [(1, 2, 5)]
    assert value(worker_db, "select worker.begin_step(1, 2, 5)") == "run"
    assert value(worker_db, "select worker.end_step(1, 2, 5)")
    assert value(worker_db, "select worker.next_step_at()") is None
    assert _phases(worker_db) == [(1, 2, 10)]


@covers("V14.44")
@pytest.mark.parametrize(
    ("pouring", "ships_at"), [("20 minutes", "2026-03-01T02:50:00Z"), (None, "2026-03-01T03:05:00Z")]
)
def test_offers_are_shipped_as_long_before_the_deadline_as_the_setting_says(
    worker_db: Connection, pouring: str | None, ships_at: str
) -> None:
    worker_db.execute("update worker.configuration set offers_pouring = %s", (pouring,))
    query = "select worker.shipping_starts_at('2026-03-01T02:00:00Z', '2026-03-01T03:10:00Z') = %s"
    assert value(worker_db, query, ships_at)


def test_all_but_finished_turns_have_a_pending_step(worker_db: Connection) -> None:
    stop_clock(worker_db, "2026-03-01T02:05:00Z")
    states = [(1, 0), (1, 10), (2, 0), (2, 5), (2, 10), (3, 0), (3, 5), (3, 10)]
    for turn_id, (phase, subphase) in enumerate(states):
        insert_worker_turn(worker_db, phase, subphase, turn_id)
    assert rows(worker_db, "select phase, subphase from worker.pending_steps()") == [(1, 0), (2, 0), (3, 0), (3, 5)]


@pytest.mark.parametrize(("phase", "subphase", "after"), [(1, 0, 10), (2, 0, 5), (2, 5, 10)])
def test_a_step_is_skipped_when_its_deadline_passed(
    worker_db: Connection, phase: int, subphase: int, after: int
) -> None:
    insert_worker_turn(worker_db, phase, subphase, phase_deadline="2026-03-01T03:00:00Z")
    stop_clock(worker_db, "2026-03-01T03:00:00Z")
    query = "select worker.begin_step(1, %s, %s)"
    assert value(worker_db, query, phase, subphase) == "skipped"
    assert _phases(worker_db) == [(1, phase, after)]
    assert value(worker_db, query, phase, subphase) == "gone"


@pytest.mark.parametrize(("phase", "subphase"), [(3, 0), (3, 5)])
def test_phase_3_has_no_deadline(worker_db: Connection, phase: int, subphase: int) -> None:
    insert_worker_turn(worker_db, phase, subphase)
    stop_clock(worker_db, "2036-03-01T03:00:00Z")
    assert value(worker_db, "select worker.begin_step(1, %s, %s)", phase, subphase) == "run"


@covers("V12.7")
def test_shipping_waits_for_those_who_create_locks(two_sessions: tuple[Connection, Connection]) -> None:
    first, second = two_sessions
    for connection in two_sessions:
        stop_clock(connection, "2026-03-01T03:06:00Z")
    insert_worker_turn(first, 2, 5)
    with first.transaction():
        first.execute("select worker.lock_turn_shared(1)")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            value(second, "select worker.begin_step(1, 2, 5)")
    with first.transaction():
        assert value(first, "select worker.begin_step(1, 2, 5)") == "run"
        assert value(second, "select worker.try_lock_turn_shared(1)") is False


@pytest.mark.parametrize("step", ["worker.offer_candidates", "worker.settle_lane"])
def test_a_busy_lane_is_left_for_later(two_sessions: tuple[Connection, Connection], step: str) -> None:
    first, second = two_sessions
    insert_worker_turn(first, 2, 0)
    with first.transaction():
        first.execute("select worker.try_lock_lane(3)")
        assert value(second, f"select {step}(1, 3)") is False


@pytest.mark.parametrize(
    ("realm_mask", "realm", "expected"),
    [
        (0, 0, (-32768, 32767, 0, 0)),
        pytest.param(-(2**31), -(2**31), (-32768, -1, -32768, -32768), id="half", marks=covers("V1.9")),
        (-(2**31), 0, (0, 32767, -32768, 0)),
        (-(2**30), -(2**31), (-32768, -16385, -16384, -32768)),
        (-65536, 0x7FFF0000, (32767, 32767, -1, 32767)),
    ],
)
def test_a_shard_knows_its_range_of_hashes(
    worker_db: Connection, realm_mask: int, realm: int, expected: tuple[int, ...]
) -> None:
    worker_db.execute("update worker.configuration set realm_mask = %s, realm = %s", (realm_mask, realm))
    assert rows(worker_db, "select * from worker.hash_range()") == [expected]


def test_only_own_and_known_facts_are_registered(worker_db: Connection) -> None:
    # Realm `1.#`: debtors 1 and 2 belong to it, 3 does not; L1 does, L2 does not.
    worker_db.execute("update worker.configuration set realm_mask = 1 << 31, realm = 1 << 31")
    assert rows(worker_db, "select worker.in_realm(worker.hash32('L1')), worker.in_realm(worker.hash32('L2'))") == [
        (True, False)
    ]
    stamp = "2026-03-01T00:00:00Z"
    for locator in ("L1", "L2"):
        document = {"debtor_info_locator": locator, "debtor_id": 7, "fetched_at": stamp}
        insert(worker_db, "worker.debtor_info_document", document)
    for debtor_id, claimed in ((1, "L1"), (2, None), (3, "L3")):
        claim = {
            "debtor_id": debtor_id,
            "debtor_info_locator": claimed,
            "latest_locator_fetch_at": claimed and stamp,
            "latest_discovery_fetch_at": stamp,
        }
        insert(worker_db, "worker.debtor_locator_claim", claim)
    assert rows(worker_db, "select * from worker.documents_to_register(9)") == [
        (9, "L1", 7, None, None, None, None, None)
    ]
    assert rows(worker_db, "select * from worker.claims_to_register(9)") == [(9, 1, "L1")]


def test_prepared_locks_of_the_turn_are_shipped(worker_db: Connection) -> None:
    def lock(debtor_id: int, amount: int, **columns: Any) -> None:
        row = {
            "creditor_id": 1,
            "debtor_id": debtor_id,
            "turn_id": 1,
            "collector_id": 999,
            "initiated_at": "2026-03-01T02:11:00Z",
            "amount": amount,
            "collection_deadline": "2026-04-01T00:00:00Z",
            "transfer_id": 5,
            **columns,
        }
        insert(worker_db, "worker.account_lock", row)

    lock(101, -5000)
    lock(102, 4000)
    lock(103, -5000, transfer_id=None)
    lock(104, 4000, turn_id=2)
    lock(105, -5000, finalized_at="2026-03-01T03:00:00Z")
    lock(106, 0)
    lock(107, 4000, creditor_id=3)
    worker_db.execute("update worker.configuration set realm_mask = 1 << 31, realm = 1 << 31")
    assert rows(worker_db, "select * from worker.sell_offers_to_ship(1)") == [(1, 1, 101, 5000, 999)]
    assert rows(worker_db, "select * from worker.buy_offers_to_ship(1)") == [(1, 1, 102, 4000)]

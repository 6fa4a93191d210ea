"""The verdict of phase 3 on account locks, by message and by the lane step: both go the same way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.locks.rows import (
    COLLECTOR,
    DEADLINE,
    DEBTOR,
    NOW,
    REQUEST,
    SELLER,
    TRANSFER,
    TURN,
    add_lock,
    add_participation,
    lock_states,
    participations,
    take_finalized,
    take_notices,
)
from tests.sql.messages import apply, message

NOTE = "Trading session: 1\nBuyer: 3e7\nSeller: 309\n"
DISMISSED = [(TRANSFER, 0, "")]
Revise = Callable[[Connection], None]


def by_message(db: Connection) -> None:
    apply(db, message("ReviseAccountLock", creditor_id=SELLER, debtor_id=DEBTOR, turn_id=TURN))


def by_step(db: Connection) -> None:
    db.execute("select worker.revise_account_locks(%s, lane) from generate_series(0, 7) as lane", (TURN,))


@pytest.fixture(params=[by_message, by_step], ids=["message", "step"])
def revise(request: pytest.FixtureRequest) -> Revise:
    chosen: Revise = request.param
    return chosen


@pytest.fixture
def warnings(db: Connection) -> list[str]:
    seen: list[str] = []
    db.add_notice_handler(lambda diagnostic: seen.append(diagnostic.message_primary or ""))
    return seen


def notice(collector_id: int = COLLECTOR) -> list[tuple[int, int, int, int, str]]:
    return [(collector_id, TURN, DEBTOR, SELLER, "collecting")]


@covers("V6.15")
def test_a_seller_pays_with_the_verdict(db: Connection, revise: Revise, warnings: list[str]) -> None:
    add_lock(db, "prepared", -80000)
    add_participation(db, -50000)
    revise(db)
    rows = db.execute(
        "select coordinator_id, coordinator_request_id, creditor_id, transfer_note_format from outbox.finalize_transfer"
    ).fetchall()
    assert rows == [(SELLER, REQUEST, SELLER, "-cXchge")]
    assert take_finalized(db) == [(TRANSFER, 50000, NOTE)]
    for _ in range(2):
        assert lock_states(db) == [("settled", -50000)]
        assert participations(db) == 0
        revise(db)
    assert take_finalized(db) == []
    assert take_notices(db) == []
    assert db.execute("select finalized_at, has_been_revised from worker.account_lock").fetchone() == (NOW, True)
    assert warnings == []


@covers("V6.16")
def test_a_buyer_waits_after_the_verdict(db: Connection, revise: Revise, warnings: list[str]) -> None:
    add_lock(db, "prepared", 80000)
    add_participation(db, 50000)
    for _ in range(2):
        revise(db)
        assert lock_states(db) == [("revised", 50000)]
        assert participations(db) == 0
    assert take_finalized(db) == []
    assert warnings == []


@covers("V6.20")
def test_without_a_verdict_the_lock_is_deleted(db: Connection, revise: Revise) -> None:
    add_lock(db, "initiated", -9000)
    revise(db)
    assert lock_states(db) == []
    assert take_finalized(db) == []
    reply = {"creditor_id": SELLER, "debtor_id": DEBTOR, "coordinator_id": SELLER, "coordinator_request_id": REQUEST}
    apply(db, message("PreparedTransfer", **reply, transfer_id=TRANSFER))
    assert take_finalized(db) == DISMISSED


@pytest.mark.parametrize("amount", [-9000, 9000])
def test_a_lock_without_a_verdict_is_dismissed(db: Connection, revise: Revise, amount: int) -> None:
    add_lock(db, "prepared", amount)
    add_participation(db, -9000, turn_id=TURN + 1)
    revise(db)
    assert lock_states(db) == []
    assert participations(db) == 1
    assert take_finalized(db) == DISMISSED
    assert take_notices(db) == []


@pytest.mark.parametrize(
    ("state", "field"),
    [
        ("prepared", {"turn_id": TURN + 1}),
        ("settled", {"turn_id": TURN + 1}),
        ("settled", {"debtor_id": DEBTOR + 1}),
        ("settled", {"creditor_id": SELLER + 1}),
    ],
)
def test_another_lock_is_left_alone(db: Connection, revise: Revise, state: str, field: dict[str, int]) -> None:
    """And nobody pays in its stead."""
    add_lock(db, state, -9000, **field)
    add_participation(db, -9000)
    revise(db)
    assert lock_states(db) == [(state, -9000)]
    assert participations(db) == 0
    assert take_finalized(db) == []
    assert take_notices(db) == notice()


@covers("G31")
def test_a_buyer_that_was_to_wait_does_not_pay(db: Connection, revise: Revise) -> None:
    add_lock(db, "revised", 9000)
    add_participation(db, -9000)
    revise(db)
    assert lock_states(db) == [("revised", 9000)]
    assert participations(db) == 0
    assert take_finalized(db) == []
    assert take_notices(db) == notice()


def test_the_first_verdict_counts(db: Connection, revise: Revise) -> None:
    add_lock(db, "revised", 9000)
    add_participation(db, 8000)
    revise(db)
    assert lock_states(db) == [("revised", 9000)]
    assert participations(db) == 0
    assert take_finalized(db) == take_notices(db) == []


def test_locks_without_a_verdict_are_no_odd_verdicts(db: Connection, warnings: list[str]) -> None:
    add_lock(db, "prepared", -5001)
    add_participation(db, -5002)
    add_lock(db, "prepared", -5001, debtor_id=DEBTOR + 1, coordinator_request_id=REQUEST + 1)
    by_step(db)
    assert lock_states(db) == [("settled", -5001)]
    assert warnings == ["verdicts exceed the amounts of their locks"]


@pytest.mark.parametrize(("state", "amount"), [("settled", -9000), ("released", -9000), ("released", 9000)])
@pytest.mark.parametrize("verdict", [-9000, 9000])
def test_finalized_lock_is_left_alone(db: Connection, revise: Revise, state: str, amount: int, verdict: int) -> None:
    add_lock(db, state, amount)
    add_participation(db, verdict)
    revise(db)
    assert lock_states(db) == [(state, amount)]
    assert participations(db) == 0
    assert take_finalized(db) == []
    assert take_notices(db) == []


@covers("G31")
@pytest.mark.parametrize(("verdict", "notices"), [(-9000, notice()), (9000, [])])
def test_a_verdict_without_its_lock_is_told(
    db: Connection, revise: Revise, verdict: int, notices: list[tuple[int, int, int, int, str]]
) -> None:
    add_participation(db, verdict)
    revise(db)
    assert participations(db) == 0
    assert take_notices(db) == notices


@covers("V13.1")
def test_a_verdict_above_its_lock_commits_the_lock(db: Connection, revise: Revise, warnings: list[str]) -> None:
    """The part of the lock; the part of the collector is tested with the routing of transfers."""
    add_lock(db, "prepared", -5001)
    add_participation(db, -5002)
    revise(db)
    assert lock_states(db) == [("settled", -5001)]
    assert take_finalized(db) == [(TRANSFER, 5001, NOTE)]
    assert take_notices(db) == []
    assert warnings == ["verdicts exceed the amounts of their locks"]


@covers("G1")
def test_a_buyer_gets_it_all(db: Connection, revise: Revise, warnings: list[str]) -> None:
    add_lock(db, "prepared", 5001)
    add_participation(db, 5002)
    revise(db)
    assert lock_states(db) == [("revised", 5002)]
    assert take_finalized(db) == []
    assert warnings == ["verdicts exceed the amounts of their locks"]


@covers("V13.18")
@pytest.mark.parametrize(
    ("seconds_left", "sent", "states", "notices"),
    [
        (0, DISMISSED, [], notice()),
        (1, [(TRANSFER, 50000, NOTE)], [("settled", -50000)], []),
    ],
)
def test_nothing_is_committed_after_the_collection_deadline(
    db: Connection,
    revise: Revise,
    seconds_left: int,
    sent: list[tuple[int, int, str]],
    states: list[tuple[str, int]],
    notices: list[tuple[int, int, int, int, str]],
) -> None:
    add_lock(db, "prepared", -80000)
    add_participation(db, -50000)
    now = DEADLINE - timedelta(seconds=seconds_left)
    db.execute("select set_config('swpt.now', %s, false)", (now.isoformat(),))
    revise(db)
    assert lock_states(db) == states
    assert participations(db) == 0
    assert take_finalized(db) == sent
    assert take_notices(db) == notices


@covers("G41")
def test_givings_are_not_affected_by_the_collection_deadline(db: Connection, revise: Revise) -> None:
    add_lock(db, "prepared", 80000, collection_deadline=NOW)
    add_participation(db, 50000)
    revise(db)
    assert lock_states(db) == [("revised", 50000)]


@pytest.mark.parametrize(
    ("state", "lock_amount", "verdict", "collector_id", "notices"),
    [
        pytest.param("prepared", -5001, -5001, 998, notice(998), id="collector", marks=covers("V13.19")),
        pytest.param("prepared", -5001, 5001, COLLECTOR, [], id="sign", marks=covers("V13.19")),
        pytest.param("prepared", 5001, -5001, COLLECTOR, notice(), id="other-sign"),
        pytest.param("prepared", 0, -5001, COLLECTOR, notice(), id="nothing-left"),
        pytest.param("prepared", 0, 5001, COLLECTOR, [], id="nothing-left-buyer"),
        pytest.param("initiated", -5001, -5001, COLLECTOR, notice(), id="not-prepared"),
        pytest.param("initiated", 5001, 5001, COLLECTOR, [], id="not-prepared-buyer"),
    ],
)
def test_a_verdict_that_does_not_fit_its_lock_dismisses_it(
    db: Connection,
    revise: Revise,
    warnings: list[str],
    state: str,
    lock_amount: int,
    verdict: int,
    collector_id: int,
    notices: list[tuple[int, int, int, int, str]],
) -> None:
    add_lock(db, state, lock_amount)
    add_participation(db, verdict, collector_id=collector_id)
    revise(db)
    assert lock_states(db) == []
    assert participations(db) == 0
    assert take_finalized(db) == (DISMISSED if state == "prepared" else [])
    assert take_notices(db) == notices
    assert warnings == ["verdicts do not fit their locks, or came after the collection deadline"]


def test_buyer_may_be_served_by_another_collector(db: Connection, revise: Revise) -> None:
    add_lock(db, "prepared", 5000)
    add_participation(db, 5000, collector_id=998)
    revise(db)
    assert lock_states(db) == [("revised", 5000)]


@pytest.mark.parametrize(("amount", "verdict"), [(-5000, -4000), (5000, 4000)])
def test_self_lock_is_released_without_a_transfer(db: Connection, revise: Revise, amount: int, verdict: int) -> None:
    add_lock(db, "prepared", amount, creditor_id=SELLER, collector_id=SELLER, transfer_id=0)
    add_participation(db, verdict, collector_id=SELLER)
    revise(db)
    assert lock_states(db) == [("released", verdict)]
    rows = db.execute(
        """
        select finalized_at, released_at, account_creation_date::text, account_last_transfer_number
        from worker.account_lock
        """
    ).fetchall()
    assert rows == [(NOW, NOW, "1970-01-01", 0)]
    assert take_finalized(db) == []
    assert take_notices(db) == []


def test_a_self_lock_without_a_verdict_is_deleted(db: Connection, revise: Revise) -> None:
    add_lock(db, "prepared", -5000, collector_id=SELLER, transfer_id=0)
    revise(db)
    assert lock_states(db) == []
    assert take_finalized(db) == []


def test_collector_that_buys_from_itself_dismisses(db: Connection, revise: Revise) -> None:
    add_lock(db, "prepared", 5000)
    add_participation(db, 5000, collector_id=SELLER)
    revise(db)
    assert lock_states(db) == [("released", 5000)]
    assert take_finalized(db) == DISMISSED


def test_collector_that_pays_itself_from_a_lock_for_another(db: Connection, revise: Revise) -> None:
    """Nobody waits for this payment, so nobody gets a notice."""
    add_lock(db, "prepared", -5000)
    add_participation(db, -5000, collector_id=SELLER)
    revise(db)
    assert lock_states(db) == []
    assert take_finalized(db) == DISMISSED
    assert take_notices(db) == []


def test_step_works_on_its_lane_and_realm_only(db: Connection) -> None:
    for n in range(64):
        add_lock(db, "prepared", -5000, creditor_id=n, coordinator_request_id=n)
        add_participation(db, -4000, creditor_id=n)
    db.execute("update worker.configuration set realm_mask = -2147483648, realm = -2147483648, binding_key = '1.#'")
    row = db.execute("select worker.revise_account_locks(%s, 3)", (TURN,)).fetchone()
    rows = db.execute(
        "select creditor_id from worker.account_lock where finalized_at is not null order by 1"
    ).fetchall()
    own = "select creditor_id from worker.account_lock where key_hash & 7 = 3 and key_hash < 0 order by 1"
    assert rows == db.execute(own.encode()).fetchall()
    assert 0 < len(rows) < 16
    assert row == (len(rows),)
    assert participations(db) == 64 - len(rows)


def test_messages_of_several_turns(db: Connection) -> None:
    for turn_id in (2, 3):
        add_lock(db, "prepared", -5000, creditor_id=turn_id, coordinator_request_id=turn_id, turn_id=turn_id)
        add_participation(db, -4000, creditor_id=turn_id, turn_id=turn_id)
    revisions = [(3, 3), (2, 2), (4, 2)]
    apply(
        db,
        *[
            message("ReviseAccountLock", creditor_id=creditor_id, debtor_id=DEBTOR, turn_id=turn_id)
            for creditor_id, turn_id in revisions
        ],
    )
    assert lock_states(db) == [("settled", -4000), ("settled", -4000)]

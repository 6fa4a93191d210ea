"""Candidate offers become account locks: which, when, and with which collector."""

from __future__ import annotations

from collections import Counter

import psycopg
import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.databases import connection_to
from tests.sql.locks.conftest import add_turn
from tests.sql.locks.rows import (
    COLLECTOR,
    DEADLINE,
    DEBTOR,
    NOW,
    REQUEST,
    SELLER,
    STATES,
    TURN,
    add_lock,
    insert,
    lock_states,
)
from tests.sql.messages import apply, message


def offer(amount: int = -5000, **fields: object) -> dict[str, object]:
    defaults = {"creditor_id": SELLER, "debtor_id": DEBTOR, "turn_id": TURN}
    return message("CandidateOffer", **{**defaults, "amount": amount, **fields})


def requests(db: Connection) -> list[tuple[int, int]]:
    """Creditor and request ID of every PrepareTransfer."""
    return db.execute(
        "select creditor_id, coordinator_request_id from outbox.prepare_transfer order by creditor_id, debtor_id"
    ).fetchall()


@pytest.mark.parametrize("amount", [-5000, 5000])
def test_an_offer_creates_a_lock(db: Connection, amount: int) -> None:
    apply(db, offer(amount))
    assert lock_states(db) == [("initiated", amount)]
    rows = db.execute(
        """
        select turn_id, collector_id, initiated_at, collection_deadline, has_been_revised, finalized_at
        from worker.account_lock
        """
    ).fetchall()
    assert rows == [(TURN, COLLECTOR, NOW, DEADLINE, False, None)]
    assert [creditor for creditor, _ in requests(db)] == [SELLER]


def test_second_offer_is_ignored(db: Connection) -> None:
    apply(db, offer())
    sent = requests(db)
    apply(db, offer(-6000), offer(debtor_id=667))
    assert lock_states(db) == [("initiated", -5000)]
    assert requests(db) == sent


@pytest.mark.parametrize("state", [state for state in STATES if state != "released"])
def test_unreleased_lock_is_in_force(db: Connection, state: str) -> None:
    add_lock(db, state, -9000, turn_id=0)
    apply(db, offer(account_creation_date="9999-01-01", last_transfer_number=2**63 - 1))
    assert lock_states(db) == [(state, -9000)]
    assert requests(db) == []


@covers("V6.14")
@pytest.mark.parametrize(
    ("creation_date", "number", "is_free"),
    [
        ("2024-04-01", 322, False),
        ("2024-05-01", 320, False),
        ("2024-05-01", 321, True),
        ("2024-06-01", 0, True),
    ],
)
def test_a_released_lock_gives_way_once_the_account_shows_the_payment(
    db: Connection, creation_date: str, number: int, is_free: bool
) -> None:
    add_lock(db, "released", -9000, turn_id=0, collector_id=5, collection_deadline=NOW)
    apply(db, offer(5000, account_creation_date=creation_date, last_transfer_number=number))
    assert lock_states(db) == ([("initiated", 5000)] if is_free else [("released", -9000)])
    rows = db.execute(
        """
        select turn_id, collector_id, collection_deadline, initiated_at, has_been_revised, account_creation_date,
          account_last_transfer_number
        from worker.account_lock where coordinator_request_id <> %s
        """,
        (REQUEST,),
    ).fetchall()
    assert rows == ([(TURN, COLLECTOR, DEADLINE, NOW, False, None, None)] if is_free else [])
    assert len(requests(db)) == len(rows)


@pytest.mark.parametrize(("phase", "subphase"), [(1, 10), (2, 0), (2, 10), (3, 0), (3, 10)])
def test_turn_must_gather_offers(db: Connection, phase: int, subphase: int) -> None:
    add_turn(db, 2, phase, subphase)
    apply(db, offer(turn_id=2))
    assert lock_states(db) == []


def test_offers_of_several_turns(db: Connection) -> None:
    """Also a turn that is unknown here."""
    add_turn(db, 2)
    add_turn(db, 3, 2, 10)
    apply(db, *[offer(creditor_id=100 + turn_id, turn_id=turn_id) for turn_id in (4, 2, 3, TURN)])
    rows = db.execute("select creditor_id, turn_id from worker.account_lock order by 1").fetchall()
    assert rows == [(101, 1), (102, 2)]


def test_an_offer_without_a_collector_is_dropped(db: Connection) -> None:
    apply(db, offer(debtor_id=667))
    assert lock_states(db) == []


def test_collectors_are_picked_evenly(db: Connection) -> None:
    for n in range(1, 4):
        insert(db, "active_collector", debtor_id=DEBTOR, collector_id=COLLECTOR + n, account_id=f"account-{n}")
    insert(db, "active_collector", debtor_id=667, collector_id=5, account_id="other currency")
    db.execute("select setseed(0.5)")
    apply(db, *[offer(creditor_id=10000 + n) for n in range(1000)])
    picked = Counter(c for (c,) in db.execute("select collector_id from worker.account_lock").fetchall())
    assert sorted(picked) == [COLLECTOR, COLLECTOR + 1, COLLECTOR + 2, COLLECTOR + 3]
    assert min(picked.values()) > 190
    unequal = """
        select from outbox.prepare_transfer as p
        join worker.account_lock as l using (creditor_id, debtor_id)
        join worker.active_collector as c on c.debtor_id = l.debtor_id and c.collector_id = l.collector_id
        where p.recipient <> c.account_id
    """
    assert db.execute(unequal.encode()).fetchall() == []


def test_self_lock_is_born_prepared(db: Connection) -> None:
    apply(db, offer(creditor_id=COLLECTOR))
    assert lock_states(db) == [("prepared", -5000)]
    assert db.execute("select transfer_id from worker.account_lock").fetchone() == (0,)
    assert requests(db) == []


def test_self_lock_overwrites_released_one(db: Connection) -> None:
    add_lock(db, "released", -9000, creditor_id=COLLECTOR, turn_id=0)
    apply(db, offer(5000, creditor_id=COLLECTOR))
    assert lock_states(db) == [("prepared", 5000)]
    assert requests(db) == []


def test_lane_step_creates_locks_directly(db: Connection) -> None:
    """The step knows that the turn is in phase 2; in 2/0 it is not yet gathering offers from messages."""
    db.execute("update worker.worker_turn set worker_turn_subphase = 0")
    offers = [(SELLER + n, DEBTOR, 5000 - n * 5000, "2025-06-01", 1) for n in (0, 2)]
    call = "select worker.create_account_locks(%s, array(select r from unnest(%s::worker.candidate_offer[]) as r))"
    texts = [f"({','.join(str(v) for v in o)})" for o in offers]
    assert db.execute(call.encode(), (TURN, texts)).fetchone() == (2,)
    assert db.execute(call.encode(), (TURN, texts)).fetchone() == (0,)
    assert lock_states(db) == [("initiated", 5000), ("initiated", -5000)]


@pytest.fixture
def step(db: Connection) -> Connection:
    """A second connection to the same database, in a transaction that changes the turn."""
    connection = connection_to(db.info.dsn, autocommit=False)
    connection.execute("select worker.lock_turn_exclusive(%s)", (TURN,))
    return connection


@covers("V12.7")
def test_an_offer_that_comes_during_shipping_is_dropped(db: Connection, step: Connection) -> None:
    """Step 2/5 ships: the offer is dropped, at once and for good."""
    db.execute("set lock_timeout = '1s'")
    with step:
        apply(db, offer())
        step.rollback()
    assert lock_states(db) == []


@covers("G17")
def test_an_offer_that_comes_while_the_change_commits_is_dropped(db: Connection, step: Connection) -> None:
    """The turn is read after the lock: an offer that comes while the change commits does not slip through."""
    with step:
        step.execute("update worker.worker_turn set worker_turn_subphase = 10")
        db.execute("begin")
        # An old snapshot must not decide.
        db.execute("select count(*) from worker.worker_turn")
        step.commit()
        apply(db, offer())
        db.execute("commit")
    assert lock_states(db) == []


@covers("G17")
def test_offers_do_not_exclude_each_other(db: Connection) -> None:
    with connection_to(db.info.dsn, autocommit=False) as other:
        other.execute("select worker.lock_turn_shared(%s)", (TURN,))
        apply(db, offer())
    assert lock_states(db) == [("initiated", -5000)]


@covers("G17")
def test_the_row_of_the_turn_is_not_locked(db: Connection) -> None:
    with connection_to(db.info.dsn) as other, db.transaction():
        apply(db, offer())
        other.execute("select from worker.worker_turn where turn_id = %s for update nowait", (TURN,))


@covers("G17")
def test_offers_hold_up_the_step(db: Connection) -> None:
    """Until the locks are committed, the turn can not change."""
    with connection_to(db.info.dsn) as other:
        other.execute("set lock_timeout = '100ms'")
        with db.transaction():
            apply(db, offer())
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute("select worker.lock_turn_exclusive(%s)", (TURN,))
        other.execute("select worker.lock_turn_exclusive(%s)", (TURN,))

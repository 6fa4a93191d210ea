"""Up to which transfer a collector's account was told of without a gap, whatever came late, twice, or never."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Connection
from tests.sql.messages import apply, message
from tests.sql.transfers.rows import COLLECTOR, DEBTOR, NOW, add_account, insert, rows, set_clock

LAST = 12


def transfer(number: int, previous: int, **fields: Any) -> dict[str, Any]:
    return message(
        "AccountTransfer",
        **{
            "creditor_id": COLLECTOR,
            "debtor_id": DEBTOR,
            "creation_date": "2026-01-01",
            "transfer_number": number,
            "previous_transfer_number": previous,
            "coordinator_type": "interest",
            "acquired_amount": 5,
            **fields,
        },
    )


def update(days: float, last_transfer_number: int, **fields: Any) -> dict[str, Any]:
    """The authority tells, and has just made its last transfer."""
    at = (NOW + timedelta(days=days)).isoformat()
    return message(
        "AccountUpdate",
        **{
            "creditor_id": COLLECTOR,
            "debtor_id": DEBTOR,
            "creation_date": "2026-01-01",
            "last_change_ts": at,
            "last_change_seqnum": 2,
            "last_config_ts": at,
            "last_transfer_number": last_transfer_number,
            "last_transfer_committed_at": at,
            "ts": at,
            **fields,
        },
    )


@pytest.fixture
def account(db: Connection) -> Connection:
    add_account(db)
    insert(db, "needed_worker_account", creditor_id=COLLECTOR, debtor_id=DEBTOR, configured_at=NOW - timedelta(days=9))
    return db


def seen(db: Connection) -> int:
    return int(rows(db, "select seen_transfer_number from worker.worker_account")[0][0])


def runs(db: Connection) -> list[tuple[int, int]]:
    return [*map(tuple, rows(db, "select previous_number, last_number from worker.transfer_run order by 1"))]


def runs_of(told: set[int]) -> list[tuple[int, int]]:
    """Each with the number before its first and with its last."""
    firsts = sorted(number for number in told if number - 1 not in told)
    lasts = sorted(number for number in told if number + 1 not in told)
    return [(first - 1, last) for first, last in zip(firsts, lasts, strict=True)]


@st.composite
def tellings(draw: st.DrawFn) -> list[list[int]]:
    """Numbers in batches, in any order; some several times, some never."""
    numbers = draw(st.lists(st.integers(1, LAST), max_size=2 * LAST))
    ends = sorted(draw(st.lists(st.integers(0, len(numbers)), max_size=6)))
    return [numbers[begin:end] for begin, end in zip([0, *ends], [*ends, len(numbers)], strict=True)]


@given(batches=tellings())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_of_messages_makes_no_difference(account: Connection, batches: Sequence[Sequence[int]]) -> None:
    db = account
    told: set[int] = set()
    with db.transaction(force_rollback=True):
        for batch in filter(None, batches):
            apply(db, *(transfer(number, number - 1) for number in batch))
            told |= set(batch)
            found = runs_of(told)
            expected = found.pop(0)[1] if found and found[0][0] == 0 else 0
            assert (seen(db), runs(db)) == (expected, found)


def test_two_payments_with_the_same_note_break_no_chain(account: Connection) -> None:
    """Messages of one key are handled in rounds: 3 before 2."""
    apply(account, *(transfer(n, n - 1, coordinator_type="direct", transfer_note="x" * (n // 3)) for n in (1, 2, 3)))
    assert (seen(account), runs(account)) == (3, [])


def test_what_came_before_this_database_is_not_waited_for_for_ever(account: Connection) -> None:
    """An account that was taken over, and that has transfers every day."""
    db = account
    for day in range(20):
        set_clock(db, NOW + timedelta(days=day))
        apply(db, transfer(41 + day, 40 + day))
        apply(db, update(day, 41 + day))
        if day == 7:
            assert (seen(db), runs(db)) == (0, [(40, 48)])
    assert (seen(db), runs(db)) == (60, [])


def test_a_lost_message_is_not_waited_for_for_ever(account: Connection) -> None:
    db = account
    for day in [*range(5), *range(6, 20)]:
        set_clock(db, NOW + timedelta(days=day))
        apply(db, transfer(1 + day, day))
        apply(db, update(day, 1 + day))
    assert (seen(db), runs(db)) == (20, [])


def test_a_gap_stays_open_while_something_is_in_doubt(account: Connection) -> None:
    db = account
    apply(db, transfer(41, 40))
    db.execute("select worker.notice_step_back()")
    db.execute("update worker.life set timeline_id = timeline_id + 1")
    db.execute("select worker.notice_step_back()")
    set_clock(db, NOW + timedelta(days=30))
    apply(db, update(30, 41))
    assert (seen(db), runs(db)) == (0, [(40, 41)])


def test_the_next_life_of_an_account_begins_with_nothing(account: Connection) -> None:
    db = account
    apply(db, transfer(41, 40))
    apply(db, update(1, 0, creation_date="2026-03-21"))
    assert (seen(db), runs(db)) == (0, [])
    apply(db, transfer(41, 40), transfer(2, 1, creation_date="2026-03-21"))
    assert runs(db) == [(1, 2)]
    apply(db, transfer(1, 0, creation_date="2026-03-21"))
    assert (seen(db), runs(db)) == (2, [])


def test_nothing_is_left_of_an_account_that_goes(account: Connection) -> None:
    apply(account, transfer(41, 40))
    account.execute("delete from worker.worker_account")
    assert runs(account) == []


def test_numbers_of_a_liar_do_no_harm(account: Connection) -> None:
    """They name transfers before, behind, and in the middle of others, again and again."""
    db = account
    apply(db, transfer(1, 0), transfer(5, 3), transfer(9, 2), transfer(7, 7), transfer(8, 11), transfer(9, 8))
    assert (seen(db), runs(db)) == (1, [(3, 5), (8, 9)])
    apply(db, transfer(5, 1), transfer(4, 1), transfer(2, 1))
    assert (seen(db), runs(db)) == (2, [(3, 5), (8, 9)])
    apply(db, *(transfer(3 * number, 3 * number - 1) for number in range(10, 200)))
    assert len(runs(db)) <= 100

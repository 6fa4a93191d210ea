"""What the accounting authority answers: prepared, rejected and finalized transfers of account locks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

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
    STATES,
    TRANSFER,
    TURN,
    add_lock,
    lock_states,
    take_finalized,
    take_notices,
)
from tests.sql.messages import apply, message

IDS = {
    "creditor_id": SELLER,
    "debtor_id": DEBTOR,
    "coordinator_id": SELLER,
    "coordinator_request_id": REQUEST,
}
NOTE = "Trading session: 1\nBuyer: 3e7\nSeller: 309\n"


def prepared(**fields: Any) -> dict[str, Any]:
    defaults = {**IDS, "transfer_id": TRANSFER, "demurrage_rate": -50.0, "deadline": DEADLINE.isoformat()}
    return message("PreparedTransfer", **{**defaults, **fields})


def rejected(**fields: Any) -> dict[str, Any]:
    return message("RejectedTransfer", **{**IDS, **fields})


def finalized(status_code: str, committed_amount: int, **fields: Any) -> dict[str, Any]:
    defaults = {**IDS, "transfer_id": TRANSFER, "status_code": status_code, "committed_amount": committed_amount}
    return message("FinalizedTransfer", **{**defaults, **fields})


@pytest.mark.parametrize(
    ("amount", "locked", "rate", "expected"),
    [
        pytest.param(-30000, 31758, -50.0, -30000, id="all-locked", marks=covers("V6.9")),
        pytest.param(-30000, 10000, -49.0, -9461, id="some-locked", marks=covers("V6.10")),
        pytest.param(-30000, 1059, -50.0, -1000, id="least-lock", marks=covers("V6.11")),
        pytest.param(50000, 0, -50.0, 50000, id="purchase", marks=covers("V6.12")),
        pytest.param(-30000, 0, 0.0, 0, id="nothing-locked"),
        pytest.param(-(2**63 - 1), 2**63 - 1, 0.0, -(2**63 - 1), id="exact-integers"),
    ],
)
def test_a_prepared_lock_offers_what_its_money_will_be_worth(
    db: Connection, amount: int, locked: int, rate: float, expected: int
) -> None:
    add_lock(db, "initiated", amount)
    apply(db, prepared(locked_amount=locked, demurrage_rate=rate))
    assert lock_states(db) == [("prepared", expected)]
    assert db.execute("select transfer_id from worker.account_lock").fetchone() == (TRANSFER,)
    assert take_finalized(db) == []


@covers("V6.13")
@pytest.mark.parametrize(
    "terms", [{"deadline": (DEADLINE - timedelta(seconds=1)).isoformat()}, {"demurrage_rate": -50.1}]
)
@pytest.mark.parametrize("amount", [-30000, 50000])
def test_a_lock_on_bad_terms_is_dismissed(db: Connection, amount: int, terms: dict[str, Any]) -> None:
    add_lock(db, "initiated", amount)
    apply(db, prepared(locked_amount=31758, **terms))
    assert lock_states(db) == []
    assert take_finalized(db) == [(TRANSFER, 0, "")]


@pytest.mark.parametrize(
    ("state", "amount", "transfer_id", "sent"),
    [
        pytest.param("prepared", -9000, TRANSFER, [], id="prepared-again"),
        pytest.param("prepared", -9000, 124, [(124, 0, "")], id="prepared-other"),
        pytest.param("revised", 9000, TRANSFER, [], id="revised-again"),
        pytest.param("revised", 9000, 124, [(124, 0, "")], id="revised-other"),
        pytest.param("settled", -9000, TRANSFER, [(TRANSFER, 9000, NOTE)], id="again", marks=covers("V6.18")),
        pytest.param("settled", -9000, 124, [(124, 0, "")], id="other", marks=covers("V6.18")),
        pytest.param("released", -9000, TRANSFER, [(TRANSFER, 9000, NOTE)], id="released-seller-again"),
        pytest.param("released", 9000, TRANSFER, [(TRANSFER, 0, "")], id="released-buyer-again"),
        pytest.param("released", 9000, 124, [(124, 0, "")], id="released-other"),
    ],
)
def test_a_repeated_reply_gets_the_answer_it_had(
    db: Connection, state: str, amount: int, transfer_id: int, sent: list[tuple[int, int, str]]
) -> None:
    """A repeated message gets the answer it had, and changes nothing; bad terms come too late."""
    add_lock(db, state, amount)
    apply(db, prepared(transfer_id=transfer_id, demurrage_rate=-99.0))
    assert lock_states(db) == [(state, amount)]
    assert take_finalized(db) == sent


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("field", ["debtor_id", "creditor_id"])
def test_prepared_transfer_of_another_account_is_dismissed(db: Connection, state: str, field: str) -> None:
    add_lock(db, state, -9000)
    apply(db, prepared(**{field: 5}))
    assert lock_states(db) == [(state, -9000)]
    assert take_finalized(db) == [(TRANSFER, 0, "")]


@pytest.mark.parametrize("fields", [{"coordinator_request_id": REQUEST + 1}, {"coordinator_id": 5, "creditor_id": 5}])
def test_unknown_prepared_transfer_is_dismissed(db: Connection, fields: dict[str, int]) -> None:
    """The dismissal names what the message named."""
    add_lock(db, "initiated", -9000)
    apply(db, prepared(**fields))
    assert lock_states(db) == [("initiated", -9000)]
    expected = {**IDS, **fields}
    rows = db.execute(
        """
        select creditor_id, debtor_id, coordinator_id, coordinator_request_id, transfer_id, committed_amount,
          transfer_note_format, transfer_note, ts = worker.now()
        from outbox.finalize_transfer
        """
    ).fetchall()
    assert rows == [(*expected.values(), TRANSFER, 0, "", "", True)]


def test_prepared_transfers_in_one_batch(db: Connection) -> None:
    """Good terms, bad terms, a repetition and an unknown one."""
    for n, state in enumerate(["initiated", "initiated", "settled"]):
        add_lock(db, state, -9000, creditor_id=SELLER + n, coordinator_request_id=n)
    rates = [-50.0, -51.0, -50.0, -50.0]
    apply(
        db,
        *[
            prepared(
                creditor_id=SELLER + n,
                coordinator_id=SELLER + n,
                coordinator_request_id=n,
                demurrage_rate=rate,
                locked_amount=9528,
            )
            for n, rate in enumerate(rates)
        ],
    )
    assert lock_states(db) == [("prepared", -9000), ("settled", -9000)]
    rows = db.execute("select creditor_id, committed_amount from outbox.finalize_transfer order by 1").fetchall()
    assert rows == [(SELLER + 1, 0), (SELLER + 2, 9000), (SELLER + 3, 0)]


def test_prepared_transfer_of_an_attempt_is_not_dismissed(db: Connection) -> None:
    db.execute(
        """
        insert into worker.transfer_attempt (
          collector_id, turn_id, debtor_id, creditor_id, is_dispatching, nominal_amount, collection_started_at,
          inserted_at, recipient, attempted_at, coordinator_request_id, final_interest_rate_ts, amount
        )
        values (%s, %s, %s, %s, true, 500, worker.now(), worker.now(), 'buyer', worker.now(), 72, worker.now(), 499)
        """,
        (COLLECTOR, TURN, DEBTOR, SELLER),
    )
    add_lock(db, "initiated", 9000)
    attempt = {"creditor_id": COLLECTOR, "coordinator_id": COLLECTOR, "coordinator_request_id": 72}
    apply(db, prepared(), prepared(**attempt, transfer_id=31))
    assert lock_states(db) == [("prepared", 9000)]
    assert [(transfer_id, amount) for transfer_id, amount, _ in take_finalized(db)] == [(31, 499)]


@pytest.mark.parametrize("state", STATES)
def test_a_rejection_deletes_an_initiated_lock_only(db: Connection, state: str) -> None:
    add_lock(db, state, -9000)
    for _ in range(2):
        apply(db, rejected(), rejected(coordinator_request_id=5))
        assert lock_states(db) == ([] if state == "initiated" else [(state, -9000)])
    assert take_finalized(db) == []


@pytest.mark.parametrize("field", IDS)
def test_a_rejection_for_another_account_is_ignored(db: Connection, field: str) -> None:
    add_lock(db, "initiated", -9000)
    apply(db, rejected(**{field: 5}))
    assert lock_states(db) == [("initiated", -9000)]


@covers("V13.2")
@pytest.mark.parametrize("status_code", ["TIMEOUT", "OK"])
def test_a_failed_commit_frees_the_seller(db: Connection, status_code: str) -> None:
    add_lock(db, "settled", -9000, turn_id=0)
    apply(db, finalized(status_code, 0))
    assert lock_states(db) == []
    assert take_notices(db) == [(COLLECTOR, 0, DEBTOR, SELLER, "collecting")]
    apply(db, finalized(status_code, 0))
    assert take_notices(db) == []
    apply(db, message("CandidateOffer", creditor_id=SELLER, debtor_id=DEBTOR, turn_id=TURN, amount=-5000))
    assert lock_states(db) == [("initiated", -5000)]


@covers("V13.3")
def test_a_successful_commit_keeps_the_lock(db: Connection) -> None:
    add_lock(db, "settled", -9000)
    apply(db, finalized("OK", 9000))
    assert lock_states(db) == [("settled", -9000)]
    assert take_notices(db) == []


@covers("V13.15")
def test_a_failed_commit_is_told_to_the_collector(db: Connection) -> None:
    """The notice that leaves: part 7 tests what it does at the collector."""
    add_lock(db, "settled", -9000, turn_id=5, collector_id=COLLECTOR)
    apply(db, finalized("TIMEOUT", 0))
    assert take_notices(db) == [(999, 5, DEBTOR, SELLER, "collecting")]


@covers("G6")
@pytest.mark.parametrize("state", [state for state in STATES if state != "settled"])
def test_a_failed_commit_frees_only_settled_locks(db: Connection, state: str) -> None:
    add_lock(db, state, -9000)
    apply(db, finalized("TIMEOUT", 0))
    assert lock_states(db) == [(state, -9000)]
    assert take_notices(db) == []


@covers("G6")
@pytest.mark.parametrize("field", [*IDS, "transfer_id"])
def test_a_failed_commit_frees_nobody_else(db: Connection, field: str) -> None:
    add_lock(db, "settled", -9000)
    apply(db, finalized("TIMEOUT", 0, **{field: 5}))
    assert lock_states(db) == [("settled", -9000)]
    assert take_notices(db) == []


@covers("G6")
@pytest.mark.parametrize(("status_code", "committed_amount", "warnings"), [("OK", 8999, 1), ("OK", 9000, 0)])
def test_another_amount_is_kept(db: Connection, status_code: str, committed_amount: int, warnings: int) -> None:
    seen: list[str | None] = []
    db.add_notice_handler(lambda diagnostic: seen.append(diagnostic.message_detail))
    add_lock(db, "settled", -9000)
    apply(db, finalized(status_code, committed_amount))
    assert lock_states(db) == [("settled", -9000)]
    assert len(seen) == warnings
    assert take_notices(db) == []


@covers("G40")
def test_no_reply_needs_the_row_of_the_turn(db: Connection) -> None:
    """No transfer message needs the turn: the lock carries its deadline."""
    db.execute("delete from worker.worker_turn")
    add_lock(db, "initiated", -30000)
    add_lock(db, "initiated", -30000, creditor_id=778, coordinator_request_id=72, collection_deadline=NOW)
    apply(
        db,
        prepared(locked_amount=31758),
        prepared(
            creditor_id=778,
            coordinator_id=778,
            coordinator_request_id=72,
            locked_amount=30000,
            deadline=NOW.isoformat(),
        ),
    )
    assert lock_states(db) == [("prepared", -30000), ("prepared", -30000)]
    assert take_finalized(db) == []

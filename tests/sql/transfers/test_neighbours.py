"""Attempts, payments and accounts whose key differs in one column stay what they are, and are not asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import Connection
from tests.sql.messages import apply, message
from tests.sql.transfers.rows import (
    BUYER,
    COLLECTOR,
    DEBTOR,
    MIN64,
    NOW,
    REQUEST,
    STARTED,
    STATES,
    TRANSFER,
    TURN,
    add_account,
    add_attempt,
    add_payment,
    finalize_messages,
    insert,
    internal_messages,
    prepare_count,
    rows,
)
from tests.sql.transfers.triggers import KEY

ATTEMPTS = "table worker.transfer_attempt"


def neighbours(key: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The key with one column changed, for each of its columns."""
    for name, part in key.items():
        yield {**key, name: not part if isinstance(part, bool) else part + 9}


def add_attempts(db: Connection, **columns: Any) -> list[tuple[Any, ...]]:
    """The attempt of KEY, which is returned, and its neighbours."""
    add_account(db)
    add_attempt(db, **KEY, **columns)
    meant = rows(db, ATTEMPTS)
    for key in neighbours(KEY):
        add_attempt(db, **key, **columns)
    return meant


@pytest.mark.parametrize(("nominal_amount", "tries"), [(1000.0, 1), (1.0, 0)])
def test_one_attempt_is_tried_or_dropped(db: Connection, nominal_amount: float, tries: int) -> None:
    meant = add_attempts(db, **STATES["ready"], nominal_amount=nominal_amount)
    before = set(rows(db, ATTEMPTS))
    apply(db, message("TriggerTransfer", **KEY))
    after = set(rows(db, ATTEMPTS))
    assert before - after == set(meant)
    assert len(after - before) == prepare_count(db) == tries


@pytest.mark.parametrize("is_dispatching", [True, False])
def test_the_payment_of_a_dropped_attempt_goes_alone(db: Connection, is_dispatching: bool) -> None:
    me, other, kind = (
        ("collector_id", "creditor_id", "dispatching")
        if is_dispatching
        else ("from_collector_id", "to_collector_id", "sending")
    )
    add_account(db)
    add_attempt(db, **{**KEY, "is_dispatching": is_dispatching}, **STATES["ready"], nominal_amount=1.0)
    key = {me: COLLECTOR, "turn_id": TURN, "debtor_id": DEBTOR, other: BUYER}
    for column in neighbours(key):
        add_payment(db, kind, BUYER, 1000, **column)
    before = rows(db, f"table worker.worker_{kind}")
    add_payment(db, kind, BUYER, 1000)
    add_payment(db, "sending" if is_dispatching else "dispatching", BUYER, 1000)
    apply(db, message("TriggerTransfer", **{**KEY, "is_dispatching": is_dispatching}))
    assert rows(db, f"table worker.worker_{kind}") == before
    assert len(rows(db, "select from worker.worker_sending union all select from worker.worker_dispatching")) == 5


@pytest.mark.parametrize("account_id", ["a", ""])
def test_an_answer_is_for_one_attempt(db: Connection, account_id: str) -> None:
    meant = add_attempts(db)
    before = set(rows(db, ATTEMPTS))
    apply(db, message("AccountIdResponse", **KEY, account_id=account_id))
    after = set(rows(db, ATTEMPTS))
    assert before - after == set(meant)
    assert len(after - before) == 1


@pytest.mark.parametrize(
    ("state", "reply"),
    [
        ("initiated", message("RejectedTransfer")),
        ("initiated", message("PreparedTransfer", transfer_id=TRANSFER)),
        ("settled", message("FinalizedTransfer", transfer_id=TRANSFER, committed_amount=500)),
        ("settled", message("FinalizedTransfer", transfer_id=TRANSFER, status_code="TIMEOUT")),
    ],
    ids=["rejected", "prepared", "succeeded", "failed"],
)
def test_a_reply_is_for_one_attempt(db: Connection, state: str, reply: dict[str, Any]) -> None:
    add_attempt(db, **KEY, **STATES[state])
    meant = rows(db, ATTEMPTS)
    for n, key in enumerate(neighbours(KEY)):
        add_attempt(db, **key, **{**STATES[state], "coordinator_request_id": REQUEST + 1 + n})
    before = set(rows(db, ATTEMPTS))
    ids = {"creditor_id": COLLECTOR, "debtor_id": DEBTOR, "coordinator_id": COLLECTOR}
    apply(db, {**reply, **ids, "coordinator_request_id": REQUEST})
    after = set(rows(db, ATTEMPTS))
    assert before - after == set(meant)
    assert len(after - before) == (0 if reply.get("committed_amount") else 1)
    assert len(finalize_messages(db)) == (1 if reply["type"] == "PreparedTransfer" else 0)


def test_accounts_in_other_currencies_and_of_others_are_no_answer(db: Connection) -> None:
    add_account(db)
    account = {"creditor_id": COLLECTOR, "debtor_id": DEBTOR}
    for key in neighbours(account):
        insert(db, "trading_policy", **key, account_id="a", latest_ledger_update_id=1)
    db.execute("update worker.worker_account set creditor_id = creditor_id + 9")
    add_account(db, {2000: 0})
    db.execute("update worker.worker_account set debtor_id = debtor_id + 9 where creditor_id = %s", (COLLECTOR,))
    request = {**KEY, **account, "collector_id": 999}
    apply(db, message("AccountIdRequest", **request))
    assert internal_messages(db, "AccountIdResponse") == [{**request, "account_id": "", "account_id_version": MIN64}]


def test_interest_rates_of_other_accounts_do_not_count(db: Connection) -> None:
    for n, column in enumerate(("creditor_id", "debtor_id")):
        add_account(db, {1 + n: -90})
        db.execute(f"update worker.worker_account set {column} = {column} + 9".encode())
    add_account(db, {50: -5})
    db.execute("delete from worker.interest_rate_change where interest_rate = -90")
    for n, key in enumerate(neighbours({"creditor_id": COLLECTOR, "debtor_id": DEBTOR})):
        change_ts = NOW - timedelta(days=1 + n)
        insert(db, "interest_rate_change", **key, change_ts=change_ts, interest_rate=-90)
    query = "select * from worker.lowest_interest_rate(%s, %s, %s)"
    assert rows(db, query, COLLECTOR, DEBTOR, STARTED) == [(-5.0, NOW - timedelta(days=50), False)]

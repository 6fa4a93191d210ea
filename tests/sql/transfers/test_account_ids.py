"""Account IDs of recipients: who answers what, and what an answer does to the attempt that asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.messages import apply, message
from tests.sql.transfers.rows import (
    BUYER,
    COLLECTOR,
    DEBTOR,
    FAILED,
    MIN64,
    NOW,
    STATES,
    TURN,
    add_account,
    add_attempt,
    attempt,
    insert,
    internal_messages,
    prepare_count,
    rows,
    set_clock,
)
from tests.sql.transfers.triggers import KEY, trigger, trigger_due

WAIT = timedelta(hours=2)
UNREACHABLE = {**FAILED, "failure_code": 3, "recipient_version": 10, "rescheduled_for": NOW + WAIT}


def answer(db: Connection, account_id: str, version: int, **fields: Any) -> None:
    ids = {"account_id": account_id, "account_id_version": version}
    apply(db, message("AccountIdResponse", **{**KEY, **ids, **fields}))


@covers("N1.3")
def test_a_request_for_moving_a_surplus_is_answered_with_both_forms(db: Connection) -> None:
    add_policy(db, "surplus-account", 7, BUYER)
    key = {**KEY, "creditor_id": BUYER, "is_dispatching": False}
    apply(db, message("AccountIdRequest", **key, transfer_kind=2), message("AccountIdRequest", **key))
    moving, sending = internal_messages(db, "AccountIdResponse")
    assert (moving["is_dispatching"], moving["transfer_kind"], moving["account_id"]) == (False, 2, "surplus-account")
    assert "transfer_kind" not in sending


@covers("N1.3")
@pytest.mark.parametrize("type_name", ["AccountIdResponse", "TriggerTransfer"])
def test_what_moves_surpluses_is_not_taken_for_a_sending(db: Connection, type_name: str) -> None:
    add_attempt(db, is_dispatching=False)
    before = attempt(db)
    fields = {**KEY, "is_dispatching": False, "transfer_kind": 2}
    answer_fields = {"account_id": "x", "account_id_version": 9} if type_name == "AccountIdResponse" else {}
    apply(db, message(type_name, **fields, **answer_fields))
    assert attempt(db) == before
    assert prepare_count(db) == 0


def add_policy(db: Connection, account_id: str, update_id: int, creditor_id: int = COLLECTOR) -> None:
    insert(
        db,
        "trading_policy",
        creditor_id=creditor_id,
        debtor_id=DEBTOR,
        account_id=account_id,
        latest_ledger_update_id=update_id,
    )


@covers("V7.20")
@pytest.mark.parametrize(
    ("policy", "account", "expected"),
    [
        pytest.param(("a1", 123), ("a2", "1970-01-06"), ("a1", 123), id="policy"),
        pytest.param(("a1", 123), None, ("a1", 123), id="policy_only"),
        pytest.param(None, ("a2", "1970-01-06"), ("a2", 5), id="collector"),
        pytest.param(None, None, ("", MIN64), id="nothing"),
        pytest.param(("", 123), ("a2", "1970-01-06"), ("a2", 5), id="empty_policy", marks=covers("G8")),
        pytest.param(("", 123), ("", "1970-01-06"), ("", MIN64), id="both_empty"),
        pytest.param(None, ("a2", "1969-12-31"), ("a2", -1), id="before_1970"),
    ],
)
def test_an_account_id_comes_from_the_policy_or_from_the_account(
    db: Connection, policy: tuple[str, int] | None, account: tuple[str, str] | None, expected: tuple[str, int]
) -> None:
    if policy:
        add_policy(db, *policy)
    if account:
        add_account(db)
        db.execute("update worker.worker_account set account_id = %s, creation_date = %s", account)
    request = {**KEY, "creditor_id": COLLECTOR, "collector_id": 999}
    apply(db, message("AccountIdRequest", **request))
    answer = {**request, "account_id": expected[0], "account_id_version": expected[1]}
    assert internal_messages(db, "AccountIdResponse") == [answer]


@covers("G14")
def test_an_account_that_vanished_is_asked_for_again(db: Connection) -> None:
    """When somebody wants to pay to it, and once more if it does not come for long."""
    request = message("AccountIdRequest", **KEY | {"creditor_id": COLLECTOR, "collector_id": 999})
    long = db.execute("select extreme_message_delay from worker.configuration").fetchone()[0]  # type: ignore[index]
    vanished = {"configured_at": NOW - timedelta(days=2), "purged_at": NOW - timedelta(days=1)}
    insert(db, "needed_worker_account", creditor_id=COLLECTOR, debtor_id=DEBTOR, **vanished)
    insert(db, "needed_worker_account", creditor_id=COLLECTOR, debtor_id=DEBTOR + 1, **vanished)
    second = timedelta(seconds=1)
    for moment, count in ((NOW, 1), (NOW + second, 1), (NOW + long, 1), (NOW + long + second, 2)):
        set_clock(db, moment)
        apply(db, request)
        apply(db, request)
        assert rows(db, "select message ->> 'debtor_id' from pgmq.q_out_configure_account") == [(str(DEBTOR),)] * count


@covers("G14")
@pytest.mark.parametrize(("is_purged", "has_account"), [(False, False), (True, True)])
def test_no_other_account_is_asked_for(db: Connection, is_purged: bool, has_account: bool) -> None:
    """Neither one that is still expected, nor one that has come back, though without an ID yet."""
    purged_at = NOW - timedelta(days=1) if is_purged else None
    ids = {"creditor_id": COLLECTOR, "debtor_id": DEBTOR}
    insert(db, "needed_worker_account", **ids, configured_at=NOW - timedelta(days=2), purged_at=purged_at)
    if has_account:
        add_account(db)
        db.execute("update worker.worker_account set account_id = ''")
    apply(db, message("AccountIdRequest", **KEY | {"creditor_id": COLLECTOR, "collector_id": 999}))
    assert rows(db, "select from pgmq.q_out_configure_account") == []


def test_answers_of_one_batch_do_not_mix(db: Connection) -> None:
    add_policy(db, "a", 1, creditor_id=BUYER)
    add_policy(db, "b", 2, creditor_id=BUYER + 1)
    apply(db, *[message("AccountIdRequest", **{**KEY, "creditor_id": BUYER + n}) for n in range(3)])
    answers = {m["creditor_id"] - BUYER: m["account_id"] for m in internal_messages(db, "AccountIdResponse")}
    assert answers == {0: "a", 1: "b", 2: ""}


def test_answer_to_an_unknown_recipient_is_tried_at_once(db: Connection) -> None:
    add_account(db)
    add_attempt(db)
    answer(db, "a", 1)
    assert attempt(db, "recipient", "recipient_version", "attempted_at") == ("a", 1, NOW)
    assert prepare_count(db) == 1
    answer(db, "b", 2)
    assert attempt(db, "recipient", "recipient_version") == ("a", 1)
    assert prepare_count(db) == 1


def test_answer_to_a_waiting_unknown_recipient_clears_the_schedule(db: Connection) -> None:
    add_account(db)
    add_attempt(db, rescheduled_for=NOW + WAIT, backoff_counter=3)
    answer(db, "a", 1)
    assert attempt(db, "recipient", "rescheduled_for", "attempted_at") == ("a", None, NOW)
    assert rows(db, "select max_commit_delay from outbox.prepare_transfer") == [(57600,)]


@pytest.mark.parametrize("field", [{"turn_id": TURN + 1}, {"creditor_id": 1}, {"is_dispatching": False}])
def test_an_answer_to_another_attempt_is_ignored(db: Connection, field: dict[str, Any]) -> None:
    add_account(db)
    add_attempt(db)
    answer(db, "a", 1, **field)
    assert attempt(db, "recipient") == ("",)


@covers("V7.16")
def test_an_unreachable_recipient_with_a_new_id_is_paid_at_the_next_try(db: Connection) -> None:
    add_account(db)
    add_attempt(db, **UNREACHABLE)
    answer(db, "b", 11)
    columns = ("recipient", "recipient_version", "failure_code", "rescheduled_for")
    assert attempt(db, *columns) == ("b", 11, 0, NOW + WAIT)
    assert prepare_count(db) == 0


@pytest.mark.parametrize("version", [9, 10])
def test_old_answer_with_another_id_is_ignored(db: Connection, version: int) -> None:
    add_account(db)
    add_attempt(db, **UNREACHABLE)
    answer(db, "b", version)
    assert attempt(db, "recipient", "recipient_version", "failure_code") == ("a", 10, 3)


@pytest.mark.parametrize("state", ["waiting", "initiated", "settled", "fatal"])
def test_answer_to_a_known_recipient_is_ignored(db: Connection, state: str) -> None:
    add_account(db)
    add_attempt(db, **STATES[state])
    before = rows(db, "select * from worker.transfer_attempt")
    answer(db, "b", 99)
    answer(db, "a", 99)
    answer(db, "", 99)
    assert rows(db, "select * from worker.transfer_attempt") == before


@covers("V13.5", "G8")
def test_an_unknown_recipient_is_asked_for_again_and_again(db: Connection) -> None:
    """An unknown recipient is asked for again and again."""
    add_attempt(db)
    answer(db, "", MIN64)
    assert attempt(db, "rescheduled_for", "backoff_counter", "recipient") == (NOW + WAIT, 3, "")
    assert trigger_due(db) == 0
    assert internal_messages(db, "AccountIdRequest") == []
    set_clock(db, NOW + WAIT)
    assert trigger_due(db) == 1
    assert internal_messages(db, "AccountIdRequest") == [KEY]
    assert attempt(db, "rescheduled_for", "backoff_counter") == (NOW + WAIT + timedelta(seconds=57600), 4)


@covers("V13.6", "G9")
def test_an_empty_answer_replaces_no_recipient(db: Connection) -> None:
    """An empty answer never replaces a recipient."""
    add_attempt(db, **UNREACHABLE)
    before = rows(db, "select * from worker.transfer_attempt")
    answer(db, "", 11)
    assert rows(db, "select * from worker.transfer_attempt") == before


@covers("G9")
def test_an_empty_answer_replaces_no_recipient_that_was_never_tried(db: Connection) -> None:
    add_attempt(db, **STATES["ready"])
    answer(db, "", 11)
    assert attempt(db, "recipient", "recipient_version") == ("a", 1)


@covers("V13.20", "G42")
@pytest.mark.parametrize("version", [9, 10, 11])
def test_a_recipient_that_is_reachable_again_is_paid(db: Connection, version: int) -> None:
    """A recipient that is known under the same ID may be reachable again."""
    add_account(db)
    add_attempt(db, **UNREACHABLE)
    answer(db, "a", version)
    columns = ("recipient", "failure_code", "rescheduled_for", "recipient_version")
    assert attempt(db, *columns) == ("a", 0, NOW + WAIT, max(version, 10))
    assert prepare_count(db) == 0
    set_clock(db, NOW + WAIT)
    assert trigger_due(db) == 1
    assert rows(db, "select recipient from outbox.prepare_transfer") == [("a",)]


@covers("V13.21", "G8")
def test_an_empty_answer_hides_no_later_one(db: Connection) -> None:
    """The version of an empty answer hides no later answer."""
    add_account(db)
    add_attempt(db)
    answer(db, "", 123456)
    assert attempt(db, "recipient_version", "rescheduled_for") == (MIN64, NOW + WAIT)
    set_clock(db, NOW + WAIT)
    assert trigger_due(db) == 1
    assert internal_messages(db, "AccountIdRequest") == [KEY]
    answer(db, "a2", 20000)
    assert attempt(db, "recipient", "recipient_version", "attempted_at") == ("a2", 20000, NOW + WAIT)
    assert rows(db, "select recipient from outbox.prepare_transfer") == [("a2",)]


def test_empty_answer_to_a_waiting_attempt_changes_nothing(db: Connection) -> None:
    add_attempt(db, rescheduled_for=NOW + WAIT, backoff_counter=3)
    answer(db, "", 5)
    assert attempt(db, "rescheduled_for", "backoff_counter") == (NOW + WAIT, 3)


def test_a_whole_batch_is_answered_in_one_call(db: Connection) -> None:
    """Several attempts of several collectors, answered in one call."""
    add_account(db)
    for n in range(20):
        add_attempt(db, creditor_id=n + 1)
    ids = {"account_id_version": 1}
    apply(
        db,
        *[
            message("AccountIdResponse", **{**KEY, **ids, "creditor_id": n + 1, "account_id": f"a{n}"})
            for n in range(20)
        ],
    )
    assert prepare_count(db) == 20
    assert rows(db, "select count(distinct coordinator_request_id) from worker.transfer_attempt") == [(20,)]
    trigger(db)
    assert prepare_count(db) == 20

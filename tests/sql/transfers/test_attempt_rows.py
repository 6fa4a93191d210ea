"""Impossible transfer attempts and worker rows cannot be stored."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.transfers.rows import (
    BUYER,
    FAILED,
    INITIATED,
    NOW,
    OTHER_COLLECTOR,
    SELLER,
    STATES,
    add_attempt,
    add_payment,
    add_status,
)


@covers("V2.4")
def test_sending_starts_with_a_known_amount(db: Connection) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        add_status(db, 100, 0, 0, 100, started_sending=True)
    add_status(db, 100, 0, 0, 100, started_sending=True, total_collected_amount=100)


@covers("V2.5")
def test_nobody_sends_more_than_is_collected(db: Connection) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        add_status(db, 100, 101, 0, 0)
    add_status(db, 100, 100, 0, 0)


@covers("G21")
def test_what_a_collector_sells_itself_need_not_be_collected(db: Connection) -> None:
    """What a collector sells itself can be sent without being collected."""
    add_status(db, 100, 101, 0, 0, self_taken_amount=1)


@covers("V2.6")
def test_once_all_is_sent_dispatching_has_started(db: Connection) -> None:
    done = {"started_sending": True, "total_collected_amount": 100, "all_sent": True, "total_received_amount": 0}
    with pytest.raises(psycopg.errors.CheckViolation):
        add_status(db, 100, 0, 0, 100, **done)
    add_status(db, 100, 0, 0, 100, **done, started_dispatching=True)


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param({**INITIATED, "recipient": ""}, id="no-recipient", marks=covers("V2.7")),
        pytest.param({**INITIATED, "rescheduled_for": NOW}, id="put-off-under-way", marks=covers("V2.8")),
        pytest.param({**FAILED, "failure_code": 1, "fatal_error": "X"}, id="failed-twice", marks=covers("V2.9")),
        pytest.param({**FAILED, "fatal_error": "X", "rescheduled_for": NOW}, id="fatal_and_waiting"),
        pytest.param({**INITIATED, "transfer_id": 1}, id="settled_without_moment"),
        pytest.param({"failure_code": 0}, id="failed_without_try"),
        pytest.param({"nominal_amount": 0.99}, id="nominal_below_one"),
    ],
)
def test_no_attempt_is_in_two_states(db: Connection, columns: dict[str, Any]) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        add_attempt(db, **columns)


@pytest.mark.parametrize("state", STATES)
def test_every_state_can_be_stored(db: Connection, state: str) -> None:
    add_attempt(db, **STATES[state])
    if state == "waiting":
        add_attempt(db, creditor_id=SELLER, rescheduled_for=NOW + timedelta(hours=2))


@covers("V2.10")
def test_payments_by_collectors_have_at_least_two_tokens(db: Connection) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        add_payment(db, "sending", OTHER_COLLECTOR, 1)
    with pytest.raises(psycopg.errors.CheckViolation):
        add_payment(db, "dispatching", BUYER, 1)
    add_payment(db, "collecting", SELLER, 1)

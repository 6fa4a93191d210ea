"""A new worker database that knows no collector gives no account up: it may be that it was to be imported."""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import uuid4

import pytest

from pipelines.turns.exchange import judge_unknown_accounts
from service import binding
from tests.conftest import Connection
from tests.covering import covers
from tests.sql.accounts.rows import orders, values
from tests.sql.messages import COLLECTOR, apply, message

DISCARDED = (COLLECTOR, 1, 2)
HELD = "select status, reason from worker.unknown_account"


@pytest.fixture
def bound(db: Connection) -> Connection:
    """Bound three days ago."""
    binding.bind(db, uuid4(), "#")
    grow_old(db, 3)
    return db


def grow_old(worker: Connection, days: int) -> None:
    worker.execute("update worker.identity set bound_at = bound_at - %s", (timedelta(days=days),))


def poll(worker: Connection, solver: Connection, caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the poll of collectors says as errors."""
    caplog.clear()
    judge_unknown_accounts(worker, solver, 100)
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


@covers("V14.59", "N7.2")
@pytest.mark.parametrize("principal", [2, 5000])
def test_a_new_database_only_says_so(
    bound: Connection, solver_db: Connection, caplog: pytest.LogCaptureFixture, principal: int
) -> None:
    apply(bound, message("AccountUpdate", principal=principal))
    (said,) = poll(bound, solver_db, caplog)
    assert "this worker database, which is new, knows none" in said
    assert "configure worker --accept-empty" in said
    assert orders(bound) == []
    assert values(bound, HELD) == [("listed", None)]


@covers("V14.59")
def test_after_two_weeks_evidence_decides(
    bound: Connection, solver_db: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    grow_old(bound, 12)
    apply(bound, message("AccountUpdate", principal=5000))
    (said,) = poll(bound, solver_db, caplog)
    assert "there are 5000 tokens on it" in said
    assert values(bound, HELD) == [("held", "money")]
    assert orders(bound) == []
    apply(bound, message("AccountUpdate", principal=2, last_change_seqnum=2))
    assert poll(bound, solver_db, caplog) == []
    assert orders(bound) == [DISCARDED]


@covers("N7.2")
def test_an_operator_may_say_that_it_is_right(
    bound: Connection, solver_db: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    apply(bound, message("AccountUpdate", principal=2))
    assert binding.accept_empty(bound)
    assert not binding.accept_empty(bound)
    assert poll(bound, solver_db, caplog) == []
    assert orders(bound) == [DISCARDED]


@covers("N7.2")
def test_a_database_that_knows_a_collector_is_not_forgotten(
    bound: Connection, solver_db: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    bound.execute(
        "insert into worker.needed_worker_account (creditor_id, debtor_id, configured_at) values (1, 1, now())"
    )
    apply(bound, message("AccountUpdate", principal=2))
    assert poll(bound, solver_db, caplog) == []
    assert orders(bound) == [DISCARDED]


def test_a_clock_that_ran_ahead_blocks_nothing(
    bound: Connection, solver_db: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    grow_old(bound, -400)
    apply(bound, message("AccountUpdate", principal=2))
    assert poll(bound, solver_db, caplog) == []
    assert orders(bound) == [DISCARDED]

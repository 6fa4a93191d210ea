"""A database that was restored from a backup has forgotten which request IDs it has used since."""

from __future__ import annotations

import pytest

from tests.conftest import Connection
from tests.sql.messages import apply, message
from tests.sql.transfers.rows import (
    BUYER,
    COLLECTOR,
    DEBTOR,
    NOW,
    SELLER,
    STATES,
    TURN,
    add_account,
    add_attempt,
    finalize_messages,
    rows,
    set_clock,
)

NOW_IN_MICROSECONDS = int(NOW.timestamp()) * 1_000_000


@pytest.fixture
def db(worker_db: Connection) -> Connection:
    set_clock(worker_db, NOW)
    return worker_db


def skip(db: Connection) -> int:
    return int(rows(db, "select worker.skip_request_ids()")[0][0])


@pytest.mark.parametrize("is_skipped", [True, False])
def test_answers_from_before_the_restore_are_dismissed(db: Connection, is_skipped: bool) -> None:
    """Without the skip the transfer to one buyer would be committed as that to another one."""
    add_account(db)
    for buyer in (BUYER, SELLER):
        add_attempt(db, **STATES["ready"], creditor_id=buyer)
    key = {"collector_id": COLLECTOR, "turn_id": TURN, "debtor_id": DEBTOR, "is_dispatching": True}
    with db.transaction(force_rollback=True):
        apply(db, message("TriggerTransfer", **key, creditor_id=BUYER))
        ((request_id,),) = rows(db, "select coordinator_request_id from outbox.prepare_transfer")
    db.execute("select setval('worker.coordinator_request_id_seq', %s, false)", (request_id,))
    if is_skipped:
        skip(db)
    apply(db, message("TriggerTransfer", **key, creditor_id=SELLER))
    ids = {"creditor_id": COLLECTOR, "coordinator_id": COLLECTOR, "coordinator_request_id": request_id}
    apply(db, message("PreparedTransfer", **ids, debtor_id=DEBTOR, transfer_id=905))
    ((transfer_id, amount, _),) = finalize_messages(db)
    assert (transfer_id, amount > 0) == (905, not is_skipped)


def test_ids_are_ahead_of_those_of_another_database(db: Connection) -> None:
    """Also of one that had been restored itself."""
    assert skip(db) == NOW_IN_MICROSECONDS
    assert skip(db) == NOW_IN_MICROSECONDS + 1 + 10**12
    assert rows(db, "select nextval('worker.coordinator_request_id_seq')") == [(NOW_IN_MICROSECONDS + 2 + 10**12,)]

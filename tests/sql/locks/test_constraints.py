"""Impossible rows can not be stored."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.locks.rows import NOW, add_lock, add_participation


@covers("V2.1")
def test_no_lock_is_finalized_without_a_transfer(db: Connection) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        add_lock(db, "initiated", -5000, finalized_at=NOW)


@covers("V2.2")
@pytest.mark.parametrize("missing", ["account_creation_date", "account_last_transfer_number", "finalized_at"])
def test_no_lock_is_released_without_the_state_of_its_account(db: Connection, missing: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        add_lock(db, "released", -5000, **{missing: None})


@covers("V2.3")
@pytest.mark.parametrize("amount", [0, 1])
def test_a_verdict_of_too_few_tokens_is_refused(db: Connection, amount: int) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        add_participation(db, amount)


@covers("V2.3")
@pytest.mark.parametrize("amount", [-1, 2])
def test_a_verdict_of_enough_tokens_is_stored(db: Connection, amount: int) -> None:
    add_participation(db, amount)


def test_request_ids_are_unique(db: Connection) -> None:
    add_lock(db, "initiated", -5000)
    with pytest.raises(psycopg.errors.UniqueViolation):
        add_lock(db, "initiated", -5000, creditor_id=778, initiated_at=NOW + timedelta(days=1))


def test_state_changes_touch_no_index(db: Connection) -> None:
    """Preparation and revision stay inside the page: no index holds a column that they write."""
    rows = db.execute(
        """
        select distinct a.attname
        from pg_catalog.pg_index as i
        join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
        where i.indrelid = 'worker.account_lock'::regclass
        order by 1
        """
    ).fetchall()
    assert [name for (name,) in rows] == ["coordinator_request_id", "creditor_id", "debtor_id", "turn_id"]
    partial = "select from pg_catalog.pg_index where indrelid = 'worker.account_lock'::regclass and indpred is not null"
    assert db.execute(partial.encode()).fetchall() == []

"""Rows that a shard split copied to the wrong child."""

from __future__ import annotations

import pytest

from pipelines.turns.scan import scan_everything
from sql.scans import SCANS
from tests.conftest import Connection
from tests.covering import covers
from tests.sql.scans.cases import CASES
from tests.sql.scans.rows import NOW, add, ago, key_in, keys, run, shard


@pytest.mark.parametrize(
    ("deletes_parent_rows", "left"),
    [
        pytest.param(True, [888], id="deleted", marks=covers("V11.1")),
        pytest.param(False, [666, 777, 888], id="left-alone", marks=covers("V11.2")),
    ],
)
def test_rows_of_the_sibling_go_if_that_is_wanted(db: Connection, deletes_parent_rows: bool, left: list[int]) -> None:
    shard(db, "0.#", deletes_parent_rows)
    for debtor_id in (666, 777, 888):
        add(db, "debtor_locator_claims", debtor_id)
    run(db, "debtor_locator_claims")
    assert keys(db, "debtor_locator_claims") == left


@covers("V11.3")
def test_rows_of_another_parent_stay(db: Connection) -> None:
    shard(db, "1.0.#", True)
    for creditor_id in (666, 1, 3):
        add(db, "trading_policies", creditor_id)
    assert run(db, "trading_policies") == 1
    assert keys(db, "trading_policies") == [3, 666]


@pytest.mark.parametrize("deletes_parent_rows", [True, False])
@pytest.mark.parametrize("scan", SCANS)
def test_only_rows_of_the_sibling_go(db: Connection, scan: str, deletes_parent_rows: bool) -> None:
    """Fresh rows of this shard, of its sibling, and of a strange shard."""
    shard(db, "1.0.#", deletes_parent_rows)
    own, sibling, strange = (key_in(binding_key, scan) for binding_key in ("1.0.#", "1.1.#", "0.#"))
    for number, key in enumerate((own, sibling, strange)):
        request = {"coordinator_request_id": number} if scan == "account_locks" else {}
        add(db, scan, key, **request)
    if scan == "creditor_participations":
        for number, key in enumerate((own, sibling, strange)):
            add(db, "account_locks", key, coordinator_request_id=number)
    assert run(db, scan) == deletes_parent_rows
    left = {own, strange} if deletes_parent_rows else {own, sibling, strange}
    assert set(keys(db, scan)) == left


@pytest.mark.parametrize("deletes_parent_rows", [True, False])
@pytest.mark.parametrize(("scan", "columns"), [pytest.param(case[1], case[2], id=case[0]) for case in CASES if case[3]])
def test_old_rows_of_others_are_not_acted_upon(
    db: Connection, scan: str, columns: dict[str, object], deletes_parent_rows: bool
) -> None:
    """A strange row is never deleted, and no message is sent for a row of the sibling."""
    shard(db, "1.0.#", deletes_parent_rows)
    sibling, strange = key_in("1.1.#", scan), key_in("0.#", scan)
    if scan == "worker_accounts":
        add(db, "needed_worker_accounts", sibling)
    add(db, scan, strange, **columns)
    if scan == "account_locks" or "coordinator_request_id" in columns:
        columns = {**columns, "coordinator_request_id": 72}
    add(db, scan, sibling, **columns)
    assert run(db, scan) == deletes_parent_rows
    assert set(keys(db, scan)) == ({strange} if deletes_parent_rows else {strange, sibling})
    assert db.execute("select from outbox.finalize_transfer").fetchall() == []
    assert db.execute("select from pgmq.q_solver_request").fetchall() == []
    assert db.execute("select from worker.needed_worker_account where purged_at = worker.now()").fetchall() == []


def test_tries_of_the_sibling_are_not_ended(db: Connection) -> None:
    shard(db, "1.0.#", deletes_parent_rows=False)
    columns = {"recipient": "a", "attempted_at": ago(9), "coordinator_request_id": 1, "amount": 5}
    add(db, "transfer_attempts", key_in("1.1.#", "transfer_attempts"), **columns, final_interest_rate_ts=NOW)
    assert run(db, "transfer_attempts") == 0


def test_the_history_of_the_sibling_is_not_compacted(db: Connection) -> None:
    shard(db, "1.0.#", deletes_parent_rows=False)
    sibling = key_in("1.1.#", "interest_rate_changes")
    for days in (400, 300, 220):
        add(db, "interest_rate_changes", sibling, change_ts=ago(days))
    assert run(db, "interest_rate_changes") == 0


def test_nothing_foreign_is_left_after_a_full_pass(db: Connection) -> None:
    shard(db, "1.0.#", deletes_parent_rows=True)
    for scan in SCANS:
        add(db, scan, key_in("1.0.#", scan))
        add(db, scan, key_in("1.1.#", scan), **({"coordinator_request_id": 72} if scan == "account_locks" else {}))
    assert len(db.execute("select * from worker.foreign_rows()").fetchall()) == len(SCANS)
    scan_everything(db)
    assert db.execute("select * from worker.foreign_rows()").fetchall() == []

"""How a scan reads its table, and how it gets along with others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from bridge.wire.sharding import hash32, lane_of
from pipelines.turns.scan import full_pass, scan_blocks
from sql.scans import SCANS
from tests.conftest import Connection
from tests.sql.scans.cases import CASES
from tests.sql.scans.rows import NOW, WHOLE, add, add_many, ago, keys, run

EXPIRED = {scan: columns for _, scan, columns, is_removed in CASES if is_removed}


@pytest.fixture
def plans(db: Connection) -> Iterator[list[str]]:
    """The plans of all statements that will be executed, also those in functions."""
    found: list[str] = []

    def note(notice: psycopg.errors.Diagnostic) -> None:
        found.append(notice.message_primary or "")

    db.execute("load 'auto_explain'")
    db.execute("set local auto_explain.log_min_duration = 0")
    db.execute("set local auto_explain.log_nested_statements = on")
    db.execute("set local auto_explain.log_level = notice")
    db.add_notice_handler(note)
    yield found
    db.remove_notice_handler(note)


@pytest.mark.parametrize("scan", SCANS)
def test_a_step_reads_only_its_blocks(db: Connection, plans: list[str], scan: str) -> None:
    """Whatever the size of the table, and also when the plans are not made anew any more."""
    table = SCANS[scan].table
    db.execute("update worker.configuration set delete_parent_shard_records = true")
    add_many(db, scan, 5000)
    # As autovacuum does after so many new rows.
    db.execute(f"analyze worker.{table}")
    plans.clear()
    for first in range(7):
        scan_blocks(db, scan, first, first + 1, 100)
    text = "\n".join(plans)
    assert len(re.findall(rf"Tid Range Scan on {table}\b.*\n +TID Cond: .*ctid >= .*ctid < ", text)) >= 7
    assert not re.search(rf"Seq Scan on {table}\b", text)


def test_only_the_blocks_asked_for(db: Connection) -> None:
    for number in range(100):
        add(db, "debtor_info_documents", f"{number:0180}", fetched_at=ago(46))
    before = blocks(db, "debtor_info_document")
    chosen = sorted(set(before))[1]
    step = scan_blocks(db, "debtor_info_documents", chosen, chosen, 5000)
    assert step.rows == before.count(chosen) > 0
    assert blocks(db, "debtor_info_document") == [block for block in before if block != chosen]
    assert full_pass(db, "debtor_info_documents", blocks_per_query=1) == len(before) - step.rows
    assert scan_blocks(db, "debtor_info_documents", 2**32 - 1, 2**32 - 1, 5000).rows == 0


def blocks(db: Connection, table: str) -> list[int]:
    """The physical block of every row."""
    query = f"select (ctid::text::point)[0]::bigint from worker.{table} order by ctid"
    return [block for (block,) in db.execute(query.encode()).fetchall()]


def test_a_step_deletes_up_to_its_limit(db: Connection) -> None:
    for debtor_id in range(1, 6):
        add(db, "recently_needed_collectors", debtor_id, needed_at=ago(46))
    assert [scan_blocks(db, "recently_needed_collectors", *WHOLE, 2).rows for _ in range(4)] == [2, 2, 1, 0]


def test_locked_rows_are_skipped(open_db: Connection, other: Connection) -> None:
    for scan, columns in EXPIRED.items():
        add(open_db, scan, 1, **columns)
        with other.transaction():
            other.execute(f"select from worker.{SCANS[scan].table} for update".encode())
            assert run(open_db, scan) == 0, scan
        assert run(open_db, scan) == 1, scan


def test_rows_of_busy_lanes_wait(open_db: Connection, other: Connection) -> None:
    """A handler has decided upon a row, but not written it yet."""
    lanes = {debtor_id: lane_of(hash32(debtor_id), 8) for debtor_id in range(1, 30)}
    busy = lanes[1]
    for debtor_id in lanes:
        add(open_db, "recently_needed_collectors", debtor_id, needed_at=ago(46))
    with other.transaction():
        assert other.execute("select worker.try_lock_lane(%s)", (busy,)).fetchone() == (True,)
        step = scan_blocks(open_db, "recently_needed_collectors", *WHOLE, 5000)
        assert step.lanes == set(range(8)) - {busy}
        assert keys(open_db, "recently_needed_collectors") == [key for key, lane in lanes.items() if lane == busy]
        with pytest.raises(TimeoutError):
            full_pass(open_db, "recently_needed_collectors", patience=timedelta(seconds=1), sleep=lambda _: None)
    assert step.rows + run(open_db, "recently_needed_collectors") == len(lanes)


def test_lanes_are_free_after_a_step(open_db: Connection, other: Connection) -> None:
    assert scan_blocks(open_db, "account_locks", 0, 0, 10).lanes == set(range(8))
    assert other.execute("select worker.try_lock_lanes()").fetchone() == (list(range(8)),)


def test_a_row_that_was_renewed_stays(open_db: Connection, other: Connection) -> None:
    """The scan waits for nobody: it sees the row before or after the change, never in between."""
    add(open_db, "debtor_locator_claims", 1, latest_locator_fetch_at=ago(46))
    with other.transaction():
        other.execute("update worker.debtor_locator_claim set latest_locator_fetch_at = %s", (NOW,))
        assert run(open_db, "debtor_locator_claims") == 0
    assert run(open_db, "debtor_locator_claims") == 0
    assert keys(open_db, "debtor_locator_claims") == [1]

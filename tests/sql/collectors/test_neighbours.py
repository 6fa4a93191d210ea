"""Two collectors change; those that have the currency of one and the ID of the other do not."""

from __future__ import annotations

import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.collectors.rows import add

IDS = "array[1, 2]::bigint[], array[5, 6]::bigint[]"
NOW = "array[solver.now(), solver.now()]"


@pytest.mark.parametrize(
    ("status", "call"),
    [
        pytest.param(0, f"solver.mark_collectors_requested({IDS})", id="requested"),
        pytest.param(1, f"solver.mark_collectors_pristine({IDS})", id="pristine_again", marks=covers("G12")),
        pytest.param(1, f"solver.activate_collectors({IDS}, array['b', 'b'], {NOW})", id="activated"),
        pytest.param(
            2, f"solver.activate_collectors({IDS}, array['b', 'b'], {NOW})", id="corrected", marks=covers("M29")
        ),
        pytest.param(2, f"solver.disable_collectors({IDS})", id="disabled"),
        pytest.param(3, f"solver.note_removals({IDS}, array['busy', 'moving'])", id="noted", marks=covers("G20")),
        pytest.param(3, f"solver.note_removals({IDS}, array['gone', 'gone'])", id="gone", marks=covers("G20")),
        pytest.param(
            2, "solver.remove_collector(1, 5), solver.remove_collector(2, 6)", id="removed", marks=covers("G20")
        ),
    ],
)
def test_no_other_collector_changes(solver_db: Connection, status: int, call: str) -> None:
    for debtor_id in (1, 2):
        for collector_id in (5, 6):
            add(solver_db, collector_id, status, debtor_id)
    query = b"select debtor_id, collector_id, c::text from solver.collector_account as c"
    before = set(solver_db.execute(query).fetchall())
    solver_db.execute(f"select {call}".encode())
    after = set(solver_db.execute(query).fetchall())
    assert {row[:2] for row in before - after} == {(1, 5), (2, 6)}
    assert {row[:2] for row in after - before} == (set() if "'gone'" in call else {(1, 5), (2, 6)})
    assert solver_db.execute("select from solver.blocked_currency").fetchall() == []

"""An account ID that was told with a moment of 2030 can be corrected."""

from __future__ import annotations

import pytest

from tests.conftest import Connection
from tests.covering import covers

COLLECTOR = 0x10000000000


@covers("G48", "M29")
@pytest.mark.parametrize("stored", ["told", "written"])
def test_an_account_id_of_2030_can_be_corrected(solver_db: Connection, stored: str) -> None:
    solver_db.execute("set swpt.now = '2026-03-01T02:00:00Z'")

    def activate(account_id: str, ts: str) -> None:
        solver_db.execute(
            "select solver.activate_collectors(array[666], array[%s::bigint], array[%s], array[%s::timestamptz])",
            (COLLECTOR, account_id, ts),
        )

    solver_db.execute(
        """
        insert into solver.collector_account (debtor_id, collector_id, account_id, status, latest_status_change_at)
        values (666, %s, '', 1, '2026-02-01T00:00:00Z')
        """,
        (COLLECTOR,),
    )
    activate("first", "2030-01-01T00:00:00Z" if stored == "told" else "2026-03-01T02:00:00Z")
    if stored == "written":
        solver_db.execute("update solver.collector_account set account_id_ts = '2030-01-01T00:00:00Z'")
    solver_db.execute("set swpt.now = '2026-03-02T02:00:00Z'")
    activate("second", "2026-03-02T01:59:00Z")
    assert solver_db.execute("select account_id from solver.collector_account").fetchall() == [("second",)]
    activate("first", "2026-03-01T02:00:00Z")
    assert solver_db.execute("select account_id from solver.collector_account").fetchall() == [("second",)]

"""A worker database whose clock stands still in sub-phase 2/5 of a turn."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.conftest import Connection
from tests.sql.locks.rows import COLLECTOR, DEADLINE, DEBTOR, NOW, TURN, insert


@pytest.fixture
def db(worker_db: Connection) -> Connection:
    worker_db.execute("select set_config('swpt.now', %s, false)", (NOW.isoformat(),))
    add_turn(worker_db, TURN)
    insert(worker_db, "active_collector", debtor_id=DEBTOR, collector_id=COLLECTOR, account_id="collector-account")
    return worker_db


def add_turn(db: Connection, turn_id: int, phase: int = 2, subphase: int = 5) -> None:
    insert(
        db,
        "worker_turn",
        turn_id=turn_id,
        started_at=NOW - timedelta(hours=1),
        base_debtor_info_locator="https://example.com/101",
        base_debtor_id=101,
        max_distance_to_base=10,
        min_trade_amount=1000,
        phase=phase,
        phase_deadline=NOW + timedelta(hours=1) if phase < 3 else None,
        collection_started_at=NOW if phase == 3 else None,
        collection_deadline=DEADLINE,
        worker_turn_subphase=subphase,
    )

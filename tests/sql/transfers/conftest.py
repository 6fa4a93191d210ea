"""A worker database whose clock stands still three days after a turn entered phase 3."""

from __future__ import annotations

import pytest

from tests.conftest import Connection
from tests.sql.transfers.rows import NOW, add_turn, set_clock


@pytest.fixture
def db(worker_db: Connection) -> Connection:
    set_clock(worker_db, NOW)
    worker_db.execute("set time zone 'UTC'")
    add_turn(worker_db)
    return worker_db

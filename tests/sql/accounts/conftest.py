"""A worker database at 2026-03-01T02:00Z whose internal messages wait in the outbox."""

from __future__ import annotations

import pytest

from tests.conftest import Connection
from tests.sql.outgoing import publish_everything


@pytest.fixture
def db(worker_db: Connection) -> Connection:
    worker_db.execute("set swpt.now = '2026-03-01T02:00:00Z'")
    publish_everything(worker_db)
    return worker_db

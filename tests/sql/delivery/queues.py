"""Messages in the queues of the inbox."""

from __future__ import annotations

import json
from typing import Any

from tests.conftest import Connection
from tests.sql.messages import message


def put(connection: Connection, lane: int, *messages: dict[str, Any]) -> None:
    for body in messages:
        connection.execute(
            f"insert into pgmq.q_inbox_{lane} (vt, message) values ('-infinity', %s)".encode(), (json.dumps(body),)
        )


def waiting(connection: Connection, lane: int) -> int:
    row = connection.execute(f"select count(*) from pgmq.q_inbox_{lane}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def ledger(update_id: int, **fields: Any) -> dict[str, Any]:
    return message("UpdatedLedger", update_id=update_id, **fields)

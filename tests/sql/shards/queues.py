"""Messages of customers, put into the inbox."""

from __future__ import annotations

import json
from typing import Any

from tests.conftest import Connection
from tests.sql.messages import message


def ledger(creditor_id: int, **fields: Any) -> dict[str, Any]:
    return message("UpdatedLedger", **{"creditor_id": creditor_id, **fields})


def put(connection: Connection, queue: str, *messages: dict[str, Any]) -> None:
    for body in messages:
        connection.execute(
            f"insert into pgmq.q_{queue} (vt, message) values ('-infinity', %s)".encode(), (json.dumps(body),)
        )

"""What functions sent, for tests."""

from __future__ import annotations

from typing import Any

from tests.conftest import Connection


def publish_everything(connection: Connection) -> None:
    """Internal messages take the broker from now on, so that they wait in the outbox instead of a lane."""
    connection.execute("update worker.configuration set local_delivery = false")


def sent(connection: Connection, type_: str) -> list[dict[str, Any]]:
    """Takes the waiting messages of one type out of the outbox, without their `type`, which is checked, and `ts`."""
    rows = connection.execute("select message from worker.take_outbox(%s, 10000, 0)", (type_,)).fetchall()
    return [_body(row[0], type_) for row in rows]


def solver_requests(connection: Connection) -> list[dict[str, Any]]:
    """Takes the waiting requests for the solver database, without their `ts`."""
    with connection.transaction():
        rows = connection.execute("select msg_id, message from worker.take_solver_requests(10000)").fetchall()
        connection.execute("select worker.delete_solver_requests(%s)", ([row[0] for row in rows],))
    return [_body(row[1], row[1]["type"]) | {"type": row[1]["type"]} for row in rows]


def _body(message: dict[str, Any], type_: str) -> dict[str, Any]:
    assert message["type"] == type_
    assert message["ts"]
    return {name: value for name, value in message.items() if name not in ("type", "ts")}

"""Writes outgoing messages into a worker database, as its functions do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.conftest import Connection

_TYPED = {"PrepareTransfer": "prepare_transfer", "FinalizeTransfer": "finalize_transfer"}


def queue_of(type_name: str) -> str:
    return "q_out" + "".join("_" + char.lower() if char.isupper() else char for char in type_name)


def table_of(type_name: str) -> str:
    """Where messages of the type wait."""
    return f"outbox.{_TYPED[type_name]}" if type_name in _TYPED else f"pgmq.{queue_of(type_name)}"


def put(connection: Connection, type_name: str, fields: Mapping[str, Any]) -> None:
    table = table_of(type_name)
    if type_name not in _TYPED:
        query = f"insert into {table} (vt, message) values ('-infinity', %s)"
        connection.execute(query.encode(), (json.dumps(fields),))
        return
    columns = connection.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 1 and not attisdropped", (table,)
    )
    names = ", ".join(sorted(row[0] for row in columns))
    query = f"insert into {table} ({names}) select {names} from jsonb_populate_record(null::{table}, %s)"
    connection.execute(query.encode(), (json.dumps(fields),))

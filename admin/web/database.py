"""Connections of the web server to the databases: few, short, and never waited for long."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg.rows import DictRow, dict_row

from sql.connections import short_transaction

Row = DictRow
Connection = psycopg.Connection[Row]

WAIT_SECONDS = 3
"""Longest time until a connection is there; then the database counts as down."""

LIMIT_SECONDS = 10.0
"""Longest time of a statement."""


class Database:
    """A database, and at most `size` connections to it at a time. What fails raises psycopg.Error.

    Each transaction has a connection of its own: what asks here are people, and pages every ten seconds. So nothing is
    left of a server that is gone or has become read-only.
    """

    def __init__(self, url: str, size: int) -> None:
        self._url = url
        self._size = size
        self._free = threading.BoundedSemaphore(size)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection in a transaction with limits, which is committed at the end. Moments come in UTC."""
        if not self._free.acquire(timeout=WAIT_SECONDS):
            raise psycopg.OperationalError(f"all {self._size} connections are in use")
        try:
            with short_transaction(
                self._url, "webserver", LIMIT_SECONDS, connect_seconds=WAIT_SECONDS, row_factory=dict_row
            ) as connection:
                yield connection
        finally:
            self._free.release()

    def rows(self, query: LiteralString, parameters: Sequence[Any] = ()) -> list[Row]:
        """The rows of one query, by column name."""
        with self.transaction() as connection:
            return connection.execute(query, parameters).fetchall()

    def row(self, query: LiteralString, parameters: Sequence[Any] = ()) -> Row | None:
        """The first row of one query."""
        rows = self.rows(query, parameters)
        return rows[0] if rows else None

"""Connections of the web server to the databases: few, short, and never waited for long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool

Row = DictRow
Connection = psycopg.Connection[Row]

WAIT_SECONDS = 3.0
"""Longest time until a connection is there; then the database counts as down."""

# Also where a pooler is between, which does not know settings of sessions.
_LIMITS = """
select
  set_config('statement_timeout', '10s', true),
  set_config('idle_in_transaction_session_timeout', '10s', true),
  set_config('timezone', 'UTC', true)
"""


class Database:
    """A database, and at most `size` connections to it. What fails raises psycopg.OperationalError."""

    def __init__(self, url: str, size: int) -> None:
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            url,
            min_size=0,
            max_size=size,
            open=True,
            num_workers=1,
            kwargs={
                "row_factory": dict_row,
                "application_name": "swpt-trade webserver",
                "connect_timeout": int(WAIT_SECONDS),
                "client_encoding": "utf-8",
            },
            # Connections do not outlive their server unnoticed.
            check=ConnectionPool.check_connection,
        )

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection in a transaction with limits, which is committed at the end. Moments come in UTC."""
        with self._pool.connection(WAIT_SECONDS) as connection:
            connection.execute(_LIMITS)
            yield connection

    def rows(self, query: LiteralString, parameters: Sequence[Any] = ()) -> list[Row]:
        """The rows of one query, by column name."""
        with self.transaction() as connection:
            return connection.execute(query, parameters).fetchall()

    def row(self, query: LiteralString, parameters: Sequence[Any] = ()) -> Row | None:
        """The first row of one query."""
        rows = self.rows(query, parameters)
        return rows[0] if rows else None

    def close(self) -> None:
        self._pool.close(timeout=1.0)

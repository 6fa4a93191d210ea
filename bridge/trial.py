"""Writes to the inbox that are rolled back: whether the database takes messages is known before any are taken.

A message that is taken and given back counts as a failed delivery. After some of these a quorum queue makes it a dead
letter, however good it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

from bridge.errors import Remedy, remedy

# More than a page of each lane: what is left of the last pages of a full disk must not be taken for room.
_ROW = b'-infinity\t{"type": "Trial", "padding": "' + b"-" * 900 + b'"}\n'
_ROWS = _ROW * 20

Lanes = Mapping[int, bytes]
"""By the number of the lane, what COPY is to write there."""


class DataRefused(Exception):
    """The database does not take this data: no trouble of the surroundings."""


class Trial:
    """Outlives the connections of a consumer, and so remembers over them what could not be written."""

    def __init__(self) -> None:
        self._failed: Lanes = {}

    def failed(self, lanes: Lanes) -> None:
        """These could not be stored. Until others were, a trial is over only when these can be written, too."""
        self._failed = lanes

    def passed(self) -> None:
        """Messages were stored."""
        self._failed = {}

    def run(self, connection: psycopg.Connection[Any], copies: Sequence[sql.Composed]) -> None:
        """Writes to all lanes and rolls that back. Raises psycopg.Error when the database takes nothing for now."""
        for lanes in (dict.fromkeys(range(len(copies)), _ROWS), self._failed):
            try:
                with connection.transaction(force_rollback=True), connection.cursor() as cursor:
                    write(cursor, copies, lanes)
                    # What would otherwise be checked at a commit, which there is none of.
                    cursor.execute("set constraints all immediate")
            except DataRefused:
                pass  # whoever stores the messages finds out which of them it is
        if self._failed:
            # What fails at the end of a transaction only: a disk of the log, a full queue of notifications.
            connection.execute("select pg_notify('worker_inbox', '')")


def write(cursor: psycopg.Cursor[Any], copies: Sequence[sql.Composed], lanes: Lanes) -> None:
    """Raises DataRefused, and psycopg.Error for trouble of the surroundings."""
    for lane, lines in sorted(lanes.items()):
        try:
            with cursor.copy(copies[lane]) as copy:
                copy.write(lines)
        except psycopg.Error as error:
            if remedy(error) is Remedy.SET_ASIDE:
                raise DataRefused(f"{error.sqlstate} {error}") from None
            raise

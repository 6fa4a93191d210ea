"""Rows of an archive that are sorted by ID: what one trader or one currency has, without the rest of the file.

A part has at most SORTED_ROWS rows, so an answer needs a moment and a few megabytes, whatever the size of the turn.
"""

from __future__ import annotations

import io
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

import polars as pl
import psycopg

from pipelines.solver.archived import archived_first_ids, archived_part

Rows = list[dict[str, Any]]


class SortedFile:
    """A file of an archive whose rows are sorted by the column `key`. Its methods raise NotArchived."""

    def __init__(
        self, connection: psycopg.Connection[Any], turn_id: int, started_at: datetime, name: str, key: str
    ) -> None:
        self._archive = (connection, turn_id, started_at)
        self._name = f"{name}.parquet"
        self._key = key
        index = archived_first_ids(*self._archive, self._name)
        self._parts = [part for part, _ in index]
        self._first = [first_id for _, first_id in index]

    def of(self, ids: Collection[int]) -> Rows:
        """The rows with one of these IDs, in their order."""
        found: Rows = []
        for part in sorted({part for wanted in ids for part in self._with(wanted)}):
            found += self._read(part).filter(pl.col(self._key).is_in(list(ids))).to_dicts()
        return found

    def after(self, last_id: int | None, limit: int) -> Rows:
        """Up to `limit` rows with higher IDs; None: from the first one."""
        found: Rows = []
        start = 0 if last_id is None else max(bisect_right(self._first, last_id) - 1, 0)
        for part in range(start, len(self._parts)):
            if len(found) >= limit:
                break
            rows = self._read(part)
            if last_id is not None:
                rows = rows.filter(pl.col(self._key) > last_id)
            found += rows.head(limit - len(found)).to_dicts()
        return found

    def all(self) -> Iterator[pl.DataFrame]:
        """Everything, part by part."""
        return map(self._read, range(len(self._parts)))

    def _with(self, wanted: int) -> range:
        """The parts that may have an ID: the last one that begins below it, and all that begin with it."""
        return range(max(bisect_left(self._first, wanted) - 1, 0), bisect_right(self._first, wanted))

    def _read(self, part: int) -> pl.DataFrame:
        return pl.read_parquet(io.BytesIO(archived_part(*self._archive, self._name, self._parts[part])))

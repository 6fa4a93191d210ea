"""Reads archives of turns from the solver database, file by file."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg.rows import tuple_row


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """A file in the archive of a turn: its name, and of how many parts and bytes it is.

    Where it is sorted, each part is a parquet file of its own.
    """

    name: str
    parts: int
    size: int
    is_sorted: bool


class NotArchived(Exception):
    """There is no archive of the turn. The message says why, as far as that is known."""


def archive_of(connection: psycopg.Connection[Any], turn_id: int) -> datetime:
    """When the turn started, which says whose archive it is. Raises NotArchived."""
    ((started_at, is_kept),) = _rows(connection, "select solver.archived_turn(%s), solver.keeps_archive()", turn_id)
    if isinstance(started_at, datetime):
        return started_at
    if not is_kept:
        raise NotArchived(
            "this database has no table solver.turn_archive, so no turn is archived: it was dropped, or a dump left it "
            "out (see the chapter about backups in docs/operations.md)"
        )
    known = [row[0] for row in _rows(connection, "select turn_id from solver.archived_turns()")]
    raise NotArchived(f"turn {turn_id} has no archive; {_range(known)}")


def _range(known: list[int]) -> str:
    if not known:
        return "nor has any other turn"
    return f"those of {len(known)} turns are kept, from {min(known)} to {max(known)}"


def archived_files(connection: psycopg.Connection[Any], turn_id: int, started_at: datetime) -> list[ArchivedFile]:
    """The files in an archive, by name."""
    query: LiteralString = "select name, parts, bytes, is_sorted from solver.archived_files(%s, %s)"
    return [ArchivedFile(*row) for row in _rows(connection, query, turn_id, started_at)]


def read_archived(
    connection: psycopg.Connection[Any], turn_id: int, started_at: datetime, file: ArchivedFile
) -> Iterator[bytes]:
    """A file, in pieces. Raises NotArchived when it is deleted meanwhile."""
    parts = (archived_part(connection, turn_id, started_at, file.name, part) for part in range(file.parts))
    if file.is_sorted and file.parts > 1:
        # Most who read archives have no use for it, and it takes a while to load.
        import polars as pl

        body = io.BytesIO()
        pl.concat([pl.read_parquet(io.BytesIO(part)) for part in parts]).write_parquet(body, compression="zstd")
        yield body.getvalue()
    else:
        yield from parts


def archived_part(
    connection: psycopg.Connection[Any], turn_id: int, started_at: datetime, name: str, part: int
) -> bytes:
    """A part of a file. Raises NotArchived when there is none (any more)."""
    query: LiteralString = "select solver.archived_part(%s, %s, %s, %s)"
    ((body,),) = _rows(connection, query, turn_id, started_at, name, part)
    if body is None:
        raise NotArchived(f"the archive of turn {turn_id} was deleted just now")
    return bytes(body)


def archived_first_ids(
    connection: psycopg.Connection[Any], turn_id: int, started_at: datetime, name: str
) -> list[tuple[int, int]]:
    """The parts of a sorted file, each with the ID that it begins with."""
    query: LiteralString = "select part, first_id from solver.archived_first_ids(%s, %s, %s)"
    return [(int(part), int(first_id)) for part, first_id in _rows(connection, query, turn_id, started_at, name)]


def was_cut_short(directory: Path) -> bool:
    """Whether the meta.json of an exported turn says that the time limit had ended the search."""
    return bool(exported_meta(directory).get("time_limit_reached"))


def exported_meta(directory: Path) -> dict[str, Any]:
    """The meta.json of an exported turn, empty if the directory has none."""
    try:
        meta = json.loads((directory / "meta.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return meta if isinstance(meta, dict) and "turn_id" in meta else {}


def _rows(connection: psycopg.Connection[Any], query: LiteralString, *parameters: object) -> list[tuple[Any, ...]]:
    """The rows of a query as tuples, whatever the connection is used to."""
    with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
        return cursor.execute(query, parameters).fetchall()

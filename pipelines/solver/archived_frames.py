"""The frames in the archive of a turn, read from the solver database into memory."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

import polars as pl
import psycopg

from pipelines.solver.archived import NotArchived, archived_files, read_archived
from pipelines.solver.load import FRAMES, parameters_of
from pipelines.solver.market import Market


def archived_file(connection: psycopg.Connection[Any], turn_id: int, started_at: datetime, name: str) -> bytes | None:
    """A file of an archive; None: the archive does not have it. Raises NotArchived when it is deleted meanwhile."""
    for file in archived_files(connection, turn_id, started_at):
        if file.name == name:
            return b"".join(read_archived(connection, turn_id, started_at, file))
    return None


def archived_frame(
    connection: psycopg.Connection[Any], turn_id: int, started_at: datetime, name: str
) -> pl.DataFrame | None:
    """The frame `name`.parquet of an archive; otherwise like archived_file."""
    body = archived_file(connection, turn_id, started_at, f"{name}.parquet")
    return None if body is None else pl.read_parquet(io.BytesIO(body))


def archived_market(connection: psycopg.Connection[Any], turn_id: int, started_at: datetime) -> Market:
    """The market that the turn was solved with. Raises NotArchived when a file of it is missing."""
    meta = archived_file(connection, turn_id, started_at, "meta.json")
    found = (archived_frame(connection, turn_id, started_at, name) for name in FRAMES)
    frames = [frame for frame in found if frame is not None]
    if meta is None or len(frames) < len(FRAMES):
        raise NotArchived(f"the archive of turn {turn_id} is not whole, or was deleted just now")
    names = archived_frame(connection, turn_id, started_at, "names")
    parameters = parameters_of(meta, f"meta.json of turn {turn_id}")
    return Market(parameters, *frames) if names is None else Market(parameters, *frames, names=names)

"""Integer columns into tables by binary COPY, whole frames at a time.

A binary COPY row of non-null integers has a fixed length, so an array with the right layout is the very byte stream:
no row becomes a Python object.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import psycopg
from psycopg import sql

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"
# Small writes cost most of the speed.
CHUNK_BYTES = 65536
BYTES: dict[type[pl.DataType], int] = {pl.Int32: 4, pl.Int64: 8}


def write_integers(connection: psycopg.Connection[Any], table: sql.Identifier, frame: pl.DataFrame) -> None:
    """Appends the rows of `frame` to the columns of the same names. Nulls are not allowed."""
    schema: dict[str, type[pl.DataType]] = {name: type(dtype) for name, dtype in frame.schema.items()}
    rows = np.empty(frame.height, _layout(schema))
    rows["_fields"] = len(schema)
    for name, dtype in schema.items():
        rows[f"_length_{name}"] = BYTES[dtype]
        rows[name] = frame[name].to_numpy()
    statement = sql.SQL("copy {} ({}) from stdin (format binary)").format(
        table, sql.SQL(", ").join(map(sql.Identifier, schema))
    )
    data = memoryview(HEADER + rows.tobytes() + TRAILER)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for start in range(0, len(data), CHUNK_BYTES):
            copy.write(data[start : start + CHUNK_BYTES])


def _layout(schema: dict[str, type[pl.DataType]]) -> np.dtype[Any]:
    """One row: the number of fields, then for each field its length and its value, all big-endian."""
    fields: list[tuple[str, str]] = [("_fields", ">i2")]
    for name, dtype in schema.items():
        fields += [(f"_length_{name}", ">i4"), (name, f">i{BYTES[dtype]}")]
    return np.dtype(fields)

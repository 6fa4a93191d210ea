"""The frames of a market in files: parquet or CSV, each a file or a folder of parts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from pipelines.solver.exactly import Inexact, exactly
from pipelines.solver.market import MarketError

_SUFFIXES = (".parquet", ".csv")
_SEPARATORS = (",", ";", "\t", "|")
_LONGEST = 200
"""Characters of a list of columns in a warning."""

Schema = Mapping[str, pl.DataType | type[pl.DataType]]


def read_frame(directory: Path, name: str, schema: Schema, *, is_needed: bool = True) -> tuple[pl.DataFrame, list[str]]:
    """The columns of `schema`, of `name.parquet`, `name.csv`, or of the parts in a folder `name` (or `name.parquet`).

    Where none of them is there, and none is needed, there are no rows.

    Also warnings, about columns that nobody looks at. Raises MarketError, with file, column, row and value: a value is
    taken exactly, or not at all (see exactly.py).
    """
    read = [_read_part(part, name, schema) for part in _parts(directory, name, is_needed)]
    ignored = sorted({column for _, columns in read for column in columns})
    warnings = [f"{name}: columns ignored: {', '.join(ignored)[:_LONGEST]}"] if ignored else []
    return pl.concat([pl.DataFrame(schema=schema), *(frame for frame, _ in read)]), warnings


def _parts(directory: Path, name: str, is_needed: bool) -> list[Path]:
    """The files that a frame is in; parts in the order of their names."""
    found = [path for path in (directory / (name + suffix) for suffix in (*_SUFFIXES, "")) if path.exists()]
    if not found and not is_needed:
        return []
    if not found:
        raise MarketError(f"{directory / name}.parquet: there is no such file, nor {name}.csv, nor a folder {name}")
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise MarketError(f"{directory}: there are {names}, and only one of them can be meant")
    (path,) = found
    if path.is_file():
        return [path]
    parts = sorted(part for part in path.rglob("*") if part.suffix in _SUFFIXES and part.is_file())
    if not parts:
        raise MarketError(f"{path}: no .parquet or .csv file is in this folder")
    return parts


def _read_part(path: Path, name: str, schema: Schema) -> tuple[pl.DataFrame, list[str]]:
    """The columns of `schema`, and the names of the others."""
    frame = _read_csv(path) if path.suffix == ".csv" else _read_parquet(path)
    missing = [column for column in schema if column not in frame.columns]
    if missing:
        raise MarketError(f"{path}: {name}: missing columns: {', '.join(missing)}")
    columns = []
    for column, dtype in schema.items():
        try:
            columns.append(exactly(frame[column], dtype))
        except Inexact as error:
            raise MarketError(f"{path}: column {column}, {error}") from None
        except pl.exceptions.PolarsError as error:
            raise MarketError(f"{path}: column {column}: {error}") from None
    return pl.DataFrame(columns), [column for column in frame.columns if column not in schema]


def _read_parquet(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise MarketError(f"{path}: not a parquet file: {error}") from error


def _read_csv(path: Path) -> pl.DataFrame:
    """All columns as texts: nobody guesses what a number is."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MarketError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start)
        value = content[error.start : error.start + 10]
        raise MarketError(f"{path}: row {line}: {value!r} is no text in UTF-8") from None
    content = content.removeprefix(b"\xef\xbb\xbf")
    if not content.strip():
        raise MarketError(f"{path}: the file is empty; it needs a header with the names of the columns")
    header = content.split(b"\n", 1)[0].decode()
    separator = max(_SEPARATORS, key=header.count)
    try:
        return pl.read_csv(content, infer_schema=False, separator=separator)
    except pl.exceptions.PolarsError as error:
        raise MarketError(f"{path}: not a CSV file: {error}") from error

"""Figures in the terminal: as tables for people, as JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import click

as_json: Callable[..., Any] = click.option("--json", "as_json", is_flag=True, help="Print JSON, for other programs.")


@dataclass(frozen=True, slots=True)
class Field:
    """One figure: its title in a table, its name in JSON, and how a table and JSON show it."""

    title: str
    name: str
    shown: Callable[[Any], str] = str
    encoded: Callable[[Any], Any] = lambda value: value


def identity(title: str, name: str) -> Field:
    """A 64-bit ID: an unsigned number, and in JSON a string of it, as in the Web API."""
    return Field(title, name, _unsigned, lambda value: None if value is None else _unsigned(value))


def moment(title: str, name: str) -> Field:
    """A point in time, or nothing."""
    return Field(title, name, lambda value: "" if value is None else value.isoformat(sep=" ", timespec="seconds"))


def amount(title: str, name: str) -> Field:
    """A whole number, or nothing."""
    return Field(title, name, lambda value: "" if value is None else f"{value:,}")


def print_rows(fields: Sequence[Field], rows: Iterable[Sequence[Any]], is_json: bool) -> None:
    """Prints rows with a value for each field: a table, or an array of objects."""
    if is_json:
        print_json(objects(fields, rows))
    else:
        print_table(
            [field.title for field in fields],
            ([field.shown(value) for field, value in zip(fields, row, strict=True)] for row in rows),
        )


def objects(fields: Sequence[Field], rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """What JSON has of rows."""
    return [{field.name: field.encoded(value) for field, value in zip(fields, row, strict=True)} for row in rows]


def print_json(document: object) -> None:
    """Prints a document. Texts from outside can do no harm: JSON escapes what controls a terminal."""
    click.echo(json.dumps(document, indent=2, default=_encoded))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a table without lines; wide where it goes to a file or another program.

    Cells may be texts from outside.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from pipelines.texts import shown

    table = Table(*columns, box=None)
    for row in rows:
        # A Text, because a str may have markup in it.
        table.add_row(*(Text(shown(cell)) for cell in row))
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _unsigned(number: int) -> str:
    return str(number % 2**64)


def _encoded(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"no JSON for {type(value).__name__}")

"""What the commands about collector accounts share: their arguments, databases, and how they tell of errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import psycopg

    from sql import Kind

_UNSIGNED = 2**64

NEGATIVE_IDS = {"ignore_unknown_options": True}
"""Settings of a command with IDs: a negative number looks like an option."""


def read_id(text: str) -> int:
    """A 64-bit ID: decimal or 0x hexadecimal, signed or unsigned. Raises click.BadParameter."""
    from settings.parsers import parse_id

    try:
        return parse_id(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a decimal or 0x hexadecimal ID of 64 bits") from None


def show_id(number: int) -> str:
    """An ID as an unsigned number, like in the Web API."""
    return str(number % _UNSIGNED)


DEBTOR = click.argument("debtor_id", metavar="DEBTOR", type=read_id)
COLLECTOR = click.argument("collector_id", metavar="COLLECTOR", type=read_id)


def explanation(error: psycopg.Error) -> str:
    """What a database says is wrong, and what to do about it: a line each."""
    lines = [error.diag.message_primary or str(error), error.diag.message_detail, error.diag.message_hint]
    return "\n".join(line for line in lines if line)


@contextmanager
def database(url: str, kind: Kind, variable: str | None = None) -> Iterator[psycopg.Connection[Any]]:
    """A connection. Whatever goes wrong is said in one or two lines, with what to do where that is known."""
    import psycopg

    from sql.connections import connect
    from sql.permanent import PermanentError, permanent_errors

    try:
        with permanent_errors(url, kind, variable) as place, connect(url, "command") as connection:
            place.connection = connection
            yield connection
    except PermanentError as error:
        raise click.ClickException(str(error)) from None
    except psycopg.Error as error:
        raise click.ClickException(explanation(error).strip()) from None

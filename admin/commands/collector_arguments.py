"""What the commands about collector accounts share: their arguments, and how they tell of errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import psycopg

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

"""Who runs a command, for the record of what people change."""

from __future__ import annotations

import click

LONGEST_NAME = 200


def operator_name() -> str:
    """The user and the machine; under sudo, who has become another user."""
    import getpass
    import os
    import socket

    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        # As in a container, whose user has no name.
        user = f"user {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def _checked(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    name = name.strip()
    if not 0 < len(name) <= LONGEST_NAME:
        raise click.BadParameter(f"a name has 1 to {LONGEST_NAME} characters")
    return name


by = click.option(
    "--by",
    default=operator_name,
    show_default="user@host",
    metavar="NAME",
    callback=_checked,
    help="Who does this; it is recorded, with the database user.",
)
"""The option of every command that changes something for people, which is recorded."""

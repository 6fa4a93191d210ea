"""Who runs a command, for the record of decisions."""

from __future__ import annotations


def operator_name() -> str:
    """The user and the machine."""
    import getpass
    import os
    import socket

    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # As in a container, whose user has no name.
        user = f"user {os.getuid()}"
    return f"{user}@{socket.gethostname()}"

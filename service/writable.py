"""The one folder that servers write to: TMPDIR, or /tmp. Everything else may be read-only."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

VARIABLE = "TMPDIR"
_ROOM = 65_536


class NotWritable(Exception):
    """There is no such folder. The message says in one line which one was tried, and what to do."""


def check() -> Path:
    """The folder, after something was written to it. Raises NotWritable."""
    wanted = os.environ.get(VARIABLE, "")
    try:
        path = Path(wanted or tempfile.gettempdir())
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"\0" * _ROOM)
            file.flush()
    except OSError as error:
        tried = f"{VARIABLE}={wanted!r}" if wanted else "/tmp"
        # Python says of all folders that it tried only that none was any good.
        reason = error.strerror if wanted else "it is missing, full or read-only, or belongs to others"
        raise NotWritable(
            f"{tried} can not be written to: {reason}. A server needs one folder for small files: mount a tmpfs at "
            f"/tmp, or name another folder in {VARIABLE}"
        ) from None
    return path

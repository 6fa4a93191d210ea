"""The directory that the processes of one server share: their counters, and their heartbeats.

The supervisor of a server prepares it; its children find it in their environment. Without one nothing is recorded.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

from service.watching.leavings import at_any_end

logger = logging.getLogger(__name__)

VARIABLE = "APP_METRICS_DIR"
# The name that the metrics library looks for.
LIBRARY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_OURS = ("*.db", "*.heartbeat", "expected.json")


class DirectoryError(Exception):
    """The directory can not be used; the message says which, and why."""


def prepare(environ: MutableMapping[str, str] = os.environ) -> Path:
    """Makes the directory that APP_METRICS_DIR names, and empties it; or a new one, which goes with this process.

    Sets the variables by which the children of this process find it. To be called once, before there are children.
    Raises DirectoryError.
    """
    name = environ.get(VARIABLE, "").strip()
    try:
        path = Path(name) if name else _temporary()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.stat().st_uid not in (0, os.geteuid()):
            # Somebody who owns it could make us overwrite files elsewhere. Volumes of containers belong to root.
            raise DirectoryError(f"{VARIABLE}={str(path)!r} belongs to another user")
        for pattern in _OURS:
            for left_over in path.glob(pattern):
                left_over.unlink()
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise DirectoryError(
            f"{VARIABLE}={name!r} can not be used: {error.strerror}. Leave it out, or name a folder in TMPDIR"
        ) from None
    environ[VARIABLE] = environ[LIBRARY_VARIABLE] = str(path)
    return path


def _temporary() -> Path:
    """A new one. Processes that are forked off end without removing it."""
    path, owner = Path(tempfile.mkdtemp(prefix="swpt-trade-")), os.getpid()

    def remove() -> None:
        if os.getpid() == owner:
            shutil.rmtree(path, ignore_errors=True)

    at_any_end(remove)
    return path


def find(environ: MutableMapping[str, str] = os.environ) -> Path | None:
    """The directory that APP_METRICS_DIR names, or None when nothing is to be recorded.

    A command that runs without a supervisor makes it, and leaves what is in it alone.
    """
    name = environ.get(VARIABLE, "").strip()
    if not name:
        return None
    try:
        Path(name).mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        logger.warning("nothing is recorded: %s=%r can not be used: %s", VARIABLE, name, error.strerror)
        return None
    environ[LIBRARY_VARIABLE] = name
    return Path(name)

"""What a process would leave in folders, and what takes it away: also at an end that is made for it."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from contextlib import suppress

_leavings: list[Callable[[], None]] = []


def at_any_end(leave: Callable[[], None]) -> None:
    """Has something done before this process is gone, be it at its own end or at one that is made."""
    atexit.register(leave)
    _leavings.append(leave)


def leave_all() -> None:
    """Does all of that. For whoever ends the process without its own end; whatever fails is passed over."""
    for leave in _leavings:
        with suppress(Exception):
            leave()

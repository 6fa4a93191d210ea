"""Faults that last are told of again and again, but not each time they are met: logs must not fill up with them."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

PAUSE_SECONDS = 3600.0
MOST = 20
"""Different things that may be said in that time: strangers may think of as many as they like."""


class Seldom:
    """Says which faults are worth a line in the log."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: dict[Hashable, float] = {}

    def allows(self, *fault: Hashable) -> bool:
        """Whether this fault may be told of now: it was not for an hour, and not too many others were."""
        now = self._clock()
        self._said = {key: moment for key, moment in self._said.items() if now - moment < PAUSE_SECONDS}
        if fault in self._said or len(self._said) >= MOST:
            return False
        self._said[fault] = now
        return True

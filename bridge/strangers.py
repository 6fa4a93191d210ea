"""Correct messages of other shards: whether their sender made a copy too many, or this queue belongs to another shard.

They are held, neither accepted nor given back, until enough other messages have come to tell.
"""

from __future__ import annotations

from collections import deque
from itertools import repeat
from typing import NamedTuple

HELD_MESSAGES = 1000
HELD_SECONDS = 10.0
_REMEMBERED = 1000


class Stranger(NamedTuple):
    """A message of another shard that is held; `described` tells whose it is."""

    tag: int
    type: str
    described: str


class Strangers:
    """Of one consumer. `now`: seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self.held: list[Stranger] = []
        self._since = 0.0
        self._own = 0
        # Whether they were our own: the last messages that came before those that are held.
        self._before: deque[bool] = deque(maxlen=_REMEMBERED)

    def hold(self, stranger: Stranger, now: float) -> None:
        """One more of another shard."""
        if not self.held:
            self._since = now
        self.held.append(stranger)

    def add_own(self, count: int) -> None:
        """So many came that are our own."""
        if self.held:
            self._own += count
        else:
            self._before.extend(repeat(True, min(count, _REMEMBERED)))

    def seconds_left(self, now: float) -> float | None:
        """Until they have been held long enough; 0 when it is time to decide, None when there are none."""
        if not self.held:
            return None
        return 0.0 if len(self.held) >= HELD_MESSAGES else max(0.0, self._since + HELD_SECONDS - now)

    def counts(self) -> tuple[int, int]:
        """Our own messages and those of others: what came since the first of those that are held, and shortly before.

        Without the latter a single copy too many would end a shard that has little to do.
        """
        own_before = sum(self._before)
        return own_before + self._own, len(self._before) - own_before + len(self.held)

    def release(self) -> list[Stranger]:
        """Those that were held; the next one is the first again."""
        self._before.extend(repeat(True, min(self._own, _REMEMBERED)))
        self._before.extend(repeat(False, len(self.held)))
        released, self.held, self._own = self.held, [], 0
        return released

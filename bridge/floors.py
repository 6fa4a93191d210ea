"""Where to go on reading a queue whose head is full of rows that are deleted but not yet gone.

Walking past them costs more the longer a dump or an old snapshot keeps VACUUM away, so a reader starts after the last
ID it has removed. IDs may commit out of order, though: a row with a lower ID may appear behind the reader. So it goes
back now and then, as far as such rows can be expected, and once a minute to the very beginning.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

QueueName = TypeVar("QueueName", bound=Hashable)

REWIND_SECONDS = 2.0
"""How often a reader goes back to where it was some time ago."""
COMMIT_SECONDS = 10.0
"""Transactions that send are expected to commit within this time; later ones wait for the next restart."""
RESTART_SECONDS = 60.0
"""How often a reader goes back to the beginning."""


class Floors(Generic[QueueName]):
    """The floors of a reader's queues: it asks for rows with greater IDs."""

    def __init__(self, queues: Iterable[QueueName], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._current: dict[QueueName, int] = dict.fromkeys(queues, 0)
        # Where the floors were at most, at the last mark, and at the mark before that.
        self._highest = dict(self._current)
        self._marked = dict(self._current)
        self._settled = dict(self._current)
        now = clock()
        self._mark_at = now + COMMIT_SECONDS
        self._rewind_at = now + REWIND_SECONDS
        self._restart_at = now + RESTART_SECONDS

    def refresh(self) -> None:
        """Goes back as far as it is time. Call it before every round."""
        now = self._clock()
        if now >= self._mark_at:
            self._settled, self._marked = self._marked, dict(self._highest)
            self._mark_at = now + COMMIT_SECONDS
        if now >= self._restart_at:
            self._current = dict.fromkeys(self._current, 0)
            self._restart_at = now + RESTART_SECONDS
        elif now >= self._rewind_at:
            # Never forwards: what was found behind is read to its end first.
            self._current = {queue: min(floor, self._settled[queue]) for queue, floor in self._current.items()}
            self._rewind_at = now + REWIND_SECONDS

    def __getitem__(self, queue: QueueName) -> int:
        return self._current[queue]

    def advance(self, queue: QueueName, last_id: int) -> None:
        """A removal up to this ID was committed."""
        self._current[queue] = last_id
        self._highest[queue] = max(self._highest[queue], last_id)

    def found_empty(self, queue: QueueName) -> None:
        """Nothing was found after the floor: time to look for rows that came late."""
        self._current[queue] = self._settled[queue]

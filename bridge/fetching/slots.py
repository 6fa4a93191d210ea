"""Limits for each of many things, such as the addresses that are connected to."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class Slots:
    """At most so many at a time for each key. Keys that nobody uses are forgotten."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._slots: dict[Hashable, asyncio.Semaphore] = {}
        self._users: Counter[Hashable] = Counter()

    @asynccontextmanager
    async def of(self, key: Hashable) -> AsyncIterator[None]:
        """Waits for a free slot of the key, in the order of the callers."""
        slots = self._slots.setdefault(key, asyncio.Semaphore(self._limit))
        self._users[key] += 1
        try:
            async with slots:
                yield
        finally:
            self._users[key] -= 1
            if not self._users[key]:
                del self._users[key], self._slots[key]

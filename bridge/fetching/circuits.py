"""Hosts that fail again and again get a rest, so that their many documents do not occupy connections for nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager

FAILURES = 5
"""So many in a row, and the host is left alone for a while."""
FIRST_PAUSE = 60.0
LONGEST_PAUSE = 600.0
"""Seconds. A host that is back is noticed within this time."""
HOSTS_KEPT = 10_000


class HostRests(Exception):
    """The host did not answer others, and is not asked for now. It counts as if it had not answered this one, too."""


class Circuit:
    """One host: closed while it answers. After too many failures it is open for a pause; then one request tries."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures = 0
        self._pause = FIRST_PAUSE
        self._open_until = 0.0
        self._trial: asyncio.Event | None = None

    @asynccontextmanager
    async def request(self, *faults: type[BaseException]) -> AsyncIterator[None]:
        """Around one request, which shows by `faults` that the host does not answer. Raises HostRests.

        While another request tries whether the host is back, its end is waited for.
        """
        is_trial = await self._admit()
        try:
            yield
            self._failures, self._pause = 0, FIRST_PAUSE
        except faults:
            self._failures += 1
            if self._failures == FAILURES or is_trial:
                self._open_until = self._clock() + self._pause
                self._pause = min(2 * self._pause, LONGEST_PAUSE)
            raise
        finally:
            if is_trial and self._trial is not None:
                self._trial.set()
                self._trial = None

    async def _admit(self) -> bool:
        while self._failures >= FAILURES:
            if self._clock() < self._open_until:
                raise HostRests("the host does not answer others")
            if self._trial is None:
                self._trial = asyncio.Event()
                return True
            await self._trial.wait()
        return False


class Circuits:
    """Those of all hosts that were asked lately."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._circuits: dict[Hashable, Circuit] = {}

    def __getitem__(self, key: Hashable) -> Circuit:
        # The latest at the end, so that those are forgotten which nobody has asked for the longest time.
        circuit = self._circuits.pop(key, None) or Circuit(self._clock)
        self._circuits[key] = circuit
        if len(self._circuits) > HOSTS_KEPT:
            del self._circuits[next(iter(self._circuits))]
        return circuit

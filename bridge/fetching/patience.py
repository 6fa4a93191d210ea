"""The two times of one fetch: how long it may work, and how long it may wait for its turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager


class GaveWay(Exception):
    """The fetch waited for its turn in vain. It is nobody's fault but that of the crowd: to be tried later."""


class Patience:
    """Waiting for others of the same host, or for a free connection, is not the server's fault: it is not its time."""

    def __init__(self, work: float, wait: float) -> None:
        """Both in seconds."""
        self.work = work
        self._wait = wait

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Raises TimeoutError when the time to work is used up."""
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            async with asyncio.timeout(self.work):
                yield
        finally:
            self.work -= clock() - started

    @asynccontextmanager
    async def turn(self, *slots: AbstractAsyncContextManager[object]) -> AsyncIterator[None]:
        """Holds all these slots. Raises GaveWay when that takes too long."""
        async with AsyncExitStack() as held:
            async with self.waiting():
                for slot in slots:
                    await held.enter_async_context(slot)
            yield

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """Raises GaveWay when the time to wait is used up."""
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            async with asyncio.timeout(self._wait):
                yield
        except TimeoutError:
            raise GaveWay("it did not get its turn") from None
        finally:
            self._wait -= clock() - started

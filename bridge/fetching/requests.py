"""Fetches in a thread of their own: whoever wants documents hands over URLs, and takes what has come of them."""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import threading
from collections.abc import Hashable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import NamedTuple

from bridge.fetching.fetching import Answer, Fetching, Limits
from bridge.fetching.names import LookUp, Resolver
from bridge.fetching.policy import Policy

Result = tuple[Hashable, Answer | Exception]

_CLOSE_SECONDS = 2.0


class _Running(NamedTuple):
    loop: asyncio.AbstractEventLoop
    fetching: Fetching
    end: asyncio.Event


class Requests:
    """The thread starts with the first URL, and ends with `close`, or with the process: nothing in it is waited for."""

    def __init__(
        self, policy: Policy, limits: Limits, tls: ssl.SSLContext, media_type: str, look_up: LookUp | None = None
    ) -> None:
        """`look_up`: instead of what the machine knows about names."""
        self._policy = policy
        self._limits = limits
        self._tls = tls
        self._media_type = media_type
        self._look_up = look_up
        self._results: SimpleQueue[Result] = SimpleQueue()
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._thread: threading.Thread | None = None
        self._running: Future[_Running] = Future()

    def submit(self, urls: Iterable[tuple[Hashable, str]]) -> None:
        """Pairs of a key, which will come with the result, and a URL. Returns at once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="requests", daemon=True)
            self._thread.start()
        running = self._running.result()
        for key, url in urls:
            asyncio.run_coroutine_threadsafe(self._get(running.fetching, key, url), running.loop)

    def results(self) -> list[Result]:
        """Those that have come since the last call. Never waits. Raises RuntimeError when no more can come."""
        if self._thread is not None and not self._thread.is_alive():
            raise RuntimeError("the thread that makes requests has ended")
        with suppress(BlockingIOError):
            self._reader.recv(65536)
        found = []
        with suppress(Empty):
            while True:
                found.append(self._results.get_nowait())
        return found

    def fileno(self) -> int:
        """Readable when there are results."""
        return self._reader.fileno()

    def wait(self, seconds: float) -> None:
        """Until there are results, or the time is over."""
        select.select([self], [], [], max(0.0, seconds))

    def close(self) -> None:
        """Breaks all requests off; their results will not come."""
        if self._thread is not None and self._thread.is_alive():
            running = self._running.result()
            # It may end by itself meanwhile.
            with suppress(RuntimeError):
                running.loop.call_soon_threadsafe(running.end.set)
            self._thread.join(_CLOSE_SECONDS)
        self._reader.close()
        self._writer.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except Exception as error:
            if not self._running.done():
                self._running.set_exception(error)
            raise

    async def _main(self) -> None:
        resolver = Resolver()
        look_up = self._look_up or resolver
        fetching = Fetching(self._policy, self._limits, self._tls, look_up, self._media_type)
        running = _Running(asyncio.get_running_loop(), fetching, asyncio.Event())
        self._running.set_result(running)
        await running.end.wait()
        await resolver.close()
        # What is left is cancelled by the library.

    async def _get(self, fetching: Fetching, key: Hashable, url: str) -> None:
        result: Answer | Exception
        try:
            result = await fetching.get(url)
        except Exception as error:
            result = error
        self._results.put((key, result))
        # Full means that there is enough to wake up whoever waits.
        with suppress(BlockingIOError, OSError):
            self._writer.send(b"x")

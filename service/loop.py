"""The loop that all daemons share: run a step, wait for work, back off after trouble, end when asked to."""

from __future__ import annotations

import logging
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import psycopg
from psycopg import sql

from bridge.inbound import ForeignShard
from bridge.wire.ports import PublishError, SourceError
from sql.connections import SharedSession

logger = logging.getLogger(__name__)

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0
# After a message of another shard: the supervisor would restart us at once.
FOREIGN_SHARD_PAUSE = 5.0


class Unusable(Exception):
    """The daemon can not go on, and trying again at once would not help: it ends with status 1."""


class Observer(Protocol):
    """Hears of everything that `run` does. Its methods must be quick, and must not raise."""

    def on_step(self, name: str, count: int, seconds: float) -> None:
        """A step of the daemon `name` is done: what it returned, and how long it took."""
        ...

    def on_failure(self, name: str, error: Exception) -> None:
        """A step, or the making of its connections, failed."""
        ...


class Stop:
    """A request to stop, which also ends every wait at once. Callable from signal handlers and other threads."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)

    def request(self, *_signal: object) -> None:
        if not self._event.is_set():
            self._event.set()
            self._writer.send(b"x")

    @property
    def is_requested(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float, *others: Any) -> None:
        """Waits until the request comes, one of the other file objects is readable, or the time is over."""
        select.select([self._reader, *others], [], [], max(0.0, seconds))

    def on_signals(self) -> None:
        """SIGTERM, SIGINT and SIGHUP request the stop: the batch in work is finished. Main thread only."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self.request)


class Listener:
    """Wakes up a daemon when the database has work. Only a hint: the daemon polls, too."""

    def __init__(self, connection: psycopg.Connection[Any], channels: Sequence[str]) -> None:
        """The connection must be in autocommit mode, and serve nothing else."""
        self._connection = connection
        for channel in channels:
            connection.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))

    def wait(self, stop: Stop, seconds: float) -> None:
        """Returns at a notification, at the stop request, or after the time. Raises psycopg.OperationalError."""
        stop.wait(seconds, self._connection)
        for _ in self._connection.notifies(timeout=0):
            pass


def _always() -> bool:
    return True


def _no_rest(_count: int, _seconds: float) -> float:
    return 0.0


class Work(NamedTuple):
    """A step, which returns how much it did, and how to wait when that was nothing: by a Listener, or for the time."""

    step: Callable[[], int]
    wait: Callable[[Stop, float], None] = Stop.wait
    is_proven: Callable[[], bool] = _always
    """Whether steps without an error show that earlier trouble is over: only then pauses begin to grow anew."""
    rest: Callable[[int, float], float] = _no_rest
    """How many seconds to rest after a step that did so much in so many seconds: see service/gathering.py."""


def run(
    name: str,
    open_work: Callable[[Stop], AbstractContextManager[Work]],
    stop: Stop,
    *,
    poll_seconds: float,
    quit_early: bool = False,
    observer: Observer | None = None,
) -> int:
    """Runs steps until the stop. Returns the exit status: 0 after a request, 1 when the daemon cannot go on.

    `open_work` makes the connections that the step uses; after an error they are closed, and made anew after a pause
    that doubles from 0.5 s to a minute. With `quit_early` one successful or failed step ends the loop.
    """
    failures = 0
    while not stop.is_requested:
        try:
            with open_work(stop) as work:
                while not stop.is_requested:
                    count, seconds = _timed(name, work.step, observer)
                    if work.is_proven():
                        failures = 0
                    if quit_early:
                        return 0
                    if count == 0:
                        work.wait(stop, poll_seconds)
                    elif (rest := work.rest(count, seconds)) > 0.0:
                        stop.wait(rest)
        except ForeignShard as error:
            if observer is not None:
                observer.on_failure(name, error)
            logger.error("%s: %s", name, error)
            stop.wait(FOREIGN_SHARD_PAUSE)
            return 1
        except (Unusable, SharedSession) as error:
            if observer is not None:
                observer.on_failure(name, error)
            logger.error("%s: %s", name, error)
            return 1
        except Exception as error:
            if observer is not None:
                observer.on_failure(name, error)
            failures += 1
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 10))
            # The traceback matters for our own mistakes, once, and not for what happens to servers.
            is_news = failures == 1 and not isinstance(error, psycopg.Error | SourceError | PublishError | OSError)
            logger.error(
                "%s failed, next attempt in %g s: %s: %s",
                name,
                pause,
                type(error).__name__,
                str(error).strip(),
                exc_info=is_news or logger.isEnabledFor(logging.DEBUG),
            )
            if quit_early:
                return 1
            stop.wait(pause)
    return 0


def _timed(name: str, step: Callable[[], int], observer: Observer | None) -> tuple[int, float]:
    started = time.monotonic()
    count = step()
    seconds = time.monotonic() - started
    if observer is not None:
        observer.on_step(name, count, seconds)
    if count:
        logger.info("%s: %s in %.0f ms", name, count, 1000 * seconds)
    else:
        logger.debug("%s: nothing to do", name)
    return count, seconds

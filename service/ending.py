"""Every process ends soon after it was asked to, whatever it waits for.

Most waits end by themselves when the stop is requested. But Python runs no handler of a signal while the main thread is
inside a library: it looks up a name, or writes to an output that nobody reads. So a thread of its own hears of signals,
by the descriptor that the interpreter writes them to. It asks the loops to stop, and ends the process when that does
not help. Nothing is lost then: all work survives a crash. What a process would leave in folders goes first, also then.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from service.watching.leavings import leave_all

logger = logging.getLogger(__name__)

ALONE_SECONDS = 6.5
"""A process has so long to end by itself."""
PART_SECONDS = 5.0
"""The same for one that others wait for: its parent notices within a second, and has to end in time, too."""
SUPERVISOR_SECONDS = 8.5
"""The same for one that waits for its parts, and would kill them before."""
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_TELL_SECONDS = 1.0
_OURS = ("admin", "bridge", "pipelines", "sandbox", "service")
_PLACES = (
    ("getaddrinfo", "", "a name server"),
    ("", "/psycopg_pool/", "a connection to a database"),
    ("connect", "/psycopg/", "a connection to a database"),
    ("", "/psycopg/", "an answer of a database"),
    ("", "/bridge/rabbitmq/", "the broker"),
    ("", "/bridge/http_fetch.py", "servers of documents"),
    ("", "/httpx/", "an answer of a web server"),
    ("emit", "/logging/", "whoever reads our output"),
)

_current: _Limit | None = None


class _Limit:
    """The thread that ends this process in time."""

    def __init__(self, ask: Callable[[], None], seconds: float, status: int) -> None:
        self._ask = ask
        self._seconds = seconds
        self._status = status
        self.is_running_out = False
        self._reader, self.writer = socket.socketpair()
        self.writer.setblocking(False)
        threading.Thread(target=self._run, name="ending", daemon=True).start()

    def begin(self, status: int) -> None:
        """The time starts now, and ends with this status."""
        self._status = status
        self._send(bytes([SIGNALS[0]]))

    def leave(self) -> None:
        """Nothing has to be ended any more."""
        self._send(b"\0")

    def _send(self, byte: bytes) -> None:
        with suppress(OSError):
            self.writer.send(byte)

    def _run(self) -> None:
        while not {*(numbers := self._reader.recv(64))} & {*SIGNALS}:
            if not numbers or 0 in numbers:
                return
        self.is_running_out = True
        # Should even this thread be held up, the system ends the process.
        signal.setitimer(signal.ITIMER_REAL, self._seconds + 2 * _TELL_SECONDS)
        self._ask()
        threading.Event().wait(self._seconds)
        # The output may be what everything waits for.
        telling = threading.Thread(target=self._tell, daemon=True)
        telling.start()
        telling.join(_TELL_SECONDS)
        _exit(self._status)

    def _tell(self) -> None:
        logger.warning(
            "still not at an end %g s after the request to stop, so it is made one now; what was under way will be "
            "done again. Waited for: %s",
            self._seconds,
            "; ".join(waits()),
        )
        for stream in (sys.stdout, sys.stderr):
            stream.flush()


@contextmanager
def limited(ask: Callable[[], None] = lambda: None, seconds: float = ALONE_SECONDS, status: int = 0) -> Iterator[None]:
    """Within the block, and after it if it came in the block, a signal of SIGNALS ends this process in time.

    They must have handlers: those run in the main thread as soon as that is possible. `ask` is called as well, by
    another thread. `status` is the exit status when the time is over. Main thread only.
    """
    global _current
    limit, outer = _Limit(ask, seconds, status), _current
    _current = limit
    previous = signal.set_wakeup_fd(limit.writer.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        if not limit.is_running_out:
            signal.set_wakeup_fd(previous)
            _current = outer
            limit.leave()


def begin(status: int) -> None:
    """One part of the process has ended: the others get no more time than after a signal."""
    if _current is not None:
        _current.begin(status)


def limit_by_alarm(*numbers: int, seconds: float = SUPERVISOR_SECONDS) -> None:
    """The same for a process that forks, and so must not have threads: its main thread never waits inside libraries.

    To be called when the handlers of these signals have been set.
    """

    def add(number: int) -> None:
        handler: Any = signal.getsignal(number)

        def handle(received: int, frame: FrameType | None) -> None:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            handler(received, frame)

        if callable(handler):
            signal.signal(number, handle)

    def end(*_signal: object) -> None:
        # Should even what is done now be held up, the system ends the process.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, _TELL_SECONDS)
        _exit(0)

    signal.signal(signal.SIGALRM, end)
    # The interpreter takes the handlers away before it is gone.
    atexit.register(signal.setitimer, signal.ITIMER_REAL, 0.0)
    for number in numbers:
        add(number)


def _exit(status: int) -> None:
    leave_all()
    os._exit(status)


def waits() -> list[str]:
    """What the threads of this process are waiting for, for people."""
    frames = sys._current_frames()
    return [
        f"{thread.name}: {_place(frame)}"
        for thread in threading.enumerate()
        if (not thread.daemon or thread is threading.main_thread()) and (frame := frames.get(thread.ident or 0))
    ]


def _place(frame: FrameType | None) -> str:
    """What a thread waits for, and the last functions of ours that led there."""
    stack = [item for item, _ in traceback.walk_stack(frame)]
    codes = [item.f_code for item in stack]
    whats = (
        what
        for name, folder, what in _PLACES
        if any(name in ("", code.co_name) and folder in code.co_filename for code in codes)
    )
    names = (f"{item.f_globals.get('__name__', '')}.{item.f_code.co_name}" for item in stack)
    ours = [name for name in names if name.partition(".")[0] in _OURS]
    what, where = next(whats, ""), " > ".join(reversed(ours[:3]))
    return f"{what} ({where})" if what and where else what or where or "something outside of us"


def leave_on_signals(status: int, is_empty: bool = False) -> None:
    """Until somebody sets handlers of their own, SIGTERM and SIGHUP end the process, with this status.

    The first process of a container would ignore them otherwise. `is_empty`: there is nothing to clean up.
    """

    def leave(*_signal: object) -> None:
        if is_empty:
            os._exit(status)
        signal.setitimer(signal.ITIMER_REAL, PART_SECONDS)
        sys.exit(status)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)

"""The threads of one process: loops of `service.loop` that end together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial

from service import ending
from service import loop as daemon
from service.loop import Stop, Work
from service.watching.recorder import start_recording

OpenWork = Callable[[Stop], AbstractContextManager[Work]]
"""Makes the connections of a loop; gets the request to stop, for what waits."""

SHORTEST_PERIOD = 0.02


@dataclass(slots=True)
class Rounds:
    """Rounds that begin `period` seconds after each other, or one after the other when they take longer."""

    run: Callable[[], int]
    period: float
    _started: float = field(default_factory=time.monotonic)

    def step(self) -> int:
        """One round."""
        self._started = time.monotonic()
        return self.run()

    def rest(self) -> float:
        """Seconds until the next round begins. A period of 0 must not keep a processor busy."""
        return max(SHORTEST_PERIOD, self._started + self.period - time.monotonic())

    def wait(self, stop: Stop, _seconds: float) -> None:
        """Until the next round begins, or the stop is requested."""
        stop.wait(self.rest())


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a server, which a command runs. To be run by several processes it has to be picklable."""

    name: str
    """The command's."""
    loops: Mapping[str, OpenWork]
    """How each loop gets its connections, and what it does with them."""
    poll_seconds: float
    quit_early: bool = False
    """One round of each loop is all."""


def run_loops(part: Part, stop: Stop) -> int:
    """Runs the loops, each in a thread of its own, until the stop. Returns the exit status.

    When one of the loops can not go on, all end, and the status is 1.
    """
    recorder = start_recording(part.name, part.poll_seconds)
    statuses: list[int] = []

    def run(name: str, open_work: OpenWork) -> None:
        status = 1
        try:
            status = daemon.run(
                name,
                open_work,
                stop,
                poll_seconds=part.poll_seconds,
                quit_early=part.quit_early,
                observer=recorder,
            )
        finally:
            statuses.append(status)
            if status:
                stop.request()
                ending.begin(status)

    try:
        if len(part.loops) == 1:
            run(*next(iter(part.loops.items())))
        else:
            threads = [threading.Thread(target=partial(run, *item), name=item[0]) for item in part.loops.items()]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        if recorder is not None:
            recorder.close()
    return max(statuses)

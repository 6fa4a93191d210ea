"""The threads of one process: loops of `service.loop` that end together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial

from service import loop as daemon
from service.loop import Stop, Work
from service.watching.recorder import start_recording

OpenWork = Callable[[], AbstractContextManager[Work]]

_SHORTEST_PERIOD = 0.02


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
        return max(_SHORTEST_PERIOD, self._started + self.period - time.monotonic())

    def wait(self, stop: Stop, _seconds: float) -> None:
        """Until the next round begins, or the stop is requested."""
        stop.wait(self.rest())


def run_loops(
    process: str, loops: Mapping[str, OpenWork], stop: Stop, *, poll_seconds: float, quit_early: bool = False
) -> int:
    """Runs the loops, each in a thread of its own, until the stop. Returns the exit status.

    `process` is the name of the command. When one of the loops can not go on, all end, and the status is 1.
    """
    recorder = start_recording(process, poll_seconds)
    statuses: list[int] = []

    def run(name: str, open_work: OpenWork) -> None:
        status = 1
        try:
            status = daemon.run(
                name, open_work, stop, poll_seconds=poll_seconds, quit_early=quit_early, observer=recorder
            )
        finally:
            statuses.append(status)
            if status:
                stop.request()

    try:
        if len(loops) == 1:
            run(*next(iter(loops.items())))
        else:
            threads = [threading.Thread(target=partial(run, *item), name=item[0]) for item in loops.items()]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        if recorder is not None:
            recorder.close()
    return max(statuses)

"""A world whose parts run at the same time, each in a thread, as the daemons of an installation do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

PAUSE_SECONDS = 0.01
MUCH = 500


@dataclass(slots=True)
class Effort:
    """What a part has done so far: things (mostly messages), calls, seconds in calls, and those of its own CPU time."""

    done: int = 0
    calls: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0


class Threads:
    """Runs every part again and again until the end of the block. Use as a context manager.

    The first error of a part ends all of them, and is raised by `check` and at the end of the block.
    """

    def __init__(self, parts: Mapping[str, Callable[[], int]], pauses: Mapping[str, float] | None = None) -> None:
        """A part that has not much to do pauses: 0.01 s, or the seconds in `pauses`. So messages come in batches."""
        self.efforts = {name: Effort() for name in parts}
        self._pauses = dict.fromkeys(parts, PAUSE_SECONDS) | dict(pauses or {})
        self._end = threading.Event()
        self._error: BaseException | None = None
        self._threads = [threading.Thread(target=self._run, args=item, name=item[0]) for item in parts.items()]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, error_type: object, *_error: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()
        if error_type is None:
            self.check()

    def check(self) -> None:
        """Raises what made a part fail."""
        if self._error is not None:
            raise self._error

    def _run(self, name: str, part: Callable[[], int]) -> None:
        effort = self.efforts[name]
        while not self._end.is_set():
            began, cpu_began = time.perf_counter(), time.thread_time()
            try:
                done = part()
            except BaseException as error:
                self._error = self._error or error
                self._end.set()
                return
            effort.done += done
            effort.calls += 1
            effort.seconds += time.perf_counter() - began
            effort.cpu_seconds += time.thread_time() - cpu_began
            if done < MUCH:
                self._end.wait(self._pauses[name])

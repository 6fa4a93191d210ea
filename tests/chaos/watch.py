"""How long a worker takes nothing from the broker, or sends nothing to it, while something happens to the broker."""

from __future__ import annotations

import threading
import time
from typing import Self

from tests.chaos.installation import Installation

_PERIOD_SECONDS = 0.25
_GIVE_UP_SECONDS = 300.0


class Watch:
    """Use as a context manager around what happens. It ends when every worker has taken and sent something once more.

    `longest`: the longest time without, of any worker and direction, in seconds. Work that nobody has counts like
    work that nobody can do, so an interruption is at most that long.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch")
        self.longest = 0.0
        self.error: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_error: object) -> None:
        self._stop.set()
        self._thread.join()
        if self.error is not None and kind is None:
            raise self.error

    def _run(self) -> None:
        try:
            self._look()
        except BaseException as error:
            self.error = error

    def _look(self) -> None:
        last = self._installation.traffic()
        begun = time.monotonic()
        moved_at = dict.fromkeys(last, begun)
        ended_at: float | None = None
        while True:
            now = time.monotonic()
            if ended_at is None and self._stop.is_set():
                ended_at = now
            current = self._installation.traffic()
            for key, count in current.items():
                if count != last[key]:
                    self.longest = max(self.longest, now - moved_at[key])
                    moved_at[key] = now
            last = current
            if ended_at is not None:
                if min(moved_at.values()) > ended_at:
                    return
                if now - ended_at > _GIVE_UP_SECONDS:
                    silent = [key for key, moment in moved_at.items() if moment <= ended_at]
                    raise AssertionError(f"no messages for {now - ended_at:.0f} s: {silent}")
            time.sleep(_PERIOD_SECONDS)

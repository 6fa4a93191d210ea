"""Rounds whose parts have nothing to do with each other: what fails is told, and the others have their turn.

A part may be a type of messages, a lane, a turn, a table.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from pipelines import hook

logger = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""A part that failed is left alone for so many seconds, doubled each time."""

# Connections, a server that stops or is a replica, its disk, its limits of connections: all parts would fail.
_OF_ALL_CLASSES = frozenset({"08", "28", "57", "58"})
_OF_ALL = frozenset({"25006", "25P03", "25P04", "53000", "53100", "53300"})
_OF_ONE = frozenset({"57014"})


def concerns_all(error: Exception) -> bool:
    """Whether this is the trouble of the database, and not of a part."""
    if not isinstance(error, psycopg.Error):
        return False
    state = error.sqlstate
    if state is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return state not in _OF_ONE and (state in _OF_ALL or state[:2] in _OF_ALL_CLASSES)


@dataclass(slots=True)
class _Pause:
    until: float
    seconds: float


class Parts:
    """The parts of the rounds of one loop, each with a back-off of its own."""

    def __init__(
        self,
        name: str,
        *,
        ends: tuple[type[Exception], ...] = (),
        plain: tuple[type[Exception], ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`name` is for the log; errors of the kinds `ends` end the round, like those of the database itself.

        Those of the kinds `plain` need no traceback.
        """
        self._name = name
        self._ends = ends
        self._plain: tuple[type[Exception], ...] = (psycopg.Error, *plain)
        self._clock = clock
        self._pauses: dict[str, _Pause] = {}
        self._failed: dict[str, Exception] = {}
        self._done = 0

    def paused(self) -> list[str]:
        """The parts that are left alone for now: they failed in this round, or not long ago."""
        now = self._clock()
        return sorted({*self._failed, *(part for part, pause in self._pauses.items() if pause.until > now)})

    def worked(self, count: int) -> None:
        """So much was done in this round without `run`."""
        self._done += count

    def run(self, part: str, work: Callable[[], int]) -> int:
        """What `work` returns: how much it did. 0 when it fails, or when the part is left alone after a failure.

        Raises what is the trouble of all.
        """
        if part in self.paused():
            return 0
        try:
            count = work()
        except self._ends:
            raise
        except Exception as error:
            return self.fail(part, error)
        self._pauses.pop(part, None)
        self._done += count
        return count

    def fail(self, part: str, error: Exception) -> int:
        """This part has failed in this round; returns 0. Raises what is the trouble of all."""
        if concerns_all(error):
            raise error
        self._failed[part] = error
        return 0

    def end_round(self) -> None:
        """Tells what failed, and leaves it alone for a while. Raises the last error if nothing was done at all.

        Then it is nobody's in particular, and the loop's back-off is enough.
        """
        if self._failed and not self._done:
            error = next(reversed(self._failed.values()))
            self._failed, self._done = {}, 0
            raise error
        self.tell_failures()

    def tell_failures(self) -> None:
        """Like `end_round`, and raises nothing: for rounds of one part."""
        failed, self._failed, self._done = self._failed, {}, 0
        for part, error in failed.items():
            before = self._pauses.get(part)
            seconds = FIRST_PAUSE if before is None else min(2 * before.seconds, LONGEST_PAUSE)
            self._pauses[part] = _Pause(self._clock() + seconds, seconds)
            self._tell(part, f", next attempt in {seconds:g} s", error)

    def raise_failures(self) -> None:
        """Tells what failed in this round, and raises the last error. For loops with a back-off of their own."""
        failed = self._failed
        self._failed, self._done = {}, 0
        for part, error in list(failed.items())[:-1]:
            self._tell(part, "", error)
        if failed:
            part, error = next(reversed(failed.items()))
            error.add_note(f"{self._name}: {part}")
            raise error

    def _tell(self, part: str, what_next: str, error: Exception) -> None:
        hook.tell("part_failed", part)
        state = f"{error.sqlstate} " if isinstance(error, psycopg.Error) and error.sqlstate else ""
        logger.error(
            "%s: %s failed%s, the others go on: %s%s: %s",
            self._name,
            part,
            what_next,
            state,
            type(error).__name__,
            str(error).strip(),
            # The traceback matters for our own mistakes.
            exc_info=None if isinstance(error, self._plain) else error,
        )

"""How much a batch takes: less after it was too much for the server, and more again after it went well.

A batch that ran into a limit of the server (time, memory, temporary files) would run into it again, for ever. So all
loops that work in batches let a `Batches` choose the size: half of it after each such failure, down to one. What is too
much all by itself is the caller's to name, and to leave out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import psycopg

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

GROW_AFTER = 8
"""So many batches have to go well before the size is doubled: each try of a size that is too large costs its time."""

# A time limit or a request to cancel, no lock within the time limit, memory, limits of the configuration (temporary
# files).
_TOO_MUCH = frozenset({"57014", "55P03", "53200", "53400"})
_LIMITS_OF_THE_PROGRAM = "54"


def is_too_much(error: psycopg.Error) -> bool:
    """Whether less at a time may succeed where this failed."""
    state = error.sqlstate or ""
    return state in _TOO_MUCH or state.startswith(_LIMITS_OF_THE_PROGRAM)


def may_be_its_own_fault(error: psycopg.Error) -> bool:
    """Whether something that was too much alone may be to blame itself: not where it waited for others, or for memory.

    Only if others went well meanwhile; otherwise the server is slow.
    """
    state = error.sqlstate or ""
    return state in ("57014", "53400") or state.startswith(_LIMITS_OF_THE_PROGRAM)


@dataclass(slots=True)
class Batches:
    """The size of the batches of one kind, between 1 and `most`; `last` is that of the last one that went well."""

    name: str
    most: int
    size: int = field(init=False)
    last: int = field(init=False)
    _went_well: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.size = self.last = self.most = max(1, self.most)

    def run(self, attempt: Callable[[int], Result]) -> Result:
        """Calls `attempt` with a size, and again with half of it as long as that is too much.

        Only batches with a result that counts as true let the size grow. Raises the error of `attempt`: any other one,
        or one that `is_too_much`, when already one was too much.
        """
        while True:
            try:
                result = attempt(self.size)
            except psycopg.Error as error:
                if not is_too_much(error) or self.size == 1:
                    raise
                self.shrink(error)
                continue
            self.last = self.size
            if result:
                self.grow()
            return result

    def shrink(self, error: psycopg.Error) -> None:
        """The last batch was too much."""
        self._went_well = 0
        logger.warning(
            "%s: %s at once were too much, now %s: %s %s",
            self.name,
            self.size,
            max(1, self.size // 2),
            error.sqlstate,
            error.diag.message_primary or error,
        )
        self.size = max(1, self.size // 2)

    def grow(self) -> None:
        """The last batch went well."""
        if self.size < self.most:
            self._went_well += 1
            if self._went_well >= GROW_AFTER:
                self._went_well = 0
                self.size = min(2 * self.size, self.most)


class Sizes:
    """The sizes of several kinds of batches, by name. They outlive connections."""

    def __init__(self) -> None:
        self._batches: dict[str, Batches] = {}

    def of(self, name: str, most: int) -> Batches:
        """The batches of that name, of `most` at first."""
        found = self._batches.get(name)
        if found is None or found.most != max(1, most):
            found = self._batches[name] = Batches(name, most)
        return found

    def run(self, name: str, most: int, attempt: Callable[[int], Result]) -> Result:
        """See `Batches.run`. What is too much even alone is named before its error is raised."""
        batches = self.of(name, most)
        try:
            return batches.run(attempt)
        except psycopg.Error as error:
            if is_too_much(error):
                logger.error("%s: even one alone is too much: %s %s", name, error.sqlstate, error.diag.message_primary)
            raise

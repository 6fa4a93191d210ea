"""How long a loop rests after a step, so that what comes meanwhile is done together.

Every step has its price, however little it does: a transaction, a commit that waits for the disk, somebody else who is
woken up. A loop that goes on at once is always busy and does everything in handfuls. So it rests in proportion to
what the step took: hardly at all while there is little to do, never long, and not at all with a backlog.
"""

from __future__ import annotations

from typing import Final

LONGEST: Final = 0.1
"""Seconds. A message goes through a dozen steps in a turn, which lasts minutes."""
SHARE: Final = 4.0
"""So many times as long as the step took: a loop that finds little in a step works for at most a fifth of the time."""
ENOUGH: Final = 1000
"""A consumer that takes so much at a time is at full speed."""


def rest_after(seconds: float, has_more: bool, longest: float = LONGEST) -> float:
    """Seconds to rest after a step that took `seconds`. `has_more`: it did all that it may do at once; then none."""
    return 0.0 if has_more else min(longest, SHARE * seconds)


def enough_of(prefetch_count: int) -> int:
    """After how many messages a consumer does not rest. `prefetch_count`: 0 for no limit.

    While it rests no more than that come, so a small limit leaves no time to rest.
    """
    return ENOUGH if prefetch_count == 0 else min(ENOUGH, prefetch_count // 4)

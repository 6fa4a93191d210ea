"""What the solver tells whoever watches it: which step runs, and the figures so far."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Progress:
    """One moment of the solver. Values are in base tokens; None means: not known yet.

    `step` is one of load, price, bound, match, settle, collectors, check, write, in this order (the middle ones may
    come again). `seconds` have passed since the start. `offers` are still in play, `max_flows` were computed.
    `traded_value` is that of the best answer found so far, which is not rounded to whole tokens before the step
    settle; nothing better than `upper_bound` exists.
    """

    step: str
    seconds: float = 0.0
    offers: int | None = None
    max_flows: int = 0
    traded_value: float | None = None
    upper_bound: float | None = None


Observer = Callable[[Progress], None]


class Watch:
    """Keeps the figures of one run, and hands each change to the observer, if there is one."""

    def __init__(self, observer: Observer | None = None) -> None:
        self._observer = observer
        self._started = time.perf_counter()
        self.progress = Progress("load")
        self.is_time_up = False

    def tell(
        self,
        step: str | None = None,
        offers: int | None = None,
        traded_value: float | None = None,
        upper_bound: float | None = None,
    ) -> None:
        """Changes what is given; the rest stays."""
        now = self.progress
        self._show(
            replace(
                now,
                step=now.step if step is None else step,
                offers=now.offers if offers is None else offers,
                traded_value=now.traded_value if traded_value is None else traded_value,
                upper_bound=now.upper_bound if upper_bound is None else upper_bound,
            )
        )

    def count_max_flow(self) -> None:
        """One more maximum flow was computed."""
        self._show(replace(self.progress, max_flows=self.progress.max_flows + 1))

    def note_time_up(self) -> None:
        """The time limit has ended the search for a better answer."""
        self.is_time_up = True

    def _show(self, progress: Progress) -> None:
        self.progress = replace(progress, seconds=time.perf_counter() - self._started)
        if self._observer is not None:
            self._observer(self.progress)

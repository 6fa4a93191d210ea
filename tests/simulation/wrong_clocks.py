"""Databases whose clocks are ahead or behind. The peers have the true time."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

_SPANS = tuple(timedelta(seconds=s) for s in (2, 2, 20, 20, 60, 60, 60, 300, 300, 3600))


@dataclass(slots=True)
class WrongClocks:
    """By how much the clock of each database is ahead of the true time."""

    names: Sequence[str]
    dice: random.Random
    counts: Counter[str]
    offsets: dict[str, timedelta] = field(default_factory=dict)

    def of(self, name: str) -> timedelta:
        return self.offsets.get(name, timedelta())

    def set_all(self, share: float) -> None:
        """Sets a share of the clocks wrong, and all others right."""
        self.offsets.clear()
        for name in self.names:
            if share and self.dice.random() < share:
                self.set(name)

    def set_some(self) -> None:
        """Sets one clock anew: it jumps, perhaps into the past."""
        self.set(self.dice.choice(self.names))

    def set(self, name: str) -> None:
        span = self.dice.choice(_SPANS) * self.dice.random()
        is_ahead = self.dice.random() < 0.5
        self.offsets[name] = span if is_ahead else -span
        self.counts["F19 clock ahead" if is_ahead else "F19 clock behind"] += 1

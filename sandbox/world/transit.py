"""Faults of messages on their way: delayed, doubled, reordered, lost. Money itself is never touched."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bridge.wire.ports import Publication, Target

_NOW = timedelta()


@dataclass(frozen=True, slots=True)
class TransitRule:
    """What may happen to messages of some `types` (empty: all), each with its probability.

    `lose` drops the message. `duplicate` sends `copies` more, each after a random part of `copy_delay`. `delay` holds
    the message for a random part of `delay_by`. `reorder_window` holds every message for a random part of the window.
    """

    types: frozenset[str] = frozenset()
    lose: float = 0.0
    duplicate: float = 0.0
    copies: int = 1
    copy_delay: timedelta = _NOW
    delay: float = 0.0
    delay_by: timedelta = _NOW
    reorder_window: timedelta = _NOW
    matches: Callable[[Publication], bool] = lambda publication: True

    def covers(self, publication: Publication) -> bool:
        """Whether the rule is for this message."""
        return (not self.types or publication.type in self.types) and self.matches(publication)


@dataclass(slots=True)
class FaultyTarget:
    """A target behind a bad network; repeatable for one `seed`. The first rule that covers a message counts.

    A message is confirmed when the network has it, so a held or lost one never comes back as unwanted.
    Somebody has to call `pump` as the clock goes on.
    """

    target: Target
    rules: Sequence[TransitRule]
    clock: Callable[[], datetime]
    seed: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    unwanted: list[Publication] = field(default_factory=list)
    _held: list[tuple[datetime, int, Publication]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)

    @property
    def held(self) -> int:
        """How many messages are under way."""
        return len(self._held)

    def publish(self, batch: Sequence[Publication]) -> list[int]:
        """Publishes what gets through at once; the rest is lost or held. Raises `PublishError` like the real one."""
        self.pump()
        positions: list[int] = []
        later: list[tuple[timedelta, Publication]] = []
        fates: Counter[str] = Counter()
        for position, publication in enumerate(batch):
            rule = next((rule for rule in self.rules if rule.covers(publication)), None)
            delays = [_NOW] if rule is None else self._delays(rule, fates)
            for delay in delays:
                if delay > _NOW:
                    later.append((delay, publication))
                else:
                    positions.append(position)
        returned = self.target.publish([batch[position] for position in positions]) if positions else []
        # Only now: when the inner target fails, its caller repeats the batch, and nothing of it may be under way twice.
        self.counts += fates
        for delay, publication in later:
            heapq.heappush(self._held, (self.clock() + delay, next(self._numbers), publication))
        return sorted({positions[index] for index in returned})

    def pump(self) -> int:
        """Lets held messages go whose time has come. Returns how many went."""
        return self._release(self.clock())

    def drain(self) -> int:
        """Lets all held messages go, in the order of their times. Returns how many went."""
        return self._release(None)

    def close(self) -> None:
        self.target.close()

    def _release(self, now: datetime | None) -> int:
        due: list[tuple[datetime, int, Publication]] = []
        while self._held and (now is None or self._held[0][0] <= now):
            due.append(heapq.heappop(self._held))
        if not due:
            return 0
        batch = [publication for _, _, publication in due]
        try:
            returned = self.target.publish(batch)
        except BaseException:
            for entry in due:
                heapq.heappush(self._held, entry)
            raise
        self.unwanted.extend(batch[index] for index in returned)
        return len(batch)

    def _delays(self, rule: TransitRule, fates: Counter[str]) -> list[timedelta]:
        """After which time each copy of the message goes out; an empty list means lost."""
        if self._strikes(rule.lose):
            fates["lost"] += 1
            return []
        delay = self._part_of(rule.reorder_window)
        if self._strikes(rule.delay):
            fates["delayed"] += 1
            delay += self._part_of(rule.delay_by)
        delays = [delay]
        if self._strikes(rule.duplicate):
            fates["duplicated"] += 1
            delays += [delay + self._part_of(rule.copy_delay) for _ in range(rule.copies)]
        return delays

    def _strikes(self, probability: float) -> bool:
        return probability > 0 and self._dice.random() < probability

    def _part_of(self, span: timedelta) -> timedelta:
        return span * self._dice.random() if span else _NOW

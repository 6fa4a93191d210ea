"""What a collector has to pay, reckoned once more and apart from the SQL: the same doubles, in the same order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

MAX_INT64 = 2**63 - 1
MAX_DELAY = 2**31 - 1
HEALTHY_DELAY = 7200
"""Seconds that the first try of a payment may take."""
CHANGE_SPACING = timedelta(days=8)
"""An authority that leaves less between two changes of a rate may have hidden others."""
_SECONDS_IN_YEAR = 31557600


@dataclass(frozen=True, slots=True)
class Till:
    """The tokens of one collector, currency and turn: what was arranged, and what really came in."""

    to_collect: int
    to_send: int
    to_receive: int
    to_dispatch: int
    collected: int
    received: int

    @property
    def available_to_send(self) -> int:
        """Other collectors are the first to do without."""
        return max(self.to_send - (self.to_collect - self.collected), 0)

    @property
    def available_to_dispatch(self) -> int:
        """What is missing beyond that, or was not received, the buyers do without."""
        kept = self.to_send - self.available_to_send
        missing = (self.to_collect - self.collected) - kept + max(self.to_receive - self.received, 0)
        return max(self.to_dispatch - missing, 0)


@dataclass(frozen=True, slots=True)
class Rates:
    """What a shard knows of a collector's interest: percent a year, by the moment of each change."""

    changes: frozenset[tuple[datetime, float]]
    latest: tuple[datetime, float]
    demurrage_rate: float

    @property
    def newest(self) -> datetime:
        """The latest moment at which the rate is known to have changed."""
        return max(moment for moment, _ in self.changes | {self.latest})

    def lowest(self, since: datetime) -> float:
        """The worst that may have been true since then, at best 0."""
        earlier = [moment for moment, _ in self.changes if moment < since]
        # The last change before still counts: it set the rate at that moment.
        rates = [rate for moment, rate in self.changes if not earlier or moment >= max(earlier)]
        moments = sorted({moment for moment, _ in self.changes | {self.latest}})
        if any(b - a < CHANGE_SPACING and b > since for a, b in pairwise(moments)):
            rates.append(self.demurrage_rate)
        return min(0.0, self.latest[1], *rates)

    def until(self, moment: datetime) -> Rates | None:
        """The same without what came later; None when that leaves nothing."""
        known = {change for change in self.changes | {self.latest} if change[0] <= moment}
        return Rates(frozenset(known), max(known), self.demurrage_rate) if known else None


def nominal_amount(amount: int, available: int, arranged: int) -> float:
    """A payment's share of what is there."""
    return float(amount) * (float(available) / float(arranged))


def demurrage(rate: float, seconds: float) -> float:
    """The share of money that is left after so many seconds; growth counts as none."""
    if rate < -99.9999:
        return 0.0
    return math.exp(min(0.0, math.log(1 + rate / 100) / _SECONDS_IN_YEAR * max(0.0, seconds)))


def amount_to_pay(nominal: float, rate: float, seconds: float, cut: float) -> int:
    """Whole tokens that are surely there."""
    return min(math.floor(nominal * demurrage(rate, seconds) * (1 - cut)), MAX_INT64)


def seconds_to_reckon_with(started: datetime, tried: datetime, delay: int) -> float:
    """From the begin of the collection to the end of the try, and ten minutes."""
    return 600 + (tried - started).total_seconds() + delay


def is_delay(seconds: int) -> bool:
    """May a try take so long? The second one takes eight times as long as the first, each later one twice as long."""
    return seconds == HEALTHY_DELAY or any(seconds == min(HEALTHY_DELAY << n, MAX_DELAY) for n in range(3, 20))

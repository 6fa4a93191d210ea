"""How a consumer holds on to its queue: all the time, or only while there is something in it.

Whoever empties a queue that is to be deleted lets go of it now and then: a queue that is consumed may have given out
messages which will come back. Whoever empties a queue that an earlier set-up has left does not mind that it is gone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol

from bridge.inbound import Inbound
from bridge.rabbitmq.setup import Depth
from service.loop import Stop

logger = logging.getLogger(__name__)

IDLE_SECONDS = 2.0
"""A queue that brings nothing for so long counts as empty; after longer rests a thirtieth of their time, if more."""
FIRST_REST = 15.0
LONGEST_REST = 3600.0
LOOK_SECONDS = 15.0
"""From one look at the queue to the next while it is not consumed."""
_STOP_SECONDS = 0.2


class Queue(Protocol):
    """What `RabbitSource` can say of its queue."""

    def look(self) -> Depth | None: ...

    def has_news(self, timeout: float) -> bool: ...


class Intake:
    """Steps and waits of a loop that takes messages in, for as long as a connection lasts."""

    def __init__(
        self,
        inbound: Inbound,
        queue: Queue,
        *,
        may_be_missing: bool = False,
        is_draining: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`may_be_missing`: a queue that is not there is looked for again and again. `is_draining`: it is let go of."""
        self._inbound = inbound
        self._queue = queue
        self._may_be_missing = may_be_missing
        self._is_draining = is_draining
        self._clock = clock
        self._busy_at = clock()
        self._next_rest = FIRST_REST
        self._last_rest = 0.0
        # Not consumed: until when, and when to look whether something has come.
        self._rests_until: float | None = clock() if may_be_missing or is_draining else None
        self._look_at = clock()
        self._is_missing = False

    def step(self) -> int:
        """One batch, or none while the queue is let go of. Returns and raises what `Inbound.run_once` does."""
        if self._rests_until is not None and not self._takes_up():
            return 0
        count = self._inbound.run_once(0.0)
        now = self._clock()
        if count:
            self._busy_at, self._next_rest, self._last_rest = now, FIRST_REST, 0.0
        elif self._is_draining and now - self._busy_at >= self._patience() and self._inbound.patience() is None:
            self._let_go(now)
        return count

    def wait(self, stop: Stop, seconds: float) -> None:
        """Until there is something to do, the stop is requested, or the time is over."""
        now = self._clock()
        if self._rests_until is not None:
            stop.wait(min(seconds, max(0.0, min(self._rests_until, self._look_at) - now)))
            return
        limits = [seconds]
        if (patience := self._inbound.patience()) is not None:
            limits.append(patience)
        if self._is_draining:
            limits.append(self._busy_at + self._patience() - now)
        ends = now + min(limits)
        # In short pieces, because a stop request does not end the wait for messages.
        while not (stop.is_requested or self._queue.has_news(_STOP_SECONDS) or self._clock() > ends):
            pass

    def _patience(self) -> float:
        return max(IDLE_SECONDS, self._last_rest / 30)

    def _let_go(self, now: float) -> None:
        self._inbound.let_go()
        logger.info("the queue brings nothing: not consumed for %.0f s, unless something comes", self._next_rest)
        self._rests_until = now + self._next_rest
        self._look_at = now + LOOK_SECONDS
        self._last_rest, self._next_rest = self._next_rest, min(2 * self._next_rest, LONGEST_REST)

    def _takes_up(self) -> bool:
        """Whether the queue is consumed again."""
        assert self._rests_until is not None
        now = self._clock()
        if now < min(self._rests_until, self._look_at):
            return False
        self._look_at = now + LOOK_SECONDS
        depth = self._queue.look()
        if depth is None:
            if not self._is_missing:
                logger.info("there is no such queue: looked for every %.0f s", LOOK_SECONDS)
            self._is_missing = True
            self._rests_until = self._look_at
            return False
        self._is_missing = False
        if now < self._rests_until and not depth.messages:
            return False
        self._rests_until, self._busy_at = None, now
        return True

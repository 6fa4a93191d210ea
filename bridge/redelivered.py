"""Messages that come again: quorum queues count how often, and make dead letters of those that came too often."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from bridge.wire.ports import Delivery
from pipelines import hook

logger = logging.getLogger(__name__)

COUNT_HEADER = "x-delivery-count"
WORRYING_COUNT = 3
"""Half of the smallest limit that anybody should set."""
_PAUSE = 60.0


class Redelivered:
    """Warns, at most once a minute, of messages that were given back again and again."""

    def __init__(self) -> None:
        self._silent_until = float("-inf")

    def look_at(self, batch: Sequence[Delivery], now: float) -> None:
        """`now`: seconds of a clock that never goes back."""
        counts = [count for delivery in batch if delivery.redelivered and (count := delivery_count(delivery))]
        if not counts:
            return
        hook.tell("redelivered", amount=len(counts))
        if max(counts) >= WORRYING_COUNT and now >= self._silent_until:
            self._silent_until = now + _PAUSE
            logger.warning(
                "%s messages were given back to the queue before, up to %s times: at its delivery limit (a policy, or "
                "20 with RabbitMQ 4) they become dead letters. What went wrong is further up in the logs",
                len(counts),
                max(counts),
            )


def delivery_count(delivery: Delivery) -> int:
    """How often the message was given back; 0 when its queue does not count."""
    try:
        count = delivery.headers.get(COUNT_HEADER)
    except Exception:
        return 0  # headers that the client library can not decode
    return count if isinstance(count, int) else 0

"""A stream that got a copy of everything that a worker's queue got, read once more from a moment on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

from bridge.rabbitmq.broker import RabbitSource
from bridge.rabbitmq.tls import NO_FILES, TlsFiles
from bridge.wire.ports import Delivery, SourceError

_PREFETCH = 1000
_QUIET_SECONDS = 2.0
_LOOK_SECONDS = 15.0
"""How long the end of a stream is looked for. What comes later than that is in the queue as well."""
_OFFSET = "x-stream-offset"


class Journal:
    """Implements `bridge.wire.ports.Source`, and has an end: what comes into the stream later is not taken.

    Streams forget nothing that is settled, so it can be read as often as one likes.
    """

    def __init__(
        self, url: str, stream: str, since: datetime, *, files: TlsFiles = NO_FILES, most_bytes: int | None = None
    ) -> None:
        """`since` is a moment of the broker's clock. Raises SourceError, for example if there is no such stream."""
        self._end = _last_offset(url, stream, files)
        self._source = RabbitSource(url, stream, _PREFETCH, files=files, most_bytes=most_bytes, since=since)
        self.is_read = self._end is None
        """Whether everything has been taken."""

    def take(self, limit: int, timeout: float) -> list[Delivery]:
        """As the protocol says. Nothing within the timeout: there is nothing since then."""
        if self.is_read:
            return []
        taken = self._source.take(limit, max(timeout, _QUIET_SECONDS))
        assert self._end is not None
        kept = [delivery for delivery in taken if _offset(delivery) <= self._end]
        self.is_read = len(kept) < len(taken) or not taken or _offset(taken[-1]) >= self._end
        self._source.settle([delivery.tag for delivery in taken[len(kept) :]])
        return kept

    def settle(self, accepted: Sequence[int], rejected: Sequence[int] = ()) -> None:
        """What is rejected becomes no dead letter: it became one when it came by the queue."""
        self._source.settle([*accepted, *rejected])

    def widen(self, extra: int) -> None:
        """Nothing is held for long."""
        self._source.widen(extra)

    def close(self) -> None:
        """Ends the connection."""
        self._source.close()


def _last_offset(url: str, stream: str, files: TlsFiles) -> int | None:
    """The place of the last message in a stream, or of a late one if more come all the time; None: it is empty."""
    ends = time.monotonic() + _LOOK_SECONDS
    source = RabbitSource(url, stream, _PREFETCH, files=files, most_bytes=0, since="last")
    last = None
    try:
        while time.monotonic() < ends and (taken := source.take(_PREFETCH, _QUIET_SECONDS)):
            last = _offset(taken[-1])
            source.settle([delivery.tag for delivery in taken])
    finally:
        source.close()
    return last


def _offset(delivery: Delivery) -> int:
    offset = delivery.headers.get(_OFFSET)
    if not isinstance(offset, int):
        raise SourceError("this is no stream: its messages have no place in it")
    return offset

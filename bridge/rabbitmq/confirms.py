"""What is known about the messages of a batch that is being published."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence

from bridge.rabbitmq.frames import Confirmation
from bridge.wire.ports import Publication


class Batch:
    """The messages that one call of `publish` has in doubt, numbered by the channel from `first_number` on."""

    def __init__(self, items: Sequence[Publication], prefix: str, first_number: int) -> None:
        """`prefix` stands before the names of exchanges."""
        self._items = items
        self._prefix = prefix
        self._first = first_number
        self.sent = 0
        self.settled = 0
        self.progressed_at = time.monotonic()
        # All numbers up to this one are settled, and these after it.
        self._low = first_number - 1
        self._early: set[int] = set()
        self.refused: set[int] = set()
        """Indexes of messages that the broker would not take, such as for a full queue."""
        self.returned: set[int] = set()
        """Indexes of mandatory messages for which there is no queue."""
        self._indexes: dict[tuple[str, str, bytes], deque[int]] | None = None

    @property
    def in_doubt(self) -> int:
        """How many messages are sent and not settled."""
        return self.sent - self.settled

    @property
    def is_done(self) -> bool:
        return self.settled == len(self._items)

    def confirm(self, confirmations: Iterable[Confirmation]) -> None:
        """Confirmations of one message and of all up to a message come mixed."""
        for tag, multiple, is_refusal in confirmations:
            if tag <= self._low:
                continue
            if not multiple:
                if tag in self._early:
                    continue
                self.settled += 1
                if is_refusal:
                    self.refused.add(tag - self._first)
                if tag == self._low + 1:
                    self._low = tag
                else:
                    self._early.add(tag)
            else:
                known = {number for number in self._early if number <= tag} if self._early else set()
                self.settled += tag - self._low - len(known)
                if is_refusal:
                    numbers = set(range(self._low + 1, tag + 1)) - known
                    self.refused.update(number - self._first for number in numbers)
                self._early -= known
                self._low = tag
            while self._low + 1 in self._early:
                self._low += 1
                self._early.remove(self._low)
        self.progressed_at = time.monotonic()

    def add_return(self, exchange: str, routing_key: str, body: bytes) -> None:
        """Finds the returned message by its content: equal messages are equally unroutable."""
        if self._indexes is None:
            self._indexes = {}
            for index, item in enumerate(self._items):
                if item.mandatory:
                    key = (self._prefix + item.exchange, item.routing_key, item.body)
                    self._indexes.setdefault(key, deque()).append(index)
        self.returned.add(self._indexes[exchange, routing_key, body].popleft())

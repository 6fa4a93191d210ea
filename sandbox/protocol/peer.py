"""The loop of a sandbox peer: take messages, let the peer think, publish what it says, settle what it read."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence

from bridge.wire.ports import JSON_CONTENT_TYPE, Delivery, Publication, PublishError, Source, Target
from sandbox.protocol.smp import MalformedMessageError

logger = logging.getLogger(__name__)


class Peer(ABC):
    """Everything a peer knows is in memory, so a state change and its messages happen together by nature.

    Messages are published at least once and in the order they were made: when the exchange does not confirm a batch,
    it is kept and published again before anything else is read, and its causes stay unsettled until then.
    """

    def __init__(self, source: Source, target: Target, *, limit: int = 500) -> None:
        self._source = source
        self._target = target
        self._limit = limit
        self._unpublished: list[Publication] = []
        self._accepted: list[int] = []
        self._rejected: list[int] = []
        self.dead_letters = 0

    def run_once(self, timeout: float = 0.0) -> int:
        """One round; waits at most `timeout` seconds for messages. Returns how many were read and published.

        Raises `SourceError` when the exchange is gone, and whatever the peer itself raises.
        """
        if not self._flush():
            return 0
        deliveries = self._source.take(self._limit, timeout)
        for delivery in deliveries:
            try:
                if delivery.content_type != JSON_CONTENT_TYPE:
                    raise MalformedMessageError(f"content type {delivery.content_type!r}")
                self._read(delivery)
            except MalformedMessageError as error:
                logger.error("%s: dead-lettered: %s", delivery.type, error)
                self._rejected.append(delivery.tag)
            else:
                self._accepted.append(delivery.tag)
        self.dead_letters += len(self._rejected)
        self._unpublished.extend(self._collect())
        published = len(self._unpublished)
        self._flush()
        return len(deliveries) + published

    def _flush(self) -> bool:
        if self._unpublished:
            try:
                returned = self._target.publish(self._unpublished)
            except PublishError as error:
                logger.warning("%s messages stay unpublished: %s", len(self._unpublished), error)
                return False
            for index in returned:
                logger.warning("nobody wanted the %s with key %s", *_name(self._unpublished, index))
            self._unpublished = []
        if self._accepted or self._rejected:
            accepted, rejected = self._accepted, self._rejected
            # When the exchange is gone it delivers them again, under other tags.
            self._accepted, self._rejected = [], []
            self._source.settle(accepted, rejected)
        return True

    @abstractmethod
    def _read(self, delivery: Delivery) -> None:
        """Takes one message into the peer's state. Raises `MalformedMessageError` for dead letters."""

    @abstractmethod
    def _collect(self) -> Sequence[Publication]:
        """Lets the peer do what is due, and hands over all it has to say."""


def _name(batch: Sequence[Publication], index: int) -> tuple[str, str]:
    return batch[index].type, batch[index].routing_key

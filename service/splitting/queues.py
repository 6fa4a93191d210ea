"""The broker's part of a split, or the part of both brokers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from bridge.rabbitmq.broker import RabbitSource
from bridge.wire.ports import Source
from service import brokers
from settings.config import Config, ConsumedQueue


class Queues(Protocol):
    """The queues of shards. Everything can be repeated. Raises ConnectionError and TopologyError."""

    def subscribe(self, config: Config) -> None:
        """A shard gets its queues, and messages."""
        ...

    def unsubscribe(self, config: Config) -> None:
        """No more messages come into a shard's queues."""
        ...

    def sources(self, config: Config) -> Iterator[Source]:
        """What can be taken from each queue of a shard that is there, one after the other."""
        ...

    def delete(self, config: Config) -> str | None:
        """Deletes the queues that nobody uses any more and that are empty. None: they are gone; else why not."""
        ...


class BrokerQueues:
    """Those of a real installation."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report

    def subscribe(self, config: Config) -> None:
        brokers.subscribe(config, self._report)

    def unsubscribe(self, config: Config) -> None:
        brokers.unsubscribe(config, self._report)

    def sources(self, config: Config) -> Iterator[Source]:
        for queue in brokers.existing_queues(config):
            with _source(config, queue) as source:
                yield source

    def delete(self, config: Config) -> str | None:
        said: list[str] = []
        return None if brokers.delete_queues(config, said.append) else "; ".join(said)


@contextmanager
def _source(config: Config, queue: ConsumedQueue) -> Iterator[Source]:
    source = RabbitSource(
        queue.url,
        queue.name,
        queue.prefetch_count,
        files=config.broker_files,
        most_bytes=config.app_max_message_bytes,
    )
    try:
        yield source
    finally:
        source.close()

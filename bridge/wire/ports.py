"""The two ports of every bridge, and what crosses them.

A `Source` hands out deliveries and is told which of them are settled; a `Target` publishes and says which messages
nobody would take. RabbitMQ (`bridge.rabbitmq.broker`) and the in-process exchange (`bridge.loopback`) both implement
them, so a bridge or a sandbox peer does not know which one it talks to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct, field

Headers = Mapping[str, str | int | bool]

JSON_CONTENT_TYPE = "application/json"


class Publication(Struct, frozen=True):
    """A message on its way to an exchange. Always persistent (delivery mode 2)."""

    exchange: str
    routing_key: str
    type: str
    body: bytes
    headers: Headers = field(default_factory=dict)
    mandatory: bool = False
    app_id: str = "swpt_trade"
    content_type: str = JSON_CONTENT_TYPE


class Delivery(Struct, frozen=True):
    """A message taken from a queue. `tag` is only meaningful to the source that handed it out."""

    tag: int
    exchange: str
    routing_key: str
    type: str | None
    content_type: str | None
    headers: Headers
    body: bytes
    redelivered: bool = False
    omitted_bytes: int = 0
    """The size of a body that was too large to be kept; `body` is empty then."""


class PublishError(Exception):
    """The batch is in doubt: some of it may have been published. The caller keeps all of it and repeats."""


class SourceError(Exception):
    """The source is gone (connection lost). Everything that was not settled will be delivered again."""


class Source(Protocol):
    """A queue, seen by its consumer."""

    def take(self, limit: int, timeout: float) -> list[Delivery]:
        """Up to `limit` deliveries; waits at most `timeout` seconds for the first one. Raises `SourceError`."""
        ...

    def settle(self, accepted: Sequence[int], rejected: Sequence[int] = ()) -> None:
        """Acknowledges `accepted` tags; moves `rejected` ones to the dead-letter queue. Raises `SourceError`."""
        ...

    def widen(self, extra: int) -> None:
        """Lets so many unsettled deliveries more be taken than usual, as some are to be held; 0 ends that."""
        ...

    def close(self) -> None:
        """Gives unsettled deliveries back to the queue."""
        ...


class Target(Protocol):
    """An exchange server, seen by its publisher."""

    def publish(self, batch: Sequence[Publication]) -> list[int]:
        """Publishes and waits until the broker has answered for every message.

        Returns the indexes of those that no queue took: mandatory ones without a queue, and those that the broker
        refused (a queue may be full). Raises `PublishError` when the answers do not come.
        """
        ...

    def close(self) -> None: ...

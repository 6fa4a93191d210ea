"""A consumer whose queue belongs to another shard takes nothing more from it, however often it is started again.

Every start would cost the queue's messages one of the deliveries that they have.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from bridge.inbound import ForeignShard

logger = logging.getLogger(__name__)

REMEDY = (
    "Nothing is taken from the queue until it is empty, or until `swpt-trade resume_consumption`: mend the bindings of "
    "the queue, or the setting that names it, and move the messages that are not its own to the queue of their shard"
)


@dataclass(frozen=True, slots=True)
class StopSign:
    """That of a queue, in the database of the shard whose binding key that is. The connection is in autocommit mode."""

    worker: psycopg.Connection[Any]
    queue: str
    binding_key: str

    def put(self, reason: str) -> None:
        """Commits it. Raises psycopg.Error."""
        self.worker.execute("select worker.put_stop_sign(%s, %s, %s)", (self.queue, self.binding_key, reason))

    def obey(self, count_waiting: Callable[[], int]) -> None:
        """Raises ForeignShard while there is one, and messages wait. In an empty queue there is nothing to lose.

        Raises psycopg.Error, and what `count_waiting` raises.
        """
        row = self.worker.execute("select worker.stop_sign(%s, %s)", (self.queue, self.binding_key)).fetchone()
        reason = row and row[0]
        if reason is None:
            return
        if count_waiting():
            raise ForeignShard(f"{reason}. {REMEDY}")
        logger.warning("the queue %s is empty: messages are taken from it again", self.queue)
        self.remove()

    def remove(self) -> bool:
        """Returns whether there was one. Raises psycopg.Error."""
        row = self.worker.execute("select worker.remove_stop_sign(%s, %s)", (self.queue, self.binding_key)).fetchone()
        return bool(row and row[0])

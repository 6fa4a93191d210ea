"""One connection to RabbitMQ, whose I/O loop runs in a thread of its own. Of several hosts, the first that answers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pika
from pika.adapters.select_connection import IOLoop

from bridge.rabbitmq.access import connection_parameters
from bridge.rabbitmq.causes import address, explain
from bridge.rabbitmq.frames import Confirmation, FrameConnection
from bridge.rabbitmq.tls import NO_FILES, TlsFiles
from bridge.wire.ports import Delivery

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 3.0


class Link:
    """One connection with one channel. `set_up` runs in the loop's thread as soon as the channel is open.

    All attributes are guarded by `changed`, which is notified when one of them changes.
    """

    def __init__(
        self,
        url: str,
        set_up: Callable[[Link], None],
        changed: threading.Condition,
        on_deliveries: Callable[[Link, list[Delivery]], None] | None = None,
        on_confirmations: Callable[[Link, list[Confirmation]], None] | None = None,
        first_tag: int = 0,
        files: TlsFiles = NO_FILES,
        most_bytes: int | None = None,
    ) -> None:
        """`first_tag` is added to the broker's delivery tags. Bodies of more than `most_bytes` are left out."""
        self._hosts = connection_parameters(url, files)
        self.address = ", ".join(map(address, self._hosts))
        self.channel: Any = None
        self.is_ready = False
        self.is_blocked = False
        self.error: str | None = None
        self._set_up = set_up
        self.changed = changed
        self._stopped = False
        self._is_closing = False
        self._failures: list[str] = []
        self._loop = IOLoop()

        def connect(parameters: pika.URLParameters) -> FrameConnection:
            connection = FrameConnection(
                parameters,
                lambda deliveries: on_deliveries(self, deliveries) if on_deliveries else None,
                lambda confirmations: on_confirmations(self, confirmations) if on_confirmations else None,
                first_tag,
                most_bytes,
                on_open_callback=self._on_open,
                on_open_error_callback=self._on_not_opened,
                on_close_callback=self._on_closed,
                custom_ioloop=self._loop,
            )
            connection.add_on_connection_blocked_callback(self._on_blocked)
            connection.add_on_connection_unblocked_callback(self._on_unblocked)
            return connection

        self._connect = connect
        self._tried = 0
        self.connection = connect(self._hosts[0])
        self._thread = threading.Thread(target=self._run, name="amqp", daemon=True)
        self._thread.start()

    def wait_until_ready(self, seconds: float) -> str | None:
        """Waits until the channel is set up. Returns what went wrong."""
        with self.changed:
            self.changed.wait_for(lambda: self.is_ready or self.error is not None, seconds)
            if self.error is None and not self.is_ready:
                self.error = f"{self.address}: no connection within {seconds:g} s"
            return self.error

    def call(self, function: Callable[[], None]) -> None:
        """Runs the function in the loop's thread, soon; never when the loop has ended."""
        with self.changed:
            if not self._stopped:
                self._loop.add_callback_threadsafe(function)

    def set_ready(self) -> None:
        """Called in the loop's thread at the end of the set-up."""
        with self.changed:
            self.is_ready = True
            self.changed.notify_all()

    def fail(self, error: str) -> None:
        """Remembers the first error and wakes up whoever waits. Callable from any thread."""
        with self.changed:
            if self.error is None:
                self.error = error
            self.changed.notify_all()

    def close(self) -> None:
        """Says goodbye to the broker; leaves without its answer when it keeps silent."""
        self.fail("closed")
        self.call(self._begin_close)
        self._thread.join(CLOSE_SECONDS)
        if self._thread.is_alive():
            self.call(self._abort)
            self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        try:
            self._loop.start()
        except Exception as error:
            self.fail(explain(error, self.address))
        with self.changed:
            self._stopped = True
            self._loop.close()

    def _abort(self) -> None:
        self.connection.abort()

    def _begin_close(self) -> None:
        self._is_closing = True
        if self.connection.is_open:
            self.connection.close()
        elif self.connection.is_closed or not self.connection.is_closing:
            self._loop.stop()

    def _on_open(self, connection: Any) -> None:
        with self.changed:
            self.address = address(self._hosts[self._tried])
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Any) -> None:
        self.channel = channel
        channel.add_on_close_callback(self._on_channel_closed)
        self._set_up(self)

    def _on_channel_closed(self, _channel: Any, reason: Exception) -> None:
        self.fail(explain(reason, self.address))
        if self.connection.is_open:
            self.connection.close()

    def _on_blocked(self, _connection: Any, frame: Any) -> None:
        logger.warning("the broker takes no messages for now: %s", frame.method.reason)
        with self.changed:
            self.is_blocked = True
            self.changed.notify_all()

    def _on_unblocked(self, _connection: Any, _frame: Any) -> None:
        logger.warning("the broker takes messages again")
        with self.changed:
            self.is_blocked = False
            self.changed.notify_all()

    def _on_not_opened(self, _connection: Any, reason: Any) -> None:
        self._failures.append(explain(reason, address(self._hosts[self._tried])))
        if self._tried + 1 < len(self._hosts) and not self._is_closing:
            self._tried += 1
            self.connection = self._connect(self._hosts[self._tried])
            return
        self.fail("; ".join(self._failures))
        self._loop.stop()

    def _on_closed(self, _connection: Any, reason: Any) -> None:
        self.fail(explain(reason, self.address))
        self._loop.stop()

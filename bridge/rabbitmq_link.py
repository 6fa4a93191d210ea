"""One connection to RabbitMQ, whose I/O loop runs in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pika
from pika.adapters.select_connection import SelectConnection

# The library logs connection URLs and every lost connection; all of that reaches the caller as an exception of ours.
logging.getLogger("pika").setLevel(logging.CRITICAL)


def connection_parameters(url: str) -> pika.URLParameters:
    """Raises ValueError for a malformed URL, without repeating it (it may hold a password)."""
    try:
        return pika.URLParameters(url)
    except Exception:
        raise ValueError("malformed broker URL") from None


class Link:
    """One connection with one channel. `set_up` runs in the loop's thread as soon as the channel is open."""

    def __init__(self, url: str, set_up: Callable[[Link], None], changed: threading.Condition) -> None:
        self.channel: Any = None
        self.error: str | None = None
        self._set_up = set_up
        self._changed = changed
        self._stopped = False
        self._connection = SelectConnection(
            connection_parameters(url),
            on_open_callback=self._on_open,
            on_open_error_callback=self._on_closed,
            on_close_callback=self._on_closed,
        )
        self._thread = threading.Thread(target=self._run, name="amqp", daemon=True)
        self._thread.start()

    def call(self, function: Callable[[], None]) -> None:
        """Runs the function in the loop's thread, soon; never when the loop has ended."""
        with self._changed:
            if not self._stopped:
                self._connection.ioloop.add_callback_threadsafe(function)

    def fail(self, error: str) -> None:
        """Remembers the first error and wakes up whoever waits. Callable from any thread."""
        with self._changed:
            if self.error is None:
                self.error = error
            self._changed.notify_all()

    def close(self) -> None:
        self.fail("closed")
        self.call(self._begin_close)
        self._thread.join(10)

    def _run(self) -> None:
        try:
            self._connection.ioloop.start()
        except Exception as error:
            self.fail(describe(error))
        with self._changed:
            self._stopped = True
            self._connection.ioloop.close()

    def _begin_close(self) -> None:
        if self._connection.is_open:
            self._connection.close()
        elif self._connection.is_closed or not self._connection.is_closing:
            self._connection.ioloop.stop()

    def _on_open(self, connection: Any) -> None:
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Any) -> None:
        self.channel = channel
        channel.add_on_close_callback(self._on_channel_closed)
        self._set_up(self)

    def _on_channel_closed(self, _channel: Any, reason: Exception) -> None:
        self.fail(describe(reason))
        if self._connection.is_open:
            self._connection.close()

    def _on_closed(self, _connection: Any, reason: Any) -> None:
        self.fail(describe(reason))
        self._connection.ioloop.stop()


def describe(reason: Any) -> str:
    """A short text for an error of the library."""
    text = f"{type(reason).__name__}: {reason}" if isinstance(reason, Exception) else str(reason)
    return text[:300]

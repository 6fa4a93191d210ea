"""The connections of one listening socket, of which there are never too many."""

from __future__ import annotations

import asyncio
import logging
import socket

from service.serving.connection import Connection
from service.serving.messages import Answering, Limits

logger = logging.getLogger(__name__)

BACKLOG = 1024
"""Connections that the kernel keeps until they are accepted."""


class HttpServer:
    """Serves the connections to one socket. Everything has to happen in one event loop."""

    def __init__(self, answering: Answering, limits: Limits | None = None) -> None:
        self._answering = answering
        self._limits = limits or Limits()
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._listeners: list[asyncio.Server] = []

    async def listen(self, sock: socket.socket) -> None:
        """Serves from now on what comes to a bound socket; call it for each one."""
        self._listeners.append(await asyncio.start_server(self._serve, sock=sock, backlog=BACKLOG))

    async def stop(self, seconds: float) -> None:
        """Takes no new requests; lets those that are being answered go on for so long, and drops the rest."""
        for listener in self._listeners:
            listener.close()
        for connection, task in self._connections.items():
            connection.finish()
            if connection.waiting_since is not None:
                task.cancel()
        tasks = list(self._connections.values())
        if tasks:
            _, unfinished = await asyncio.wait(tasks, timeout=seconds)
            for task in unfinished:
                task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer, self._answering, self._limits)
        if len(self._connections) >= self._limits.connections and not self._make_room():
            writer.transport.abort()
            return
        # This very coroutine would be the task, but asyncio complains when it is cancelled.
        task = asyncio.create_task(connection.serve())
        self._connections[connection] = task
        try:
            await asyncio.wait([task])
        finally:
            del self._connections[connection]
            # Here, as a task that is cancelled before its first step takes none.
            writer.transport.abort()
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a connection failed", exc_info=error)

    def _make_room(self) -> bool:
        """Closes the connection that has kept us waiting longest, if there is one."""
        waiting = [
            (connection.waiting_since, task)
            for connection, task in self._connections.items()
            if connection.waiting_since is not None and not task.cancelling()
        ]
        if not waiting:
            return False
        min(waiting, key=lambda item: item[0])[1].cancel()
        return True

"""A server of one WSGI application, in one process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection

from service.serving.server import HttpServer
from service.serving.wsgi import Application, Gateway

THREADS = 4
STOP_SECONDS = 5.0
"""How long requests may go on when a stop is asked for."""


class WsgiServer:
    """Serves an application until it is told to stop."""

    def __init__(self, host: str, port: int, app: Application, reserved: Collection[str] = ()) -> None:
        """Binds the port (0: any free one). The reserved paths are always answered. Raises OSError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family)
        self._gateway = Gateway(app, THREADS, reserved)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()

    @property
    def port(self) -> int:
        """The port that it is bound to."""
        return int(self._socket.getsockname()[1])

    def serve_forever(self) -> None:
        """Returns when `shutdown` was called. Can be called once."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    def shutdown(self) -> None:
        """Asks to stop, from any thread or signal handler."""
        self._loop.call_soon_threadsafe(self._stop.set)

    async def _serve(self) -> None:
        server = HttpServer(self._gateway.answer)
        await server.listen(self._socket)
        await self._stop.wait()
        await server.stop(STOP_SECONDS)
        self._gateway.close()

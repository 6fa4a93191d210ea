"""What gunicorn runs in each of its processes: our server in place of those that it brings along.

None of those has a deadline for the head of a request, and in those with threads the threads wait for slow clients.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket

from gunicorn.workers.base import Worker

from admin.web.health import PATH as HEALTH
from admin.web.introspection import MAX_WAITING
from service.serving.server import HttpServer
from service.serving.wsgi import Gateway

STOP_SECONDS = 6.0
"""How long requests may go on when a stop is asked for."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class DeadlineWorker(Worker):
    """Serves the application until it is told to stop, or its parent is gone."""

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        stop = asyncio.Event()
        for number in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        # Beside the threads that work are those that wait for the token server.
        gateway = Gateway(self.wsgi, self.cfg.threads + MAX_WAITING, [HEALTH])
        server = HttpServer(gateway.answer)
        for sock in self.sockets:
            # gunicorn keeps its own.
            await server.listen(socket.socket(fileno=os.dup(sock.fileno())))
        while not stop.is_set() and self.ppid == os.getppid():
            self.notify()
            try:
                await asyncio.wait_for(stop.wait(), 1.0)
            except TimeoutError:
                continue
        await server.stop(STOP_SECONDS)
        gateway.close()

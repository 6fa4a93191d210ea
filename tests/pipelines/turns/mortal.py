"""Connections that die, all at once, before a certain round trip to their server."""

from __future__ import annotations

from typing import Any

import psycopg

from sandbox.servers.postgres import PrivateServer

Connection = psycopg.Connection[tuple[Any, ...]]


class Fuse:
    """Ends both connections before a certain round trip of either. `length` None: never."""

    def __init__(self, server: PrivateServer, length: int | None) -> None:
        self._server = server
        self._length = length
        self._backends: list[int] = []
        self.trips = 0

    @property
    def is_blown(self) -> bool:
        return self._length is not None and self.trips > self._length

    def watch(self, connection: Connection) -> None:
        self._backends.append(connection.info.backend_pid)

    def trip(self) -> None:
        self.trips += 1
        if self._length is not None and self.trips == self._length + 1:
            with self._server.admin() as admin:
                admin.execute("select pg_terminate_backend(pid, 5000) from unnest(%s) as pid", (self._backends,))


class MortalConnection(psycopg.Connection[tuple[Any, ...]]):
    """Every round trip to the server goes through `wait`."""

    fuse: Fuse | None = None

    def wait(self, *args: Any, **kwargs: Any) -> Any:
        if self.fuse is not None:
            self.fuse.trip()
        return super().wait(*args, **kwargs)

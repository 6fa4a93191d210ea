"""Servers that take connections and say nothing, and a machine whose name servers do not answer."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

PATIENT = {"RES_OPTIONS": "timeout:30 attempts:2"}
"""A look-up of a name takes a minute then."""


@dataclass(slots=True)
class Silence:
    """A port of this machine. `greeting`: what it answers to the first bytes, and nothing more."""

    greeting: bytes = b""
    connections: list[socket.socket] = field(default_factory=list)
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def is_tried(self) -> bool:
        """Whether somebody waits for an answer."""
        return bool(self.connections)

    def listen(self) -> None:
        """Until it is closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if self.greeting:
                connection.recv(100)
                connection.sendall(self.greeting)
            self.connections.append(connection)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self.connections:
            connection.close()


@contextmanager
def silence(greeting: bytes = b"") -> Iterator[Silence]:
    """A silent server."""
    server = Silence(greeting)
    thread = threading.Thread(target=server.listen, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join(5)


def can_have_own_mounts() -> bool:
    """Whether processes may be started that see other files than the rest of the machine."""
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


@contextmanager
def silent_names(folder: Path) -> Iterator[tuple[list[str], socket.socket]]:
    """What to put before a command, so that names are looked up at a name server that never answers; and its socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as names:
        # Tests that run at the same time have addresses of their own.
        address = f"127.53.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
        names.bind((address, 53))
        names.settimeout(60)
        (folder / "resolv.conf").write_text(f"nameserver {address}\n")
        script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
        yield ["unshare", "--mount", "sh", "-c", script, str(folder / "resolv.conf")], names

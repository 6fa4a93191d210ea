"""A private PgBouncer in front of a private PostgreSQL server."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from sandbox.servers.postgres import PrivateServer

_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
_START_SECONDS = 10.0

PROGRAM = shutil.which("pgbouncer", path=_PATH)


class Pooler:
    """A running pooler."""

    def __init__(self, port: int) -> None:
        self._port = port

    def url(self, url: str) -> str:
        """The way through the pooler to the database of this URL."""
        parts = urlsplit(url)
        return parts._replace(netloc=f"{parts.username}@127.0.0.1:{self._port}").geturl()


@contextmanager
def private_pooler(server: PrivateServer, mode: str, **settings: str) -> Iterator[Pooler]:
    """`mode` is session, transaction or statement; `settings` are those of PgBouncer."""
    assert PROGRAM is not None
    with tempfile.TemporaryDirectory(prefix="swpt-pgbouncer-") as folder:
        Path(folder).chmod(0o755)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        (users := Path(folder) / "users.txt").write_text('"postgres" ""\n')
        lines = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(port),
            "unix_socket_dir": "",
            "auth_type": "trust",
            "auth_file": str(users),
            "pool_mode": mode,
            "default_pool_size": "5",
            **settings,
        }
        options = "".join(f"{name} = {value}\n" for name, value in lines.items())
        database = f"* = host=127.0.0.1 port={server.settings['port']}"
        (config := Path(folder) / "pgbouncer.ini").write_text(f"[databases]\n{database}\n[pgbouncer]\n{options}")
        # It refuses to be root.
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        with (Path(folder) / "output").open("wb") as output:
            process = subprocess.Popen([PROGRAM, *user, str(config)], stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait_for(port, process, Path(folder) / "output")
            yield Pooler(port)
        finally:
            process.terminate()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], output: Path) -> None:
    ends = time.monotonic() + _START_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        assert process.poll() is None, output.read_text()
        assert time.monotonic() < ends, output.read_text()
        time.sleep(0.02)

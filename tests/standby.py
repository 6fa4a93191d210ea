"""A standby that streams from a private server, and takes its place."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

import psycopg

from sandbox.servers.postgres import PrivateServer
from sql.connections import connect

_START_SECONDS = 30.0


class Standby:
    """A running standby; its files are beside those of its primary, or of the server that its primary was made from."""

    def __init__(self, primary: PrivateServer, source: Standby | None = None) -> None:
        """`source`: what it follows, if that is a standby of `primary` that was promoted."""
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.folder = folder = Path(primary.base_dir) / f"standby-{self.port}"
        copy = [str(primary.programs / "pg_basebackup"), "-R", "-c", "fast", "-D", str(folder)]
        copy += ["-d", (source.url if source else primary.database_url)("postgres"), "--no-sync"]
        subprocess.run(primary.as_user(copy), check=True, capture_output=True, cwd=primary.base_dir)
        command = [primary.postgres, "-p", str(self.port), "-D", str(folder), "-k", f"{primary.base_dir}/tmp"]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=200"]
        self._process = subprocess.Popen(
            primary.as_user(command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=primary.base_dir
        )
        self._wait()

    def url(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def cut_off(self, position: str) -> None:
        """Hears nothing of the primary any more as soon as it has all WAL up to a position."""
        with connect(self.url("postgres"), "cut off") as admin:
            self._wait_for(admin, "select pg_last_wal_replay_lsn() >= %s::pg_lsn", position)
            admin.execute("alter system set primary_conninfo = ''")
            admin.execute("select pg_reload_conf()")
            self._wait_for(admin, "select not exists (select from pg_stat_wal_receiver where pid is not null)")

    @staticmethod
    def _wait_for(admin: psycopg.Connection[tuple[bool]], query: LiteralString, *parameters: str) -> None:
        ends = time.monotonic() + _START_SECONDS
        while admin.execute(query, parameters).fetchone() != (True,):
            assert time.monotonic() < ends, "the standby does not follow"
            time.sleep(0.02)

    def promote(self) -> None:
        """Returns when it is the primary."""
        with connect(self.url("postgres"), "promote") as admin:
            assert admin.execute("select pg_promote()").fetchone() == (True,)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait()

    def _wait(self) -> None:
        ends = time.monotonic() + _START_SECONDS
        while True:
            with contextlib.suppress(psycopg.OperationalError):
                connect(self.url("postgres"), "start").close()
                return
            assert self._process.poll() is None, "the standby has ended"
            assert time.monotonic() < ends, "the standby does not start"
            time.sleep(0.05)


@contextmanager
def standby_of(primary: PrivateServer) -> Iterator[Standby]:
    """Has all that the primary had when this returned, and gets what comes."""
    standby = Standby(primary)
    try:
        yield standby
    finally:
        standby.stop()

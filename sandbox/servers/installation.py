"""The service as an operator runs it: real processes with real databases."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Environment = dict[str, str]

LIMIT = 60.0
"""Seconds after which something that should happen at once counts as stuck."""


def command(*arguments: str) -> list[str]:
    """What the shell runs for `swpt-trade ARGUMENTS`."""
    return [sys.executable, "-m", "admin.cli", *arguments]


def run(environment: Environment, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    return subprocess.run(
        command(*arguments),
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
    )


class Server:
    """A command that runs until it is told to stop. What it prints goes to a file."""

    def __init__(self, environment: Environment, output: Path, *arguments: str) -> None:
        self.output = output
        with output.open("w") as file:
            self._process = subprocess.Popen(
                command(*arguments), env={**os.environ, **environment}, stdout=file, stderr=subprocess.STDOUT
            )
        self.pid = self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status, None while it runs."""
        return self._process.poll()

    def send(self, number: int) -> None:
        """Sends a signal."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """The exit status, when it has ended."""
        return self._process.wait(LIMIT)

    def end(self) -> None:
        """Whatever state it is in."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def text(self) -> str:
        """What it has printed."""
        return self.output.read_text()


@contextmanager
def server(environment: Environment, folder: Path, *arguments: str) -> Iterator[Server]:
    """Runs a command for the time of a block."""
    number = len(list(folder.iterdir()))
    started = Server(environment, folder / f"{number}-{arguments[0]}.log", *arguments)
    try:
        yield started
    finally:
        started.end()


def children(pid: int) -> dict[int, str]:
    """The children of a process: their arguments by process ID."""
    listed = subprocess.run(
        ["ps", "-ww", "--no-headers", "-o", "pid,args", "--ppid", str(pid)], capture_output=True, text=True
    ).stdout
    return {int(line.split()[0]): line.split(None, 1)[1] for line in listed.splitlines()}


def is_running(pid: int) -> bool:
    """Whether there is such a process that has not ended."""
    state = subprocess.run(["ps", "--no-headers", "-o", "state", "-p", str(pid)], capture_output=True, text=True).stdout
    return bool(state.strip()) and not state.startswith("Z")


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Waits until the condition holds."""
    ends = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < ends, f"never: {what}"
        time.sleep(0.05)

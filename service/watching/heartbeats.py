"""Signs of life: each process writes one small file into the shared directory, again and again."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

_EXPECTED = "expected.json"


class StepNews(msgspec.Struct, omit_defaults=True):
    """What became of a step of a process. Moments are seconds since 1970; None: it did not happen."""

    last_success: float | None = None
    last_error: str | None = None
    last_error_at: float | None = None


class Heartbeat(msgspec.Struct):
    """A process. `process` is the name of its command; it may be silent for `allowed_seconds`."""

    process: str
    pid: int
    started_at: float
    allowed_seconds: float
    steps: dict[str, StepNews]

    @property
    def last_success(self) -> float | None:
        """The success of the step that is behind; None when there was none yet."""
        successes = [news.last_success for news in self.steps.values()]
        return min((moment for moment in successes if moment is not None), default=None)

    @property
    def quiet_since(self) -> float:
        """The moment from which its silence counts: a step that never succeeded is silent since the start."""
        successes = [news.last_success or self.started_at for news in self.steps.values()]
        return min(successes, default=self.started_at)


class Expected(msgspec.Struct):
    """The processes that a server should have, and since when."""

    since: float
    processes: tuple[str, ...]


def write(directory: Path, heartbeat: Heartbeat) -> None:
    """Replaces the file of this process, in one go. Raises OSError."""
    _replace(directory / f"{heartbeat.process}.{heartbeat.pid}.heartbeat", msgspec.json.encode(heartbeat))


def expect(directory: Path, processes: Iterable[str], now: float | None = None) -> None:
    """Says which processes a server has, so that one which never reports is missed."""
    expected = Expected(time.time() if now is None else now, tuple(processes))
    _replace(directory / _EXPECTED, msgspec.json.encode(expected))


def read_expected(directory: Path) -> Expected:
    """What `expect` wrote last; nothing when it was not called."""
    try:
        return msgspec.json.decode((directory / _EXPECTED).read_bytes(), type=Expected)
    except FileNotFoundError:
        return Expected(0.0, ())


def read_all(directory: Path) -> list[Heartbeat]:
    """The heartbeats of all processes, dead ones included, by process and age."""
    found = []
    for path in directory.glob("*.heartbeat"):
        # It may be gone since it was listed.
        with contextlib.suppress(FileNotFoundError):
            found.append(msgspec.json.decode(path.read_bytes(), type=Heartbeat))
    return sorted(found, key=lambda heartbeat: (heartbeat.process, heartbeat.started_at))


def remove(directory: Path, heartbeat: Heartbeat) -> None:
    """Deletes the file of a process that has ended as it should, or that was replaced."""
    (directory / f"{heartbeat.process}.{heartbeat.pid}.heartbeat").unlink(missing_ok=True)


def is_running(pid: int) -> bool:
    """Whether there is a process with this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.write_bytes(content)
    draft.replace(path)

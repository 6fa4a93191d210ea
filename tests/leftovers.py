"""A run leaves nothing behind: no file in its temporary folder, and no process that one of its tests has started.

The run gets a temporary folder of its own, so others on this machine start no alarm: in memory where there is plenty
of it, as its databases are thousands of files. Every process that it starts has the folder's name in its environment,
which is how those that are left are found (where there is `/proc`).
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 15.0
"""Seconds that what ends by itself has for it."""

FOLDER = pytest.StashKey[Path]()
LEFT = pytest.StashKey[list[str]]()
SEEN = pytest.StashKey[dict[str, list[str]]]()
"""After which tests an entry of the folder was there for the first time: with pytest-xdist, one of each process."""
_TOLD = "entries of the temporary folder"


_MEMORY = Path("/dev/shm")
_PLENTY = 12 * 2**30
"""Bytes, of the file system in memory and of memory itself."""


def place() -> Path | None:
    """Where the folder of the run is best: in memory, or None, which is the usual place and what TMPDIR says."""
    if os.environ.get("TMPDIR") or not os.access(_MEMORY, os.W_OK | os.X_OK):
        return None
    found = os.statvfs(_MEMORY)
    is_usable = not found.f_flag & os.ST_NOEXEC and found.f_bavail * found.f_frsize >= _PLENTY
    available = re.search(r"(?m)^MemAvailable: +(\d+) kB$", Path("/proc/meminfo").read_text())
    return _MEMORY if is_usable and available and int(available[1]) * 1024 >= _PLENTY else None


def processes(folder: Path) -> dict[int, str]:
    """The processes that work with this temporary folder or one in it, by ID: what they run."""
    wanted = f"TMPDIR={folder}/".encode()
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        # Whoever ends meanwhile, or belongs to somebody else, is none of ours.
        with contextlib.suppress(OSError):
            if any((line + b"/").startswith(wanted) for line in (entry / "environ").read_bytes().split(b"\0")):
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    found.pop(os.getpid(), None)
    return found


def what_is_left(folder: Path, seen: dict[str, list[str]]) -> list[str]:
    """Files and processes, one line each, when what is about to end has had its time."""
    deadline = time.monotonic() + PATIENCE
    while (running := processes(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return [
        *(f"process {number}: {text}" for number, text in sorted(running.items())),
        *(
            f"file {path}, seen after {' and '.join(seen.get(path.name, ['the last test']))}"
            for path in sorted(folder.iterdir())
        ),
    ]


def pytest_configure(config: pytest.Config) -> None:
    """Before anybody asks where the temporary folder is. Processes of pytest-xdist take over that of the first one."""
    config.stash[SEEN] = {}
    if hasattr(config, "workerinput"):
        return
    # Pytest keeps the folders of tests that failed, for those who look into them.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
    folder = Path(tempfile.mkdtemp(prefix="swpt-tests-", dir=place()))
    # Root's database servers run as somebody else.
    folder.chmod(0o711)
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = None
    config.stash[FOLDER] = folder


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Notes what is new in the folder, so that the one who left it can be named."""
    yield
    seen = item.config.stash[SEEN]
    for name in os.listdir(tempfile.gettempdir()):
        seen.setdefault(name, [item.nodeid])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A process of pytest-xdist has ended, and told what it has seen."""
    for name, tests in getattr(node, "workeroutput", {}).get(_TOLD, {}).items():
        node.config.stash[SEEN].setdefault(name, []).extend(tests)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """When all processes of pytest-xdist have ended."""
    folder = session.config.stash.get(FOLDER, None)
    if folder is None:
        session.config.workeroutput[_TOLD] = session.config.stash[SEEN]  # type: ignore[attr-defined]
        return
    left = session.config.stash[LEFT] = what_is_left(folder, session.config.stash[SEEN])
    for number in processes(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    if left and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure(config: pytest.Config) -> None:
    """At the end of a run, and of one that only showed its options."""
    folder = config.stash.get(FOLDER, None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Names what is left."""
    left = config.stash.get(LEFT, [])
    if left:
        terminalreporter.section("left behind by this run", red=True)
        for line in left:
            terminalreporter.write_line(line)

"""A run of tests notices what its tests leave behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.servers.installation import eventually, is_running

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]

CLEAN = """
import subprocess, tempfile

def test_clean(tmp_path):
    (tmp_path / "file").touch()
    tempfile.TemporaryFile().close()
    assert subprocess.run(["true"]).returncode == 0
"""

FILE = """
import tempfile

def test_untidy():
    tempfile.mkdtemp(prefix="forgotten-")
"""

PROCESS = """
import re
import subprocess

def test_untidy():
    subprocess.Popen(["sleep", "1234"], start_new_session=True)
"""


def run(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """A run of its own, of one test file. Nothing is waited for."""
    (folder / "test_it.py").write_text(text)
    (folder / "conftest.py").write_text("import tests.leftovers\n\ntests.leftovers.PATIENCE = 0.0\n")
    temporary = folder / "temporary"
    temporary.mkdir()
    program = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.leftovers",
        "-p",
        "no:cacheprovider",
        *options,
        "test_it.py",
    ]
    # The folders of tests are under `temporary`, too.
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}
    environ.pop("PYTEST_DEBUG_TEMPROOT", None)
    for name in [name for name in environ if name.startswith("PYTEST_XDIST")]:
        del environ[name]
    done = subprocess.run(program, cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert list(temporary.glob("swpt-tests-*")) == []
    return done


@pytest.mark.parametrize("options", [(), ("-n", "2"), ("--help",)], ids=["one_process", "several", "no_test"])
def test_a_clean_run_is_fine(tmp_path: Path, options: tuple[str, ...]) -> None:
    done = run(tmp_path, CLEAN, *options)
    assert done.returncode == 0, done.stdout
    assert "left behind" not in done.stdout


@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["one_process", "several"])
def test_a_forgotten_file_fails_the_run(tmp_path: Path, options: tuple[str, ...]) -> None:
    done = run(tmp_path, FILE, *options)
    assert done.returncode == 1, done.stdout
    assert "1 passed" in done.stdout
    assert re.search("/forgotten-[^ ]*, seen after test_it.py::test_untidy$", done.stdout, re.MULTILINE)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc here")
def test_a_forgotten_process_fails_the_run_and_is_ended(tmp_path: Path) -> None:
    done = run(tmp_path, PROCESS)
    assert done.returncode == 1, done.stdout
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("process "))
    assert line.endswith(": sleep 1234")
    number = int(line.split()[1].rstrip(":"))
    eventually(lambda: not is_running(number), "its end")

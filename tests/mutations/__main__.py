"""`python -m tests.mutations [G6 simulation …]`: takes mends out of a copy of the project: do tests fail?"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.coverage_map import find_tests, tests_of
from tests.mutations.table import MUTATIONS, SIMULATION, Mutation

ROOT = Path(__file__).parents[2]
FAILED = 1
"""Exit status of pytest and of the simulator."""


def main(numbers: list[str]) -> int:
    """Returns the exit status: 1 when some tests noticed nothing. Without numbers: all."""
    unnoticed = []
    with tempfile.TemporaryDirectory(prefix="swpt-mutations-") as folder:
        copy = Path(folder) / "project"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.egg-info"))
        for mutation in MUTATIONS:
            if numbers and mutation.number not in numbers:
                continue
            began = time.monotonic()
            noticed = is_noticed(copy, mutation)
            where = f"{mutation.number} {mutation.file}: {mutation.new.strip()[:60]!r}"
            print("noticed  " if noticed else "UNNOTICED", f"{time.monotonic() - began:4.0f} s ", where, flush=True)
            if not noticed:
                unnoticed.append(where)
    return 1 if unnoticed else 0


def is_noticed(copy: Path, mutation: Mutation) -> bool:
    """Do the tests fail with the mutation? Raises ValueError when it does not fit the file any more."""
    file = copy / mutation.file
    text = file.read_text()
    if text.count(mutation.old) != 1:
        raise ValueError(f"{mutation.file} has {text.count(mutation.old)} times {mutation.old!r}")
    file.write_text(text.replace(mutation.old, mutation.new))
    # From the copy's folder, so that its packages come before the installed ones.
    command = [sys.executable, "-m", *_arguments(mutation)]
    try:
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    finally:
        file.write_text(text)
    is_verdict = done.returncode in (0, FAILED) and (
        mutation.number != SIMULATION or "seeds that failed" in done.stdout
    )
    if not is_verdict:
        raise ValueError(f"the tests could not run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode == FAILED


def _arguments(mutation: Mutation) -> list[str]:
    if mutation.number == SIMULATION:
        return ["tests.simulation", "--seeds", str(mutation.seeds)]
    return ["pytest", "-q", "-x", "-p", "no:cacheprovider", *_tests(mutation)]


def _tests(mutation: Mutation) -> list[str]:
    """Those that carry the number; first the ones in the folder of the file's name, which are likely to notice."""
    folder = Path(mutation.file).parent.name
    found = sorted(tests_of(mutation.number, find_tests()), key=lambda test: folder not in Path(test[0]).parts)
    return [f"{file}::{name}" for file, name in found]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

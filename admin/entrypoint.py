"""`swpt-trade-entrypoint`: what a container runs, with the arguments that it is given."""

from __future__ import annotations

import os
import sys

from admin.cli import main as run_command
from admin.lazy_commands import LAZY_COMMANDS

DEVELOPMENT = {
    "test": (sys.executable, "-m", "pytest"),
    "develop-run-flask": (sys.executable, "-m", "flask", "--app", "admin.web.develop", "run"),
}
"""Programs for development only, which take the remaining arguments."""


def main() -> None:
    """No arguments: a worker. A command of `swpt-trade`, or an option: that. Anything else is run as a program."""
    arguments = sys.argv[1:] or ["worker"]
    first = arguments[0]
    if first.startswith("-") or first in run_command.commands or first in LAZY_COMMANDS:
        run_command(arguments, prog_name="swpt-trade")
    program = (*DEVELOPMENT.get(first, (first,)), *arguments[1:])
    try:
        os.execvp(program[0], program)
    except OSError as error:
        print(f"cannot run {program[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(127 if isinstance(error, FileNotFoundError) else 126)


if __name__ == "__main__":
    main()

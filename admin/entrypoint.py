"""`swpt-trade-entrypoint`: what a container runs, with the arguments that it is given."""

from __future__ import annotations

import os
import sys

from admin.cli import main as group
from admin.cli import run

TEST = "test"
"""Runs the tests of the tree that the container works in; for development only."""
DEVELOP_WEBSERVER = "develop-run-flask"
"""The web server without a check of tokens, reachable from inside the container only; for development only."""


def main() -> None:
    """No arguments: a worker. A command of `swpt-trade`, or an option: that. Anything else is run as a program."""
    program = sys.argv[1:] or ["worker"]
    if program[0] == DEVELOP_WEBSERVER:
        os.environ["APP_WEBSERVER_NO_TOKEN_CHECK"] = "true"
        program[0] = "webserver"
    elif program[0] == TEST:
        program[:1] = [sys.executable, "-m", "pytest"]
    if program[0].startswith("-") or program[0] in group.commands:
        run(program)
    try:
        os.execvp(program[0], program)
    except OSError as error:
        print(f"cannot run {program[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(127 if isinstance(error, FileNotFoundError) else 126)


if __name__ == "__main__":
    main()

"""Outputs of commands in documents: each is between two comments, the first of which has the command."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("docs/concepts.md", "docs/production.md")
_BLOCK = re.compile(r"(<!-- output of: (.+?) -->\n)(.*?)(<!-- end of output -->)", re.DOTALL)
# How long it took, and how much memory.
_CHANGING = re.compile(r"^time +.*\n", re.MULTILINE)
_WIDTH = "110"


def commands(text: str) -> list[str]:
    """The commands whose outputs a document has."""
    return [command for _, command, _, _ in _BLOCK.findall(text)]


def output(command: str) -> str:
    """What a command of `swpt-trade` says, as a block; variables may stand before it. ANSWER is a new folder."""
    words = shlex.split(command)
    variables = dict(word.split("=", 1) for word in words if "=" in word and word.split("=", 1)[0].isupper())
    program, *arguments = [word for word in words if word.split("=", 1)[0] not in variables]
    assert program == "swpt-trade"
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "PYTHONPATH", "TMPDIR")}
    environ = {**kept, **variables, "COLUMNS": _WIDTH, "NO_COLOR": "1"}
    with tempfile.TemporaryDirectory(prefix="swpt-documents-") as folder:
        answer = str(Path(folder) / "answer")
        done = subprocess.run(
            [sys.executable, "-m", "admin.cli", *(answer if word == "ANSWER" else word for word in arguments)],
            cwd=ROOT,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    shown = _CHANGING.sub("", done.stdout).rstrip()
    return f"```\n$ {command}\n{shown}\n```\n"


def with_outputs(text: str) -> str:
    """A document with all outputs made anew."""
    return _BLOCK.sub(lambda match: match[1] + output(match[2]) + match[4], text)

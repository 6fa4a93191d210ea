"""Prints what pyproject.toml requires, or one of its extras: `python requirements.py [EXTRA]`."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
print("\n".join(project["optional-dependencies"][sys.argv[1]] if len(sys.argv) > 1 else project["dependencies"]))

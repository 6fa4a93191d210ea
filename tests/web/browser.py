"""A real browser without a window."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def browser() -> str | None:
    """The browser program of this machine, if there is one."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


def visit(program: str, url: str, profile: Path, *arguments: str, **options: Any) -> str:
    """Opens a page, waits until it has settled, and returns its elements as HTML."""
    command = [
        program,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        f"--user-data-dir={profile}",
        "--window-size=1000,1400",
        "--virtual-time-budget=4000",
        *arguments,
        "--dump-dom",
        url,
    ]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120, **options).stdout

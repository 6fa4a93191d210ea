"""Folders that results go to."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click


def check_folder(path: Path) -> None:
    """Makes a folder for results before the work is done. Raises click.ClickException if that can not be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise click.ClickException(f"cannot write to {path}: {error.strerror}") from None

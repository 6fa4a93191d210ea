"""Loggers have the names of modules, and those that documents name exist."""

from __future__ import annotations

import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

from service.logs import APPLICATION_LOGGERS

ROOT = Path(__file__).parents[2]
PACKAGES = [
    name.rstrip("*")
    for name in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"][
        "include"
    ]
]
OURS = "logger = logging.getLogger(__name__)"


def makers() -> dict[str, Path]:
    """The modules that have a logger, by their names."""
    return {
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."): path
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if "logging.getLogger(__name__)" in path.read_text()
    }


def test_all_have_one_name() -> None:
    assert len(makers()) > 20
    for path in makers().values():
        assert f"\n{OURS}\n" in path.read_text(), path


def test_the_log_level_applies_to_all_packages() -> None:
    assert sorted(APPLICATION_LOGGERS) == sorted(["swpt_trade", *PACKAGES])


def test_those_in_the_documents_exist() -> None:
    section = re.search(r"^## Logs\n(.*?)^## ", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE | re.DOTALL)
    assert section is not None
    named = re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", section[1])
    assert named
    assert set(named) <= set(makers())
    libraries = re.search(r"APP_ASSOCIATED_LOGGERS=\"?([a-z_. ]+)", section[1])
    assert libraries is not None
    assert all(find_spec(name) for name in libraries[1].split())

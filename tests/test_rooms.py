"""The folders of the project are floors: what stands on one leans on itself and on those below, and on nothing else."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FLOORS = (
    ("sql", "pipelines"),
    ("reports",),
    ("bridge",),
    ("settings",),
    ("service",),
    ("sandbox",),
    ("admin", "benchmarks"),
    ("docker",),
)
"""From the ground."""

LEVELS = {folder: level for level, folders in enumerate(FLOORS) for folder in folders}
SHIPPED = sorted(folder for folder in LEVELS if folder not in ("benchmarks", "docker"))
"""What is in the wheel and in the images."""

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def modules() -> dict[str, Path]:
    """Every module of the project, by its name."""
    found = {}
    for folder in LEVELS:
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(path: Path) -> Iterator[str]:
    """The modules of the project that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = [f"{module}.{a.name}" if f"{module}.{a.name}" in MODULES else module for a in node.names]
        else:
            continue
        yield from (name for name in names if name in MODULES)


def room(module: str) -> str:
    """The folder that a module is in."""
    path = MODULES[module]
    return path.parent.relative_to(ROOT).as_posix()


def test_nothing_leans_on_a_floor_above() -> None:
    upward = [
        f"{module} imports {other}"
        for module, path in MODULES.items()
        for other in imports(path)
        if LEVELS[other.partition(".")[0]] > LEVELS[module.partition(".")[0]]
    ]
    assert upward == []


def test_no_folders_lean_on_each_other() -> None:
    leans = {
        (room(module), room(other))
        for module, path in MODULES.items()
        for other in imports(path)
        if room(module) != room(other)
    }
    reached = {folder: {b for a, b in leans if a == folder} for folder in {a for a, _ in leans}}
    for _ in reached:
        for folder, others in reached.items():
            reached[folder] = others | {far for near in others for far in reached.get(near, set())}
    assert [folder for folder, others in sorted(reached.items()) if folder in others] == []


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_module_is_named_like_a_cupboard(module: str) -> None:
    assert not {"utils", "util", "common", "helpers", "misc"} & {*module.split(".")}


def test_the_packages_are_listed_wherever_they_have_to_be() -> None:
    tree = sorted(path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name not in ("tests",))
    assert tree == sorted([*SHIPPED, "benchmarks"])
    tool = PYPROJECT["tool"]
    assert sorted(name.rstrip("*") for name in tool["setuptools"]["packages"]["find"]["include"]) == SHIPPED
    assert sorted(tool["mypy"]["packages"]) == SHIPPED
    assert sorted(tool["ruff"]["lint"]["isort"]["known-first-party"]) == sorted([*SHIPPED, "benchmarks", "tests"])
    service = (ROOT / "Dockerfile").read_text().partition(" AS build-image\n")[2].partition("\nFROM ")[0]
    assert sorted(re.findall(r"^COPY (\w+)/ \1/$", service, re.MULTILINE)) == SHIPPED
    unignored = re.findall(r"^!(\w+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert {*SHIPPED} <= {*unignored}


def test_the_overrides_of_types_name_modules_that_exist() -> None:
    for override in PYPROJECT["tool"]["mypy"]["overrides"]:
        for name in override["module"]:
            if name.partition(".")[0] in LEVELS:
                assert name.removesuffix(".*") in MODULES


def test_no_test_file_imports_another() -> None:
    found = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(alias.name for alias in node.names)]
            else:
                continue
            if any(part.startswith("test_") for name in names for part in name.split(".")):
                found.append(path.relative_to(ROOT / "tests").as_posix())
    # Helpers are in files of their own.
    assert found == []

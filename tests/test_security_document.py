"""docs/security.md: every promise names tests that hold it, and these exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)
PARTIES = (
    "The issuer of a currency",
    "A trader",
    "The creditors agent",
    "An accounting authority",
    "Whoever can publish on the broker",
    "A visitor of the web",
    "A stolen credential",
    "What others have made",
)


def functions(path: str) -> set[str]:
    """The functions of a file."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_all_named_tests_exist() -> None:
    assert NAMED
    missing = [f"{path}::{name}" for path, name in NAMED if not (ROOT / path).exists() or name not in functions(path)]
    assert missing == []
    assert all(name.startswith("test_") for _, name in NAMED)


@pytest.mark.parametrize("party", PARTIES)
def test_every_promise_to_a_party_is_held_by_a_test(party: str) -> None:
    lines = [line for line in SECTIONS[party].splitlines() if line.startswith("| ")][1:]
    assert len(lines) >= 4
    assert [line for line in lines if not re.search(r"`tests/[\w/]+\.py::test_\w+` \|$", line)] == []


def test_the_document_is_found() -> None:
    for path in ("README.md", "SECURITY.md"):
        assert "](docs/security.md)" in (ROOT / path).read_text(encoding="utf-8")

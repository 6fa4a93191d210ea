"""Every error code of our own is in one table, and nobody asks for one that does not exist."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"""["'](ST\d{3})["']""")
PACKAGES = ("admin", "bridge", "pipelines", "sandbox", "service", "settings")


def codes(*patterns: str) -> set[str]:
    """The codes that stand in quotes in files."""
    return {code for pattern in patterns for path in ROOT.glob(pattern) for code in CODE.findall(path.read_text())}


def test_the_table_has_every_code_once() -> None:
    table = Counter(re.findall(r"^\| `(ST\d{3})` \|", (ROOT / "sql" / "README.md").read_text(), re.MULTILINE))
    used = codes("sql/**/*.sql")
    assert len(used) > 10
    assert set(table) == used
    assert set(table.values()) == {1}


def test_python_asks_only_for_codes_that_exist() -> None:
    assert codes(*(f"{package}/**/*.py" for package in PACKAGES)) <= codes("sql/**/*.sql")


def test_documents_speak_only_of_codes_that_exist() -> None:
    spoken = {
        code
        for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "sql" / "README.md")
        for code in re.findall(r"\bST\d{3}\b", path.read_text())
    }
    assert spoken <= codes("sql/**/*.sql")

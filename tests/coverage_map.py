"""Which test shows which number of the behaviour: `python -m tests.coverage_map` writes docs/coverage.md anew.

A test carries numbers in its name (test_v6_9, test_g17_m5), in the ids of its parameters, or in its docstring (V6.9).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.coverage_numbers import ALSO, AUTHORITY, CONFIGURATION, GAPS, MESSAGES, NOT_YET, PARTS, all_numbers

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "coverage.md"

_IN_NAME = re.compile(r"(?<![a-z0-9])(?:(v)(\d+)_(\d+)|([agmc])(\d+))(?![a-z0-9])")
_IN_TEXT = re.compile(r"\b(V\d+\.\d+|[AGMC]\d+)\b")

Tests = dict[str, list[tuple[str, str]]]


def numbers_in_name(name: str) -> list[str]:
    """The numbers that the name of a test, or the ID of a parameter, carries."""
    found = _IN_NAME.findall(name)
    return [f"V{part}.{number}" if v else f"{letter.upper()}{single}" for v, part, number, letter, single in found]


def find_tests(root: Path = ROOT / "tests") -> Tests:
    """(file, name) of the tests of each known number; files relative to the project."""
    known = set(all_numbers())
    tests: Tests = {}
    for path in sorted(root.rglob("test_*.py")):
        file = path.relative_to(root.parent).as_posix()
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for number in dict.fromkeys(_numbers_of(node)):
                    if number in known:
                        tests.setdefault(number, []).append((file, node.name))
    return {number: sorted(set(found)) for number, found in tests.items()}


def tests_of(number: str, tests: Tests) -> list[tuple[str, str]]:
    """(file, name) of all tests of a number, also under its other numbers."""
    return sorted({test for name in (number, *ALSO.get(number, ())) for test in tests.get(name, [])})


def missing(tests: Tests) -> list[str]:
    """The numbers that should have a test and have none."""
    return [number for number in all_numbers() if number not in NOT_YET and not tests_of(number, tests)]


def render(tests: Tests) -> str:
    """docs/coverage.md."""
    lines = [
        "# Which test shows what",
        "",
        "Made by `python -m tests.coverage_map`; do not edit. The words are in `tests/coverage_numbers.py`.",
        "A dash: not built yet.",
        "",
        "## V: worked examples",
    ]
    for part, (title, count) in PARTS.items():
        lines += ["", f"### Part {part}: {title}", "", "| number | tests |", "|---|---|"]
        lines += [f"| V{part}.{n} | {_links(f'V{part}.{n}', tests)} |" for n in range(1, count + 1)]
    lines += ["", "## A: the authority of the sandbox", "", "| number | tests |", "|---|---|"]
    lines += [f"| A{n} | {_links(f'A{n}', tests)} |" for n in range(1, AUTHORITY + 1)]
    tables = (("G", "mended gaps", GAPS), ("M", "messages", MESSAGES), ("C", "configuration", CONFIGURATION))
    for letter, title, words in tables:
        lines += ["", f"## {letter}: {title}", "", "| number | what | tests |", "|---|---|---|"]
        lines += [f"| {letter}{n} | {what} | {_links(f'{letter}{n}', tests)} |" for n, what in words.items()]
    return "\n".join(lines) + "\n"


def _numbers_of(test: ast.FunctionDef) -> Iterator[str]:
    yield from numbers_in_name(test.name)
    yield from _IN_TEXT.findall(ast.get_docstring(test) or "")
    for decorator in test.decorator_list:
        for node in ast.walk(decorator):
            if isinstance(node, ast.keyword) and node.arg in ("id", "ids"):
                for part in ast.walk(node.value):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield from numbers_in_name(part.value)
                        yield from _IN_TEXT.findall(part.value)


def _links(number: str, tests: Tests) -> str:
    found = tests_of(number, tests)
    return "<br>".join(f"[{name}](../{file})" for file, name in found) if found else "–"


if __name__ == "__main__":
    DOCUMENT.write_text(render(find_tests()))
    print(f"wrote {DOCUMENT.relative_to(ROOT)}; without a test: {', '.join(missing(find_tests())) or 'none'}")

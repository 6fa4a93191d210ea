"""Which test shows which number of the behaviour: `python -m tests.coverage_map` writes docs/coverage.md anew.

A test carries its numbers as a marker, and so do its parameters: `@covers("V6.9")`, `marks=covers("V6.9")`. (The names
of some tests still carry numbers: test_g17_m5.)
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from bridge.messages.names import CONSUMED_TYPES
from tests.coverage_numbers import ALSO, NOT_YET, all_words
from tests.coverage_vectors import PARTS

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "coverage.md"
HANDLERS = ROOT / "sql" / "worker" / "functions" / "handlers"

TITLES = {
    "A": "the authority of the sandbox",
    "G": "mended gaps",
    "M": "messages",
    "C": "configuration",
    "N": "the newer release",
}

Tests = dict[str, list[tuple[str, str]]]


def find_tests(root: Path = ROOT / "tests") -> Tests:
    """(file, name) of the tests of each number; files relative to the project."""
    tests: Tests = {}
    for path in sorted(root.rglob("test_*.py")):
        file = path.relative_to(root.parent).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for number in _numbers_of(node):
                    tests.setdefault(number, []).append((file, node.name))
    return {number: sorted(set(found)) for number, found in tests.items()}


def tests_of(number: str, tests: Tests) -> list[tuple[str, str]]:
    """(file, name) of all tests of a number, also under its other numbers."""
    return sorted({test for name in (number, *ALSO.get(number, ())) for test in tests.get(name, [])})


def missing(tests: Tests) -> list[str]:
    """The numbers that should have a test and have none."""
    return [number for number in all_words() if number not in NOT_YET and not tests_of(number, tests)]


def handler(type_name: str) -> Path:
    """The SQL that applies a message."""
    return HANDLERS / f"apply_{re.sub(r'(?<!^)(?=[A-Z])', '_', type_name).lower()}.sql"


def files_about(type_name: str, root: Path = ROOT / "tests") -> list[str]:
    """The test files that make messages of a type, or name it otherwise; relative to the project."""
    named = re.compile(rf"[\"']{type_name}[\"']|\b{type_name}\(")
    return [path.relative_to(root.parent).as_posix() for path in _test_files(root) if named.search(path.read_text())]


def render(tests: Tests) -> str:
    """docs/coverage.md."""
    lines = [
        "# Which test shows what",
        "",
        "Made by `python -m tests.coverage_map`; do not edit. The words are in `tests/coverage_vectors.py` and",
        '`tests/coverage_numbers.py`; tests carry their numbers as markers: `@covers("V6.17")`.',
        "A dash: not built yet.",
        "",
        "## Messages",
        "",
        "| message | handler | tests |",
        "|---|---|---|",
        *(_message(type_name) for type_name in sorted(CONSUMED_TYPES)),
        "",
        "## V: worked examples",
    ]
    words = all_words()
    for part, title in PARTS.items():
        numbers = [number for number in words if number.startswith(f"V{part}.")]
        lines += ["", f"### Part {part}: {title}", *_table(numbers, words, tests)]
    for letter, title in TITLES.items():
        numbers = [number for number in words if number.startswith(letter)]
        if numbers:
            lines += ["", f"## {letter}: {title}", *_table(numbers, words, tests)]
    return "\n".join(lines) + "\n"


def _table(numbers: list[str], words: dict[str, str], tests: Tests) -> Iterator[str]:
    yield from ("", "| number | what | tests |", "|---|---|---|")
    for number in numbers:
        found = "<br>".join(f"[{name}](../{file})" for file, name in tests_of(number, tests))
        yield f"| {number} | {words[number]} | {found or '–'} |"


def _message(type_name: str) -> str:
    file = handler(type_name)
    files = "<br>".join(f"[{name.removeprefix('tests/')}](../{name})" for name in files_about(type_name))
    return f"| {type_name} | [{file.name}](../{file.relative_to(ROOT).as_posix()}) | {files} |"


def _numbers_of(test: ast.FunctionDef) -> Iterator[str]:
    for decorator in test.decorator_list:
        for node in ast.walk(decorator):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "covers":
                yield from (str(ast.literal_eval(number)) for number in node.args)


def _test_files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("test_*.py") if path.parent != root)


if __name__ == "__main__":
    DOCUMENT.write_text(render(find_tests()))
    print(f"wrote {DOCUMENT.relative_to(ROOT)}; without a test: {', '.join(missing(find_tests())) or 'none'}")

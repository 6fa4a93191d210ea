"""Which tests `make check` leaves out, beside those that are marked as slow: what was measured as slow.

slow.txt names them. `make slow` measures again, and writes it.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest

LIST = Path(__file__).with_suffix(".txt")
EACH = 0.1
"""Seconds that a test may take, or with several parameters each of them on the average."""
ALL = 2.0
"""Seconds that a test may take with all its parameters."""


@cache
def listed() -> frozenset[str]:
    """Like tests/test_rooms.py::test_a_name."""
    return frozenset(LIST.read_text().split())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before tests are selected by their markers."""
    for item in items:
        if item.nodeid.partition("[")[0] in listed():
            item.add_marker(pytest.mark.slow)


def slow_ones(durations: Iterable[tuple[str, float]]) -> list[str]:
    """The names of those tests, from the name and seconds of each test with each parameter."""
    found = defaultdict(list)
    for name, seconds in durations:
        found[name].append(seconds)
    return sorted(name for name, times in found.items() if sum(times) >= min(EACH * len(times), ALL))


def durations_of(results: Path) -> list[tuple[str, float]]:
    """What pytest wrote with --junitxml."""
    return [
        (
            f"{case.attrib['classname'].replace('.', '/')}.py::{case.attrib['name'].partition('[')[0]}",
            float(case.attrib["time"]),
        )
        for case in ElementTree.parse(results).iter("testcase")
    ]


if __name__ == "__main__":
    LIST.write_text("".join(f"{name}\n" for name in slow_ones(durations_of(Path(sys.argv[1])))))

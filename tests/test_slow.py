"""The list of slow tests is one of tests that exist, and leaves them out."""

from __future__ import annotations

import re
from pathlib import Path

from tests.slow import ALL, EACH, durations_of, listed, slow_ones

ROOT = Path(__file__).parents[1]


def test_every_slow_test_exists() -> None:
    for name in listed():
        file, _, test = name.partition("::")
        assert re.search(rf"^def {test}\(", (ROOT / file).read_text(), re.MULTILINE), name


def test_a_test_is_slow_by_its_average_or_with_all_its_parameters() -> None:
    count = round(ALL / 0.01)
    durations = [
        *(("a slow one", EACH * share) for share in (0.6, 1.5)),
        *(("a quick one", EACH * share) for share in (0.4, 1.5)),
        *(("many", 0.01) for _ in range(count)),
        *(("fewer", 0.01) for _ in range(count - 1)),
    ]
    assert slow_ones(durations) == ["a slow one", "many"]


def test_durations_are_those_of_the_tests_report(tmp_path: Path) -> None:
    results = tmp_path / "results.xml"
    results.write_text('<a><testcase classname="tests.sql.test_x" name="test_y[a.b-c[1]]" time="0.25"/></a>')
    assert durations_of(results) == [("tests/sql/test_x.py::test_y", 0.25)]

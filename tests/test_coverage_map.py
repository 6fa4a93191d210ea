"""docs/coverage.md is up to date, and every number of the behaviour has a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.coverage_map import DOCUMENT, find_tests, missing, numbers_in_name, render
from tests.coverage_numbers import ALSO, NOT_YET, all_numbers


def test_every_number_has_a_test() -> None:
    assert missing(find_tests()) == []


def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text() == render(find_tests()), "run: python -m tests.coverage_map"


def test_the_lists_know_their_numbers() -> None:
    known = set(all_numbers())
    assert len(known) == len(all_numbers()) == 191 + 20 + 50 + 30 + 24
    assert set(ALSO) | {number for others in ALSO.values() for number in others} | NOT_YET <= known


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("test_v6_9", ["V6.9"]),
        ("test_v9_1_and_v9_2", ["V9.1", "V9.2"]),
        ("test_m23_g18_size", ["M23", "G18"]),
        ("test_v13_14-False", ["V13.14"]),
        ("test_a6", ["A6"]),
        ("test_a_document", []),
        ("test_turn_0", []),
        ("test_version2_1", []),
    ],
)
def test_numbers_in_names(name: str, numbers: list[str]) -> None:
    assert numbers_in_name(name) == numbers


def test_where_numbers_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "tests" / "sql"
    folder.mkdir(parents=True)
    (folder / "test_some.py").write_text(
        """
@pytest.mark.parametrize("x", [pytest.param("g7", id="V6.9-month"), pytest.param(2, id="g8")])
def test_one(x):
    '''Shows M5.'''
    assert "v1_1" == "G9"

class Test:
    def test_c3_g99(self): ...

def v1_2(): ...
"""
    )
    one = [("tests/sql/test_some.py", "test_one")]
    assert find_tests(tmp_path / "tests") == {
        "V6.9": one,
        "G8": one,
        "M5": one,
        "C3": [("tests/sql/test_some.py", "test_c3_g99")],
    }

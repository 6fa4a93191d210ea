"""docs/coverage.md is up to date, and every number of the behaviour has a test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge.messages.names import CONSUMED_TYPES
from tests.coverage_map import DOCUMENT, files_about, find_tests, handler, missing, render
from tests.coverage_numbers import ALSO, NOT_YET, all_words
from tests.coverage_vectors import PARTS, VECTORS


def test_every_number_has_a_test() -> None:
    assert missing(find_tests()) == []


def test_tests_carry_known_numbers_only() -> None:
    assert set(find_tests()) <= set(all_words())


def test_names_are_words() -> None:
    """Numbers are in markers."""
    number = re.compile(r"(?<![a-z0-9])(?:v\d+_\d+|[agmc]\d+)(?![a-z0-9])")
    assert [name for found in find_tests().values() for _, name in found if number.search(name)] == []


def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text() == render(find_tests()), "run: python -m tests.coverage_map"


def test_the_lists_know_their_numbers() -> None:
    known = all_words()
    of_the_newer_release = [number for number in known if number.startswith(("V14.", "N"))]
    assert len(known) - len(of_the_newer_release) == 191 + 20 + 50 + 30 + 24
    assert sum(not number.startswith("V14.") for number in VECTORS) == 191
    assert {int(number[1:].partition(".")[0]) for number in VECTORS} == set(PARTS)
    assert set(ALSO) | {number for others in ALSO.values() for number in others} | NOT_YET <= set(known)


def test_no_words_are_missing_and_none_are_there_twice() -> None:
    words = all_words()
    assert all(words.values())
    examples = [words[number] for number in words if number[0] in "VA"]
    assert len(set(examples)) == len(examples)
    assert not any("|" in text for text in words.values()), "it would end its cell"


@pytest.mark.parametrize("type_name", sorted(CONSUMED_TYPES))
def test_every_message_has_a_handler_and_tests(type_name: str) -> None:
    assert handler(type_name).is_file()
    assert files_about(type_name)


def test_where_numbers_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "tests" / "sql"
    folder.mkdir(parents=True)
    (folder / "test_some.py").write_text(
        """
@covers("M5", "G1")
@pytest.mark.parametrize("x", [pytest.param("g7", id="V6.9", marks=covers("V6.10")), pytest.param(2, id="g8")])
def test_one(x):
    '''Shows M6.'''
    assert "v1_1" == "G9"

class Test:
    @covers("C4")
    def test_c3(self): ...

@covers("V1.3")
def v1_2(): ...
"""
    )
    one = [("tests/sql/test_some.py", "test_one")]
    method = [("tests/sql/test_some.py", "test_c3")]
    assert find_tests(tmp_path / "tests") == {"M5": one, "G1": one, "V6.10": one, "C4": method}


def test_which_files_are_about_a_message(tmp_path: Path) -> None:
    folder = tmp_path / "tests" / "sql"
    folder.mkdir(parents=True)
    (folder / "test_text.py").write_text('message("AccountPurge")')
    (folder / "test_struct.py").write_text("smp.AccountPurge(creditor_id=1)")
    (folder / "test_other.py").write_text("AccountPurge")
    (folder / "rows.py").write_text('message("AccountPurge")')
    assert files_about("AccountPurge", tmp_path / "tests") == ["tests/sql/test_struct.py", "tests/sql/test_text.py"]

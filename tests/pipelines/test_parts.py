"""Rounds of parts: one that fails stops no other."""

from __future__ import annotations

import logging
from itertools import pairwise

import psycopg
import pytest

from pipelines.parts import LONGEST_PAUSE, Parts, concerns_all


class Round:
    """Parts that fail as told, at invented times."""

    def __init__(self) -> None:
        self.now = 0.0
        self.parts = Parts("test", ends=(ConnectionError,), clock=lambda: self.now)
        self.errors: dict[str, Exception] = {}
        self.tried: list[str] = []

    def work(self, part: str) -> int:
        self.tried.append(part)
        if part in self.errors:
            raise self.errors[part]
        return 1

    def run(self, *names: str) -> int:
        self.tried.clear()
        total = sum(self.parts.run(name, lambda name=name: self.work(name)) for name in names)  # type: ignore[misc]
        self.parts.end_round()
        return total


def test_an_error_of_one_part_ends_no_round(caplog: pytest.LogCaptureFixture) -> None:
    rounds = Round()
    rounds.errors["b"] = psycopg.errors.UndefinedTable("there is no such table")
    with caplog.at_level(logging.ERROR):
        assert rounds.run("a", "b", "c") == 2
    assert "test: b failed, next attempt in 1 s, the others go on: 42P01 UndefinedTable" in caplog.text


def test_a_part_that_fails_is_left_alone_for_longer_and_longer() -> None:
    rounds = Round()
    rounds.errors["b"] = psycopg.errors.UndefinedTable()
    moments = []
    while rounds.now < 600:
        rounds.run("a", "b")
        if "b" in rounds.tried:
            moments.append(rounds.now)
        rounds.now += 1
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert gaps[:7] == [1, 2, 4, 8, 16, 32, LONGEST_PAUSE]
    del rounds.errors["b"]
    rounds.now += LONGEST_PAUSE
    assert rounds.run("a", "b") == 2
    assert rounds.parts.paused() == []


def test_when_nothing_was_done_the_error_is_raised_and_nobody_is_left_alone() -> None:
    rounds = Round()
    rounds.errors["b"] = psycopg.errors.UndefinedTable()
    for _ in range(3):
        with pytest.raises(psycopg.errors.UndefinedTable):
            rounds.run("b")
        assert rounds.tried == ["b"]


@pytest.mark.parametrize(
    "error", [psycopg.errors.DiskFull(), psycopg.errors.AdminShutdown(), psycopg.OperationalError("lost")]
)
def test_trouble_of_all_ends_the_round(error: Exception) -> None:
    rounds = Round()
    rounds.errors["a"] = error
    with pytest.raises(type(error)):
        rounds.run("a", "b")
    assert rounds.tried == ["a"]


def test_an_error_of_the_other_side_ends_the_round() -> None:
    rounds = Round()
    rounds.errors["a"] = ConnectionError()
    with pytest.raises(ConnectionError):
        rounds.run("a", "b")


def test_errors_of_parts_can_be_raised_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    parts = Parts("turns")
    done = []

    def fail(text: str) -> int:
        raise ValueError(text)

    parts.run("turn 1", lambda: fail("one"))
    parts.run("turn 2", lambda: done.append(2) or 1)  # type: ignore[func-returns-value]
    parts.run("turn 3", lambda: fail("three"))
    with caplog.at_level(logging.ERROR), pytest.raises(ValueError, match="three") as caught:
        parts.raise_failures()
    assert done == [2]
    assert "turns: turn 1 failed" in caplog.text
    assert caught.value.__notes__ == ["turns: turn 3"]
    parts.raise_failures()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (psycopg.errors.QueryCanceled(), False),
        (psycopg.errors.InsufficientPrivilege(), False),
        (psycopg.errors.UndefinedFunction(), False),
        (psycopg.errors.OutOfMemory(), False),
        (psycopg.errors.ReadOnlySqlTransaction(), True),
        (psycopg.errors.CannotConnectNow(), True),
        (psycopg.errors.TooManyConnections(), True),
        (psycopg.OperationalError(), True),
        (psycopg.ProgrammingError(), False),
        (KeyError(), False),
    ],
)
def test_what_is_the_trouble_of_all(error: Exception, expected: bool) -> None:
    assert concerns_all(error) is expected

"""The size of batches: what is too much is found, named, and holds up nothing."""

from __future__ import annotations

import logging
from itertools import pairwise

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.batches import GROW_AFTER, Batches, Sizes, is_too_much, may_be_its_own_fault


def timeout() -> psycopg.Error:
    return psycopg.errors.QueryCanceled("too slow")


class Queue:
    """Items that cost time, and a server that allows so much of it for a batch."""

    def __init__(self, costs: list[int], allowed: int) -> None:
        self.costs, self.allowed = list(costs), allowed
        self.done: list[int] = []
        self.passed_over: list[int] = []
        self.tries: list[int] = []

    def take(self, size: int) -> int:
        self.tries.append(size)
        batch = self.costs[:size]
        if sum(batch) > self.allowed:
            raise timeout()
        del self.costs[:size]
        self.done += batch
        return len(batch)

    def drain(self, batches: Batches) -> None:
        while self.costs:
            try:
                batches.run(self.take)
            except psycopg.errors.QueryCanceled:
                if batches.size > 1:
                    raise
                self.passed_over.append(self.costs.pop(0))


@settings(deadline=None)
@given(st.lists(st.integers(1, 50), max_size=300), st.integers(1, 60), st.integers(1, 200))
def test_everything_that_fits_alone_is_done_and_the_rest_is_passed_over(
    costs: list[int], allowed: int, most: int
) -> None:
    queue = Queue(costs, allowed)
    queue.drain(Batches("test", most))
    assert queue.done == [cost for cost in costs if cost <= allowed]
    assert queue.passed_over == [cost for cost in costs if cost > allowed]


@settings(deadline=None)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=300), st.integers(1, 60), st.integers(1, 200))
def test_no_size_that_failed_is_tried_again_before_smaller_ones_went_well(
    costs: list[int], allowed: int, most: int
) -> None:
    queue = Queue(costs, allowed)
    queue.drain(Batches("test", most))
    assert all(1 <= size <= most for size in queue.tries)
    assert all(following <= 2 * size for size, following in pairwise(queue.tries))
    rises = [n for n, (size, following) in enumerate(pairwise(queue.tries)) if following > size]
    for n in rises:
        assert queue.tries[n + 1 - GROW_AFTER : n + 1] == [queue.tries[n]] * GROW_AFTER


@settings(deadline=None)
@given(st.integers(1, 1000), st.integers(1, 5000))
def test_the_size_grows_back_after_successes(fits: int, most: int) -> None:
    batches = Batches("test", most)
    Queue([1] * 6000, fits).drain(batches)
    for _ in range(GROW_AFTER * 13):
        batches.run(lambda size: size)
    assert batches.size == most


def test_rounds_without_work_let_nothing_grow() -> None:
    batches = Batches("test", 8)
    batches.shrink(timeout())
    for _ in range(100):
        batches.run(lambda _size: 0)
    assert batches.size == 4


def test_other_errors_change_no_size() -> None:
    def fail(_size: int) -> int:
        raise psycopg.errors.DiskFull()

    batches = Batches("test", 8)
    with pytest.raises(psycopg.errors.DiskFull):
        batches.run(fail)
    assert batches.size == 8


@pytest.mark.parametrize(
    ("error", "is_too_big", "is_guilty"),
    [
        (psycopg.errors.QueryCanceled(), True, True),
        (psycopg.errors.LockNotAvailable(), True, False),
        (psycopg.errors.OutOfMemory(), True, False),
        (psycopg.errors.ConfigurationLimitExceeded(), True, True),
        (psycopg.errors.ProgramLimitExceeded(), True, True),
        (psycopg.errors.StatementTooComplex(), True, True),
        (psycopg.errors.DiskFull(), False, False),
        (psycopg.errors.AdminShutdown(), False, False),
        (psycopg.errors.UniqueViolation(), False, False),
        (psycopg.OperationalError("connection lost"), False, False),
    ],
)
def test_which_errors_say_that_a_batch_was_too_much(error: psycopg.Error, is_too_big: bool, is_guilty: bool) -> None:
    assert (is_too_much(error), may_be_its_own_fault(error)) == (is_too_big, is_guilty)


def test_one_that_is_too_much_alone_is_named(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_size: int) -> int:
        raise timeout()

    sizes = Sizes()
    with caplog.at_level(logging.WARNING), pytest.raises(psycopg.errors.QueryCanceled):
        sizes.run("old turns", 4, fail)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING", "ERROR"]
    assert "old turns: 4 at once were too much, now 2: 57014" in caplog.text
    assert "old turns: even one alone is too much: 57014" in caplog.text
    assert sizes.of("old turns", 4).size == 1

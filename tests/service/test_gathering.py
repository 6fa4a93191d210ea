from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.gathering import ENOUGH, LONGEST, enough_of, rest_after


def test_a_loop_with_little_to_do_rests_so_briefly_that_nobody_notices() -> None:
    assert rest_after(0.003, has_more=False) == pytest.approx(0.012)


@given(seconds=st.floats(0.0, 1e6))
def test_no_rest_is_longer_than_a_tenth_of_a_second(seconds: float) -> None:
    assert 0.0 <= rest_after(seconds, has_more=False) <= LONGEST == 0.1


@given(seconds=st.floats(0.0, 1e6))
def test_a_loop_with_a_backlog_does_not_rest(seconds: float) -> None:
    assert rest_after(seconds, has_more=True) == 0.0


@pytest.mark.parametrize(
    ("prefetch_count", "enough"), [(0, ENOUGH), (1, 0), (3, 0), (4, 1), (100, 25), (10_000, ENOUGH)]
)
def test_a_consumer_that_gets_few_messages_at_a_time_does_not_rest(prefetch_count: int, enough: int) -> None:
    assert enough_of(prefetch_count) == enough

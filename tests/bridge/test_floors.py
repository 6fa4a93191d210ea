from __future__ import annotations

import pytest

from bridge.floors import COMMIT_SECONDS, RESTART_SECONDS, REWIND_SECONDS, Floors


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def pass_time(floors: Floors[str], clock: Clock, seconds: float) -> None:
    """Rounds twice a second, in which nothing is found."""
    for _ in range(round(seconds * 2)):
        clock.now += 0.5
        floors.refresh()


def test_reading_goes_on_after_the_last_removed_row(clock: Clock) -> None:
    floors = Floors("ab", clock)
    floors.advance("a", 7)
    assert (floors["a"], floors["b"]) == (7, 0)


def test_late_rows_are_looked_for_soon(clock: Clock) -> None:
    floors = Floors("a", clock)
    floors.advance("a", 7)
    pass_time(floors, clock, REWIND_SECONDS)
    assert floors["a"] == 0


def test_an_empty_queue_is_looked_at_again_at_once(clock: Clock) -> None:
    floors = Floors("a", clock)
    floors.advance("a", 7)
    floors.found_empty("a")
    assert floors["a"] == 0


def test_what_was_removed_long_ago_is_not_walked_past_again(clock: Clock) -> None:
    floors = Floors("a", clock)
    floors.advance("a", 7)
    pass_time(floors, clock, COMMIT_SECONDS)
    floors.advance("a", 500)
    pass_time(floors, clock, COMMIT_SECONDS)
    floors.found_empty("a")
    assert floors["a"] == 7
    pass_time(floors, clock, COMMIT_SECONDS)
    floors.found_empty("a")
    assert floors["a"] == 500


def test_no_row_is_hidden_for_longer_than_a_minute(clock: Clock) -> None:
    floors = Floors("a", clock)
    for last_id in range(100, 1000, 100):
        floors.advance("a", last_id)
        pass_time(floors, clock, COMMIT_SECONDS)
        if clock.now >= 1000.0 + RESTART_SECONDS:
            break
    assert floors["a"] == 0


def test_going_back_to_the_beginning_happens_once_a_minute(clock: Clock) -> None:
    floors = Floors("a", clock)
    floors.advance("a", 7)
    pass_time(floors, clock, RESTART_SECONDS)
    assert floors["a"] == 0
    floors.advance("a", 500)
    for _ in range(round(RESTART_SECONDS * 2) - 1):
        pass_time(floors, clock, 0.5)
        assert floors["a"] >= 7
        floors.found_empty("a")
    pass_time(floors, clock, 0.5)
    assert floors["a"] == 0


def test_rows_that_came_late_are_read_to_their_end(clock: Clock) -> None:
    floors = Floors("a", clock)
    floors.advance("a", 1000)
    pass_time(floors, clock, RESTART_SECONDS)
    for last_id in range(1, 100):
        floors.advance("a", last_id)
        pass_time(floors, clock, REWIND_SECONDS / 2)
        assert floors["a"] == (last_id if clock.now < 1000.0 + 2 * RESTART_SECONDS else 0)
        if floors["a"] == 0:
            break

from __future__ import annotations

import pytest

from bridge.strangers import HELD_MESSAGES, HELD_SECONDS, Stranger, Strangers


def stranger(tag: int) -> Stranger:
    return Stranger(tag, "UpdatedFlags", f"number {tag}")


def test_they_are_held_for_ten_seconds() -> None:
    strangers = Strangers()
    assert strangers.seconds_left(0.0) is None
    strangers.hold(stranger(1), 100.0)
    strangers.hold(stranger(2), 105.0)
    assert HELD_SECONDS == 10.0
    assert [strangers.seconds_left(now) for now in (100.0, 104.0, 110.0, 120.0)] == [10.0, 6.0, 0.0, 0.0]
    assert [item.tag for item in strangers.release()] == [1, 2]
    assert strangers.seconds_left(120.0) is None
    strangers.hold(stranger(3), 130.0)
    assert strangers.seconds_left(130.0) == 10.0


def test_a_thousand_of_them_are_enough() -> None:
    strangers = Strangers()
    for tag in range(HELD_MESSAGES - 1):
        strangers.hold(stranger(tag), 0.0)
    assert strangers.seconds_left(1.0) == 9.0
    strangers.hold(stranger(HELD_MESSAGES), 1.0)
    assert strangers.seconds_left(1.0) == 0.0


@pytest.mark.parametrize("before", [0, 1, 3])
def test_what_came_before_and_what_comes_meanwhile_counts(before: int) -> None:
    strangers = Strangers()
    strangers.add_own(before)
    strangers.hold(stranger(1), 0.0)
    strangers.hold(stranger(2), 0.0)
    strangers.add_own(1)
    assert strangers.counts() == (before + 1, 2)


def test_those_of_before_are_remembered() -> None:
    """Slowly, one by one, they become the majority, too."""
    strangers = Strangers()
    strangers.add_own(5000)
    rounds = 0
    while True:
        strangers.hold(stranger(rounds), 0.0)
        own, foreign = strangers.counts()
        if own <= foreign:
            break
        strangers.release()
        rounds += 1
    assert 490 <= rounds <= 510


def test_a_burst_of_own_ones_is_not_forgotten_while_some_are_held() -> None:
    strangers = Strangers()
    for tag in range(1000):
        strangers.hold(stranger(tag), 0.0)
    strangers.add_own(4000)
    assert strangers.counts() == (4000, 1000)

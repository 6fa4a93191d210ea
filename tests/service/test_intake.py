"""A consumer that lets go of its queue, and one whose queue may be gone."""

from __future__ import annotations

from typing import Any, cast

import pytest

from bridge.inbound import Inbound
from bridge.rabbitmq.setup import Depth
from service.loop import Stop
from service.parts.intake import FIRST_REST, LONGEST_REST, LOOK_SECONDS, Intake
from tests.covering import covers


class Setting:
    """A queue with so many messages, its consumer, and a clock; None: there is no queue."""

    def __init__(self, messages: int | None = 0) -> None:
        self.now = 1000.0
        self.messages = messages
        self.is_consumed = False
        self.held: float | None = None
        self.looks = 0

    def intake(self, **options: bool) -> Intake:
        return Intake(cast("Inbound", self), self, clock=lambda: self.now, **options)

    # The queue.

    def look(self) -> Depth | None:
        self.looks += 1
        return None if self.messages is None else Depth(self.messages, int(self.is_consumed))

    def has_news(self, timeout: float) -> bool:
        self.now += timeout
        return bool(self.messages)

    # Its consumer.

    def run_once(self, _timeout: float) -> int:
        assert self.messages is not None
        self.is_consumed = True
        taken, self.messages = self.messages, 0
        return taken

    def let_go(self) -> None:
        self.is_consumed = False

    def patience(self) -> float | None:
        return self.held


class Waits(Stop):
    """Waits by putting the clock forward."""

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self._setting = setting

    def wait(self, seconds: float, *_others: Any) -> None:
        self._setting.now += seconds


def run(setting: Setting, intake: Intake, seconds: float) -> int:
    """What comes in that time."""
    stop, total, ends = Waits(setting), 0, setting.now + seconds
    while setting.now < ends:
        count = intake.step()
        total += count
        if not count:
            intake.wait(stop, min(5.0, ends - setting.now))
    return total


def seconds_until(setting: Setting, intake: Intake, *, is_consumed: bool) -> float:
    """How long it takes until the queue is consumed, or is not."""
    started = setting.now
    while setting.is_consumed is not is_consumed:
        run(setting, intake, 0.5)
        assert setting.now - started < 2 * LONGEST_REST
    return setting.now - started


def test_an_ordinary_consumer_never_lets_go() -> None:
    setting = Setting()
    intake = setting.intake()
    run(setting, intake, 500)
    assert (setting.is_consumed, setting.looks) == (True, 0)


@covers("V14.47")
def test_a_draining_consumer_lets_go_after_two_seconds() -> None:
    setting = Setting(3)
    intake = setting.intake(is_draining=True)
    assert run(setting, intake, 1.9) == 3
    assert setting.is_consumed
    run(setting, intake, 1.0)
    assert not setting.is_consumed
    assert seconds_until(setting, intake, is_consumed=True) == pytest.approx(FIRST_REST, abs=1)


def test_rests_double_up_to_an_hour() -> None:
    setting = Setting()
    intake = setting.intake(is_draining=True)
    rests: list[float] = []
    for _ in range(10):
        seconds_until(setting, intake, is_consumed=False)
        rests.append(seconds_until(setting, intake, is_consumed=True))
    expected = [min(FIRST_REST * 2**n, LONGEST_REST) for n in range(9)]
    # The first of all is none: it looks before it consumes.
    assert rests[1:] == pytest.approx(expected, abs=1)


def test_what_comes_in_a_long_rest_is_taken_soon() -> None:
    setting = Setting()
    intake = setting.intake(is_draining=True)
    run(setting, intake, 5_000)
    seconds_until(setting, intake, is_consumed=False)
    run(setting, intake, 100)
    setting.messages = 7
    assert run(setting, intake, LOOK_SECONDS + 5) == 7
    # And rests are short again.
    seconds_until(setting, intake, is_consumed=False)
    assert seconds_until(setting, intake, is_consumed=True) <= FIRST_REST + 1


def test_a_queue_is_held_while_messages_are() -> None:
    """Letting go would give them back."""
    setting = Setting()
    intake = setting.intake(is_draining=True)
    setting.held = 10.0
    run(setting, intake, 100)
    assert setting.is_consumed
    setting.held = None
    run(setting, intake, 3)
    assert not setting.is_consumed


@covers("N5.2")
@pytest.mark.parametrize("options", [{"is_draining": True}, {"may_be_missing": True}])
def test_a_queue_that_is_gone_is_looked_for(options: dict[str, bool]) -> None:
    setting = Setting(None)
    intake = setting.intake(**options)
    assert run(setting, intake, 600) == 0
    assert setting.looks == pytest.approx(600 / LOOK_SECONDS, abs=2)
    setting.messages = 5
    assert run(setting, intake, LOOK_SECONDS + 5) == 5


def test_what_may_be_missing_is_kept_when_it_is_there() -> None:
    setting = Setting()
    intake = setting.intake(may_be_missing=True)
    run(setting, intake, 500)
    assert (setting.is_consumed, setting.looks) == (True, 1)

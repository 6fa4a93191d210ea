"""Messages that get lost, doubled, late and out of order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from bridge.wire.ports import Publication, PublishError
from sandbox.world.transit import FaultyTarget, TransitRule
from tests.sandbox.conftest import FakeClock


class Recorder:
    """A target that remembers, and wants nothing of type `Unwanted`."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.is_broken = False

    def publish(self, batch: Sequence[Publication]) -> list[int]:
        if self.is_broken:
            raise PublishError("broken")
        self.bodies.extend(publication.body for publication in batch)
        return [index for index, publication in enumerate(batch) if publication.type == "Unwanted"]

    def close(self) -> None:
        pass


def messages(count: int, kind: str = "Kind") -> list[Publication]:
    return [Publication("e", "k", kind, b"%03d" % number, mandatory=True) for number in range(count)]


def bodies(batch: Sequence[Publication]) -> list[bytes]:
    return [publication.body for publication in batch]


def test_without_a_rule_everything_passes(clock: FakeClock) -> None:
    inner = Recorder()
    target = FaultyTarget(inner, [TransitRule(types=frozenset({"Other"}), lose=1.0)], clock)
    batch = messages(3)
    assert target.publish([*batch, *messages(1, "Unwanted")]) == [3]
    assert inner.bodies == [*bodies(batch), b"000"]


def test_messages_are_delayed_as_told(clock: FakeClock) -> None:
    inner = Recorder()
    target = FaultyTarget(inner, [TransitRule(delay=1.0, delay_by=timedelta(minutes=1))], clock)
    batch = messages(50)
    assert target.publish(batch) == []
    assert target.held > 40
    clock.advance(seconds=30)
    target.pump()
    assert 0 < len(inner.bodies) < 50
    clock.advance(seconds=30)
    target.pump()
    assert sorted(inner.bodies) == bodies(batch)
    assert target.counts["delayed"] == 50


def test_messages_are_duplicated_as_told(clock: FakeClock) -> None:
    inner = Recorder()
    target = FaultyTarget(inner, [TransitRule(duplicate=1.0, copies=2, copy_delay=timedelta(days=1))], clock)
    target.publish(messages(5))
    assert inner.bodies == bodies(messages(5))
    clock.advance(days=1)
    target.pump()
    assert sorted(inner.bodies) == sorted(bodies(messages(5)) * 3)


def test_messages_are_reordered_as_told(clock: FakeClock) -> None:
    inner = Recorder()
    target = FaultyTarget(inner, [TransitRule(reorder_window=timedelta(seconds=10))], clock)
    target.publish(messages(30))
    clock.advance(seconds=10)
    target.publish([])
    assert inner.bodies != bodies(messages(30))
    assert sorted(inner.bodies) == bodies(messages(30))


def test_messages_are_lost_as_told(clock: FakeClock) -> None:
    inner = Recorder()
    rule = TransitRule(frozenset({"Kind"}), lose=0.5, matches=lambda publication: publication.body >= b"100")
    target = FaultyTarget(inner, [rule], clock)
    target.publish(messages(300))
    assert inner.bodies[:100] == bodies(messages(100))
    assert 150 < len(inner.bodies) < 250
    assert target.counts["lost"] == 300 - len(inner.bodies)
    assert target.held == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_a_seed_repeats_the_story(clock: FakeClock, seed: int) -> None:
    def story() -> list[bytes]:
        inner = Recorder()
        rule = TransitRule(lose=0.2, duplicate=0.3, reorder_window=timedelta(seconds=5))
        target = FaultyTarget(inner, [rule], clock, seed)
        target.publish(messages(40))
        target.drain()
        return inner.bodies

    assert story() == story()


def test_a_failed_batch_leaves_nothing_under_way(clock: FakeClock) -> None:
    inner = Recorder()
    inner.is_broken = True
    target = FaultyTarget(inner, [TransitRule(duplicate=1.0, copy_delay=timedelta(seconds=9))], clock)
    with pytest.raises(PublishError):
        target.publish(messages(4))
    assert target.held == 0
    inner.is_broken = False
    target.publish(messages(4))
    clock.advance(seconds=9)
    inner.is_broken = True
    with pytest.raises(PublishError):
        target.pump()
    inner.is_broken = False
    target.pump()
    assert sorted(inner.bodies) == sorted(bodies(messages(4)) * 2)


def test_late_unwanted_messages_are_noted(clock: FakeClock) -> None:
    target = FaultyTarget(Recorder(), [TransitRule(reorder_window=timedelta(seconds=5))], clock)
    assert target.publish(messages(3, "Unwanted")) == []
    target.drain()
    assert len(target.unwanted) == 3

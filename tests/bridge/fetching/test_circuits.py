"""Hosts that fail again and again are left alone, and asked again."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from bridge.fetching.circuits import FAILURES, FIRST_PAUSE, LONGEST_PAUSE, Circuit, Circuits, HostRests


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def fail(circuit: Circuit) -> None:
    with pytest.raises(OSError, match="silent"):
        async with circuit.request(OSError):
            raise OSError("silent")


async def succeed(circuit: Circuit) -> None:
    async with circuit.request(OSError):
        pass


async def is_resting(circuit: Circuit) -> bool:
    try:
        await succeed(circuit)
    except HostRests:
        return True
    return False


def run(course: Coroutine[Any, Any, None]) -> None:
    asyncio.run(course)


def test_failures_in_a_row_open_the_circuit() -> None:
    async def course() -> None:
        circuit = Circuit(Clock())
        for _ in range(FAILURES - 1):
            await fail(circuit)
        await succeed(circuit)
        for _ in range(FAILURES - 1):
            await fail(circuit)
        assert not await is_resting(circuit)
        for _ in range(FAILURES):
            await fail(circuit)
        assert await is_resting(circuit)

    run(course())


def test_pauses_grow_to_a_limit_until_the_host_answers() -> None:
    async def course() -> None:
        clock = Clock()
        circuit = Circuit(clock)
        for _ in range(FAILURES):
            await fail(circuit)
        for pause in (FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE, 8 * FIRST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE):
            clock.now += pause - 1.0
            assert await is_resting(circuit)
            clock.now += 1.0
            await fail(circuit)
        clock.now += LONGEST_PAUSE
        await succeed(circuit)
        for _ in range(FAILURES):
            await fail(circuit)
        clock.now += FIRST_PAUSE
        assert not await is_resting(circuit)

    run(course())


@pytest.mark.parametrize("is_back", [True, False])
def test_after_a_pause_one_request_tries_and_the_others_wait_for_it(is_back: bool) -> None:
    async def course() -> None:
        clock = Clock()
        circuit = Circuit(clock)
        for _ in range(FAILURES):
            await fail(circuit)
        clock.now += FIRST_PAUSE
        go, events = asyncio.Event(), []

        async def trial() -> None:
            async with circuit.request(OSError):
                events.append("trial")
                await go.wait()
                if not is_back:
                    raise OSError

        async def other() -> None:
            async with circuit.request(OSError):
                events.append("other")

        tasks = [asyncio.create_task(trial()), *(asyncio.create_task(other()) for _ in range(3))]
        await asyncio.sleep(0.0)
        await asyncio.sleep(0.0)
        assert events == ["trial"]
        go.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results[1:]] == [type(None) if is_back else HostRests] * 3
        assert len(events) == (4 if is_back else 1)

    run(course())


def test_a_trial_that_is_broken_off_is_followed_by_another() -> None:
    async def course() -> None:
        clock = Clock()
        circuit = Circuit(clock)
        for _ in range(FAILURES):
            await fail(circuit)
        clock.now += FIRST_PAUSE
        with pytest.raises(ZeroDivisionError):
            async with circuit.request(OSError):
                raise ZeroDivisionError
        assert not await is_resting(circuit)

    run(course())


def test_hosts_that_nobody_has_asked_for_the_longest_time_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.fetching.circuits.HOSTS_KEPT", 2)
    circuits = Circuits(Clock())
    first, second = circuits["first"], circuits["second"]
    assert circuits["first"] is first
    assert circuits["third"] is not second
    assert circuits["first"] is first
    assert circuits["second"] is not second

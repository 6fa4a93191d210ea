from __future__ import annotations

import threading

import pytest

from sandbox.world.threads import Effort, Threads


def test_all_parts_run_at_once_and_their_efforts_are_counted() -> None:
    met = {name: threading.Event() for name in "ab"}

    def meet(mine: str, other: str) -> int:
        met[mine].set()
        assert met[other].wait(10), "the other part does not run"
        return 2

    with Threads({"a": lambda: meet("a", "b"), "b": lambda: meet("b", "a")}, {"a": 0.001}) as threads:
        assert all(event.wait(10) for event in met.values())
    for effort in threads.efforts.values():
        assert effort.calls >= 1
        assert effort.done == 2 * effort.calls
        assert effort.seconds >= 0 <= effort.cpu_seconds


def test_the_first_error_ends_all_parts() -> None:
    failed = threading.Event()
    calls = Effort()

    def count() -> int:
        calls.calls += 1
        return 0

    def fail() -> int:
        failed.set()
        raise LookupError("broken")

    def run() -> None:
        with Threads({"count": count, "fail": fail}) as threads:
            assert failed.wait(10)
            for thread in threading.enumerate():
                if thread.name in ("count", "fail"):
                    thread.join(10)
            assert not {thread.name for thread in threading.enumerate()} & {"count", "fail"}
            threads.check()

    with pytest.raises(LookupError, match="broken"):
        run()

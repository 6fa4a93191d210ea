from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from bridge.inbound import ForeignShard
from service import loop as daemon
from service.loop import Listener, Stop, Unusable, Work, run
from tests.conftest import Connection
from tests.databases import connection_to

LONG = 3600.0


class Recorder:
    """Work that does what a script of counts and exceptions says, and then asks for the stop."""

    def __init__(self, stop: Stop, script: list[int | Exception]) -> None:
        self.stop = stop
        self.script = script
        self.opened = 0
        self.closed = 0
        self.waits = 0

    @contextmanager
    def open(self, _stop: Stop) -> Iterator[Work]:
        self.opened += 1
        try:
            yield Work(self.step, self.wait)
        finally:
            self.closed += 1

    def step(self) -> int:
        outcome = self.script.pop(0)
        if not self.script:
            self.stop.request()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def wait(self, stop: Stop, seconds: float) -> None:
        assert seconds == LONG
        self.waits += 1


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr(Stop, "wait", lambda _self, seconds, *_others: found.append(seconds))
    return found


def test_the_loop_waits_only_when_there_was_nothing() -> None:
    stop = Stop()
    work = Recorder(stop, [5, 0, 3, 0])
    assert run("test", work.open, stop, poll_seconds=LONG) == 0
    assert (work.opened, work.closed, work.waits) == (1, 1, 2)


def test_the_loop_rests_after_a_step_that_did_something_as_long_as_its_work_says(pauses: list[float]) -> None:
    stop = Stop()
    script = [5, 0, 1000, 3]
    waits: list[float] = []

    def step() -> int:
        if len(script) == 1:
            stop.request()
        return script.pop(0)

    @contextmanager
    def open_work(_stop: Stop) -> Iterator[Work]:
        yield Work(
            step, lambda _stop, seconds: waits.append(seconds), rest=lambda count, _: 0.0 if count > 100 else count / 50
        )

    assert run("test", open_work, stop, poll_seconds=LONG) == 0
    assert (pauses, waits) == ([0.1, 0.06], [LONG])


def test_pauses_grow_and_connections_are_made_anew(pauses: list[float]) -> None:
    stop = Stop()
    errors: list[int | Exception] = [OSError("x") for _ in range(9)]
    work = Recorder(stop, [*errors, 1, OSError("y"), 1])
    assert run("test", work.open, stop, poll_seconds=LONG) == 0
    assert pauses == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 0.5]
    assert work.opened == work.closed == 11


def test_pauses_grow_on_until_trouble_is_shown_to_be_over(pauses: list[float]) -> None:
    """Connections that are made, and steps that found nothing to do, are no proof for a consumer."""
    stop = Stop()
    trouble = [0, OSError("x")]
    work = Recorder(stop, [*trouble, *trouble, *trouble, 1, *trouble, *trouble, 1])
    proofs = iter([False, False, False, True, False, False, True])

    @contextmanager
    def open_work(_stop: Stop) -> Iterator[Work]:
        yield Work(work.step, lambda _stop, _seconds: None, lambda: next(proofs))

    assert run("test", open_work, stop, poll_seconds=LONG) == 0
    assert pauses == [0.5, 1, 2, 0.5, 1]


def test_a_foreign_shard_ends_the_daemon(pauses: list[float]) -> None:
    stop = Stop()
    work = Recorder(stop, [ForeignShard("x"), 1])
    assert run("test", work.open, stop, poll_seconds=LONG) == 1
    assert pauses == [daemon.FOREIGN_SHARD_PAUSE]
    assert (work.closed, len(work.script)) == (1, 1)


def test_an_unusable_daemon_ends_at_once(pauses: list[float]) -> None:
    stop = Stop()
    assert run("test", Recorder(stop, [Unusable("run configure first"), 1]).open, stop, poll_seconds=LONG) == 1
    assert pauses == []


def test_an_observer_hears_of_steps_and_failures(pauses: list[float]) -> None:
    heard: list[tuple[str, str]] = []

    class Ear:
        def on_step(self, name: str, count: int, seconds: float) -> None:
            assert seconds >= 0
            heard.append((name, f"step {count}"))

        def on_failure(self, name: str, error: Exception) -> None:
            heard.append((name, f"failure {error}"))

    stop = Stop()
    work = Recorder(stop, [3, OSError("x"), 0, ForeignShard("y")])
    assert run("test", work.open, stop, poll_seconds=LONG, observer=Ear()) == 1
    assert heard == [("test", "step 3"), ("test", "failure x"), ("test", "step 0"), ("test", "failure y")]


@pytest.mark.parametrize(("outcome", "status"), [(0, 0), (5, 0), (OSError("x"), 1)])
def test_quit_early(outcome: int | Exception, status: int) -> None:
    stop = Stop()
    assert run("test", Recorder(stop, [outcome, 1]).open, stop, poll_seconds=LONG, quit_early=True) == status


def test_a_signal_ends_the_wait_at_once() -> None:
    old = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    stop = Stop()
    stop.on_signals()
    try:
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM))
        timer.start()
        stop.wait(LONG)
        assert stop.is_requested
        stop.request()
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def test_a_notification_ends_the_wait(new_database: Callable[[Any], str]) -> None:
    url = new_database("worker")
    with connection_to(url) as listening, connection_to(url) as sending:
        listener = Listener(listening, ["worker_inbox", "worker_outbox"])
        stop = Stop()
        threading.Timer(0.2, sending.execute, ("select pg_notify('worker_outbox', '')",)).start()
        listener.wait(stop, LONG)
        assert not stop.is_requested
        threading.Timer(0.2, stop.request).start()
        listener.wait(stop, LONG)
        assert stop.is_requested


def test_a_lost_listener_raises(worker_db: Connection) -> None:
    with connection_to(worker_db.info.dsn) as listening:
        listener = Listener(listening, ["worker_inbox"])
        worker_db.execute("select pg_terminate_backend(%s)", (listening.info.backend_pid,))

        def wait_twice() -> None:
            # The first wait may only read the server's good-bye.
            listener.wait(Stop(), 30)
            listener.wait(Stop(), 30)

        with pytest.raises(psycopg.OperationalError):
            wait_twice()

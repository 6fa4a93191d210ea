"""Servers keep their processes running, whatever becomes of these."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from supervisor.states import ProcessStates

from sandbox.servers.installation import Environment, children, eventually, is_running, server
from service import supervisor
from service.servers import SOLVER, WORKER
from tests.covering import covers


def commands_of(pid: int) -> dict[str, int]:
    """The process IDs of a server's children, by command."""
    return {
        arguments.split("-m admin.cli ")[1]: child
        for child, arguments in children(pid).items()
        if "-m admin.cli " in arguments
    }


@covers("C13")
@pytest.mark.slow
def test_a_killed_process_is_started_again(environment: Environment, tmp_path: Path) -> None:
    with server(environment, tmp_path, "solver") as solver:
        eventually(lambda: "roll_turns" in commands_of(solver.pid), "roll_turns runs")
        first = commands_of(solver.pid)["roll_turns"]
        os.kill(first, signal.SIGKILL)
        eventually(lambda: commands_of(solver.pid).get("roll_turns", first) != first, "it runs again")
        assert "WARNING:service.supervisor:exited: roll_turns (terminated by SIGKILL" in solver.text()
        solver.send(signal.SIGHUP)
        assert solver.wait() == 0
        assert "ERROR" not in solver.text()


@pytest.mark.slow
def test_a_worker_runs_its_commands_and_takes_them_with_it(environment: Environment, tmp_path: Path) -> None:
    # A killed server can not remove a directory of its own.
    variables = {"APP_METRICS_PORT": "1", "APP_METRICS_DIR": str(tmp_path / "metrics")}
    with server(environment | variables, tmp_path, "worker") as worker:
        expected = {*WORKER, "serve_metrics --role worker"}
        eventually(lambda: commands_of(worker.pid).keys() == expected, "all commands run")
        started = list(children(worker.pid))
        # What they print is our output: there is no broker.
        eventually(lambda: "flush_all failed" in worker.text() or "inbound failed" in worker.text(), "errors are shown")
        assert "secret" not in worker.text()
        worker.send(signal.SIGKILL)
        worker.wait()
        eventually(lambda: not any(map(is_running, started)), "nobody is left")


class Clock:
    """What stands for the module `time` in the library."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("supervisor.process.time", clock)
    return clock


class Child:
    """A child of the supervisor that exists on paper only."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        path = folder / "supervisord.conf"
        with path.open("w") as file:
            supervisor.settings("solver", list(SOLVER)).write(file)
        options = supervisor._Options()
        options.realize(["-c", str(path)], doc="")
        options.make_logger()
        options.fork = lambda: 4711
        (config,) = options.process_group_configs[0].process_configs
        self.process: Any = config.make_process()
        self._clock = clock

    def fail(self, after: float) -> float:
        """The child is started and fails after so many seconds. Returns how long it takes until it runs again."""
        process, clock = self.process, self._clock
        if process.state != ProcessStates.STARTING:
            process.transition()
        for moment in (after / 2, after):
            clock.now = process.laststart + moment
            process.transition()
        process.finish(4711, 256)
        failed = clock.now
        while process.state != ProcessStates.STARTING:
            clock.now += 0.25
            process.transition()
        return clock.now - failed


@covers("C15")
def test_pauses_grow_by_a_second_up_to_a_minute(tmp_path: Path, clock: Clock) -> None:
    child = Child(tmp_path, clock)
    pauses = [child.fail(after=1) for _ in range(200)]
    for number, pause in enumerate(pauses, 1):
        assert min(number, 60) < pause <= min(number, 60) + 0.25


@covers("C15")
@pytest.mark.parametrize("status", [0, 256, 9])
def test_a_process_that_lived_for_long_starts_at_once(tmp_path: Path, clock: Clock, status: int) -> None:
    child = Child(tmp_path, clock)
    for _ in range(5):
        child.fail(after=1)
    assert child.fail(after=31) <= 0.25
    assert 1 < child.fail(after=1) <= 1.25


def test_a_jump_of_the_clock_does_not_end_the_supervisor(tmp_path: Path, clock: Clock) -> None:
    process = Child(tmp_path, clock).process
    process.transition()
    # What the library does not expect.
    process.state = ProcessStates.UNKNOWN
    clock.now += 40
    process.finish(4711, 9)
    process.transition()
    assert process.state == ProcessStates.STARTING

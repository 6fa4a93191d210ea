"""`roll_transfers` and `trigger_transfers`: money that waits for something, or for its time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.databases import Connection, open_worker
from service.loop import Stop, Work
from service.loops import Rounds, run_loops
from service.wiring import Wiring
from settings.config import Config


def run_transfers(config: Config, wait: float, quit_early: bool, stop: Stop) -> int:
    """Lets collectors send and pay as soon as nothing is missing, every `wait` seconds. Returns the exit status."""
    return _run(config, "roll_transfers", Wiring(config).transfers, wait, quit_early, stop)


def run_triggers(config: Config, quit_early: bool, stop: Stop) -> int:
    """Tries postponed transfers again when their time has come. Returns the exit status."""
    wait = config.trigger_transfers_period.total_seconds()
    return _run(config, "trigger_transfers", Wiring(config).triggers, wait, quit_early, stop)


def _run(
    config: Config, name: str, step: Callable[[Connection], int], wait: float, quit_early: bool, stop: Stop
) -> int:
    @contextmanager
    def open_work() -> Iterator[Work]:
        with open_worker(config, name) as worker:
            rounds = Rounds(lambda: step(worker), wait)
            yield Work(rounds.step, rounds.wait)

    return run_loops(name, {name: open_work}, stop, poll_seconds=wait, quit_early=quit_early)

"""`roll_transfers` and `trigger_transfers`: money that waits for something, or for its time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from service.databases import open_worker
from service.loop import Stop, Work
from service.loops import Part, Rounds
from service.wiring import Wiring
from settings.config import Config
from sql.connections import Connection


def roll_part(config: Config, wait: float, quit_early: bool) -> Part:
    """Lets collectors send and pay as soon as nothing is missing, every `wait` seconds."""
    return _part("roll_transfers", config, Wiring(config).transfers, wait, quit_early)


def trigger_part(config: Config, quit_early: bool) -> Part:
    """Tries postponed transfers again when their time has come."""
    wait = config.trigger_transfers_period.total_seconds()
    return _part("trigger_transfers", config, Wiring(config).triggers, wait, quit_early)


def _part(name: str, config: Config, step: Callable[[Connection], int], wait: float, quit_early: bool) -> Part:
    return Part(name, {name: partial(_open, name, config, step, wait)}, wait, quit_early)


@contextmanager
def _open(name: str, config: Config, step: Callable[[Connection], int], wait: float, _stop: Stop) -> Iterator[Work]:
    with open_worker(config, name) as worker:
        rounds = Rounds(lambda: step(worker), wait)
        yield Work(rounds.step, rounds.wait)

"""`scan_…`: removes what is not needed any more, little by little."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from pipelines.turns.scan import Scanner, scan_everything
from service.databases import open_worker
from service.loop import Stop, Work
from service.loops import Part
from service.wiring import Wiring
from settings.config import Config

_LONGEST_PAUSE = 60.0


def part(config: Config, name: str, tables: Sequence[str], quit_early: bool) -> Part:
    """Scans these tables by turns. With `quit_early`: all of each table, once, at once."""
    # It outlives connections: a lost one must not make a pass of days begin anew.
    open_work = partial(_open_all, tables) if quit_early else partial(_open, Wiring(config).scanner(tables))
    return Part(name, {name: partial(open_work, config, name)}, _LONGEST_PAUSE, quit_early)


@contextmanager
def _open(scanner: Scanner, config: Config, name: str, _stop: Stop) -> Iterator[Work]:
    with open_worker(config, name) as worker:
        yield Work(lambda: scanner.run_beat(worker), lambda stop, seconds: stop.wait(min(seconds, scanner.pause())))


@contextmanager
def _open_all(tables: Sequence[str], config: Config, name: str, _stop: Stop) -> Iterator[Work]:
    with open_worker(config, name) as worker:
        yield Work(lambda: sum(scan_everything(worker, tables).values()))

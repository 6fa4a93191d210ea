"""`scan_…`: removes what is not needed any more, little by little."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pipelines.turns.scan import full_pass
from service.databases import open_worker
from service.loop import Stop, Work
from service.loops import run_loops
from service.wiring import Wiring
from settings.config import Config

_LONGEST_PAUSE = 60.0


def run_scans(config: Config, name: str, tables: Sequence[str], quit_early: bool, stop: Stop) -> int:
    """Scans these tables by turns. With `quit_early`: all of each table, once, at once. Returns the exit status."""
    # It outlives connections: a lost one must not make a pass of days begin anew.
    scanner = Wiring(config).scanner(tables)

    @contextmanager
    def open_work() -> Iterator[Work]:
        with open_worker(config, name) as worker:

            def step() -> int:
                if quit_early:
                    return sum(full_pass(worker, table) for table in tables)
                return scanner.run_beat(worker)

            yield Work(step, lambda stop, seconds: stop.wait(min(seconds, scanner.pause())))

    return run_loops(name, {name: open_work}, stop, poll_seconds=_LONGEST_PAUSE, quit_early=quit_early)

"""`handle_pristine_collectors`: collector accounts are opened, and the solver is asked what handlers want of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from service.databases import open_both
from service.loop import Listener, Stop, Work
from service.loops import Part, Rounds
from service.wiring import Wiring
from settings.config import Config
from sql.connections import connect

NAME = "handle_pristine_collectors"

_CHANNEL = "worker_solver_request"


def part(config: Config, quit_early: bool) -> Part:
    """One thread does it all, however many are configured: it works in large batches."""
    period = config.handle_pristine_collectors_period.total_seconds()
    return Part(NAME, {NAME: partial(_open, config, Wiring(config))}, period, quit_early)


@contextmanager
def _open(config: Config, wiring: Wiring, _stop: Stop) -> Iterator[Work]:
    with (
        open_both(config, NAME) as (worker, solver),
        connect(config.worker_postgres_url, f"{NAME} listener") as listening,
    ):

        def run() -> int:
            # Requests may be for new collectors, so they come first.
            return wiring.requests(worker, solver) + wiring.collectors(worker, solver)

        rounds = Rounds(run, config.handle_pristine_collectors_period.total_seconds())
        listener = Listener(listening, [_CHANNEL])
        yield Work(rounds.step, lambda stop, _seconds: listener.wait(stop, rounds.rest()))

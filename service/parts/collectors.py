"""`handle_pristine_collectors`: collector accounts are opened, and the solver is asked what handlers want of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from service.databases import connect, open_both
from service.loop import Listener, Stop, Work
from service.loops import Rounds, run_loops
from service.wiring import Wiring
from settings.config import Config

NAME = "handle_pristine_collectors"

_CHANNEL = "worker_solver_request"


def run_collectors(config: Config, quit_early: bool, stop: Stop) -> int:
    """Returns the exit status. One thread does it all, however many are configured: it works in large batches."""
    return run_loops(
        NAME,
        {NAME: partial(_open, config)},
        stop,
        poll_seconds=config.handle_pristine_collectors_period.total_seconds(),
        quit_early=quit_early,
    )


@contextmanager
def _open(config: Config) -> Iterator[Work]:
    with (
        open_both(config, NAME) as (worker, solver),
        connect(config.worker_postgres_url, f"{NAME} listener") as listening,
    ):
        wiring = Wiring(config)

        def run() -> int:
            # Requests may be for new collectors, so they come first.
            return wiring.requests(worker, solver) + wiring.collectors(worker, solver)

        rounds = Rounds(run, config.handle_pristine_collectors_period.total_seconds())
        listener = Listener(listening, [_CHANNEL])
        yield Work(rounds.step, lambda stop, _seconds: listener.wait(stop, rounds.rest()))

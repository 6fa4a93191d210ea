"""`fetch_debtor_infos`: fetches the currencies' documents that are due."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from service.databases import open_worker
from service.loop import Stop, Work
from service.loops import Rounds, run_loops
from service.wiring import Wiring
from settings.config import Config

NAME = "fetch_debtor_infos"


def run_fetcher(config: Config, quit_early: bool, stop: Stop) -> int:
    """One process of fetchers. Returns the exit status."""
    return run_loops(
        NAME,
        {NAME: partial(_open, config)},
        stop,
        poll_seconds=config.http_fetch_period.total_seconds(),
        quit_early=quit_early,
    )


@contextmanager
def _open(config: Config) -> Iterator[Work]:
    with open_worker(config, NAME) as worker:
        fetcher = Wiring(config).fetcher(worker)
        rounds = Rounds(fetcher.run_once, config.http_fetch_period.total_seconds())
        yield Work(rounds.step, rounds.wait)

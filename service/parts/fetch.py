"""`fetch_debtor_infos`: fetches the currencies' documents that are due."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial

from service.databases import open_worker
from service.loop import Stop, Work
from service.loops import SHORTEST_PERIOD, Part
from service.wiring import Wiring
from settings.config import Config

GATHER_SECONDS = 0.05
"""Results that come within this time are applied together."""

NAME = "fetch_debtor_infos"


def part(config: Config, quit_early: bool) -> Part:
    """One process of fetchers."""
    open_work = partial(_open, config, Wiring(config), quit_early)
    return Part(NAME, {NAME: open_work}, config.http_fetch_period.total_seconds(), quit_early)


@contextmanager
def _open(config: Config, wiring: Wiring, quit_early: bool, stop: Stop) -> Iterator[Work]:
    with (
        open_worker(config, NAME) as worker,
        closing(wiring.fetcher(worker, give_up=lambda: stop.is_requested)) as fetcher,
    ):

        def wait(stop: Stop, _seconds: float) -> None:
            stop.wait(max(SHORTEST_PERIOD, fetcher.rest()), fetcher)
            stop.wait(GATHER_SECONDS)

        yield Work(fetcher.run_once if quit_early else fetcher.step, wait)

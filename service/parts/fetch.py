"""`fetch_debtor_infos`: fetches the currencies' documents that are due."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from bridge.http_fetch import HttpFetch
from service.databases import open_worker
from service.loop import Stop, Work
from service.loops import Rounds, run_loops
from settings.config import Config

NAME = "fetch_debtor_infos"


def fetch(config: Config, quit_early: bool, stop: Stop) -> int:
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
        fetcher = HttpFetch(
            worker,
            connections=config.http_fetch_connections,
            timeout=config.http_fetch_timeout.total_seconds(),
            verify=config.app_verify_ssl_certs,
            allow_private=config.fetches_private_addresses,
            limit=config.app_debtor_info_fetch_burst_count,
        )
        rounds = Rounds(fetcher.run_once, config.http_fetch_period.total_seconds())
        yield Work(rounds.step, rounds.wait)

"""Worker databases that are bound to a shard, and processes that look whether they are."""

from __future__ import annotations

from service.databases import open_worker
from service.set_up import run as set_up
from settings.config import Config
from tests.settings.environments import load_with


def configured(solver_url: str, worker_url: str, key: str, **variables: str) -> Config:
    """The settings of a worker whose databases `configure` has set up."""
    urls = {"SOLVER_POSTGRES_URL": solver_url, "WORKER_POSTGRES_URL": worker_url}
    urls["PROTOCOL_BROKER_QUEUE_ROUTING_KEY"] = key
    set_up(load_with("configure", **urls), lambda _line: None)
    return load_with(**urls, **variables)


def start(config: Config) -> None:
    """What every process of a worker does first."""
    with open_worker(config, "test"):
        pass

"""What `swpt-trade configure` does: both databases, then, when asked to, the broker."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import psycopg

from admin.config import Config
from admin.configure import ConfigureError, Plan, configure, make_plan
from bridge.rabbitmq_setup import TopologyError
from sql import Kind

_PAUSES = (1, 2, 4, 8, 16)
"""Seconds to wait before the next try of a step that failed: servers may still be starting."""

FAILURES = (psycopg.Error, ConfigureError, TopologyError, OSError, ValueError)
"""What servers, and what is wrong with them or with their URLs, can make `run` and `plans` raise."""

Report = Callable[[str], None]


def plans(config: Config) -> list[Plan]:
    """What would be done, for both databases. Raises `psycopg.Error`."""
    found = []
    for kind, url in _databases(config):
        with psycopg.connect(url, autocommit=True) as connection:
            found.append(make_plan(connection, kind))
    return found


def run(config: Config, report: Report) -> None:
    """Brings everything to this release. Raises the last error of a step that keeps failing."""
    for kind, url in _databases(config):
        _insist(partial(_configure, kind, url, report), report)
    if config.setup_rabbitmq_bindings == "yes":
        _insist(partial(_declare, config), report)
        report("broker: exchanges, queues and bindings are there")


def _databases(config: Config) -> tuple[tuple[Kind, str], ...]:
    return ("solver", config.solver_postgres_url), ("worker", config.worker_postgres_url)


def _configure(kind: Kind, url: str, report: Report) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        if configure(connection, kind, report).is_empty:
            report(f"{kind}: up to date")


def _declare(config: Config) -> None:
    from bridge.rabbitmq_setup import declare
    from bridge.topology import worker_topology

    topology = worker_topology(
        config.protocol_broker_queue,
        config.protocol_broker_queue_routing_key,
        is_quorum=config.app_quorum_queue,
    )
    declare(config.protocol_broker_url, topology)


def _insist(step: Callable[[], None], report: Report) -> None:
    for pause in _PAUSES:
        try:
            return step()
        except (ConfigureError, TopologyError):
            raise  # trying again does not help
        except Exception as error:
            report(f"failed, trying again in {pause} s: {str(error).strip()}")
            time.sleep(pause)
    return step()

"""What `swpt-trade configure` does: both databases, what they are, then, when asked to, the broker."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import psycopg

from bridge.rabbitmq.setup import TopologyError
from service import binding
from service.binding import Binding
from settings.config import Config
from sql import Kind
from sql.install import ConfigureError, Plan, configure, make_plan

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


def binding_plan(config: Config) -> str | None:
    """What stands in the way of binding the worker database, or that it will be bound. None: it is as it should be.

    Raises `psycopg.Error`.
    """
    found = _look(config)
    if found.problem is not None:
        return f"worker: would be refused, {found.problem}"
    if found.installation is None:
        return f"worker: bind it to the key {config.realm.binding_key}"
    return None


def run(config: Config, report: Report, *, is_rebound: bool = False) -> None:
    """Brings everything to this release. Raises the last error of a step that keeps failing.

    Nothing is changed when the worker database belongs to another shard, unless `is_rebound`.
    """
    _insist(partial(_check, config, report, is_rebound), report)
    for kind, url in _databases(config):
        _insist(partial(_configure, kind, url, report), report)
    _insist(partial(_bind, config, report, is_rebound), report)
    declare_broker(config, report)


def declare_broker(config: Config, report: Report) -> None:
    """Declares what the broker needs, if the configuration wants that."""
    if config.setup_rabbitmq_bindings == "yes":
        _insist(partial(_declare, config), report)
        report("broker: exchanges, queues and bindings are there")


def _look(config: Config) -> Binding:
    with (
        psycopg.connect(config.solver_postgres_url, autocommit=True) as solver,
        psycopg.connect(config.worker_postgres_url, autocommit=True) as worker,
    ):
        return binding.look(worker, solver, config.realm.binding_key, config.delete_parent_shard_records)


def _check(config: Config, report: Report, is_rebound: bool) -> None:
    found = _look(config)
    if is_rebound:
        report(f"worker: {found.described()}, to be bound to the key {config.realm.binding_key}")
    elif found.problem is not None:
        raise ConfigureError(
            f"the worker database belongs to another shard: {found.problem}. Look at WORKER_POSTGRES_URL, "
            "SOLVER_POSTGRES_URL and PROTOCOL_BROKER_QUEUE_ROUTING_KEY; `--rebind` binds it anew, whatever it was"
        )


def _bind(config: Config, report: Report, is_rebound: bool) -> None:
    key = config.realm.binding_key
    with (
        psycopg.connect(config.solver_postgres_url, autocommit=True) as solver,
        psycopg.connect(config.worker_postgres_url, autocommit=True) as worker,
    ):
        installation = binding.make_installation(solver)
        if binding.look(worker, solver, key, config.delete_parent_shard_records).is_parent and not is_rebound:
            report(f"worker: a copy of the parent's database, it will be that of {key} when the first process starts")
        elif binding.bind(worker, installation, key, is_forced=is_rebound):
            report(f"worker: bound to the installation {installation} and the key {key}")


def _databases(config: Config) -> tuple[tuple[Kind, str], ...]:
    return ("solver", config.solver_postgres_url), ("worker", config.worker_postgres_url)


def _configure(kind: Kind, url: str, report: Report) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        if configure(connection, kind, report).is_empty:
            report(f"{kind}: up to date")


def _declare(config: Config) -> None:
    from bridge.rabbitmq.setup import declare
    from bridge.wire.topology import worker_topology

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

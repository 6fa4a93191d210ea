"""What `swpt-trade configure` does: both databases, what they are, then, when asked to, the broker."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

import psycopg

from bridge.rabbitmq.setup import TopologyError
from pipelines.texts import shown
from service import binding, brokers
from service.binding import Binding
from settings.config import Config
from sql import KINDS, Kind, preconditions
from sql.connections import SharedSession, connect
from sql.install import ConfigureError, Plan, configure, make_plan
from sql.permanent import PermanentError, permanent_errors
from sql.roles import Grants

WAIT_SECONDS = 31.0
"""How long to wait for servers that are still starting, unless told otherwise."""
_LONGEST_PAUSE = 16.0

FAILURES = (psycopg.Error, ConfigureError, PermanentError, TopologyError, OSError, ValueError)
"""What servers, and what is wrong with them or with their URLs, can make `run` and `plans` raise."""

Report = Callable[[str], None]
Result = TypeVar("Result")


class SolverNotSetUp(ValueError):
    """A worker database can not be bound yet, because nobody has set up the solver's."""


def plans(config: Config, kinds: Collection[Kind] = KINDS) -> list[Plan]:
    """What would be done, for these databases. Raises `psycopg.Error`, and ConfigureError when it could not be done."""
    _check_rights(config, kinds)
    found = []
    for kind, url in _databases(config, kinds):
        with _database(url, kind) as connection:
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


def run(
    config: Config,
    report: Report,
    kinds: Collection[Kind] = KINDS,
    *,
    is_rebound: bool = False,
    is_empty_accepted: bool = False,
    wait: float = WAIT_SECONDS,
    grants: Grants = MappingProxyType({}),
) -> None:
    """Brings databases of these kinds, and with the worker's the broker, to this release.

    Raises the last error of a step that keeps failing. Servers that do not answer yet are waited for, `wait` seconds in
    all; so is the set-up of the solver database, which a worker's is bound to. `grants`: roles that get rights on the
    databases, or lose them. Nothing is changed when the worker database belongs to another shard, unless `is_rebound`.
    `is_empty_accepted`: a new worker database lacks no collectors.
    """
    patience = Patience(wait, report)
    patience.run("the databases", partial(_check, config, report, kinds, is_rebound))
    for kind, url in _databases(config, kinds):
        patience.run(f"the {kind} database", partial(_configure, kind, url, report, grants))
    if "solver" in kinds:
        patience.run("the solver database", partial(_make_installation, config))
    if "worker" in kinds:
        patience.run("the databases", partial(_bind, config, report, is_rebound))
        if is_empty_accepted:
            patience.run("the worker database", partial(_accept_empty, config, report))
        declare_broker(config, report, patience)


def declare_broker(config: Config, report: Report, patience: Patience | None = None) -> None:
    """Declares what the broker needs, if the configuration wants that."""
    if config.setup_rabbitmq_bindings == "yes":
        (patience or Patience(WAIT_SECONDS, report)).run("the broker", partial(brokers.subscribe, config, report))


def _look(config: Config) -> Binding:
    with (
        _database(config.worker_postgres_url, "worker") as worker,
        _database(config.solver_postgres_url, "solver", is_inner=True) as solver,
    ):
        return binding.look(worker, solver, config.realm.binding_key, config.delete_parent_shard_records)


def _check(config: Config, report: Report, kinds: Collection[Kind], is_rebound: bool) -> None:
    _check_rights(config, kinds)
    if "worker" not in kinds:
        return
    found = _look(config)
    if is_rebound:
        report(f"worker: {found.described()}, to be bound to the key {config.realm.binding_key}")
    elif found.problem is not None:
        raise ConfigureError(
            f"the worker database belongs to another shard: {found.problem}. Look at WORKER_POSTGRES_URL, "
            "SOLVER_POSTGRES_URL and PROTOCOL_BROKER_QUEUE_ROUTING_KEY; `--rebind` binds it anew, whatever it was"
        )


def _check_rights(config: Config, kinds: Collection[Kind]) -> None:
    """Raises ConfigureError with everything that stands in the way, in all databases at once."""
    found = {}
    for kind, url in _databases(config, kinds):
        with _database(url, kind) as connection:
            found[kind] = preconditions.obstacles(connection, kind)
    problem = preconditions.described(found)
    if problem is not None:
        raise ConfigureError(problem)


def _make_installation(config: Config) -> None:
    with _database(config.solver_postgres_url, "solver") as solver:
        binding.make_installation(solver)


def _bind(config: Config, report: Report, is_rebound: bool) -> None:
    key = config.realm.binding_key
    with (
        _database(config.worker_postgres_url, "worker") as worker,
        _database(config.solver_postgres_url, "solver", is_inner=True) as solver,
    ):
        installation = binding.installation_of(solver)
        if installation is None:
            raise SolverNotSetUp("the solver database is not set up: run `swpt-trade configure solver`, too")
        if binding.look(worker, solver, key, config.delete_parent_shard_records).is_parent and not is_rebound:
            report(f"worker: a copy of the parent's database, it will be that of {key} when the first process starts")
        elif binding.bind(worker, installation, key, is_forced=is_rebound):
            report(f"worker: bound to the installation {installation} and the key {key}")


def _accept_empty(config: Config, report: Report) -> None:
    with _database(config.worker_postgres_url, "worker") as worker:
        if binding.accept_empty(worker):
            report(
                "worker: it may be empty; accounts that nobody knows are given up if no more than 2 tokens are on them"
            )


def _databases(config: Config, kinds: Collection[Kind]) -> list[tuple[Kind, str]]:
    urls: dict[Kind, str] = {"solver": config.solver_postgres_url, "worker": config.worker_postgres_url}
    return [(kind, url) for kind, url in urls.items() if kind in kinds]


def _configure(kind: Kind, url: str, report: Report, grants: Grants) -> None:
    with _database(url, kind) as connection:
        if configure(connection, kind, report, grants).is_empty:
            report(f"{kind}: up to date")


class Patience:
    """Waits for servers that are still starting, but not for ever, and not for what no waiting heals."""

    def __init__(self, seconds: float, report: Report, clock: Callable[[], float] = time.monotonic) -> None:
        """So many seconds in all, whichever server they are spent on."""
        self._left = seconds
        self._report = report
        self._clock = clock

    def run(self, what: str, step: Callable[[], Result]) -> Result:
        """The result of the step. `what` it needs is told while it is waited for."""
        pause = 1.0
        while True:
            started = self._clock()
            try:
                return step()
            except (ConfigureError, TopologyError, PermanentError, SharedSession):
                raise  # trying again does not help
            except Exception as error:
                self._left -= self._clock() - started
                if self._left <= 0:
                    raise
                pause = min(pause, self._left)
                reason = shown(" ".join(str(error).split()))
                self._report(f"waiting for {what}, {self._left:.0f} s at most, again in {pause:.0f} s: {reason}")
                time.sleep(pause)
                self._left -= pause
                pause = min(2 * pause, _LONGEST_PAUSE)


@contextmanager
def _database(url: str, kind: Kind, *, is_inner: bool = False) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with (
        permanent_errors(url, kind, is_inner=is_inner) as place,
        connect(url, "configure") as connection,
    ):
        place.connection = connection
        yield connection

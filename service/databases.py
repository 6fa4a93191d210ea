"""Connections to both databases, and whether what is behind them can be worked with."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg

from pipelines.texts import shown
from service import binding
from service.loop import Unusable
from service.wiring import Wiring
from settings.config import Config
from sql import Kind
from sql.compatibility import excess
from sql.connections import Connection, connect
from sql.install import make_plan
from sql.permanent import PermanentError, Place, permanent_errors
from sql.schema_state import lack

logger = logging.getLogger(__name__)


@contextmanager
def open_worker(config: Config, name: str) -> Iterator[Connection]:
    """A connection to this worker's database, which knows the settings of the environment from now on.

    Raises Unusable when `configure` has to be run first, or when it is the database of another shard or of another
    installation, and psycopg.Error.
    """
    with opened(config.worker_postgres_url, "worker", name) as connection:
        check_schema(connection, "worker")
        installation = _installation_of(connection)
        # Messages are handled without the solver, too. Then the loops that need it will tell.
        with contextlib.suppress(psycopg.OperationalError, Refused), open_solver(config, f"{name} start") as solver:
            check_installation(installation, solver)
        try:
            Wiring(config).enroll(connection)
        except psycopg.Error as error:
            if error.sqlstate in binding.REFUSALS:
                raise Unusable(binding.refusal(error)) from None
            raise
        yield connection


@contextmanager
def open_solver(config: Config, name: str, *, is_inner: bool = False) -> Iterator[Connection]:
    """A connection to the solver's database; see `opened`. Raises the same as `open_worker`."""
    with opened(config.solver_postgres_url, "solver", name, is_inner=is_inner) as connection:
        check_schema(connection, "solver")
        if connection.execute("select solver.installation_id()").fetchone() == (None,):
            raise Unusable("the solver database has no installation ID: run `swpt-trade configure` first")
        connection.execute("select set_config('work_mem', %s, false)", (config.solver_increased_work_mem,))
        yield connection


class Refused(Unusable):
    """The server lets nobody in with this URL."""


@contextmanager
def opened(url: str, kind: Kind, name: str, *, is_inner: bool = False) -> Iterator[Connection]:
    """A connection; see `connect`. `is_inner`: inside of the block of another one.

    Raises Unusable with what to do for errors that trying again does not heal.
    """
    place: Place | None = None
    try:
        with permanent_errors(url, kind, is_inner=is_inner) as place, connect(url, name) as connection:
            place.connection = connection
            yield connection
    except PermanentError as error:
        raise (Refused if place is None or place.connection is None else Unusable)(str(error)) from None


@contextmanager
def open_both(config: Config, name: str) -> Iterator[tuple[Connection, Connection]]:
    """Connections to this worker's database and to the solver's, which belong to one installation."""
    with open_worker(config, name) as worker, open_solver(config, name, is_inner=True) as solver:
        check_installation(_installation_of(worker), solver)
        yield worker, solver


def check_at_start(config: Config, kind: Kind) -> None:
    """Raises Unusable when the database is nothing to work with. One that does not answer yet is waited for later."""
    try:
        with open_worker(config, "start") if kind == "worker" else open_solver(config, "start"):
            return
    except psycopg.Error as error:
        logger.warning("the %s database does not answer yet: %s", kind, shown(" ".join(str(error).split())))


def check_what_is_there(url: str, kind: Kind) -> None:
    """Like `check_at_start`, for those who only read, whichever shard's database it is."""
    try:
        with opened(url, kind, "start") as connection:
            check_schema(connection, kind)
    except psycopg.Error as error:
        logger.warning("the %s database does not answer yet: %s", kind, shown(" ".join(str(error).split())))


def check_installation(installation: UUID, solver: Connection) -> None:
    """Raises Unusable when a worker database of this installation does not belong to the solver's database."""
    row = solver.execute("select solver.installation_id()").fetchone()
    if row != (installation,):
        raise Unusable(
            f"the worker database belongs to the installation {installation}, the solver database to "
            f"{row and row[0]}: look at WORKER_POSTGRES_URL and SOLVER_POSTGRES_URL"
        )


def _installation_of(worker: Connection) -> UUID:
    row = worker.execute("select installation_id from worker.identity").fetchone()
    if row is None:
        raise Unusable("the worker database is not bound to a shard: run `swpt-trade configure` first")
    installation: UUID = row[0]
    return installation


def lane_count(worker: Connection) -> int:
    """How many lanes the worker's database has."""
    row = worker.execute("select lane_count from worker.configuration").fetchone()
    assert row is not None
    return int(row[0])


def check_schema(connection: Connection, kind: Kind) -> None:
    """Raises Unusable when the database misses something of this release.

    A database of a later release is fine, as long as it has the same compatibility number: what is there keeps its
    meaning. So other functions than ours are only worth a warning.
    """
    plan = make_plan(connection, kind)
    if plan.is_empty:
        return
    problem = excess(connection, kind)
    if problem is not None:
        raise Unusable(problem)
    problem = lack(connection, kind)
    if problem is not None:
        raise Unusable(f"{problem}: run `swpt-trade configure` first")
    logger.warning(
        "%s functions of the %s database are not those of this release: is `swpt-trade configure` still to be run?",
        len(plan.functions),
        kind,
    )

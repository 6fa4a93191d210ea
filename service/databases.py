"""Connections to both databases, and whether what is behind them can be worked with."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString
from uuid import UUID

import psycopg

import sql
from bridge.notices import log_notices
from service import binding
from service.loop import Unusable
from service.wiring import Wiring
from settings.config import Config
from sql import Kind
from sql.install import make_plan

logger = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]

_CONNECT_SECONDS = 10
# A server that vanished without a word is noticed within a minute or so.
_KEEPALIVES: dict[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
# The other way round: the locks of a client that vanished must not be held for hours.
_SERVERS_KEEPALIVES: LiteralString = """
select set_config('tcp_keepalives_idle', '20', false), set_config('tcp_keepalives_interval', '10', false),
  set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '60000', false)
"""


def connect(url: str, name: str) -> Connection:
    """A connection in autocommit mode, which the server's lists of sessions show under `name`."""
    connection = psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=_CONNECT_SECONDS,
        application_name=f"swpt-trade {name}",
        # That of the messages. The environment, or the server for this user, may prefer another one.
        client_encoding="utf-8",
        **_KEEPALIVES,
    )
    log_notices(connection)
    connection.execute(_SERVERS_KEEPALIVES)
    return connection


@contextmanager
def open_worker(config: Config, name: str) -> Iterator[Connection]:
    """A connection to this worker's database, which knows the settings of the environment from now on.

    Raises Unusable when `configure` has to be run first, or when it is the database of another shard or of another
    installation, and psycopg.Error.
    """
    with connect(config.worker_postgres_url, name) as connection:
        check_schema(connection, "worker")
        installation = _installation_of(connection)
        # Messages are handled without the solver, too. Then the loops that need it will tell.
        with contextlib.suppress(psycopg.OperationalError), open_solver(config, f"{name} start") as solver:
            check_installation(installation, solver)
        try:
            Wiring(config).enroll(connection)
        except psycopg.Error as error:
            if error.sqlstate in binding.REFUSALS:
                raise Unusable(binding.refusal(error)) from None
            raise
        yield connection


@contextmanager
def open_solver(config: Config, name: str) -> Iterator[Connection]:
    """A connection to the solver's database. Raises the same as `open_worker`."""
    with connect(config.solver_postgres_url, name) as connection:
        check_schema(connection, "solver")
        if connection.execute("select solver.installation_id()").fetchone() == (None,):
            raise Unusable("the solver database has no installation ID: run `swpt-trade configure` first")
        yield connection


@contextmanager
def open_both(config: Config, name: str) -> Iterator[tuple[Connection, Connection]]:
    """Connections to this worker's database and to the solver's, which belong to one installation."""
    with open_worker(config, name) as worker, open_solver(config, name) as solver:
        check_installation(_installation_of(worker), solver)
        yield worker, solver


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

    A database of a later release is fine: what is there keeps its meaning. So other functions than ours are only worth
    a warning.
    """
    plan = make_plan(connection, kind)
    if plan.is_empty:
        return
    known = {file.name for file in (*sql.migrations(kind), *sql.functions(kind))}
    there = known - {file.name for file in (*plan.migrations, *plan.functions)}
    if not there:
        raise Unusable(f"the {kind} database has not been set up: run `swpt-trade configure` first")
    applied = {row[0] for row in connection.execute(f"select file from {kind}.applied_file".encode()).fetchall()}
    missing = sorted(known - applied)
    if missing:
        raise Unusable(
            f"the {kind} database is older than this release, it lacks {len(missing)} files such as {missing[0]}: "
            "run `swpt-trade configure` first"
        )
    logger.warning(
        "%s functions of the %s database are not those of this release: is `swpt-trade configure` still to be run?",
        len(plan.functions),
        kind,
    )

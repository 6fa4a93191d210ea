"""Creates and upgrades the databases: what `swpt-trade configure` does.

Safe to repeat, and to run twice at once: an advisory lock makes the second run wait and then find nothing to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Literal, LiteralString

import psycopg

import sql
from sql import Kind, SqlFile, roles
from sql.compatibility import excess
from sql.roles import Grants

Connection = psycopg.Connection[tuple[Any, ...]]

_LOCK_CLASS = 7300
_DDL_LOCK_TIMEOUT = "1s"
_DDL_ATTEMPTS = 10


# Bodies in the form of the SQL standard are bound when they are made. All others look names up when they run, and do so
# in the system's schema, whatever the caller's search_path is.
_FIX_NAMES: LiteralString = """
do $$
declare
  v_function regprocedure;
begin
  for v_function in
    select p.oid
    from pg_proc as p
    inner join pg_language as l on l.oid = p.prolang
    where p.pronamespace = '%(schema)s'::regnamespace
      and l.lanname in ('sql', 'plpgsql')
      and p.prosqlbody is null
      and not exists (select from unnest(p.proconfig) as c (setting) where c.setting like 'search_path=%%')
  loop
    execute format('alter routine %%s set search_path to pg_catalog, pg_temp', v_function);
  end loop;
end
$$
"""


class ConfigureError(Exception):
    """The database can not be brought to the wanted state; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be applied to one database, and what does not belong there."""

    kind: Kind
    migrations: tuple[SqlFile, ...]
    functions: tuple[SqlFile, ...]
    rights: tuple[SqlFile, ...]
    changed_migrations: tuple[str, ...]
    orphans: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.migrations or self.functions or self.rights)

    @property
    def has_drift(self) -> bool:
        return not self.is_empty or bool(self.changed_migrations or self.orphans)

    def lines(self) -> list[str]:
        """The plan for people: one line a file."""
        return (
            [f"{self.kind}: run {f.name}" for f in self.migrations]
            + [f"{self.kind}: replace {f.name}" for f in (*self.functions, *self.rights)]
            + [f"{self.kind}: changed since it was run: {name}" for name in self.changed_migrations]
            + [f"{self.kind}: not in this release any more: {name}" for name in self.orphans]
        ) or [f"{self.kind}: up to date"]


def make_plan(connection: Connection, kind: Kind) -> Plan:
    """Compares the files of this release with what the database says was applied."""
    applied = _notes(connection, kind, "checksum")
    migrations = sql.migrations(kind)
    functions = sql.functions(kind)
    rights = sql.rights(kind)
    known = {f.name for f in [*migrations, *functions, *rights]}
    missing = tuple(f for f in migrations if f.name not in applied)
    return Plan(
        kind,
        migrations=missing,
        # The columns of tables are looked up when a function is made, so after a migration all of them are made anew.
        functions=tuple(f for f in functions if missing or applied.get(f.name) != f.checksum),
        rights=tuple(f for f in rights if applied.get(f.name) != f.checksum),
        changed_migrations=tuple(f.name for f in migrations if applied.get(f.name, f.checksum) != f.checksum),
        orphans=tuple(sorted(applied.keys() - known)),
    )


def configure(
    connection: Connection,
    kind: Kind,
    report: Callable[[str], None] = lambda _line: None,
    grants: Grants = MappingProxyType({}),
) -> Plan:
    """Brings the database behind `connection` (in autocommit mode) to this release; returns what was done.

    `grants`: roles that get rights, or lose them. Those of earlier calls keep theirs. Raises `ConfigureError` when a
    migration that already ran has another content now, the database is of a release that this one can not work with, or
    a role can be granted nothing, and `psycopg.Error` when a file fails; files that were applied before stay applied.
    """
    _check_server(connection)
    problem = excess(connection, kind)
    if problem is not None:
        raise ConfigureError(problem)
    _check_roles(connection, kind, grants)
    connection.execute("select pg_advisory_lock(%s, %s)", (_LOCK_CLASS, sql.KINDS.index(kind)))
    try:
        _create_schemas(connection, kind)
        plan = make_plan(connection, kind)
        if plan.changed_migrations:
            raise ConfigureError(
                f"these migrations changed after they ran on the {kind} database: "
                f"{', '.join(plan.changed_migrations)}. Install the release that ran them, or create the database anew"
            )
        for migration in plan.migrations:
            report(f"{kind}: {migration.name}")
            _insist(connection, partial(_run, connection, kind, migration))
        if plan.functions:
            report(f"{kind}: {len(plan.functions)} function files")
        if grants or not plan.is_empty:
            for line in _insist(connection, partial(_replace, connection, kind, plan, grants)):
                report(line)
        return plan
    finally:
        if not connection.closed:
            connection.execute("select pg_advisory_unlock(%s, %s)", (_LOCK_CLASS, sql.KINDS.index(kind)))


def install_test_clock(connection: Connection, kind: Kind) -> None:
    """Lets the setting `swpt.now` stand for the clock. For tests and the sandbox only."""
    connection.execute(sql.test_clock(kind).text.encode())


def _check_server(connection: Connection) -> None:
    if connection.info.server_version < 150000:
        raise ConfigureError(f"PostgreSQL 15 or newer is needed, this is {connection.info.server_version // 10000}")
    encoding = connection.execute("show server_encoding").fetchone()
    if encoding != ("UTF8",):
        raise ConfigureError("the database has to be in UTF8 encoding: locators are hashed by their UTF-8 bytes")


def applied_releases(connection: Connection, kind: Kind) -> dict[str, str]:
    """The files that were applied to a database, each with the release that did it; none if it is not set up."""
    return _notes(connection, kind, "release")


def _check_roles(connection: Connection, kind: Kind, grants: Grants) -> None:
    for role, purpose in grants.items():
        problem = roles.problem(connection, role)
        if purpose is not None and problem is not None:
            raise ConfigureError(f"{kind} database: the role {role} {problem}")


def _create_schemas(connection: Connection, kind: Kind) -> None:
    connection.execute("set client_min_messages = warning")
    for name in roles.SCHEMAS[kind]:
        # `if not exists` asks for the right to create one, even where it is there.
        if connection.execute("select to_regnamespace(%s)", (name,)).fetchone() == (None,):
            connection.execute(f"create schema if not exists {name}".encode())
    connection.execute(
        f"""
        create table if not exists {kind}.applied_file (
          file text collate "C" primary key,
          checksum text collate "C" not null,
          release text collate "C" not null,
          applied_at timestamptz not null default transaction_timestamp()
        )
        """.encode()
    )


def _notes(connection: Connection, kind: Kind, column: Literal["checksum", "release"]) -> dict[str, str]:
    if connection.execute("select to_regclass(%s)", (f"{kind}.applied_file",)).fetchone() == (None,):
        return {}
    return dict(connection.execute(f"select file, {column} from {kind}.applied_file".encode()).fetchall())


def _insist(connection: Connection, step: Callable[[], list[str]]) -> list[str]:
    """Takes a step in one transaction; DDL never holds up traffic for more than a moment, so it may need some tries."""
    for attempt in range(1, _DDL_ATTEMPTS + 1):
        try:
            with connection.transaction():
                connection.execute(f"set local lock_timeout = '{_DDL_LOCK_TIMEOUT}'".encode())
                # What names stand for is decided here, and not by the settings of whoever calls.
                connection.execute("set local search_path to pg_catalog, pg_temp")
                return step()
        except psycopg.errors.LockNotAvailable:
            if attempt == _DDL_ATTEMPTS:
                raise
            time.sleep(0.1 * 2**attempt)
    raise AssertionError("the last try returns or raises")


def _run(connection: Connection, kind: Kind, file: SqlFile) -> list[str]:
    """Runs a file, and remembers that."""
    connection.execute(file.text.encode())
    _note(connection, kind, file)
    return []


def _replace(connection: Connection, kind: Kind, plan: Plan, grants: Grants) -> list[str]:
    """Replaces functions, then gives everybody their rights, also on what is new; returns what there is to report."""
    # Bodies in PL/pgSQL may mention functions of later files.
    connection.execute("set local check_function_bodies = off")
    waiting = list(plan.functions)
    while waiting:
        later = _run_what_can_be(connection, kind, waiting)
        if len(later) == len(waiting):
            _run(connection, kind, later[0])  # says what is missing
        waiting = later
    for schema in roles.SCHEMAS[kind]:
        connection.execute(_FIX_NAMES % {"schema": schema})
    lines = roles.apply(connection, kind, grants)
    for file in plan.rights:
        _note(connection, kind, file)
    return lines


def _run_what_can_be(connection: Connection, kind: Kind, files: list[SqlFile]) -> list[SqlFile]:
    """Runs files of functions, and returns those whose bodies in SQL mention functions of files behind them."""
    later = []
    for file in files:
        try:
            with connection.transaction():
                _run(connection, kind, file)
        except psycopg.errors.UndefinedFunction:
            later.append(file)
    return later


def _note(connection: Connection, kind: Kind, file: SqlFile) -> None:
    connection.execute(
        f"insert into {kind}.applied_file (file, checksum, release) values (%s, %s, %s) "
        "on conflict (file) do update set checksum = excluded.checksum, "
        "release = excluded.release, applied_at = excluded.applied_at".encode(),
        (file.name, file.checksum, version("swpt-trade")),
    )

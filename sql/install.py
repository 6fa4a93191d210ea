"""Creates and upgrades the databases: what `swpt-trade configure` does.

Safe to repeat, and to run twice at once: an advisory lock makes the second run wait and then find nothing to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import psycopg

import sql
from sql import Kind, SqlFile

Connection = psycopg.Connection[tuple[Any, ...]]

_LOCK_CLASS = 7300
_DDL_LOCK_TIMEOUT = "1s"
_DDL_ATTEMPTS = 10


class ConfigureError(Exception):
    """The database can not be brought to the wanted state; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be applied to one database, and what does not belong there."""

    kind: Kind
    migrations: tuple[SqlFile, ...]
    functions: tuple[SqlFile, ...]
    changed_migrations: tuple[str, ...]
    orphans: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.migrations or self.functions)

    @property
    def has_drift(self) -> bool:
        return not self.is_empty or bool(self.changed_migrations or self.orphans)

    def lines(self) -> list[str]:
        """The plan for people: one line a file."""
        return (
            [f"{self.kind}: run {f.name}" for f in self.migrations]
            + [f"{self.kind}: replace {f.name}" for f in self.functions]
            + [f"{self.kind}: changed since it was run: {name}" for name in self.changed_migrations]
            + [f"{self.kind}: not in this release any more: {name}" for name in self.orphans]
        ) or [f"{self.kind}: up to date"]


def make_plan(connection: Connection, kind: Kind) -> Plan:
    """Compares the files of this release with what the database says was applied."""
    applied = _applied(connection, kind)
    migrations = sql.migrations(kind)
    functions = sql.functions(kind)
    known = {f.name for f in [*migrations, *functions]}
    return Plan(
        kind,
        migrations=tuple(f for f in migrations if f.name not in applied),
        functions=tuple(f for f in functions if applied.get(f.name) != f.checksum),
        changed_migrations=tuple(f.name for f in migrations if applied.get(f.name, f.checksum) != f.checksum),
        orphans=tuple(sorted(applied.keys() - known)),
    )


def configure(connection: Connection, kind: Kind, report: Callable[[str], None] = lambda _line: None) -> Plan:
    """Brings the database behind `connection` (in autocommit mode) to this release; returns what was done.

    Raises `ConfigureError` when a migration that already ran has another content now, and `psycopg.Error` when a file
    fails; files that were applied before stay applied.
    """
    _check_server(connection)
    connection.execute("select pg_advisory_lock(%s, %s)", (_LOCK_CLASS, sql.KINDS.index(kind)))
    try:
        _create_schema(connection, kind)
        plan = make_plan(connection, kind)
        if plan.changed_migrations:
            raise ConfigureError(
                f"these migrations changed after they ran on the {kind} database: "
                f"{', '.join(plan.changed_migrations)}. Install the release that ran them, or create the database anew"
            )
        for migration in plan.migrations:
            report(f"{kind}: {migration.name}")
            _apply(connection, kind, [migration])
        _turn_off_jit(connection)
        if plan.functions:
            report(f"{kind}: {len(plan.functions)} function files")
            _apply(connection, kind, plan.functions)
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


def _create_schema(connection: Connection, kind: Kind) -> None:
    connection.execute(f"set client_min_messages = warning; create schema if not exists {kind}".encode())
    connection.execute(
        f"""
        create table if not exists {kind}.applied_file (
          file text primary key,
          checksum text not null,
          release text not null,
          applied_at timestamptz not null default transaction_timestamp()
        )
        """.encode()
    )


def _turn_off_jit(connection: Connection) -> None:
    """For the sessions of this user in this database: compiling a batch's plan costs more than running it."""
    row = connection.execute(
        "select format('alter role current_user in database %I set jit = off', current_database())"
        " where current_setting('jit')::boolean"
    ).fetchone()
    if row is not None:
        connection.execute(row[0])


def _applied(connection: Connection, kind: Kind) -> dict[str, str]:
    if connection.execute("select to_regclass(%s)", (f"{kind}.applied_file",)).fetchone() == (None,):
        return {}
    return dict(connection.execute(f"select file, checksum from {kind}.applied_file".encode()).fetchall())


def _apply(connection: Connection, kind: Kind, files: list[SqlFile] | tuple[SqlFile, ...]) -> None:
    """Runs files in one transaction; DDL never holds up traffic for more than a moment, so it may need some tries."""
    for attempt in range(1, _DDL_ATTEMPTS + 1):
        try:
            with connection.transaction():
                connection.execute(f"set local lock_timeout = '{_DDL_LOCK_TIMEOUT}'".encode())
                # Function bodies may mention functions of later files.
                connection.execute("set local check_function_bodies = off")
                for file in files:
                    connection.execute(file.text.encode())
                    connection.execute(
                        f"insert into {kind}.applied_file (file, checksum, release) values (%s, %s, %s) "
                        "on conflict (file) do update set checksum = excluded.checksum, "
                        "release = excluded.release, applied_at = excluded.applied_at".encode(),
                        (file.name, file.checksum, version("swpt-trade")),
                    )
            return
        except psycopg.errors.LockNotAvailable:
            if attempt == _DDL_ATTEMPTS:
                raise
            time.sleep(0.1 * 2**attempt)

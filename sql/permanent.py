"""Errors of a database that trying again does not heal, and what to do about each, in one line.

Servers that start, refuse connections or have no name yet are not among them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import conninfo

from sql import Kind

_SCHEMAS: dict[Kind, str] = {"worker": "worker, outbox, pgmq", "solver": "solver"}

# What a server says when it refuses a connection comes without an SQLSTATE.
_REFUSALS = (
    (r'database "[^"]*" does not exist', "3D000"),
    (r'role "[^"]*" does not exist', "28000"),
    (r'role "[^"]*" is not permitted to log in', "28000"),
    (r"no pg_hba\.conf entry|pg_hba\.conf rejects", "28000"),
    (r"authentication failed for user|no password supplied", "28P01"),
    (r'permission denied for database "[^"]*"', "42501"),
    (r'database "[^"]*" is not currently accepting connections', "55000"),
)


class PermanentError(Exception):
    """Trying again does not help; the message is one line that says what is wrong, and what to do."""


@dataclass(slots=True)
class Place:
    """Where an error comes from. `connection`: None until there is one.

    `is_inner`: errors of another connection may come by, too.
    """

    kind: Kind | None
    role: str
    database: str
    variable: str
    is_inner: bool = False
    connection: psycopg.Connection[Any] | None = None

    def raised(self, error: psycopg.Error) -> bool:
        """Whether the error is of this connection, and not of another one."""
        if self.connection is None or not self.is_inner:
            return True
        text = error.diag.message_primary or str(error)
        last = self.connection.pgconn.error_message.decode(errors="replace")
        return text in last or f"{self.kind}." in f"{error} {error.diag.context}"


def place_of(url: str, kind: Kind | None, variable: str | None = None, *, is_inner: bool = False) -> Place:
    """The place that a URL leads to; `variable` is the setting that has the URL."""
    try:
        parts = conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        parts = {}
    role = str(parts.get("user") or "")
    name = f"{kind.upper()}_POSTGRES_URL" if kind else "the URL of the database"
    return Place(kind, role, str(parts.get("dbname") or role), variable or name, is_inner)


@contextmanager
def permanent_errors(
    url: str, kind: Kind | None, variable: str | None = None, *, is_inner: bool = False
) -> Iterator[Place]:
    """Raises PermanentError instead of a psycopg.Error that trying again does not heal.

    The block sets `connection` of the place as soon as it has one. `is_inner`: it has another one, whose errors pass.
    """
    place = place_of(url, kind, variable, is_inner=is_inner)
    try:
        yield place
    except psycopg.Error as error:
        remedy = what_to_do(error, place) if place.raised(error) else None
        if remedy is None:
            raise
        raise PermanentError(f"{_reason(error)}: {remedy}") from None


def sqlstate(error: psycopg.Error) -> str | None:
    """The SQLSTATE, also of a connection that was refused, as far as the server speaks English."""
    if error.sqlstate is not None:
        return error.sqlstate
    if not isinstance(error, psycopg.OperationalError):
        return None
    return next((state for pattern, state in _REFUSALS if re.search(pattern, str(error))), None)


def what_to_do(error: psycopg.Error, place: Place) -> str | None:
    """What heals the error; None if it may be gone the next time."""
    state = sqlstate(error)
    role, database = _quoted(place.role, "the role"), _quoted(place.database, "the database")
    text = str(error)
    if state == "3D000":
        return f"`create database {database} owner {role}`, or correct {place.variable}"
    if state == "28P01":
        return f"correct the password in {place.variable}, or `alter role {role} password …`"
    if state == "28000":
        return _admit(text, role, place)
    if state == "55000" and "not currently accepting connections" in text:
        return f"`alter database {database} allow_connections true`"
    if state == "42501":
        return _grant(text, role, database, place)
    if state in ("3F000", "42P01", "42883", "42703", "42704"):
        what = f"the {place.kind} database" if place.kind else "the database"
        return f"{what} is not set up, or not for this release: run `swpt-trade configure` first"
    if (state == "0A000" and "extension" in text) or state == "58P01":
        return "install what is missing on the server of the database, or use another server"
    return None


def _admit(text: str, role: str, place: Place) -> str:
    if "not permitted to log in" in text:
        return f"`alter role {role} login`"
    if "pg_hba.conf" in text:
        return f"let pg_hba.conf of that server admit the role {role} from here, then `select pg_reload_conf()`"
    return f"`create role {role} login password …`, or correct {place.variable}"


def _grant(text: str, role: str, database: str, place: Place) -> str:
    if "CONNECT" in text:
        return f"`grant connect on database {database} to {role}`"
    if re.search(r"permission denied for database", text):
        return f"`grant create on database {database} to {role}`"
    if re.search(r"must be (owner|able|member)|owner of", text):
        return f"connect as the owner of the database, or `reassign owned by … to {role}`"
    schemas = _SCHEMAS[place.kind] if place.kind else "…"
    return (
        f"connect as the owner of schema {schemas.split(',')[0]}, or let the owner run `swpt-trade configure "
        f"--grant-service {role}` (for monitoring --grant-reader, for the web server --grant-operator)"
    )


def _reason(error: psycopg.Error) -> str:
    """The error without its context, on one line, and without what is said twice."""
    primary = error.diag.message_primary
    text = primary if primary is not None else re.sub(r"^.*FATAL: +", "", str(error).strip(), flags=re.DOTALL)
    return " ".join(text.split())


def _quoted(name: str, otherwise: str) -> str:
    return '"' + name.replace('"', '""') + '"' if name else otherwise

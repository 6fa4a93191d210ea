"""Who else than the owner may do what in a database: the roles that `configure` was told of, and nobody else.

What a purpose allows is in `<kind>/rights/<purpose>.sql`, where `the_role` stands for the role. Files named
`<purpose>.17.sql` are for PostgreSQL 17 and newer. The database remembers its roles, so a new release gives them what
it adds, and takes from them what they do not need any more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.sql import Identifier

import sql
from sql import Kind, Purpose, SqlFile

Connection = psycopg.Connection[tuple[Any, ...]]

Grants = Mapping[str, Purpose | None]
"""What roles, by name, are to be from now on. None: nothing any more."""

SCHEMAS: dict[Kind, tuple[str, ...]] = {"worker": ("worker", "outbox", "pgmq"), "solver": ("solver",)}

_NOBODY = ("public", "pg_monitor")
"""Everybody; and whom pgmq lets read the bodies of all messages."""

_PLACEHOLDER = re.compile(r"\bthe_role\b")

_PROBLEM = """
select
  case
    when r.oid is null then 'does not exist on this server: create it first, for example with `create role … login`'
    when r.rolname = current_user then 'owns the database, and has all rights'
    when r.rolsuper then 'is a superuser, and has all rights'
  end
from (values (%s)) as n (name)
left join pg_catalog.pg_roles as r on r.rolname = n.name
"""


def problem(connection: Connection, role: str) -> str | None:
    """Why nothing can be granted to a role. None: it can."""
    row = connection.execute(_PROBLEM, (role,)).fetchone()
    assert row is not None
    found: str | None = row[0]
    return found


def granted(connection: Connection, kind: Kind) -> dict[str, Purpose]:
    """The roles that have rights on a database, and what they are for."""
    rows = connection.execute(f"select role_name, purpose from {kind}.granted_role order by role_name".encode())
    return dict(rows.fetchall())


def apply(connection: Connection, kind: Kind, grants: Grants) -> list[str]:
    """Gives every role what it is for, and nobody else anything; returns a line for each role that differs now.

    To be called in a transaction, so that no right is missing at any moment. Roles that were dropped are forgotten.
    """
    before = granted(connection, kind)
    named = {role: purpose for role, purpose in {**before, **grants}.items() if problem(connection, role) is None}
    for somebody in (*_NOBODY, *(_quoted(connection, role) for role in named)):
        _revoke(connection, kind, somebody)
    after = {role: purpose for role, purpose in named.items() if purpose is not None}
    for role, purpose in after.items():
        for file in _files(connection, kind, purpose):
            connection.execute(_quoted(connection, role).join(_PLACEHOLDER.split(file.text)).encode())
    _remember(connection, kind, after)
    return [
        f"{kind}: {role} is {_described(after.get(role))} from now on"
        for role in sorted(before.keys() | after.keys())
        if before.get(role) != after.get(role)
    ]


def _revoke(connection: Connection, kind: Kind, role: str) -> None:
    schemas = ", ".join(SCHEMAS[kind])
    for things in (f"schema {schemas}", *(f"all {x} in schema {schemas}" for x in ("tables", "sequences", "routines"))):
        connection.execute(f"revoke all on {things} from {role}".encode())
    if kind == "worker":
        for things in ("tables", "sequences"):
            connection.execute(f"alter default privileges in schema pgmq revoke all on {things} from {role}".encode())


def _files(connection: Connection, kind: Kind, purpose: Purpose) -> Sequence[SqlFile]:
    """What a purpose allows on this server."""
    version = connection.info.server_version // 10000
    found = []
    for file in sql.rights(kind):
        name, *since = file.name.rpartition("/")[2].removesuffix(".sql").split(".")
        if name == purpose and all(version >= int(number) for number in since):
            found.append(file)
    return found


def _quoted(connection: Connection, role: str) -> str:
    return Identifier(role).as_string(connection)


def _remember(connection: Connection, kind: Kind, roles: Mapping[str, Purpose]) -> None:
    connection.execute(f"delete from {kind}.granted_role".encode())
    for item in roles.items():
        connection.execute(f"insert into {kind}.granted_role (role_name, purpose) values (%s, %s)".encode(), item)


def _described(purpose: Purpose | None) -> str:
    return "nothing" if purpose is None else f"a {purpose}" if purpose != "operator" else "an operator"

"""What a database must allow its owner-to-be, found out before anything is changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

from sql import Kind
from sql.roles import SCHEMAS

Connection = psycopg.Connection[tuple[Any, ...]]

_LOOK: LiteralString = """
select
  quote_ident(current_database()),
  quote_ident(current_user),
  has_database_privilege(current_database(), 'create'),
  exists (select from pg_catalog.pg_extension as e where e.extname = 'pgmq'),
  exists (
    select from pg_catalog.pg_class as c
    inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = %(kind)s and c.relname = 'applied_file'
  )
"""

# One row for each schema, in the order of their names here.
_SCHEMAS: LiteralString = """
select
  s.name,
  quote_ident(pg_get_userbyid(n.nspowner)),
  pg_has_role(n.nspowner, 'usage'),
  array(
    select c.relname::text from pg_catalog.pg_class as c
    where c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm', 'f') order by 1 limit 3
  )
from unnest(%(schemas)s::text[]) with ordinality as s (name, place)
left join pg_catalog.pg_namespace as n on n.nspname = s.name
order by s.place
"""


@dataclass(frozen=True, slots=True)
class Obstacles:
    """What stands in the way in one database.

    `statements` heal it; the owner of the database, or a superuser, may run them there. `reasons` need a decision.
    """

    database: str
    statements: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def obstacles(connection: Connection, kind: Kind) -> Obstacles:
    """What keeps the role of a connection from making the schemas of a kind its own. Changes nothing."""
    row = connection.execute(_LOOK, {"kind": kind}).fetchone()
    assert row is not None
    database, role, may_create, has_extension, is_ours = row
    schemas = connection.execute(_SCHEMAS, {"schemas": list(SCHEMAS[kind])}).fetchall()
    statements, reasons = [], []
    if any(owner is None for _, owner, _, _ in schemas) and not may_create:
        statements.append(f"grant create on database {database} to {role};")
    if kind == "worker" and has_extension:
        reasons.append(
            "the extension pgmq is installed in it, and its schema is that of our queues: `drop extension pgmq`, "
            "if nobody needs it, or use a database of its own"
        )
    for name, owner, is_owner, tables in schemas:
        if owner is None:
            continue
        if tables and not is_ours:
            reasons.append(
                f"its schema {name} has tables of somebody else ({', '.join(tables)}, …): use a database of its own, "
                f"or `alter schema {name} rename to …`, with the search_path of whoever needs them"
            )
        elif tables and not is_owner:
            reasons.append(
                f"its schema {name} belongs to the role {owner}: connect as this role, or give all in it to {role}"
            )
        elif not is_owner:
            statements.append(f"alter schema {name} owner to {role};")
    return Obstacles(database, tuple(statements), tuple(reasons))


def described(found: dict[Kind, Obstacles]) -> str | None:
    """For people: everything at once, statements as they can be pasted. None: nothing stands in the way."""
    reasons = [f"the {kind} database: {reason}" for kind, item in found.items() for reason in item.reasons]
    statements = [
        f"  {statement}  -- in the database {item.database}" for item in found.values() for statement in item.statements
    ]
    if statements:
        reasons.append(
            "roles miss rights. Let the owner of the database, or a superuser, run this, and try again:\n"
            + "\n".join(dict.fromkeys(statements))
        )
    return "\n".join(reasons) + ("" if statements else ".") + "\nNothing was changed." if reasons else None

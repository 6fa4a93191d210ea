"""A database as the earlier service left it: which release, where its tables are, and what is still going on there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql as names

from pipelines.texts import shown
from sql import Kind

Connection = psycopg.Connection[tuple[Any, ...]]

RELEASES = {"88cd664f51a3": "0.1.10", "e056ba322b0b": "1.0"}
"""By the revision in the table alembic_version."""

_TELLTALE: dict[Kind, str] = {"solver": "collector_account", "worker": "needed_worker_account"}
"""A table of each kind that the other one does not have."""

# Our own connections look names up in the system's schema only. What the role prefers is what it is reset to.
_SCHEMAS: LiteralString = """
with preferred as materialized (
  select set_config('search_path', s.reset_val, true) from pg_settings as s where s.name = 'search_path'
)
select current_schemas(false)::text[] from preferred
"""
_PLACES: LiteralString = """
select n.nspname::text
from pg_namespace as n
where n.nspname <> %(kind)s and not exists (
  select from unnest(array['alembic_version', %(telltale)s]) as t (name)
  where not exists (select from pg_class as c where c.relnamespace = n.oid and c.relname = t.name)
)
order by array_position(%(preferred)s::text[], n.nspname::text) nulls last, 1
"""
_COLUMNS: LiteralString = """
select c.relname::text, array_agg(a.attname::text)
from pg_class as c
inner join pg_attribute as a on a.attrelid = c.oid
where c.relnamespace = %s::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
group by c.relname
"""
_SESSIONS: LiteralString = """
select a.pid, a.usename::text, coalesce(a.application_name, ''), coalesce(host(a.client_addr), 'its own machine')
from pg_stat_activity as a
where a.datname = current_database()
  and a.backend_type = 'client backend'
  and a.application_name is distinct from 'swpt-trade import_databases'
  and (
    a.usename = current_user
    or a.usename in (select t.tableowner from pg_tables as t where t.schemaname = %s)
    or a.application_name like 'swpt-trade %%'
  )
order by a.pid
"""


class NoOldDatabase(Exception):
    """What is behind the URL is not a database that can be imported; the message says what to do."""


@dataclass(frozen=True, slots=True)
class OldDatabase:
    """A database of the earlier service. `columns`: of its tables."""

    connection: Connection
    kind: Kind
    release: str
    schema: str
    columns: dict[str, frozenset[str]]

    def described(self) -> str:
        info = self.connection.info
        return f"release {self.release}, schema {self.schema} of the database {info.dbname} on {info.host}:{info.port}"

    def place(self) -> tuple[int, int, str]:
        """What tells it from all other databases: server, database and schema."""
        row = self.connection.execute(
            "select s.system_identifier, d.oid::bigint from pg_control_system() as s"
            " inner join pg_database as d on d.datname = current_database()"
        ).fetchone()
        assert row is not None
        return row[0], row[1], self.schema

    def table(self, name: str) -> names.Identifier:
        return names.Identifier(self.schema, name)

    def count(self, table: str, condition: LiteralString = "true") -> int:
        """Rows that fulfil a condition; 0 if this release has no such table."""
        if table not in self.columns:
            return 0
        query = names.SQL("select count(*) from {} where " + condition).format(self.table(table))
        row = self.connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])

    def signals(self) -> dict[str, int]:
        """Rows by table that wait to be sent, or to be carried out, and that only the earlier service can handle."""
        tables = [name for name in sorted(self.columns) if name.endswith("_signal")]
        counts = {name: self.count(name) for name in (*tables, "collector_status_change", "needed_collector_account")}
        return {name: count for name, count in counts.items() if count}

    def last_request_id(self) -> int:
        """The last request ID that was given; 0 if none was."""
        query = names.SQL("select last_value from {}").format(self.table("coordinator_request_id_seq"))
        row = self.connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])

    def sessions(self) -> list[str]:
        """Who else is connected and may be the earlier service, or ours, in words."""
        rows = self.connection.execute(_SESSIONS, (self.schema,)).fetchall()
        return [f"process {pid} of the role {role} from {place} ({shown(name)})" for pid, role, name, place in rows]

    def lock(self, tables: Sequence[str]) -> None:
        """Keeps everybody from writing until the end of the transaction. Raises psycopg.errors.LockNotAvailable."""
        query = names.SQL("lock table {} in share mode nowait")
        self.connection.execute(query.format(names.SQL(", ").join(self.table(name) for name in tables)))


def find(connection: Connection, kind: Kind) -> OldDatabase:
    """The earlier service's database of a kind. Raises NoOldDatabase."""
    with connection.transaction(force_rollback=True):
        row = connection.execute(_SCHEMAS).fetchone()
    preferred = [] if row is None else row[0]
    parameters = {"kind": kind, "telltale": _TELLTALE[kind], "preferred": preferred}
    places = [place for (place,) in connection.execute(_PLACES, parameters).fetchall()]
    own = [place for place in places if place in preferred] or places
    where = f"the database {connection.info.dbname} on {connection.info.host}:{connection.info.port}"
    option = f"--old-{kind}-url"
    if not own:
        raise NoOldDatabase(
            f"in {where} there is no old {kind} database (a schema with the tables alembic_version and "
            f"{_TELLTALE[kind]}): say with {option} where it is, as the role that the old service had"
        )
    if len(own) > 1 and own[0] not in preferred:
        raise NoOldDatabase(
            f"in {where} several schemas may be the old {kind} database ({', '.join(own)}): say with {option} as which "
            "role, or with `options=-csearch_path=…` at the end of the URL"
        )
    schema = own[0]
    revisions = connection.execute(
        names.SQL("select version_num from {}").format(names.Identifier(schema, "alembic_version"))
    ).fetchall()
    known = [RELEASES.get(revision) for (revision,) in revisions]
    if len(known) != 1 or known[0] is None:
        found = ", ".join(shown(revision) for (revision,) in revisions) or "nothing"
        raise NoOldDatabase(
            f"the schema {schema} of {where} is of a release that can not be imported: alembic_version has {found}, "
            f"known are {', '.join(f'{key} ({release})' for key, release in RELEASES.items())}"
        )
    columns = {table: frozenset(found) for table, found in connection.execute(_COLUMNS, (f'"{schema}"',)).fetchall()}
    return OldDatabase(connection, kind, known[0], schema, columns)

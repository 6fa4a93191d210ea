"""Databases for tests: cloned from a template once, then made as good as new and used again.

Cloning copies hundreds of files, which is more than most tests cost. The server counts what happens to each table, so
a used database tells what there is to mend: tables that were written to are emptied, sequences that were used begin
anew, what was analyzed is forgotten. A database whose schema or settings a test has changed is thrown away.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psycopg
from psycopg.pq import PGconn
from psycopg.rows import dict_row

from sandbox.servers.postgres import PrivateServer
from sql import Kind, Purpose
from sql.connections import connect, pin
from sql.install import configure, install_test_clock
from sql.notices import log_notices

Connection = psycopg.Connection[tuple[Any, ...]]

SERVER_SETTINGS = {
    # Nobody but a test vacuums or analyzes.
    "autovacuum": "off",
    "full_page_writes": "off",
    "max_wal_senders": "0",
    "wal_level": "minimal",
}

ROLES: dict[str, Purpose] = {"reader": "reader", "operator": "operator", "service": "service"}
"""Those of every database, beside its owner."""

_CREATE_ROLE = """
do $$
begin
  create role {} login;
exception
  when duplicate_object then null;
end
$$
"""

HOSTILE = {
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "statement_timeout": "200ms",
    "lock_timeout": "1ms",
    "idle_in_transaction_session_timeout": "50ms",
    "idle_session_timeout": "1s",
    "search_path": "hostile, public, pg_catalog",
    "client_encoding": "LATIN1",
    "datestyle": "SQL, DMY",
    "intervalstyle": "sql_standard",
    "timezone": "Asia/Kathmandu",
    "extra_float_digits": "-15",
    "bytea_output": "escape",
    "array_nulls": "off",
    "standard_conforming_strings": "off",
    "backslash_quote": "on",
    "escape_string_warning": "off",
    "quote_all_identifiers": "on",
    "transform_null_equals": "on",
    "row_security": "off",
    "check_function_bodies": "off",
    "plpgsql.extra_errors": "all",
    "plpgsql.check_asserts": "off",
    "plpgsql.variable_conflict": "use_variable",
    "synchronous_commit": "off",
    "exit_on_error": "on",
    "client_min_messages": "error",
    "default_table_access_method": "hostile",
    # From the usual cost on: to load the compiler in each session costs more than all the tests of a run together.
    "jit": "on",
    "xmlbinary": "hex",
    "xmloption": "document",
    "default_toast_compression": "pglz",
    "gin_fuzzy_search_limit": "1",
    "stats_fetch_consistency": "snapshot",
}
"""What the role of every test prefers, and of which we must not notice anything."""

HOSTILE_SINCE_17 = {"transaction_timeout": "200ms", "restrict_nonsystem_relation_kind": "view, foreign-table"}

# Names that functions of ours use without a schema.
_HOSTILE_SCHEMA = """
create schema hostile;
grant usage on schema hostile to public;
do $$
declare
  v_function regprocedure;
begin
  foreach v_function in array array[
    'now()', 'transaction_timestamp()', 'clock_timestamp()', 'lower(text)', 'upper(text)', 'length(text)',
    'abs(bigint)', 'ceil(double precision)', 'floor(double precision)', 'hashtextextended(text, bigint)',
    'sha256(bytea)', 'pg_notify(text, text)', 'pg_advisory_xact_lock(integer, integer)',
    'pg_try_advisory_xact_lock(integer, integer)',
    'set_config(text, text, boolean)', 'current_setting(text)', 'current_setting(text, boolean)'
  ]::regprocedure[]
  loop
    execute format(
      'create function hostile.%I(%s) returns %s language plpgsql as $f$ begin raise ''hijacked''; end $f$',
      (select p.proname from pg_proc as p where p.oid = v_function),
      pg_get_function_identity_arguments(v_function), pg_get_function_result(v_function)
    );
  end loop;
  create access method hostile type table handler heap_tableam_handler;
end
$$
"""


def connection_to(url: str, *, autocommit: bool = True) -> psycopg.Connection[Any]:
    """A connection like those of the service, which has to be asked to begin transactions, or begins them itself."""
    connection = connect(url, "test")
    connection.autocommit = autocommit
    return connection


def make_hostile(server: PrivateServer) -> None:
    """From now on all roles of the server prefer other settings than we need."""
    with server.admin("template1") as connection:
        settings = HOSTILE | (HOSTILE_SINCE_17 if connection.info.server_version >= 170000 else {})
        connection.execute(_HOSTILE_SCHEMA)
        for name, value in settings.items():
            text = value if name == "search_path" else f"'{value}'"
            connection.execute(f"alter role all set {name} = {text}".encode())
        # Whoever is no superuser can not set it back, and is refused.
        connection.execute("alter role postgres set session_replication_role = replica")


@contextmanager
def hostile_server(**settings: str) -> Iterator[PrivateServer]:
    """A server of one's own, hostile from the beginning."""
    with PrivateServer(**settings) as server:
        make_hostile(server)
        yield server


EMPTY = """
do $$
declare
  v_table regclass;
begin
  for v_table in
    select c.oid
    from pg_class as c
    where c.relkind = 'r'
      and c.relnamespace::regnamespace::text in ('worker', 'solver', 'outbox', 'pgmq')
      and c.relname not in ('applied_file', 'granted_role', 'meta')
  loop
    execute format('delete from %s', v_table);
  end loop;
  perform setval(s.seqrelid, s.seqstart, false)
  from pg_sequence as s
  join pg_class as c on c.oid = s.seqrelid
  where c.relnamespace::regnamespace::text in ('worker', 'solver', 'outbox', 'pgmq');
  if to_regclass('worker.configuration') is not null then
    execute 'insert into worker.configuration default values';
  end if;
end
$$
"""

_RELATIONS = """
select c.oid, c.relkind::text, c.oid::regclass::text, s.seqstart
from pg_class as c
left join pg_sequence as s on s.seqrelid = c.oid
where c.relkind in ('r', 'S') and c.relnamespace::regnamespace::text in ('worker', 'solver', 'outbox', 'pgmq')
order by c.oid
"""
_FRESH_SIZES = """
select array_agg(oid) as oids, array_agg(relpages) as pages, array_agg(reltuples) as tuples,
  array_agg(relallvisible) as visible
from pg_class
"""
_FORGET = """
with toast as (
  select reltoastrelid as oid from pg_class where oid = any(%(tables)s::oid[])
), relation as (
  select unnest(%(tables)s::oid[]) as oid
  union all
  select oid from toast
  union all
  select indexrelid from pg_index where indrelid = any(%(tables)s::oid[]) or indrelid in (select oid from toast)
), forgotten as (
  delete from pg_statistic where starelid in (select oid from relation)
)
update pg_class as c
set relpages = f.pages, reltuples = f.tuples, relallvisible = f.visible
from unnest(%(oids)s::oid[], %(pages)s::integer[], %(tuples)s::real[], %(visible)s::integer[])
  as f (oid, pages, tuples, visible)
where c.oid = f.oid and f.oid in (select oid from relation)
"""

# These hold what `configure` wrote. They are compared, not emptied.
_KEPT = ("worker.applied_file", "solver.applied_file", "worker.granted_role", "solver.granted_role", "pgmq.meta")

# A change of the schema writes to one of these; so do temporary tables and transactions that are rolled back.
_CATALOGS = """
select oid, relname::text
from pg_class
where relkind = 'r'
  and relnamespace = 'pg_catalog'::regnamespace
  and not relisshared
  and relname not in ('pg_depend', 'pg_statistic', 'pg_statistic_ext_data')
"""
_CLASS = (
    "c.oid, relname, relowner, relam, relfilenode, relpersistence, relacl, reloptions, relhasindex, relchecks, "
    "relhasrules, relhastriggers, relrowsecurity, relreplident"
)
_IS_TEMPORARY = "~ '^pg_(toast_)?temp_'"
_IS_SETTING = "setdatabase = (select oid from pg_database where datname = current_database())"


# What `discard all` does, but functions stay compiled, which is what sessions are kept for.
_RESET = (
    "close all; set session authorization default; reset all; deallocate all; unlisten *; "
    "select pg_advisory_unlock_all(); discard temp; discard sequences"
)


class _Counters(NamedTuple):
    """What the server has counted in a database; where a number is the same as before, everything is as before."""

    written: list[int]
    """Rows inserted, updated or deleted, by table."""
    drawn: list[int]
    """Blocks fetched, by sequence."""
    analyzed: list[int]
    """How often analyzed or vacuumed, by table."""
    schema: list[int]
    """Rows inserted, updated or deleted, by catalog and by kept table; and settings of the database."""


def as_role(url: str, role: Purpose) -> str:
    """The URL of a database, for one of its roles."""
    return urlsplit(url)._replace(netloc=f"{role}@{url.rpartition('@')[2].partition('/')[0]}").geturl()


def _counters_query(tables: list[int], sequences: list[int], catalogs: list[int]) -> str:
    def by_relation(value: str, oids: list[int]) -> str:
        # A constant list, not a parameter, so that the order is the one of the list.
        return f"array(select {value} from unnest('{{{','.join(map(str, oids))}}}'::oid[]) as x (t))"

    written = "pg_stat_get_tuples_inserted(t) + pg_stat_get_tuples_updated(t) + pg_stat_get_tuples_deleted(t)"
    columns = (
        by_relation(written, tables),
        by_relation("pg_stat_get_blocks_fetched(t)", sequences),
        by_relation("pg_stat_get_analyze_count(t) + pg_stat_get_vacuum_count(t)", tables),
        f"{by_relation(written, catalogs)} || (select count(*) from pg_db_role_setting where {_IS_SETTING})",
    )
    return f"select {', '.join(columns)}"


def _fingerprint_query(catalogs: list[str], kept: list[str]) -> str:
    def digest(value: str, source: str) -> str:
        return f"(select count(*) || ' ' || coalesce(sum(hashtext({value})), 0) from {source})"

    version = "t.ctid::text || t.xmin::text"
    columns = [
        *(digest(version, f"{name} as t") for name in catalogs if name not in ("pg_class", "pg_namespace")),
        digest(version, f"pg_namespace as t where nspname !{_IS_TEMPORARY}"),
        # Not how many pages and rows it thinks there are.
        digest(f"row({_CLASS})::text", "pg_class as c"),
        digest("t::text", f"pg_db_role_setting as t where {_IS_SETTING}"),
        *(digest("t::text", f"{name} as t") for name in kept),
    ]
    return f"select {', '.join(columns)}"


def _grown(oids: Iterable[int], seen: list[int], known: list[int]) -> list[int]:
    return [oid for oid, now, before in zip(oids, seen, known, strict=True) if now != before]


def _take_session(connection: Connection) -> PGconn | None:
    """Takes the session away from a connection, as good as new. None if it is beyond that."""
    try:
        connection.rollback()
        connection.autocommit = True
        connection.execute(_RESET.encode(), prepare=False)
        pin(connection)
    except psycopg.Error:
        return None
    session, connection.pgconn = connection.pgconn, PGconn.connect_start(b"host=''")
    connection.pgconn.finish()
    return session


def _connection_of(session: PGconn) -> Connection:
    connection: Connection = psycopg.Connection(session)
    connection.autocommit = True
    log_notices(connection)
    return connection


class DatabasePool:
    """Fresh databases of one kind, with the test clock."""

    def __init__(self, server: PrivateServer, kind: Kind) -> None:
        self._server = server
        self._kind = kind
        self._numbers = itertools.count(1)
        self._template = f"template_{kind}"
        self.idle: list[str] = []
        self._sessions: dict[str, PGconn] = {}
        self._known: dict[str, _Counters] = {}
        self._admin = server.admin()
        self._admin.execute(f"create database {self._template}".encode())
        with server.admin(self._template) as connection:
            for role in ROLES:
                connection.execute(_CREATE_ROLE.format(role).encode())
            configure(connection, kind, grants=ROLES)
            install_test_clock(connection, kind)
            # Relations have the same OIDs in every clone.
            relations = connection.execute(_RELATIONS).fetchall()
            tables = {oid: name for oid, relkind, name, _ in relations if relkind == "r"}
            kept = {oid: name for oid, name in tables.items() if name in _KEPT}
            catalogs = dict(connection.execute(_CATALOGS).fetchall())
            self._tables = {oid: name for oid, name in tables.items() if oid not in kept}
            self._sequences = {oid: start for oid, relkind, _, start in relations if relkind == "S"}
            self._counters = _counters_query([*self._tables], [*self._sequences], [*catalogs, *kept])
            self._print = _fingerprint_query([*catalogs.values()], [*kept.values()])
            self._fingerprint = connection.execute(self._print.encode()).fetchone()
            self._fresh_sizes = connection.cursor(row_factory=dict_row).execute(_FRESH_SIZES).fetchone() or {}

    def close(self) -> None:
        for session in self._sessions.values():
            session.finish()
        self._admin.close()

    def take(self) -> str:
        """The name of a database that is as good as new."""
        name, connection = self._connect()
        connection.close()
        self._end_sessions(name)
        return name

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """The first connection to a database that is as good as new, in autocommit mode; so is its session."""
        name, connection = self._connect()
        with connection:
            yield connection
            session = _take_session(connection)
        if session is not None:
            self._sessions[name] = session
        self.give_back(name)

    def give_back(self, name: str) -> None:
        """Ends every connection that was opened to the database, and keeps it to be used again."""
        self._end_sessions(name)
        self.idle.append(name)

    def _connect(self) -> tuple[str, Connection]:
        while self.idle:
            name = self.idle.pop()
            session = self._sessions.pop(name, None)
            connection = _connection_of(session) if session else self._server.admin(name)
            if self._renew(name, connection):
                return name, connection
            connection.close()
            self._admin.execute(f"drop database {name} with (force)".encode())
        name = f"{self._kind}_{next(self._numbers)}"
        # The other strategy writes every page to the log.
        self._admin.execute(f"create database {name} template {self._template} strategy file_copy".encode())
        connection = self._server.admin(name)
        self._known[name] = self._count(connection)
        return name, connection

    def _renew(self, name: str, connection: Connection) -> bool:
        """Makes the database as good as new, or returns False if its schema has changed."""
        seen, known = self._count(connection), self._known[name]
        if seen == known:
            return True
        if seen.schema != known.schema and connection.execute(self._print.encode()).fetchone() != self._fingerprint:
            return False
        written = _grown(self._tables, seen.written, known.written)
        drawn = _grown(self._sequences, seen.drawn, known.drawn)
        analyzed = _grown(self._tables, seen.analyzed, known.analyzed)
        with connection.transaction():
            for oid in written:
                connection.execute(f"delete from {self._tables[oid]}".encode())
                if self._tables[oid] == "worker.configuration":
                    connection.execute("insert into worker.configuration default values")
            for oid in drawn:
                connection.execute("select setval(%s::oid::regclass, %s, false)", (oid, self._sequences[oid]))
            if analyzed:
                connection.execute(_FORGET, {"tables": analyzed, **self._fresh_sizes})
        self._known[name] = self._count(connection)
        return True

    def _count(self, connection: Connection) -> _Counters:
        # What this session has not told yet.
        connection.execute("select pg_stat_force_next_flush()")
        row = connection.execute(self._counters.encode()).fetchone()
        assert row is not None
        return _Counters(*row)

    def _end_sessions(self, name: str) -> None:
        session = self._sessions.get(name)
        query = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and pid <> %s"
        deadline = time.monotonic() + 10.0
        while self._admin.execute(query, (name, session.backend_pid if session else 0)).fetchall():
            assert time.monotonic() < deadline, f"a session of {name} does not end"
            time.sleep(0.001)

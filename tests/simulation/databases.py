"""Databases for one seed after the other, all equally empty: nothing of a seed may show in the next one."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from psycopg import sql

from sandbox.servers.postgres import PrivateServer
from sql import KINDS, Kind
from sql.install import configure, install_test_clock
from tests.databases import make_hostile

SHARD_COUNTS = (1, 2, 3)

# Only what was written to: truncating all tables would cost more than many a seed.
_EMPTY = """
do $$
declare
  v_tables text;
begin
  select string_agg(c.oid::regclass::text, ', ' order by c.oid) into v_tables
  from pg_class as c
  where c.relkind = 'r'
    and c.relnamespace::regnamespace::text in ('worker', 'solver', 'outbox', 'pgmq')
    and c.relname not in ('applied_file', 'meta')
    and pg_relation_size(c.oid) > 0;
  if v_tables is not null then
    execute 'truncate ' || v_tables || ' cascade';
  end if;
  perform setval(s.seqrelid, s.seqstart, false)
  from pg_sequence as s
  join pg_class as c on c.oid = s.seqrelid
  where c.relnamespace::regnamespace::text in ('worker', 'solver', 'outbox', 'pgmq');
  if to_regclass('worker.configuration') is not null then
    execute 'insert into worker.configuration default values on conflict do nothing';
  end if;
end
$$
"""


class SimulationServer:
    """A private server with a solver database and three worker databases. Use as a context manager.

    Nothing runs on it by itself: cleaning tables at moments of its own choice would make runs differ.
    """

    def __init__(self) -> None:
        self._server = PrivateServer()
        make_hostile(self._server)
        self._admin = self._server.admin()
        self._admin.execute("alter system set autovacuum = off")
        self._admin.execute("select pg_reload_conf()")
        for kind in KINDS:
            self._make(kind)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._admin.close()
        self._server.stop()

    def url(self, name: str) -> str:
        """The address of the database `solver` or `worker_0` …"""
        return self._server.database_url(name)

    def empty(self, names: Sequence[str]) -> None:
        """Makes the databases as they were just after their creation."""
        for name in names:
            with self._server.admin(name) as connection:
                connection.execute(_EMPTY)

    def wait_for_end(self, pids: Sequence[int]) -> None:
        """Returns when these sessions are gone, and their locks with them."""
        while self._admin.execute("select 1 from pg_stat_activity where pid = any(%s)", (list(pids),)).fetchone():
            pass

    def _make(self, kind: Kind) -> None:
        names = ["solver"] if kind == "solver" else [f"worker_{n}" for n in range(max(SHARD_COUNTS))]
        self._admin.execute(sql.SQL("create database {}").format(sql.Identifier(names[0])))
        with self._server.admin(names[0]) as connection:
            configure(connection, kind)
            install_test_clock(connection, kind)
        for name in names[1:]:
            self._admin.execute(
                sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(names[0]))
            )

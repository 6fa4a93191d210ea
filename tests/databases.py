"""Databases for tests: cloned from a template once, then emptied and used again.

Cloning copies hundreds of files, which is most of what a short test would cost. A database whose schema a test has
changed is thrown away.
"""

from __future__ import annotations

import itertools
from typing import Any

from admin.configure import configure, install_test_clock
from sandbox.postgres import PrivateServer
from sql import Kind

_FINGERPRINT = """
select
  (select count(*)::text || sum(hashtext(p.oid::text || p.xmin::text)) from pg_proc as p),
  (select count(*)::text || sum(hashtext(c.oid::text || c.xmin::text)) from pg_class as c
   where c.relpersistence <> 't'),
  (select count(*)::text || sum(hashtext(c.oid::text || c.xmin::text)) from pg_constraint as c),
  (select count(*)::text || sum(hashtext(a.attrelid::text || a.attnum || a.xmin::text))
   from pg_attribute as a join pg_class as c on c.oid = a.attrelid where c.relpersistence <> 't')
"""

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
      and c.relname not in ('applied_file', 'meta')
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


class DatabasePool:
    """Fresh databases of one kind, with the test clock."""

    def __init__(self, server: PrivateServer, kind: Kind) -> None:
        self._server = server
        self._kind = kind
        self._numbers = itertools.count(1)
        self._template = f"template_{kind}"
        self._idle: list[str] = []
        self._fingerprint: tuple[Any, ...] | None = None
        with server.admin() as admin:
            admin.execute(f"create database {self._template}".encode())
        with server.admin(self._template) as connection:
            configure(connection, kind)
            install_test_clock(connection, kind)

    def take(self) -> str:
        """The name of an empty database."""
        if self._idle:
            return self._idle.pop()
        name = f"{self._kind}_{next(self._numbers)}"
        with self._server.admin() as admin:
            admin.execute(f"create database {name} template {self._template} strategy wal_log".encode())
        if self._fingerprint is None:
            with self._server.admin(name) as connection:
                self._fingerprint = connection.execute(_FINGERPRINT).fetchone()
        return name

    def give_back(self, name: str) -> None:
        """Ends every connection to the database, and empties it for the next test."""
        with self._server.admin() as admin:
            admin.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s", (name,))
        with self._server.admin(name) as connection:
            is_unchanged = connection.execute(_FINGERPRINT).fetchone() == self._fingerprint
            if is_unchanged:
                connection.execute(EMPTY)
        if is_unchanged:
            self._idle.append(name)
        else:
            with self._server.admin() as admin:
                admin.execute(f"drop database {name} with (force)".encode())

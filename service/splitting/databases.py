"""The databases of a split: what they say about themselves, and whether each is another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from service.databases import opened
from service.loop import Unusable
from sql.connections import Connection

NAME = "split_shard"

_LOCK = (7306, 1)


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker's database is bound to, the latest split that it knows, and the processes of its shard.

    `started_at`, `sealed_at`: see the table worker.shard_split. `processes`: their application names.
    """

    installation_id: UUID
    binding_key: str
    parent_key: str | None
    started_at: datetime | None
    sealed_at: datetime | None
    deletes_parent_records: bool
    is_standby: bool
    processes: Sequence[str]


class Away(Exception):
    """A database does not answer, or is nothing to work with. The message says what to do, where that is known."""


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection. Raises Away."""
    try:
        with opened(url, "worker", NAME, is_inner=True) as connection:
            yield connection
    except Unusable as error:
        raise Away(str(error)) from None
    except psycopg.OperationalError as error:
        raise Away(f"does not answer: {' '.join(str(error).split())}") from None


def look(connection: Connection) -> Report:
    """Raises Away when there is no shard in it."""
    try:
        with connection.cursor(row_factory=class_row(Report)) as cursor:
            found = cursor.execute("select * from worker.split_report()").fetchone()
    except (psycopg.errors.UndefinedFunction, psycopg.errors.InvalidSchemaName):
        raise Away("is not set up, or by an earlier release: run `swpt-trade configure` with this one") from None
    if found is None:
        raise Away("is not bound to a shard: run `swpt-trade configure`")
    return found


def same(urls: Sequence[str]) -> tuple[int, int] | None:
    """Places in the list of two URLs that lead to one database, or whose second one another split works with.

    None if there are none. Databases that do not answer are left out.
    """
    with ExitStack() as closing:
        taken: list[tuple[int, Connection]] = []
        for place, url in enumerate(urls):
            try:
                connection = closing.enter_context(connected(url))
            except Away:
                continue
            # Standbys give such locks, too: each its own.
            if connection.execute("select pg_try_advisory_lock(%s, %s)", _LOCK).fetchone() != (True,):
                return _holder(taken, connection), place
            taken.append((place, connection))
    return None


def _holder(taken: Sequence[tuple[int, Connection]], connection: Connection) -> int:
    pids = {
        pid
        for (pid,) in connection.execute(
            "select pid from pg_locks where locktype = 'advisory' and classid = %s and objid = %s"
            " and database = (select oid from pg_database where datname = current_database())",
            _LOCK,
        )
    }
    return next((place for place, other in taken if other.info.backend_pid in pids), -1)

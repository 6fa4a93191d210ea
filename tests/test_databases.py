"""A database that a test has used is as good as new for the next one."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from sandbox.servers.postgres import PrivateServer
from sql import KINDS, Kind
from tests.databases import Connection, DatabasePool

State = dict[str, list[tuple[Any, ...]]]

SEND = "select worker.send_internal('NeededCollector', array[0, 0], array['{}', '{}']::jsonb[])"
SET_ASIDE = (
    "insert into worker.set_aside (queue, message_type, body, sqlstate, error, failures, set_aside_at)"
    " values ('inbox_0', 'AccountUpdate', '{}', '22000', 'x', 2, now())"
)
MENDED = {
    "nothing": [],
    "rows": [SET_ASIDE],
    "rows of a queue": [SEND, "delete from pgmq.q_inbox_0"],
    "changed settings": ["update worker.configuration set lane_count = 4"],
    "no settings": ["delete from worker.configuration"],
    "a number drawn": ["select nextval(seqrelid) from pg_sequence"],
    "numbers set": ["select setval(seqrelid, 77) from pg_sequence"],
    "analyzed": [SET_ASIDE, "analyze worker.set_aside"],
    "analyzed while empty": ["analyze worker.account_lock"],
    "analyzed and rolled back": ["begin", SET_ASIDE, "analyze worker.set_aside", "rollback"],
    "vacuumed": [SET_ASIDE, "delete from worker.set_aside", "vacuum worker.set_aside"],
    "a temporary table": ["create temporary table t (i integer primary key, t text)"],
    "a change rolled back": ["begin", "alter table worker.set_aside add column x integer", "rollback"],
    "session settings": ["set swpt.now = '2020-01-01'", "set search_path to pgmq", "listen x"],
    "a session lock": ["select pg_advisory_lock(1)"],
    "another role": ["set session authorization reader"],
    "a transaction that failed": [
        "begin",
        SET_ASIDE,
        "do $$ begin execute 'x'; exception when others then null; end $$",
    ],
    "a cursor": ["begin", "declare c cursor with hold for select 1", "commit", "prepare p as select 1"],
}
THROWN_AWAY = {
    "a table": ["create table worker.t (i integer)"],
    "a column": ["alter table worker.set_aside add column x integer"],
    "a default": ["alter table worker.configuration alter lane_count set default 4"],
    "no table": ["drop table worker.set_aside cascade"],
    "new files": ["truncate worker.set_aside"],
    "an index": ["create index on worker.set_aside (error)"],
    "no constraint": ["alter table worker.configuration drop constraint configuration_pkey"],
    "a function": ["create function worker.f() returns integer language sql as 'select 1'"],
    "another body": ["create or replace function worker.now() returns timestamptz language sql as 'select now()'"],
    "a right": ["grant select on worker.set_aside to public"],
    "a comment": ["comment on table worker.set_aside is 'x'"],
    "a schema": ["create schema x"],
    "a sequence": ["alter sequence pgmq.q_inbox_0_msg_id_seq increment 2"],
    "rights to come": ["alter default privileges grant select on tables to public"],
    "a setting of the database": [
        "do $$ begin execute format('alter database %I set jit = on', current_database()); end $$"
    ],
    "what configure knows": ["update worker.applied_file set checksum = 'x' where file like '%/drain_inbox.sql'"],
    "queues": ["delete from pgmq.meta where queue_name = 'inbox_0'"],
}
# Another database is cloned each time.
QUICK = ("a column", "another body", "a setting of the database", "what configure knows")


def state(connection: Connection) -> State:
    """All that a test could see of the database."""

    def rows(query: str) -> list[tuple[Any, ...]]:
        return sorted(connection.execute(query.encode()).fetchall(), key=repr)

    user = "where relnamespace::regnamespace::text in ('worker', 'solver', 'outbox', 'pgmq')"
    found: State = {}
    for name, relkind in rows(f"select oid::regclass::text, relkind::text from pg_class {user}"):
        if relkind == "r" and not name.endswith(".applied_file"):
            found[name] = rows(f"select * from {name}")
        elif relkind == "S":
            found[name] = rows(f"select last_value, is_called from {name}")
    for catalog in ("proc", "class", "constraint", "trigger", "attrdef", "type", "namespace", "extension"):
        temporary = "~ '^pg_(toast_)?temp_'"
        found[catalog] = rows(
            f"select (to_jsonb(t) - '{{relfrozenxid,relminmxid}}'::text[])::text from pg_{catalog} as t"
            " where oid >= 16384" + (f" and nspname !{temporary}" if catalog == "namespace" else "")
        )
    found["attributes"] = rows("select attrelid, attname, attnum, atttypid from pg_attribute where attrelid >= 16384")
    this = "(select oid from pg_database where datname = current_database())"
    found["settings"] = rows(f"select setconfig from pg_db_role_setting where setdatabase = {this}")
    found["sessions"] = rows(
        "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    )
    found["locks"] = rows(f"select locktype from pg_locks where database = {this} and locktype = 'advisory'")
    # Its settings are known as soon as it is loaded.
    connection.execute("load 'plpgsql'")
    found["own settings"] = rows("select name, setting from pg_settings where source = 'session'")
    found["own settings"] += rows("select nullif(current_setting('swpt.now', true), '')")
    found["channels"] = rows("select pg_listening_channels()")
    return found


@pytest.fixture(scope="module")
def fresh(postgres: PrivateServer, pools: dict[Kind, DatabasePool]) -> dict[Kind, State]:
    """What a clone looks like that nobody has used."""
    found: dict[Kind, State] = {}
    for kind in KINDS:
        assert pools[kind]
        with postgres.admin() as admin:
            admin.execute(f"create database never_used template template_{kind} strategy file_copy".encode())
            with postgres.admin("never_used") as connection:
                found[kind] = state(connection)
            admin.execute("drop database never_used with (force)")
    return found


def use(server: PrivateServer, pool: DatabasePool, statements: list[str]) -> str:
    """Runs statements in a database of the pool, and gives it back with an open session. Returns its name."""
    name = pool.take()
    connection = server.admin(name)
    for statement in statements:
        connection.execute(statement.encode())
    pool.give_back(name)
    with pytest.raises(psycopg.OperationalError):
        connection.execute("select 1")
    return name


@pytest.mark.parametrize("misdeed", MENDED)
def test_what_a_test_did_is_mended(
    postgres: PrivateServer, pools: dict[Kind, DatabasePool], fresh: dict[Kind, State], misdeed: str
) -> None:
    name = use(postgres, pools["worker"], MENDED[misdeed])
    with pools["worker"].connection() as connection:
        assert connection.info.dbname == name
        assert state(connection) == fresh["worker"]


@pytest.mark.parametrize(
    "misdeed", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in THROWN_AWAY]
)
def test_what_can_not_be_mended_is_thrown_away(
    postgres: PrivateServer, pools: dict[Kind, DatabasePool], fresh: dict[Kind, State], misdeed: str
) -> None:
    name = use(postgres, pools["worker"], THROWN_AWAY[misdeed])
    with pools["worker"].connection() as connection:
        assert connection.info.dbname != name
        assert state(connection) == fresh["worker"]


@pytest.mark.parametrize("misdeed", MENDED)
def test_what_a_test_did_in_the_session_of_the_pool_is_mended(
    pools: dict[Kind, DatabasePool], fresh: dict[Kind, State], misdeed: str
) -> None:
    with pools["worker"].connection() as connection:
        used = connection.info.backend_pid
        for statement in MENDED[misdeed]:
            connection.execute(statement.encode())
    assert connection.closed
    with pools["worker"].connection() as connection:
        assert connection.info.backend_pid == used
        assert state(connection) == fresh["worker"]


@pytest.mark.parametrize("misdeed", QUICK)
def test_a_session_goes_with_a_database_that_is_thrown_away(
    pools: dict[Kind, DatabasePool], fresh: dict[Kind, State], misdeed: str
) -> None:
    with pools["worker"].connection() as connection:
        used = connection.info.dbname
        for statement in THROWN_AWAY[misdeed]:
            connection.execute(statement.encode())
    with pools["worker"].connection() as connection:
        assert connection.info.dbname != used
        assert state(connection) == fresh["worker"]


@pytest.mark.parametrize("end", ["close", "terminate"])
def test_a_session_that_a_test_ends_is_not_used_again(
    postgres: PrivateServer, pools: dict[Kind, DatabasePool], fresh: dict[Kind, State], end: str
) -> None:
    with pools["worker"].connection() as connection:
        used = connection.info.dbname, connection.info.backend_pid
        if end == "close":
            connection.close()
        else:
            with postgres.admin() as admin:
                admin.execute("select pg_terminate_backend(%s, 5000)", used[1:])
    with pools["worker"].connection() as connection:
        assert connection.info.dbname == used[0]
        assert connection.info.backend_pid != used[1]
        assert state(connection) == fresh["worker"]


@pytest.mark.parametrize("kind", KINDS)
def test_all_databases_of_this_run_are_as_good_as_new(
    postgres: PrivateServer, pools: dict[Kind, DatabasePool], fresh: dict[Kind, State], kind: Kind
) -> None:
    """Whatever other tests have done to them."""
    for name in [pools[kind].take() for _ in pools[kind].idle[:]]:
        with postgres.admin(name) as connection:
            assert state(connection) == fresh[kind], name
        pools[kind].give_back(name)


def test_a_second_use_is_mended_too(
    postgres: PrivateServer, pools: dict[Kind, DatabasePool], fresh: dict[Kind, State]
) -> None:
    """What mending itself writes is not mistaken for a test's."""
    for statements in (MENDED["rows"], MENDED["no settings"], [], MENDED["a number drawn"], MENDED["rows"], []):
        name = use(postgres, pools["worker"], statements)
    with pools["worker"].connection() as connection:
        assert connection.info.dbname == name
        assert state(connection) == fresh["worker"]

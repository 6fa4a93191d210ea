"""Whatever role, database and server prefer, our connections are the same; and nobody else opens any."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import tuple_row

from sandbox.servers.postgres import PrivateServer, server_programs
from sql.connections import (
    PINNED,
    PINNED_FOR_SESSIONS,
    PINNED_IF_KNOWN,
    Connection,
    connect,
    is_trouble,
    short_transaction,
)
from tests.databases import HOSTILE, HOSTILE_SINCE_17, make_hostile

ROOT = Path(__file__).parents[2]

LEFT_TO_OPERATORS = {
    "how fast": "backend_flush_after commit_delay commit_siblings constraint_exclusion cpu_index_tuple_cost"
    " cpu_operator_cost cpu_tuple_cost cursor_tuple_fraction deadlock_timeout default_statistics_target"
    " effective_cache_size effective_io_concurrency file_copy_method from_collapse_limit gin_pending_list_limit"
    " hash_mem_multiplier io_combine_limit join_collapse_limit logical_decoding_work_mem maintenance_io_concurrency"
    " maintenance_work_mem plan_cache_mode random_page_cost recursive_worktable_factor seq_page_cost"
    " synchronize_seqscans temp_buffers wal_compression wal_init_zero wal_recycle wal_skip_threshold work_mem"
    " enable_* geqo geqo_* jit_* *parallel* vacuum_*",
    "where things are stored, and how much of it": "default_tablespace default_toast_compression temp_tablespaces"
    " temp_file_limit allow_in_place_tablespaces",
    "what is logged, counted and shown": "application_name compute_query_id debug_print_* debug_pretty_print log_*"
    " trace_* track_* update_process_title backtrace_functions stats_fetch_consistency plpgsql.extra_warnings"
    " plpgsql.print_strict_params escape_string_warning",
    "the language of messages, which nobody parses": "lc_messages",
    "types and functions that we do not use": "gin_fuzzy_search_limit lc_monetary lc_numeric lc_time"
    " lo_compat_privileges default_text_search_config xmlbinary xmloption timezone_abbreviations",
    "roles and passwords": "createrole_self_grant md5_password_warnings password_encryption scram_iterations",
    "no row security is on our tables, and with it an error is better than half of the rows": "row_security",
    "no function means two things: each of them is installed and tested with the value `error`": (
        "plpgsql.variable_conflict"
    ),
    "set where files are installed": "check_function_bodies",
    "decided when the transaction begins": "transaction_deferrable transaction_isolation transaction_read_only"
    " default_transaction_read_only synchronous_commit",
    "a client that is gone is noticed by other means": "client_connection_check_interval",
    "replication": "wal_sender_timeout debug_logical_replication_streaming wal_consistency_checking",
    "locales that are created": "icu_validation_level",
    "what only a superuser sets, to repair or to extend a server": "allow_system_table_mods debug_discard_caches"
    " dynamic_library_path event_triggers extension_control_path extension_destdir ignore_checksum_failure"
    " max_stack_depth output_plugin_libraries session_preload_libraries local_preload_libraries"
    " zero_damaged_pages",
}
"""Settings that a role can have and that we leave alone, by the reason."""


@pytest.fixture(scope="module", params=[min, max], ids=["oldest", "newest"])
def hostile(request: pytest.FixtureRequest) -> Iterator[PrivateServer]:
    """Servers of the oldest and of the newest version at hand, whose roles prefer everything else."""
    programs = {version: folder for version, folder in server_programs().items() if version >= 15}
    with PrivateServer(programs[request.param(programs)]) as server:
        make_hostile(server)
        yield server


def session(url: str) -> Iterator[Connection]:
    with connect(url, "test") as connection:
        yield connection


def short(url: str) -> Iterator[Connection]:
    with short_transaction(url, "test", 3.0) as connection:
        yield connection


WAYS = {"session": session, "short": short}
LIMITED = dict.fromkeys(("statement_timeout", "idle_in_transaction_session_timeout"), "3000")


def settings_of(connection: Connection) -> dict[str, str]:
    """All settings, with those of PL/pgSQL."""
    cursor = connection.cursor(row_factory=tuple_row)
    cursor.execute("do $$ begin end $$")
    return dict(cursor.execute("select lower(name), setting from pg_settings").fetchall())


@pytest.mark.parametrize("way", WAYS)
def test_what_roles_prefer_does_not_count(hostile: PrivateServer, way: str) -> None:
    with contextlib.contextmanager(WAYS[way])(hostile.database_url("template1")) as connection:
        found = settings_of(connection)
    expected = {**PINNED, **PINNED_IF_KNOWN, "synchronous_commit": "on", "transaction_isolation": "read committed"}
    expected |= {"transaction_deferrable": "off", "transaction_read_only": "off"}
    expected |= PINNED_FOR_SESSIONS if way == "session" else LIMITED
    assert {name: found.get(name, value) for name, value in expected.items()} == expected


def test_every_transaction_of_a_session_is_the_same(hostile: PrivateServer) -> None:
    with connect(hostile.database_url("postgres"), "test") as connection:
        for _ in range(2):
            with connection.transaction():
                found = settings_of(connection)
            names = ("transaction_isolation", "transaction_read_only", "transaction_deferrable")
            assert [found[name] for name in names] == ["read committed", "off", "off"]


@pytest.mark.parametrize(
    ("preferred", "found"),
    [("off", "on"), ("local", "on"), ("remote_write", "on"), ("on", "on"), ("remote_apply", "remote_apply")],
)
@pytest.mark.parametrize("way", WAYS)
def test_a_commit_is_durable(hostile: PrivateServer, way: str, preferred: str, found: str) -> None:
    url = hostile.database_url("postgres", user="committer")
    with hostile.admin() as admin:
        admin.execute("drop role if exists committer")
        admin.execute("create role committer login")
        admin.execute(f"alter role committer set synchronous_commit = {preferred}".encode())
    with contextlib.contextmanager(WAYS[way])(url) as connection:
        assert settings_of(connection)["synchronous_commit"] == found


def test_whoever_may_not_turn_triggers_on_again_is_refused(hostile: PrivateServer) -> None:
    with hostile.admin() as admin:
        admin.execute("create role victim login; alter role victim set session_replication_role = replica")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match='"session_replication_role"'):
        connect(hostile.database_url("postgres", user="victim"), "test")


def test_each_setting_that_a_role_can_have_is_pinned_or_left_for_a_reason(hostile: PrivateServer) -> None:
    pinned = {*PINNED, *PINNED_FOR_SESSIONS, *PINNED_IF_KNOWN}
    left = [pattern for patterns in LEFT_TO_OPERATORS.values() for pattern in patterns.split()]
    with hostile.admin() as admin:
        admin.execute("do $$ begin end $$")
        rows = admin.execute("select lower(name) from pg_settings where context in ('user', 'superuser')").fetchall()
    names = {name for (name,) in rows}
    assert sorted(n for n in names - pinned if not any(fnmatch(n, pattern) for pattern in left)) == []
    assert sorted(n for n in pinned if any(fnmatch(n, pattern) for pattern in left)) == []


def test_the_hostile_settings_have_all_that_is_pinned() -> None:
    """Apart from what a wrong value of would break no test."""
    hostile = {*HOSTILE, *HOSTILE_SINCE_17, "session_replication_role"}
    unchecked = {*PINNED_FOR_SESSIONS} - hostile
    assert sorted(({*PINNED, *PINNED_FOR_SESSIONS, *PINNED_IF_KNOWN} - hostile) - unchecked) == []
    assert all(name.startswith("tcp_") for name in unchecked)


@pytest.mark.parametrize(
    ("sqlstate", "expected"),
    [
        *((state, True) for state in ("08006", "25006", "25P03", "25P04", "53100", "53300", "57014", "57P01", "57P02")),
        *((state, True) for state in ("57P03", "57P05", "58030", "40001", "40P01", "55P03")),
        *((state, False) for state in ("22003", "23505", "25001", "42501", "42P01", "ST083", "XX000")),
    ],
)
def test_trouble_of_servers_is_told_from_faults(sqlstate: str, expected: bool) -> None:
    error = psycopg.errors.lookup(sqlstate)() if sqlstate != "ST083" else psycopg.DatabaseError()
    error.sqlstate = sqlstate
    assert is_trouble(error) is expected


def opens_connections(path: Path) -> bool:
    """Whether a file calls anything of psycopg that makes a connection, or a pool of them."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "psycopg" and "connect" in [n.name for n in node.names]:
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "connect":
            called = ast.unparse(node.func.value)
            if called == "psycopg" or called.endswith(("Connection", "pq.PGconn")):
                return True
    return False


def test_nobody_else_opens_connections() -> None:
    found = [
        path.relative_to(ROOT).as_posix()
        for path in sorted(ROOT.glob("*/**/*.py"))
        if not path.relative_to(ROOT).as_posix().startswith(".") and opens_connections(path)
    ]
    # These look at what becomes of a password in an error, and of a session that is shared; or they are somebody else.
    assert found == [
        "sql/connections.py",
        "tests/admin/takeover/test_crashes.py",
        "tests/service/test_logs.py",
        "tests/service/test_poolers.py",
        "tests/sql/test_release_0_1_10.py",
    ]

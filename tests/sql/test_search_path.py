"""No function depends on its caller's search_path: its owner decides what names, operators and types stand for."""

from __future__ import annotations

import psycopg
import pytest

from sql import KINDS, Kind, roles
from tests.conftest import Connection

# What stands before the system's own things, for everybody who looks here first.
HOSTILE = """
create schema shadow;
create function shadow.steal(bigint, bigint) returns boolean language plpgsql as
$$ begin raise exception using errcode = 'XX999', message = 'stolen'; end $$;
create operator shadow.= (leftarg = bigint, rightarg = bigint, function = shadow.steal);
create operator shadow.<> (leftarg = bigint, rightarg = bigint, function = shadow.steal);
create operator shadow.< (leftarg = bigint, rightarg = bigint, function = shadow.steal);
create operator shadow.> (leftarg = bigint, rightarg = bigint, function = shadow.steal);
create function shadow.steal(integer, integer) returns integer language plpgsql as
$$ begin raise exception using errcode = 'XX999', message = 'stolen'; end $$;
create operator shadow.& (leftarg = integer, rightarg = integer, function = shadow.steal);
create operator shadow.+ (leftarg = integer, rightarg = integer, function = shadow.steal);
create function shadow.steal(text, text) returns text language plpgsql as
$$ begin raise exception using errcode = 'XX999', message = 'stolen'; end $$;
create operator shadow.|| (leftarg = text, rightarg = text, function = shadow.steal);
create function shadow.steal(jsonb, text) returns text language plpgsql as
$$ begin raise exception using errcode = 'XX999', message = 'stolen'; end $$;
create operator shadow.->> (leftarg = jsonb, rightarg = text, function = shadow.steal);
create function shadow.transaction_timestamp() returns timestamptz language sql return timestamptz '-infinity';
create function shadow.md5(text) returns text language sql return 'stolen';
create function shadow.hashtext(text) returns integer language sql return 0;
create function shadow.format(text, variadic text[]) returns text language sql return 'stolen';
create function shadow.pg_try_advisory_xact_lock(integer, integer) returns boolean language sql return false;
create domain shadow.jsonb as pg_catalog.jsonb check (value is null);
create domain shadow.text as pg_catalog.text check (value is null);
create table shadow.set_aside ();
"""


@pytest.mark.parametrize("kind", KINDS)
def test_every_function_is_bound_or_looks_up_names_in_the_systems_schema(
    kind: Kind, request: pytest.FixtureRequest
) -> None:
    connection: Connection = request.getfixturevalue(f"{kind}_db")
    rows = connection.execute(
        """
        select p.oid::regprocedure::text
        from pg_catalog.pg_proc as p
        where p.pronamespace::regnamespace::text = any(%s)
          and p.prosqlbody is null
          and not coalesce('search_path=pg_catalog, pg_temp' = any(p.proconfig), false)
        """,
        (list(roles.SCHEMAS[kind]),),
    ).fetchall()
    assert rows == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_runs_with_the_owners_rights_is_bound_too(kind: Kind, request: pytest.FixtureRequest) -> None:
    """The search_path of a session may be changed by whoever has it, also in the middle of it."""
    connection: Connection = request.getfixturevalue(f"{kind}_db")
    connection.execute(HOSTILE)
    connection.execute("set search_path to shadow, pg_catalog")
    if kind == "solver":
        calls = ["solver.ensure_collectors(5, 2, 100, 200)", "solver.count_all_collectors()"]
    else:
        calls = [
            "worker.queue_figures(10)",
            "worker.turn_figures()",
            "worker.account_figures()",
            "worker.list_set_aside(null, 10)",
            "worker.replay_set_aside(array[1, 2], 'anna')",
            "worker.discard_set_aside(array[3])",
            "worker.delete_old_decisions(10)",
            "worker.scan_account_locks(0, 1, 10)",
        ]
    for call in calls:
        connection.execute(f"select * from {call}".encode())


def test_the_hostile_schema_is_one(worker_db: Connection) -> None:
    """Statements of the caller do meet it; otherwise the other tests would show nothing."""
    worker_db.execute(HOSTILE)
    worker_db.execute("set search_path to shadow, pg_catalog")
    assert worker_db.execute("select md5('x') = 'stolen'").fetchone() == (True,)
    with pytest.raises(psycopg.Error, match="stolen"):
        worker_db.execute("select 1::bigint = 2::bigint")
    with pytest.raises(psycopg.errors.CheckViolation):
        worker_db.execute("select 'x'::text")


def test_messages_are_handled_whatever_the_callers_path(worker_db: Connection) -> None:
    worker_db.execute(HOSTILE)
    worker_db.execute(
        """
        insert into pgmq.q_inbox_0 (vt, message)
        select '-infinity', jsonb_build_object(
          'type', 'UpdatedPolicy', 'creditor_id', n, 'debtor_id', 5, 'update_id', 1, 'policy_name', 'conservative',
          'min_principal', 0, 'max_principal', 100, 'peg_exchange_rate', null, 'peg_debtor_id', null,
          'ts', '2026-01-01T00:00:00+00:00'
        )
        from generate_series(1, 20) as n
        """
    )
    worker_db.execute("set search_path to shadow, pg_catalog")
    worker_db.execute("select * from worker.drain_inbox(0, 100, 0)")
    worker_db.execute("set search_path to pg_catalog")
    assert worker_db.execute("select count(*) from worker.trading_policy").fetchone() == (20,)
    assert worker_db.execute("select count(*) from worker.set_aside").fetchone() == (0,)

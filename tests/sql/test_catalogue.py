"""Rules that every function, table and file of the databases keeps."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import psycopg
import pytest

from sql import KINDS, Kind
from tests.conftest import Connection, skip_or_fail

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    value: Kind = request.param
    return value


@pytest.fixture
def database(kind: Kind, request: pytest.FixtureRequest) -> Connection:
    connection: Connection = request.getfixturevalue(f"{kind}_db")
    return connection


def test_every_plpgsql_body_is_checked(database: Connection, kind: Kind) -> None:
    try:
        database.execute("create extension plpgsql_check")
    except (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile):
        skip_or_fail("plpgsql_check is not installed")
    rows = database.execute(
        """
        select p.oid::regprocedure::text, c.*
        from pg_catalog.pg_proc as p
        join pg_catalog.pg_language as l on l.oid = p.prolang
        left join pg_catalog.pg_trigger as t on t.tgfoid = p.oid
        cross join lateral plpgsql_check_function(
          p.oid, coalesce(t.tgrelid, 0), other_warnings => true, extra_warnings => true, security_warnings => true,
          performance_warnings => false, fatal_errors => false
        ) as c (problem)
        where l.lanname = 'plpgsql' and p.pronamespace = %s::regnamespace
        """,
        (kind,),
    ).fetchall()
    assert rows == []


def test_every_sql_body_is_valid(database: Connection, kind: Kind) -> None:
    """Files are installed with unchecked bodies, because they may mention later ones; here all of them exist."""
    import sql

    database.execute("set check_function_bodies = on")
    for file in sql.functions(kind):
        database.execute(file.text.encode())


def test_everything_has_a_comment(database: Connection, kind: Kind) -> None:
    bare = database.execute(
        """
        select 'function ' || p.oid::regprocedure::text
        from pg_catalog.pg_proc as p
        where p.pronamespace = %(kind)s::regnamespace
          and p.proname not like '\\_%%'
          and obj_description(p.oid, 'pg_proc') is null
        union all
        select 'table ' || c.oid::regclass::text
        from pg_catalog.pg_class as c
        where c.relnamespace = %(kind)s::regnamespace
          and c.relkind = 'r'
          and c.relname <> 'applied_file'
          and obj_description(c.oid, 'pg_class') is null
        """,
        {"kind": kind},
    ).fetchall()
    assert bare == []


def test_each_file_has_one_public_function() -> None:
    """A file is found by the name of its function."""
    for path in (ROOT / "sql").glob("*/functions/**/*.sql"):
        text = path.read_text()
        schema = path.relative_to(ROOT / "sql").parts[0]
        assert f"function {schema}.{path.stem}(" in text, f"{path} does not define {schema}.{path.stem}"


def test_only_the_clock_reads_the_time() -> None:
    """Time is an argument: only the clock itself reads it."""
    for path in (ROOT / "sql").rglob("*.sql"):
        if path.name in ("now.sql", "test_clock.sql"):
            continue
        code = "\n".join(line.split("--")[0] for line in path.read_text().splitlines())
        for call in ("clock_timestamp(", "transaction_timestamp(", "current_timestamp", " now()", "=now()"):
            assert call not in code.replace("worker.now()", "").replace("solver.now()", ""), f"{path}: {call}"


@pytest.mark.slow
def test_wheel_carries_every_sql_file(tmp_path: Path) -> None:
    source = tmp_path / "source"
    subprocess.run(["git", "clone", "--quiet", ROOT, source], check=True)
    for path in (ROOT / "sql").rglob("*.sql"):  # uncommitted ones as well
        target = source / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    carried = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".sql")}
    assert carried == {str(p.relative_to(ROOT)) for p in (ROOT / "sql").rglob("*.sql")}

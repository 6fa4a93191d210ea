"""What a database lacks to be at least at this release. Newer is fine (`sql.compatibility` says how far)."""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import Any

import psycopg

import sql
from sql import Kind
from sql.compatibility import COMPATIBILITY, compatibility_of
from sql.install import applied_releases, make_plan

Connection = psycopg.Connection[tuple[Any, ...]]

_DIGITS = re.compile(r"[0-9]+")


def lack(connection: Connection, kind: Kind) -> str | None:
    """Why this release can not work with a database before `configure` was run. None: it can."""
    known = {file.name for file in (*sql.migrations(kind), *sql.functions(kind), *sql.rights(kind))}
    applied = applied_releases(connection, kind)
    if not known & applied.keys():
        return f"the {kind} database has not been set up"
    missing = sorted(known - applied.keys())
    if missing:
        return f"the {kind} database is older than this release, it lacks {len(missing)} files such as {missing[0]}"
    number = compatibility_of(connection, kind)
    if number is None or number < COMPATIBILITY:
        return f"the {kind} database is older than this release: its compatibility number is below {COMPATIBILITY}"
    return None


def older_files(connection: Connection, kind: Kind) -> list[str]:
    """Files of a database that are others than those of this release, and not from a later one."""
    plan = make_plan(connection, kind)
    if plan.is_empty:
        return []
    releases = applied_releases(connection, kind)
    ours = _comparable(version("swpt-trade"))
    files = (*plan.migrations, *plan.functions, *plan.rights)
    return [file.name for file in files if _comparable(releases.get(file.name, "")) <= ours]


def _comparable(release: str) -> list[int]:
    return [int(digits) for digits in _DIGITS.findall(release)]

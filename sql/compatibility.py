"""The compatibility number: releases with the same one can work with a database side by side.

So an image that is rolled back starts on the schema that its successor has left.
"""

from __future__ import annotations

from typing import Any

import psycopg

from sql import Kind

Connection = psycopg.Connection[tuple[Any, ...]]

COMPATIBILITY = 1
"""What `shared.compatibility_number` returns in databases of this release. A test compares them."""


def compatibility_of(connection: Connection, kind: Kind) -> int | None:
    """The compatibility number of a database; None if it has none, as it is not set up."""
    function = f"{kind}.compatibility_number()"
    if connection.execute("select to_regprocedure(%s)", (function,)).fetchone() == (None,):
        return None
    row = connection.execute(f"select {function}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def excess(connection: Connection, kind: Kind) -> str | None:
    """Why a database is of a release that this one can not work with, and what to do. None: it is not."""
    found = compatibility_of(connection, kind)
    if found is None or found <= COMPATIBILITY:
        return None
    return (
        f"the {kind} database is of a release that this one can not work with: its compatibility number is {found}, "
        f"here it is {COMPATIBILITY}. Use an image of that release"
    )

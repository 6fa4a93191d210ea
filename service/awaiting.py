"""What a process has to wait for before it can work with the databases: that `configure` was run."""

from __future__ import annotations

import psycopg

from pipelines.texts import shown
from settings.config import Config
from sql import Kind
from sql.compatibility import excess
from sql.connections import SharedSession, connect
from sql.permanent import PermanentError, permanent_errors
from sql.schema_state import lack, older_files


def what_is_awaited(config: Config) -> str | None:
    """Why a database is not at this release, nor at a later one. None: all whose URLs are set are.

    Raises PermanentError for what no waiting heals.
    """
    urls: list[tuple[Kind, str]] = [("solver", config.solver_postgres_url), ("worker", config.worker_postgres_url)]
    for kind, url in urls:
        if url:
            reason = _reason(kind, url)
            if reason is not None:
                return reason
    return None


def _reason(kind: Kind, url: str) -> str | None:
    try:
        with permanent_errors(url, kind):
            connection = connect(url, "await_migrations")
    except SharedSession as error:
        raise PermanentError(str(error)) from None
    except psycopg.Error as error:
        return f"the {kind} database does not answer yet: {_text(error)}"
    try:
        with connection:
            problem = excess(connection, kind)
            if problem is not None:
                raise PermanentError(problem)
            reason = lack(connection, kind)
            if reason is None and (older := older_files(connection, kind)):
                reason = f"the {kind} database is older than this release: {len(older)} files such as {older[0]}"
            return reason
    except psycopg.Error as error:
        # Rights, too, are what somebody else is about to give.
        return f"the {kind} database can not be looked at yet: {_text(error)}"


def _text(error: psycopg.Error) -> str:
    return shown(" ".join(str(error).split()))

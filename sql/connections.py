"""The one place that opens connections to PostgreSQL.

A role, a database and a server have preferences, and each of them may be set by somebody who does not think of us.
What we do must not depend on them: everything that correctness, durability or the reading of values leans on is set
here. What only decides how fast something is, how much is logged, and where things are stored, stays the operator's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, TypeVar

import psycopg
from psycopg.rows import RowFactory, tuple_row

from sql.notices import log_notices

Connection = psycopg.Connection[Any]

AnyConnection = TypeVar("AnyConnection", bound=psycopg.Connection[Any])

PINNED: Mapping[str, str] = {
    # A batch takes the time that it takes; whoever wants a limit sets one for his transaction.
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "quote_all_identifiers": "off",
    # Names in statements and functions have their schemas. Nobody else's function stands for one of the server's.
    "search_path": "pg_catalog, pg_temp",
    # Values are read from and written to texts.
    "client_encoding": "UTF8",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    # Elsewhere the last moments of the wire are in the year 10000, which no datetime can hold.
    "timezone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "array_nulls": "on",
    # What a statement means.
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "transform_null_equals": "off",
    "plpgsql.extra_errors": "none",
    "plpgsql.check_asserts": "on",
    # Scans read tables by physical blocks.
    "default_table_access_method": "heap",
    # The bad message of a batch must not cost the session.
    "exit_on_error": "off",
    # Warnings of functions go to the log.
    "client_min_messages": "notice",
    # Compiling a batch's plan costs more than running it.
    "jit": "off",
}
"""What every transaction of ours has, by the name of the setting."""

PINNED_FOR_SESSIONS: Mapping[str, str] = {
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "idle_session_timeout": "0",
    # The locks of a client that vanished must not be held for hours.
    "tcp_keepalives_idle": "20",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
"""What means nothing within a transaction."""

PINNED_IF_KNOWN: Mapping[str, str] = {
    # Since version 17.
    "transaction_timeout": "0",
    # Since 15.8, 16.4 and 17.
    "restrict_nonsystem_relation_kind": "",
    # Only superusers may set this one, so whoever is none and meets another value is refused: without the triggers of
    # foreign keys the rows of a turn would outlive it.
    "session_replication_role": "origin",
}
"""What not every server knows, or not everybody may set: set only where it has another value."""

# What is committed before a message is acknowledged has to stay so. Only `remote_apply` is more than `on`.
_DURABLE = (
    "select set_config('synchronous_commit', 'on', {local})"
    " where current_setting('synchronous_commit') not in ('on', 'remote_apply')"
)
# A role or a database is not asked whether we may write. A server is: it may be about to be replaced by another one.
_IS_READ_ONLY_FOR_US = (
    "current_setting('default_transaction_read_only') = 'on' and exists (select from pg_settings as s"
    " where s.name = 'default_transaction_read_only'"
    " and s.source not in ('default', 'configuration file', 'command line'))"
)
_BEGIN = "begin isolation level read committed not deferrable"

# Read-only, and what a session was idle for too long; the rest of their class is about wrong use.
_READ_ONLY_OR_ENDED = frozenset({"25006", "25P03", "25P04"})

CONNECT_SECONDS = 10
_LOOKS = 5
# A server that vanished without a word is noticed within a minute or so.
_KEEPALIVES: Mapping[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}


def _pins(scope: Literal["session", "local"], settings: Mapping[str, str]) -> str:
    """Statements that set all of it. `set` comes first: it needs neither a snapshot nor any name."""
    local = str(scope == "local").lower()
    # A list of names is no text.
    sets = [f"set {scope} {n} = {v if n in ('search_path', 'datestyle') else repr(v)}" for n, v in settings.items()]
    knowns = [
        f"select set_config('{name}', '{value}', {local}) where current_setting('{name}', true) <> '{value}'"
        for name, value in PINNED_IF_KNOWN.items()
    ]
    return "; ".join([*sets, *knowns, _DURABLE.format(local=local)])


_SESSION = (
    f"{_BEGIN}; {_pins('session', {**PINNED, **PINNED_FOR_SESSIONS})};"
    f" select set_config('default_transaction_read_only', 'off', false) where {_IS_READ_ONLY_FOR_US}; commit"
)


class SharedSession(psycopg.NotSupportedError):
    """What is behind the URL gives every transaction another session of the server. Trying again does not help."""


def connect(url: str, name: str) -> Connection:
    """A connection in autocommit mode, which the server's lists of sessions show under `name`.

    Its session is its own: for locks, notifications, prepared statements and settings. Raises psycopg.Error, and
    SharedSession among them.
    """
    return connect_as(psycopg.Connection, url, name)


def connect_as(kind: type[AnyConnection], url: str, name: str) -> AnyConnection:
    """The same with a class of one's own."""
    connection = kind.connect(url, **_parameters(name, CONNECT_SECONDS))
    try:
        _refuse_shared_session(connection, url, name)
        log_notices(connection)
        pin(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def pin(connection: Connection) -> None:
    """Sets all that is pinned, for a session that nothing else has set it for, or not any more."""
    connection.execute(_SESSION.encode())


def _refuse_shared_session(connection: Connection, url: str, name: str) -> None:
    """A pooler is noticed by the number that it gives the session, which is not the server's.

    Whether it keeps the session for us shows when another connection meets it, or when we meet another session.
    Nothing may have been set before: it would stay behind for others.
    """
    own = _backend(connection)
    if own == connection.info.backend_pid:
        return
    with psycopg.connect(url, **_parameters(name, CONNECT_SECONDS)) as other:
        for _ in range(_LOOKS):
            if _backend(other) == own or _backend(connection) != own:
                raise SharedSession(
                    f"{connection.info.host}:{connection.info.port} is a pooler that gives every transaction another "
                    f"session of the database {connection.info.dbname}, and {name} needs one of its own (for locks and "
                    "notifications): put the server itself into the URL, or a pool with pool_mode = session"
                )


def _backend(connection: Connection) -> int:
    """The process of the server that serves the connection now."""
    query = f"{_BEGIN}; set local statement_timeout = 0; select pg_catalog.pg_backend_pid(); commit"
    return int(_value(connection, query))


def _value(connection: Connection, statements: str) -> Any:
    """What the last query among some statements finds. They go out together: a role may allow no pause between them."""
    found: Any = None
    has_more: bool | None = True
    cursor = connection.cursor(row_factory=tuple_row).execute(statements.encode(), prepare=False)
    while has_more:
        if cursor.description and (row := cursor.fetchone()):
            (found,) = row
        has_more = cursor.nextset()
    return found


def _parameters(name: str, seconds: int) -> dict[str, Any]:
    """Nothing among them that a pooler refuses."""
    return {
        "autocommit": True,
        "connect_timeout": seconds,
        "application_name": f"swpt-trade {name}",
        "client_encoding": "utf-8",
        **_KEEPALIVES,
    }


@contextmanager
def short_transaction(
    url: str, name: str, seconds: float, *, connect_seconds: int = 3, row_factory: RowFactory[Any] = tuple_row
) -> Iterator[Connection]:
    """A connection of its own for one transaction, which is committed at the end; behind a pooler, too.

    For whoever asks now and then, and wants an answer or an error soon. Connecting takes at most `connect_seconds`,
    each statement `seconds`. Nothing is kept that a failover could leave with the old server. Raises psycopg.Error.
    """
    # A pooler has nowhere to keep prepared statements.
    parameters = {**_parameters(name, connect_seconds), "prepare_threshold": None, "row_factory": row_factory}
    connection: Connection = psycopg.connect(url, **parameters)
    with connection:
        log_notices(connection)
        if _begin(connection, seconds):
            connection.rollback()
            _begin(connection, seconds, "read write")
        yield connection


def _begin(connection: Connection, seconds: float, mode: str = "") -> bool:
    """Returns whether it has to begin as `read write`, because only a role or a database says that it is read-only."""
    limits = dict.fromkeys(("statement_timeout", "idle_in_transaction_session_timeout"), f"{1000 * seconds:.0f}")
    is_read_only_for_us = _value(
        connection,
        f"{_BEGIN} {mode}; {_pins('local', {**PINNED, **limits})};"
        f" select current_setting('transaction_read_only') = 'on' and {_IS_READ_ONLY_FOR_US}"
        " and not pg_is_in_recovery()",
    )
    return bool(is_read_only_for_us)


def is_trouble(error: psycopg.Error) -> bool:
    """Whether it is about the server or the way to it, so that the same may succeed a bit later."""
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) or error.sqlstate in _READ_ONLY_OR_ENDED

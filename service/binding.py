"""What a worker database is: the installation and the shard it is bound to, as `configure` finds and writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

import psycopg

from sql.install import ConfigureError

Connection = psycopg.Connection[tuple[Any, ...]]

REFUSALS = ("ST040", "ST041", "ST042", "ST043", "ST044")
"""SQLSTATEs of settings that are not those of the database."""


@dataclass(frozen=True, slots=True)
class Binding:
    """Of a worker database, which may be not bound yet, or not even set up.

    `problem`: why it can not be the one of this shard. `is_parent`: it is that of the parent, and this shard is to be
    split from it.
    """

    installation: UUID | None = None
    binding_key: str | None = None
    problem: str | None = None
    is_parent: bool = False

    def described(self) -> str:
        """For people."""
        if self.installation is None:
            return "not bound"
        return f"bound to the installation {self.installation} and the key {self.binding_key}"


def look(worker: Connection, solver: Connection, binding_key: str, splits_parent: bool) -> Binding:
    """Compares the worker database with the solver's, and with the binding key of the environment. Changes nothing.

    `splits_parent`: the first process may make a copy of the parent's database the one of this shard.
    """
    if not _exists(worker, "worker.binding_problem(uuid, text)"):
        return Binding()
    installation = installation_of(solver)
    row = worker.execute("select installation_id, binding_key from worker.identity").fetchone()
    bound_to, key = (None, None) if row is None else row
    is_parent = splits_parent and bool(_value(worker, "select worker.is_child_key(%s, %s)", (key, binding_key)))
    wanted = key if is_parent else binding_key
    problem = _value(worker, "select worker.binding_problem(%s, %s)", (installation, wanted))
    return Binding(bound_to, key, problem, is_parent)


def installation_of(solver: Connection) -> UUID | None:
    """The ID of the solver's installation. None: it is not set up."""
    if not _exists(solver, "solver.installation_id()"):
        return None
    found: UUID | None = _value(solver, "select solver.installation_id()", ())
    return found


def make_installation(solver: Connection) -> UUID:
    """The ID of the solver's installation, a new one if it has none."""
    found: UUID = _value(solver, "select solver.make_installation()", ())
    return found


def bind(worker: Connection, installation: UUID, binding_key: str, *, is_forced: bool = False) -> bool:
    """Binds a worker database; returns whether that is news. Raises ConfigureError when it is bound otherwise."""
    try:
        return bool(_value(worker, "select worker.bind_identity(%s, %s, %s)", (installation, binding_key, is_forced)))
    except psycopg.Error as error:
        if error.sqlstate in REFUSALS:
            raise ConfigureError(refusal(error)) from None
        raise


def accept_empty(worker: Connection) -> bool:
    """Says that a new worker database lacks no collectors; returns whether that is news."""
    return bool(_value(worker, "select worker.accept_empty()", ()))


def refusal(error: psycopg.Error) -> str:
    """What the database has to say about settings that are not its own: what is wrong, both values, what to do."""
    diag = error.diag
    return ". ".join(part for part in (f"{diag.message_primary}: {diag.message_detail}", diag.message_hint) if part)


def _exists(connection: Connection, function: str) -> bool:
    return _value(connection, "select to_regprocedure(%s) is not null", (function,)) is True


def _value(connection: Connection, query: LiteralString, parameters: tuple[Any, ...]) -> Any:
    row = connection.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]

"""The archives of turns, for whoever answers requests from them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask_smorest import abort

from admin.web.database import Connection
from admin.web.services import services
from pipelines.solver.archived import NotArchived


@contextmanager
def archive() -> Iterator[Connection]:
    """A transaction in the solver's database. Where a turn has no archive nothing is found, and it is said why."""
    with services().solver.transaction() as connection:
        try:
            yield connection
        except NotArchived as error:
            abort(404, message=why_not_archived(error))


def why_not_archived(error: NotArchived) -> str:
    """As a sentence."""
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."

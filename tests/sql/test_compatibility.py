"""Which databases a release can work with: its own, and later ones with the same compatibility number."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.databases import check_schema
from service.loop import Unusable
from sql import KINDS, Kind
from sql.compatibility import COMPATIBILITY, compatibility_of, excess
from sql.install import ConfigureError, configure
from sql.schema_state import lack, older_files
from tests.conftest import Connection

DRAIN = "worker/functions/inbox/drain_inbox.sql"


@pytest.fixture
def db(worker_db: Connection) -> Iterator[Connection]:
    """What a test does to the schema is undone."""
    with worker_db.transaction(force_rollback=True):
        yield worker_db


def set_number(db: Connection, number: int) -> None:
    db.execute(
        "create or replace function worker.compatibility_number() returns integer language sql immutable parallel safe"
        f" begin atomic select {number}; end".encode()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_databases_have_the_number_of_the_release_that_configured_them(
    kind: Kind, worker_db: Connection, solver_db: Connection
) -> None:
    db = worker_db if kind == "worker" else solver_db
    assert compatibility_of(db, kind) == COMPATIBILITY
    assert (lack(db, kind), excess(db, kind), older_files(db, kind)) == (None, None, [])


def test_a_database_that_is_not_set_up_lacks_everything(solver_db: Connection) -> None:
    assert lack(solver_db, "worker") == "the worker database has not been set up"
    assert excess(solver_db, "worker") is None


def test_a_missing_file_makes_a_database_older(db: Connection) -> None:
    db.execute("delete from worker.applied_file where file = %s", (DRAIN,))
    assert lack(db, "worker") == f"the worker database is older than this release, it lacks 1 files such as {DRAIN}"


def test_a_database_that_a_later_release_has_left_is_good_for_an_image_that_is_rolled_back(db: Connection) -> None:
    db.execute("update worker.applied_file set checksum = 'x', release = '999.0' where file = %s", (DRAIN,))
    db.execute("insert into worker.applied_file values ('worker/functions/new.sql', 'x', '999.0', now())")
    assert (lack(db, "worker"), excess(db, "worker"), older_files(db, "worker")) == (None, None, [])
    check_schema(db, "worker")


def test_other_functions_of_this_release_or_an_earlier_one_are_older(db: Connection) -> None:
    db.execute("update worker.applied_file set checksum = 'x', release = '0.0.1' where file = %s", (DRAIN,))
    assert older_files(db, "worker") == [DRAIN]


def test_a_higher_number_is_refused_by_processes_and_by_configure(db: Connection) -> None:
    set_number(db, COMPATIBILITY + 1)
    db.execute("update worker.applied_file set checksum = 'x', release = '999.0' where file = %s", (DRAIN,))
    with pytest.raises(Unusable, match=f"number is {COMPATIBILITY + 1}, here it is {COMPATIBILITY}. Use an image of"):
        check_schema(db, "worker")
    with pytest.raises(ConfigureError, match="of a release that this one can not work with"):
        configure(db, "worker")


def test_a_lower_number_is_older(db: Connection) -> None:
    set_number(db, COMPATIBILITY - 1)
    assert "its compatibility number is below" in (lack(db, "worker") or "")

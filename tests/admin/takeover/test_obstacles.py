"""What is in the way of an import is told, all of it at once, and nothing is written."""

from __future__ import annotations

import pytest

from tests.admin.takeover.conftest import MakeOld
from tests.admin.takeover.old_databases import (
    COLLECTOR,
    DEBTOR,
    EVERYTHING,
    NOW,
    TURN,
    OldService,
    add_account,
    add_collector,
    add_turn,
    fill,
)
from tests.admin.takeover.schemas import REVISIONS
from tests.covering import covers
from tests.databases import connection_to

pytestmark = pytest.mark.slow


def is_refused(service: OldService, *words: str, arguments: tuple[str, ...] = ()) -> None:
    """Both as a dry run and in earnest."""
    for more in (("--dry-run",), ()):
        result = service.run(*arguments, *more)
        assert result.exit_code == 1, result.output
        for text in words:
            assert text in result.output, result.output
        assert "Nothing was written." in result.output
    assert service.rows("solver", EVERYTHING) == [(0,), (0,)]
    assert service.rows("worker", "select * from worker.takeover") == []


@covers("V14.62")
@pytest.mark.parametrize("release", REVISIONS)
def test_an_open_turn_and_unsent_messages_are_both_named(make_old: MakeOld, release: str) -> None:
    service = make_old(release)
    fill(service)
    add_turn(service, 42, phase=2, phase_deadline=NOW, collection_started_at=None)
    service.add("worker", "prepare_transfer_signal", creditor_id=5)
    is_refused(
        service,
        "the turn 42 is not over, it is in phase 2",
        "1 in prepare_transfer_signal",
        # Nobody may pass over it, whatever else is allowed.
        arguments=("--allow-in-flight",),
    )


def test_what_is_under_way_has_to_be_allowed(make_old: MakeOld) -> None:
    service = make_old()
    fill(service)
    service.add(
        "worker", "account_lock", creditor_id=7, debtor_id=DEBTOR, turn_id=TURN, collector_id=COLLECTOR, amount=5
    )
    is_refused(service, "locked accounts: 1 rows of account_lock", "--allow-in-flight")
    result = service.run("--allow-in-flight", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "The way back: none once our workers start" in result.output


def test_nobody_may_be_connected(make_old: MakeOld) -> None:
    service = make_old()
    fill(service)
    with service.old("worker"):
        result = service.run(at_once=True)
    assert result.exit_code == 1
    assert "somebody is connected to the old worker database" in result.output
    assert "of the role old_worker from 127.0.0.1" in result.output
    assert service.run().exit_code == 0


def test_processes_of_ours_may_not_be_connected(make_old: MakeOld) -> None:
    service = make_old()
    fill(service)
    with connection_to(service.url("worker")):
        result = service.run(at_once=True)
    assert result.exit_code == 1
    assert "processes of this release are connected to our worker database" in result.output


def test_a_database_with_rows_of_its_own_is_refused(make_old: MakeOld) -> None:
    service = make_old()
    with connection_to(service.url("worker")) as worker:
        worker.execute("insert into worker.recently_needed_collector (debtor_id, needed_at) values (1, now())")
    is_refused(service, "our worker database is not empty", "rows in recently_needed_collector")


def test_the_database_of_another_installation_is_refused(make_old: MakeOld) -> None:
    """After the import: it could be that of another shard."""
    service, other = make_old(), make_old()
    fill(service)
    assert service.run().exit_code == 0
    with connection_to(service.url("worker")) as worker:
        worker.execute("update worker.takeover set database_id = 1")
    result = service.run()
    assert result.exit_code == 1
    assert "our worker database was imported from another one" in result.output
    assert other.release == service.release


def test_the_range_of_collectors_has_to_be_wide_enough(make_old: MakeOld) -> None:
    service = make_old()
    add_collector(service, collector_id=5)
    add_account(service, collector_id=5)
    is_refused(service, "2 collectors have IDs outside of MIN_COLLECTOR_ID … MAX_COLLECTOR_ID: 5 … 5")


def test_other_releases_are_refused(make_old: MakeOld) -> None:
    service = make_old()
    with service.old("worker") as worker:
        worker.execute("update alembic_version set version_num = 'ffffffffffff'")
    is_refused(service, "of a release that can not be imported: alembic_version has ffffffffffff")


def test_tables_that_are_not_as_the_release_left_them_are_refused(make_old: MakeOld) -> None:
    service = make_old()
    with service.old("worker") as worker:
        worker.execute("alter table transfer_attempt rename transfer_kind to is_dispatching")
    is_refused(service, "the table old_worker.transfer_attempt lacks transfer_kind, which release 1.0 has")


def test_a_database_without_old_tables_is_refused(make_old: MakeOld) -> None:
    service = make_old()
    with service.old("solver") as solver:
        solver.execute("drop table alembic_version")
    is_refused(service, "there is no old solver database", "--old-solver-url")


def test_the_two_databases_are_compared(make_old: MakeOld) -> None:
    """They mend themselves, so it is told and stops nothing."""
    service = make_old()
    add_collector(service, debtor_id=1)
    add_account(service, debtor_id=2)
    result = service.run()
    assert result.exit_code == 0, result.output
    for words in (
        f"1 collectors of the solver database have no account in this worker database (debtor/collector 1/{COLLECTOR})",
        "1 accounts in this worker database are of no collector in the solver database (debtor/collector 2/",
    ):
        assert words in result.output

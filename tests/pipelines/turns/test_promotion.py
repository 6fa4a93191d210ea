"""A real standby that is promoted without the last moments of the solver's database."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from pipelines.turns.registry import Reporter
from pipelines.turns.roll import advance_turns, advance_worker_turns
from sandbox.servers.postgres import PrivateServer
from service import binding
from sql.install import configure, install_test_clock
from tests.conftest import Connection
from tests.databases import connection_to
from tests.pipelines.turns.two_shards import SETTINGS
from tests.sql.turns.rows import rows, stop_clock, value
from tests.standby import standby_of

pytestmark = pytest.mark.slow


@pytest.fixture
def primary() -> Iterator[PrivateServer]:
    with PrivateServer(wal_level="replica", max_wal_senders="3", full_page_writes="on") as server:
        yield server


def test_a_standby_that_lacks_the_last_turn_is_noticed_at_once(
    primary: PrivateServer, worker_db: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """Long before its first checkpoint, which a promotion does not wait for."""
    with primary.admin() as admin:
        admin.execute("create database solver")
    with primary.admin("solver") as solver:
        configure(solver, "solver")
        install_test_clock(solver, "solver")
        binding.bind(worker_db, binding.make_installation(solver), "#")
        reporter = Reporter()

        def go_on(connection: Connection, now: str) -> None:
            for each in (connection, worker_db):
                stop_clock(each, now)
            advance_turns(connection, SETTINGS)
            reporter.run(worker_db, connection)
            advance_worker_turns(worker_db, connection)

        go_on(solver, "2026-03-01T00:00:00Z")
        with standby_of(primary) as standby:
            standby.cut_off(value(solver, "select pg_current_wal_flush_lsn()::text"))
            for now in ("2026-03-01T02:00:00Z", "2026-03-01T02:10:01Z"):
                go_on(solver, now)
            assert value(worker_db, "select phase from worker.worker_turn") == 2
            standby.promote()
            with connection_to(standby.url("solver")) as copy, caplog.at_level(logging.ERROR):
                go_on(copy, "2026-03-01T02:11:00Z")
                assert "it was on the timeline 1, and is on 2" in caplog.text
                go_on(copy, "2026-03-01T02:12:01Z")
                assert rows(copy, "select turn_id, phase from solver.turn") == [(2, 1)]
                query = "select turn_id, phase, is_lost from worker.worker_turn order by 1"
                assert rows(worker_db, query) == [(1, 3, True), (2, 1, False)]

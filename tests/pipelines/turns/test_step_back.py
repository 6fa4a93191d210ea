"""The solver's database is an earlier state of itself: restored, rolled back, or a standby that was promoted too early.

The solver's database is copied at one moment, and the copy takes its place at a later one. Its OID shows that; a copy
that shows nothing is like a snapshot of the whole machine.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

import pytest

from pipelines.turns import roll
from pipelines.turns.registry import REPORT_SECONDS, Reporter
from pipelines.turns.roll import advance_turns, advance_worker_turns
from sandbox.servers.postgres import PrivateServer
from service import binding
from sql import Kind
from tests.conftest import Connection
from tests.covering import covers
from tests.databases import as_role, connection_to
from tests.pipelines.turns.two_shards import SETTINGS, TwoShards
from tests.sql.turns.rows import insert_worker_turn, rows, stop_clock, value

KEYS = ("0.#", "1.#")
OWN_PLACE = "update solver.life set database_id = (select oid from pg_database where datname = current_database())"


class Installation(TwoShards):
    """Two bound shards that report, and a solver's database that may step back. The first day is 2026-03-01."""

    def __init__(self, server: PrivateServer, connect: Callable[[Any], tuple[str, Connection]]) -> None:
        self._urls: list[str] = []

        def connect_and_note(kind: Any) -> tuple[str, Connection]:
            url, connection = connect(kind)
            self._urls.append(url)
            return url, connection

        super().__init__(connect_and_note)
        self._server = server
        self._name = self._urls[0].rpartition("/")[2]
        self._copies: list[str] = []
        self._connections = [self.solver]
        self._now = "2026-03-01T00:00:00Z"
        installation = binding.make_installation(self.solver)
        for key, worker in zip(KEYS, self.workers, strict=True):
            binding.bind(worker, installation, key)
        self._reporters = [Reporter(self._seconds) for _ in KEYS]
        self.trade(1, 1, -8000, None, None)
        self.trade(1, 2, 6000, 1, 2.0)
        self.trade(3, 2, -3000, 1, 2.0)
        self.trade(3, 1, 5000, None, None)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()
        with self._server.admin() as admin:
            for name in self._copies:
                admin.execute(f"drop database {name} with (force)".encode())

    def _seconds(self) -> float:
        return datetime.fromisoformat(self._now).timestamp()

    def solver_at(self, now: str) -> roll.TurnsTick:
        """One iteration of the solver's loop."""
        self._now = f"2026-03-{now}Z"
        stop_clock(self.solver, self._now)
        return advance_turns(self.solver, SETTINGS)

    def worker_at(self, now: str, number: int) -> None:
        """One iteration of a worker's loop."""
        self._now = f"2026-03-{now}Z"
        for connection in (self.solver, self.workers[number]):
            stop_clock(connection, self._now)
        self._reporters[number].run(self.workers[number], self.solver)
        advance_worker_turns(self.workers[number], self.solver)

    def at(self, now: str) -> None:
        self.solver_at(now)
        for number in range(len(KEYS)):
            self.worker_at(now, number)

    def prepare(self) -> None:
        """Authorities have prepared everything."""
        for worker in self.workers:
            worker.execute("update worker.account_lock set transfer_id = 7 where transfer_id is null")

    def bid(self, day: str = "01") -> None:
        """A turn up to the moment when all offers are with the solver."""
        self.at(f"{day} 02:00:00")
        self.at(f"{day} 02:10:01")
        self.prepare()
        self.at(f"{day} 03:05:02")

    def trade_all(self, day: str = "01") -> None:
        """A whole turn; nothing is left of it."""
        self.bid(day)
        for now in ("03:10:02", "03:12:00", "03:14:00"):
            self.at(f"{day} {now}")
        self.free_accounts()

    def free_accounts(self) -> None:
        """All payments were made, and noticed."""
        for worker in self.workers:
            for table in ("account_lock", "worker_collecting", "worker_dispatching", "dispatching_status"):
                worker.execute(f"delete from worker.{table}".encode())

    def save(self) -> str:
        """A copy of the solver's database, by its name."""
        copy = f"{self._name}_copy_{len(self._copies)}"
        current = self.solver.info.dbname
        self.solver.close()
        with self._server.admin() as admin:
            admin.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s", (current,))
            admin.execute(f"create database {copy} template {current} strategy file_copy".encode())
        self._copies.append(copy)
        self._connect(current)
        return copy

    def restore(self, copy: str, *, is_visible: bool = True) -> None:
        """The copy takes the place of the solver's database."""
        self._connect(copy)
        if not is_visible:
            self.solver.execute(OWN_PLACE)

    @property
    def solver_url(self) -> str:
        return self._server.database_url(self.solver.info.dbname)

    def _connect(self, name: str) -> None:
        self.solver = connection_to(self._server.database_url(name))
        self._connections.append(self.solver)

    def turns(self) -> list[tuple[Any, ...]]:
        """ID, phase, and whether it was closed by force."""
        return rows(self.solver, "select turn_id, phase, closed_by_force_at is not null from solver.turn order by 1")

    def states(self) -> list[list[tuple[Any, ...]]]:
        """Of each shard, the turns: ID, phase, sub-phase, and whether it is lost."""
        query = "select turn_id, phase, worker_turn_subphase, is_lost from worker.worker_turn order by 1"
        return [rows(worker, query) for worker in self.workers]

    def traded(self, turn_id: int) -> int:
        """How many payments to collectors a turn has arranged."""
        query = "select count(*) from worker.worker_collecting where turn_id = %s"
        return sum(int(value(worker, query, turn_id)) for worker in self.workers)

    def is_stepped_back(self) -> bool:
        return bool(value(self.solver, "select solver.is_stepped_back()"))


@pytest.fixture
def installation(postgres: PrivateServer, new_database: Callable[[Kind], str]) -> Iterator[Installation]:
    opened: list[Connection] = []

    def connect(kind: Any) -> tuple[str, Connection]:
        url = new_database(kind)
        opened.append(connection_to(url))
        return url, opened[-1]

    made = Installation(postgres, connect)
    yield made
    made.close()
    for connection in opened:
        connection.close()


def test_the_first_start_is_no_step_back(installation: Installation) -> None:
    """Whether the database is fresh or was imported with its turns."""
    installation.trade_all()
    assert installation.turns() == [(1, 4, False)]
    for connection, table in (
        (installation.solver, "solver.life"),
        *((w, "worker.solver_life") for w in installation.workers),
    ):
        connection.execute(f"delete from {table}".encode())
    installation.trade_all("02")
    assert installation.turns() == [(1, 4, False), (2, 4, False)]
    assert rows(installation.solver, "select * from solver.step_back") == []


@covers("G45")
@pytest.mark.parametrize("is_visible", [True, False])
def test_a_solver_restored_to_phase_2_closes_the_turn_that_was_solved(
    installation: Installation, is_visible: bool
) -> None:
    installation.bid()
    copy = installation.save()
    installation.at("01 03:10:02")
    installation.worker_at("01 03:11:00", 0)
    assert installation.states() == [[(1, 3, 10, False)], [(1, 3, 5, False)]]
    arranged = installation.traded(1)

    installation.restore(copy, is_visible=is_visible)
    for now in ("01 03:12:00", "01 03:13:01", "01 03:14:00"):
        installation.at(now)
    assert not installation.is_stepped_back()
    # Both shards go on with the result that they have; the next turn begins at once.
    assert installation.turns() == [(1, 4, True), (2, 1, False)]
    assert [states[0] for states in installation.states()] == [(1, 3, 10, False)] * 2
    assert installation.traded(1) == arranged == 2
    installation.free_accounts()
    for now in ("01 03:25:00", "01 04:21:00", "01 04:26:00", "01 04:27:01", "01 04:28:02"):
        installation.prepare()
        installation.at(now)
    assert installation.turns() == [(1, 4, True), (2, 4, False)]
    assert installation.traded(2) == 2


@covers("G45")
def test_turns_that_a_restored_solver_does_not_know_are_not_begun_again(installation: Installation) -> None:
    """Their IDs are not used a second time, and no other is left out."""
    installation.trade_all("01")
    copy = installation.save()
    for day in ("02", "03"):
        installation.trade_all(day)
    installation.bid("04")
    installation.restore(copy)
    # A crash may have skipped IDs.
    installation.solver.execute("select setval(pg_get_serial_sequence('solver.turn', 'turn_id'), 33)")
    installation.at("04 03:06:00")
    assert installation.turns() == [(1, 4, False)]
    installation.at("04 03:07:00")
    assert installation.turns() == [(1, 4, False), (5, 1, False)]
    for states in installation.states():
        assert states[3:] == [(4, 3, 10, True), (5, 1, 10, False)]
    # Sellers who wait for the turn that is lost are free again.
    for worker in installation.workers:
        for lane in range(8):
            worker.execute("select worker.drain_inbox(%s, 100, 0)", (lane,))
    assert installation.rows("select creditor_id from worker.account_lock") == []
    installation.bid("05")
    assert installation.turns()[-1] == (5, 3, False)


@covers("G45")
def test_a_shard_without_the_old_result_does_not_take_a_new_one(installation: Installation) -> None:
    """Sellers of one result and buyers of another one would leave money where nobody pays it out."""
    installation.bid()
    copy = installation.save()
    installation.solver_at("01 03:10:02")
    installation.worker_at("01 03:10:02", 0)
    installation.restore(copy, is_visible=False)
    # Nothing shows that the snapshot is an old one, and the turn is solved once more.
    installation.solver_at("01 03:11:00")
    assert installation.turns() == [(1, 3, False)]
    installation.worker_at("01 03:11:03", 0)
    installation.worker_at("01 03:11:04", 1)
    assert installation.states() == [[(1, 3, 10, False)], [(1, 3, 0, False)]]
    for now in ("01 03:12:00", "01 03:13:01"):
        installation.at(now)
    assert installation.turns() == [(1, 4, True), (2, 1, False)]
    assert [states[0] for states in installation.states()] == [(1, 3, 10, False), (1, 3, 10, True)]


def test_results_that_come_back_are_deleted_again(installation: Installation) -> None:
    installation.bid()
    installation.solver_at("01 03:10:02")
    copy = installation.save()
    for now in ("03:10:03", "03:11:00", "03:12:00"):
        installation.at(f"01 {now}")
    assert installation.turns() == [(1, 4, False)]
    installation.restore(copy)
    for now in ("03:13:00", "03:14:00", "03:15:00"):
        installation.at(f"01 {now}")
    assert installation.turns() == [(1, 4, False)]
    assert not installation.is_stepped_back()
    assert installation.traded(1) == 2


def test_no_turn_goes_on_before_every_shard_has_reported(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    installation.bid()
    installation.restore(installation.save())
    installation.solver_at("01 03:10:02")
    installation.worker_at("01 03:10:03", 0)
    with caplog.at_level(logging.ERROR):
        tick = installation.solver_at("02 02:00:00")
    assert tick.done == 0
    assert "before workers with the keys 1.# have reported" in caplog.text
    assert installation.turns() == [(1, 2, False)]
    for refused in (
        "select solver.begin_phase3(1)",
        "select count(*) <> 0 from solver.due_turns()",
        "select solver.has_results(1, now())",
    ):
        assert value(installation.solver, refused) is False
    installation.worker_at("02 02:00:01", 1)
    installation.solver_at("02 02:00:02")
    assert installation.turns() == [(1, 4, True), (2, 1, False)]


def test_workers_report_at_every_look_while_the_solver_waits(installation: Installation) -> None:
    installation.at("01 02:00:00")
    installation.restore(installation.save())
    installation.solver_at("01 02:00:10")
    query = "select count(*) from solver.shard where last_seen_at > %s"
    assert REPORT_SECONDS > 11
    installation.worker_at("01 02:00:11", 0)
    installation.worker_at("01 02:00:11", 1)
    assert value(installation.solver, query, "2026-03-01T02:00:10Z") == 2
    installation.solver_at("01 02:00:12")
    installation.worker_at("01 02:00:13", 0)
    assert (
        value(installation.solver, "select count(*) from solver.shard where last_seen_at > '2026-03-01T02:00:12Z'") == 0
    )


@pytest.mark.parametrize("is_visible", [True, False])
def test_an_older_state_is_noticed_between_turns(installation: Installation, is_visible: bool) -> None:
    installation.trade_all()
    copy = installation.save()
    for minute in range(20, 30):
        installation.at(f"01 03:{minute}:00")
    installation.restore(copy, is_visible=is_visible)
    installation.solver_at("01 03:30:00")
    installation.worker_at("01 03:30:01", 0)
    assert installation.is_stepped_back()
    installation.worker_at("01 03:30:02", 1)
    installation.solver_at("01 03:31:00")
    assert not installation.is_stepped_back()
    installation.trade_all("02")
    assert installation.turns() == [(1, 4, False), (2, 4, False)]
    assert value(installation.solver, "select count(*) from solver.step_back") == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("system_identifier = 7", "it was on the server 7"),
        ("timeline_id = timeline_id + 1", "it was on the timeline 2, and is on 1"),
        ("database_id = 7", "it was the database with OID 7"),
    ],
)
def test_another_place_is_a_step_back(installation: Installation, change: str, reason: str) -> None:
    installation.at("01 02:00:00")
    installation.solver.execute(f"update solver.life set {change}".encode())
    installation.solver_at("01 02:01:00")
    assert reason in value(installation.solver, "select reason from solver.step_back_status()")


def test_operators_resume_turns_beside_workers_that_do_not_report(installation: Installation) -> None:
    """Those of another implementation: nobody else knows how far they have seen the turns."""
    installation.bid()
    installation.solver.execute("delete from solver.shard")
    installation.restore(installation.save())
    resume: Callable[[int], Any] = partial(value, installation.solver, "select solver.resume_turns(%s, 'ann')")
    installation.solver_at("01 03:06:00")
    installation.solver_at("01 03:07:00")
    assert rows(installation.solver, "select waited_for from solver.step_back_status()") == [(["#"],)]
    assert resume(40) == 40
    assert resume(50) is None
    installation.solver_at("01 03:08:00")
    assert installation.turns() == [(1, 4, True), (41, 1, False)]
    query = "select resolved_by, resumed_above, resolved_at from solver.step_back"
    assert rows(installation.solver, query) == [("ann", 40, datetime.fromisoformat("2026-03-01T03:07:00Z"))]


def test_a_worker_whose_server_was_rolled_back_notices_it_at_its_next_look(installation: Installation) -> None:
    """Identifier, timeline and OID are what they were: this is a snapshot of the whole machine."""
    installation.at("01 02:00:00")
    installation.at("01 02:01:00")
    query = "select reason from worker.step_back where noticed_at > '2026-03-01T02:01:00Z'"
    installation.solver.execute("update solver.shard set wal_position = 'FFFF/0' where binding_key = '1.#'")
    installation.at("01 02:01:30")
    assert [len(rows(worker, query)) for worker in installation.workers] == [0, 1]
    assert "was seen to end at FFFF/0" in value(installation.workers[1], query)
    installation.at("01 02:02:00")
    assert [len(rows(worker, query)) for worker in installation.workers] == [0, 1]


def test_the_role_of_the_service_may_end_a_step_back(installation: Installation) -> None:
    """It is not the owner of the sequence that has to go back."""
    installation.bid()
    installation.solver.execute("select solver.notice_step_back('a test')")
    with connection_to(as_role(installation.solver_url, "service")) as service:
        assert value(service, "select solver.resume_turns(40, 'ann')") == 40
    installation.solver_at("01 03:08:00")
    assert installation.turns() == [(1, 4, True), (41, 1, False)]


@covers("G45")
def test_a_worker_takes_over_no_other_turn_with_the_same_id(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    """Two turns with one ID were begun by two states of the solver's database."""
    insert_worker_turn(installation.workers[0], 1, 10, 1, started_at="2026-02-28T02:00:00Z")
    installation.at("01 02:00:00")
    assert installation.states() == [[(1, 1, 10, False)], [(1, 1, 10, False)]]
    assert installation.is_stepped_back()
    installation.at("01 02:01:00")
    installation.at("01 02:02:01")
    assert installation.turns() == [(1, 4, True), (2, 1, False)]
    assert installation.states() == [[(1, 3, 10, True), (2, 1, 10, False)]] * 2
    assert installation.rows("select base_debtor_id from worker.worker_turn") == [(1,)] * 4


def test_phase_3_is_committed_to_the_synchronous_standby(installation: Installation) -> None:
    for setting, expected in (("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")):
        with installation.solver.transaction(force_rollback=True):
            installation.solver.execute("select set_config('synchronous_commit', %s, true)", (setting,))
            installation.solver.execute("select solver.begin_phase3(1)")
            assert value(installation.solver, "show synchronous_commit") == expected

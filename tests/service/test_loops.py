"""Each command does its work once, and waits in the meantime."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from admin.commands import flushes
from pipelines.turns.roll import WorkerTurnsTick
from sandbox.servers.installation import Environment, run
from sandbox.servers.postgres import PrivateServer
from service.databases import check_schema
from service.loop import Stop, Unusable
from service.loops import Rounds
from service.parts.turns import pause_after
from tests.conftest import Connection
from tests.covering import covers
from tests.databases import connection_to

pytestmark = pytest.mark.slow

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "command",
    [
        "roll_turns",
        "scan_all",
        *(
            pytest.param(command, marks=pytest.mark.slow)
            for command in (
                "roll_worker_turns",
                "roll_transfers",
                "trigger_transfers",
                "handle_pristine_collectors",
                "fetch_debtor_infos",
                "scan_interest_rate_changes",
            )
        ),
    ],
)
def test_a_command_does_one_round(command: str, environment: Environment) -> None:
    result = run(environment, command, "--quit-early")
    assert result.returncode == 0, result.stdout
    assert "ERROR" not in result.stdout
    assert "secret" not in result.stdout


def test_several_processes_do_one_round_each(environment: Environment) -> None:
    result = run(environment | {"APP_LOG_LEVEL": "debug"}, "trigger_transfers", "-p", "2", "--quit-early")
    assert result.returncode == 0, result.stdout
    assert result.stdout.count("trigger_transfers: nothing to do") == 2
    # Each of them says who it is, and so does the one that looks after them.
    assert result.stdout.count(":INFO:service.introduction:trigger_transfers of swpt-trade") == 3


def test_no_processes_are_none(environment: Environment) -> None:
    result = run(environment | {"APP_LOG_LEVEL": "debug"}, "trigger_transfers", "-p", "0", "--quit-early")
    assert result.returncode == 0
    (line,) = result.stdout.splitlines()
    assert ":INFO:service.introduction:" in line


def test_a_worker_takes_its_settings_into_the_database(environment: Environment) -> None:
    result = run(environment | {"MAX_DISTANCE_TO_BASE": "7"}, "trigger_transfers", "--quit-early")
    assert result.returncode == 0, result.stdout
    with connection_to(environment["WORKER_POSTGRES_URL"], autocommit=False) as worker:
        assert worker.execute("select max_distance_to_base from worker.configuration").fetchone() == (7,)


def test_a_database_that_was_not_set_up_is_named(environment: Environment, postgres: PrivateServer) -> None:
    result = run(environment | {"WORKER_POSTGRES_URL": postgres.database_url("postgres")}, "trigger_transfers")
    # The first one says who speaks.
    assert (result.returncode, result.stdout.count("\n")) == (1, 2), result.stdout
    assert "the worker database has not been set up: run `swpt-trade configure` first" in result.stdout


def test_an_old_database_can_not_be_used(worker_db: Connection) -> None:
    with worker_db.transaction(force_rollback=True):
        worker_db.execute("delete from worker.applied_file where file like '%/drain_inbox%'")
        with pytest.raises(Unusable, match=r"lacks 2 files .* run `swpt-trade configure` first"):
            check_schema(worker_db, "worker")


def test_other_functions_than_ours_are_worth_a_warning(worker_db: Connection, caplog: pytest.LogCaptureFixture) -> None:
    check_schema(worker_db, "worker")
    assert caplog.messages == []
    with worker_db.transaction(force_rollback=True):
        worker_db.execute("update worker.applied_file set checksum = 'x' where file like '%/drain_inbox.sql'")
        check_schema(worker_db, "worker")
    assert "1 functions of the worker database are not those of this release" in caplog.text


def test_pending_messages_are_shown(environment: Environment) -> None:
    with connection_to(environment["WORKER_POSTGRES_URL"], autocommit=False) as worker:
        worker.execute("select worker.send_internal('NeededCollector', array[0, 0], array['{}', '{}']::jsonb[])")
        worker.execute(
            "insert into worker.set_aside (queue, message_type, body, sqlstate, error, failures, set_aside_at)"
            " values ('inbox_0', 'AccountUpdate', '{}', '22000', 'x', 2, now())"
        )
    result = run(environment, "pending")
    assert result.returncode == 0, result.stdout
    rows = {line.split("s  ")[1]: int(line.split()[0]) for line in result.stdout.splitlines()[1:]}
    assert rows["received, to be applied: inbox_0"] == 2
    assert rows["set aside, could not be applied"] == 1
    assert sum(rows.values()) == 3
    assert len([row for row in rows if row.startswith("to be sent: ")]) == len(flushes.TYPES)


def test_rounds_begin_at_equal_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([100.0, 103.0, 200.0, 212.0])
    monkeypatch.setattr("service.loops.time.monotonic", lambda: next(times))
    rounds = Rounds(lambda: 5, 10.0)
    assert rounds.step() == 5
    assert rounds.rest() == 7.0
    rounds.step()
    assert 0 < rounds.rest() < 0.1


def test_a_stop_ends_a_rest() -> None:
    stop = Stop()
    stop.request()
    Rounds(lambda: 0, 3600.0).wait(stop, 0.0)


@covers("G23")
@pytest.mark.parametrize(
    ("tick", "pause"),
    [
        (WorkerTurnsTick(), 60.0),
        (WorkerTurnsTick(is_alone=False), 60.0),
        (WorkerTurnsTick(unfinished=((1, 2, 0),)), 0.5),
        (WorkerTurnsTick(next_step_at=NOW + timedelta(seconds=20)), 20.0),
        (WorkerTurnsTick(next_step_at=NOW + timedelta(hours=1)), 60.0),
        (WorkerTurnsTick(next_step_at=NOW - timedelta(hours=1)), 0.5),
    ],
)
def test_a_worker_looks_at_the_turns_in_time(tick: WorkerTurnsTick, pause: float) -> None:
    assert pause_after(tick, 60.0, NOW) == pause

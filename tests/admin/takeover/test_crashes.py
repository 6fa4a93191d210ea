"""A run that is killed, wherever it was, is repaired by another one: the result is that of a run without trouble."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from admin.takeover.staging import TARGETS
from tests.admin.takeover.conftest import MakeOld
from tests.admin.takeover.old_databases import COLLECTOR, DEBTOR, NOW, TURN, OldService, fill
from tests.covering import covers

pytestmark = pytest.mark.slow

# Who waits for this lock has written everything to the worker's database, and the solver's is committed.
WAIT_AT_COMMIT = """
create function public.wait() returns trigger language plpgsql
as 'begin perform pg_advisory_xact_lock(1, 1); return null; end';
create constraint trigger wait after insert on worker.takeover
deferrable initially deferred for each row execute function public.wait();
"""
DIFFERENT = "{outbox_id,rescheduled_for,blocked_at,inserted_at,finalized_at,scheduled_at,ts,imported_at}"


@pytest.fixture
def service(make_old: MakeOld) -> OldService:
    """With payments under way."""
    return filled(make_old("1.0"))


def filled(service: OldService) -> OldService:
    fill(service)
    lock = {"debtor_id": DEBTOR, "turn_id": TURN, "collector_id": COLLECTOR, "initiated_at": NOW, "transfer_id": 5}
    service.add("worker", "account_lock", creditor_id=1, amount=-9000, coordinator_request_id=1, **lock)
    service.add("worker", "account_lock", creditor_id=2, amount=9000, coordinator_request_id=2, **lock)
    verdict = {"debtor_id": DEBTOR, "turn_id": TURN, "collector_id": COLLECTOR}
    service.add("worker", "creditor_participation", creditor_id=1, amount=-8000, **verdict)
    service.add(
        "worker",
        "transfer_attempt",
        collector_id=COLLECTOR,
        turn_id=TURN,
        debtor_id=DEBTOR,
        creditor_id=2,
        transfer_kind=1,
        nominal_amount=500.0,
        collection_started_at=NOW,
    )
    return service


def contents(service: OldService) -> dict[str, list[Any]]:
    """Everything in our databases but moments of the import, and numbers that a lost transaction has used up."""
    tables = [("solver", name) for name in TARGETS["solver"]] + [("worker", name) for name in TARGETS["worker"]]
    tables += [("outbox", "finalize_transfer")]
    return {
        name: service.rows(
            "solver" if schema == "solver" else "worker",
            f"select to_jsonb(t) - '{DIFFERENT}'::text[] from {schema}.{name} as t order by 1",
        )
        for schema, name in tables
    }


def marks(service: OldService) -> tuple[int, int]:
    """How many there are, in the solver's and the worker's database."""
    ((solver,),) = service.rows("solver", "select count(*) from solver.takeover")
    ((worker,),) = service.rows("worker", "select count(*) from worker.takeover")
    return solver, worker


@contextmanager
def stranger(service: OldService) -> Iterator[psycopg.Connection[Any]]:
    """A connection to our worker database that is neither the earlier service nor one of our processes."""
    options = "-c default_transaction_read_only=off -c statement_timeout=0 -c lock_timeout=0"
    options += " -c idle_session_timeout=0 -c idle_in_transaction_session_timeout=0"
    url = service.url("worker")
    with psycopg.connect(url, options=options, application_name="somebody", autocommit=True) as connection:
        yield connection


def start(service: OldService) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-m", "admin.cli", "import_databases", "--allow-in-flight"]
    environment = {**os.environ, **service.environment()}
    return subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def wait_for_waiting(connection: psycopg.Connection[Any], process: subprocess.Popen[bytes], count: int = 1) -> None:
    """Until so many sessions wait for locks, one of them of the process."""
    query = "select count(*) from pg_locks where not granted and pid <> pg_backend_pid()"
    deadline = time.monotonic() + 60.0
    while connection.execute(query).fetchone() != (count,):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def kill_when_it_waits(service: OldService, connection: psycopg.Connection[Any]) -> None:
    """Starts an import, and kills it, and its sessions, when it waits for a lock that this connection holds."""
    with start(service) as process:
        wait_for_waiting(connection, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with service.server.admin() as admin:
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name like '%%import_databases'"
        )
        while admin.execute(
            "select count(*) from pg_stat_activity where application_name like '%import_databases'"
        ).fetchone() != (0,):
            time.sleep(0.01)


@covers("N7.1")
def test_killed_in_the_middle_of_a_database(service: OldService, make_old: MakeOld) -> None:
    undisturbed = filled(make_old("1.0"))
    assert undisturbed.run("--allow-in-flight").exit_code == 0
    with stranger(service) as connection, connection.transaction():
        connection.execute("lock table worker.trading_policy in share mode")
        kill_when_it_waits(service, connection)
    assert marks(service) == (0, 0)
    assert set(map(len, contents(service).values())) == {0}
    result = service.run("--allow-in-flight")
    assert result.exit_code == 0, result.output
    assert marks(service) == (1, 1)
    assert contents(service) == contents(undisturbed)


@covers("N7.1")
def test_killed_between_the_databases(service: OldService, make_old: MakeOld) -> None:
    undisturbed = filled(make_old("1.0"))
    assert undisturbed.run("--allow-in-flight").exit_code == 0
    with stranger(service) as connection:
        connection.execute(WAIT_AT_COMMIT)
        connection.execute("select pg_advisory_lock(1, 1)")
        kill_when_it_waits(service, connection)
        assert marks(service) == (1, 0)
        connection.execute("drop trigger wait on worker.takeover")
    result = service.run("--allow-in-flight")
    assert result.exit_code == 0, result.output
    assert "Ours was imported at" in result.output
    assert marks(service) == (1, 1)
    assert contents(service) == contents(undisturbed)


def test_a_run_waits_for_another_one(service: OldService) -> None:
    """As when the workers of an installation are imported side by side."""
    with stranger(service) as connection:
        connection.execute("begin")
        connection.execute("lock table worker.trading_policy in share mode")
        with start(service) as first:
            wait_for_waiting(connection, first)
            with start(service) as second:
                wait_for_waiting(connection, second, 2)
                connection.execute("commit")
                said = second.communicate()[0].decode()
                assert second.returncode == 0, said
                assert said.count("they are all there") == 2
            first.communicate()
            assert first.returncode == 0
    assert marks(service) == (1, 1)

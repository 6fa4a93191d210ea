"""Processes end when they are asked to, with status 0, and together."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.rabbitmq.setup import declare
from bridge.wire.topology import worker_topology
from sandbox.servers.installation import Environment, children, eventually, is_running, server
from tests.covering import covers
from tests.databases import connection_to

SLOW = pytest.mark.slow
AT_ONCE = 5.0
"""Seconds within which a process ends that would otherwise sleep for hours."""


def listening(environment: Environment, name: str) -> Callable[[], bool]:
    """Whether the process is connected to the worker's database and has nothing to do."""

    def is_idle() -> bool:
        with connection_to(environment["WORKER_POSTGRES_URL"], autocommit=False) as worker:
            query = "select 1 from pg_stat_activity where datname = current_database() and application_name = %s"
            return worker.execute(query + " and state = 'idle'", (f"swpt-trade {name}",)).fetchone() is not None

    return is_idle


@covers("C14")
@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=SLOW), pytest.param(signal.SIGHUP, marks=SLOW)]
)
def test_a_signal_ends_a_wait_of_hours(number: int, environment: Environment, tmp_path: Path) -> None:
    with server(environment, tmp_path, "trigger_transfers", "-w", "9999") as process:
        eventually(listening(environment, "trigger_transfers"), "idle")
        process.send(number)
        asked = time.monotonic()
        assert process.wait() == 0, process.text()
        assert time.monotonic() - asked < AT_ONCE


@covers("C14")
@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--quit-early",)])
def test_requests_that_hang_are_broken_off_and_given_back(
    options: tuple[str, ...], environment: Environment, tmp_path: Path
) -> None:
    settings = {"APP_FETCH_PRIVATE_ADDRESSES": "true", "HTTP_FETCH_TIMEOUT": "3600"}
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        connection_to(environment["WORKER_POSTGRES_URL"]) as worker,
    ):
        worker.execute(
            "insert into worker.debtor_info_fetch (iri, debtor_id, is_locator_fetch, scheduled_at, next_attempt_at)"
            " select 'https://127.0.0.1:' || %s || '/' || n, 1, true, worker.now(), worker.now()"
            " from generate_series(1, 20) as n",
            (silent.getsockname()[1],),
        )
        due = "select count(*) from worker.debtor_info_fetch where next_attempt_at <= worker.now()"
        with server(environment | settings, tmp_path, "fetch_debtor_infos", *options) as process:
            eventually(lambda: worker.execute(due).fetchone() == (0,), "all are under way")
            process.send(signal.SIGTERM)
            asked = time.monotonic()
            assert process.wait() == 0, process.text()
            assert time.monotonic() - asked < AT_ONCE
        assert worker.execute(due).fetchone() == (20,)


def catches(pid: int, number: int) -> bool:
    """Does a process handle a signal itself? It is started by an interpreter that does not yet."""
    lines = (Path("/proc") / str(pid) / "status").read_text().splitlines()
    (mask,) = (int(line.split()[1], 16) for line in lines if line.startswith("SigCgt:"))
    return bool(mask >> (number - 1) & 1)


@covers("C14")
@pytest.mark.slow
def test_no_processes_wait_for_a_signal(environment: Environment, tmp_path: Path) -> None:
    with server(environment | {"APP_LOG_LEVEL": "debug"}, tmp_path, "fetch_debtor_infos", "-p", "0") as process:
        eventually(lambda: catches(process.pid, signal.SIGTERM), "it waits for signals")
        assert is_running(process.pid)
        assert children(process.pid) == {}
        process.send(signal.SIGTERM)
        assert process.wait() == 0


@covers("C14")
@pytest.mark.slow
def test_the_batch_in_work_is_finished(environment: Environment, tmp_path: Path) -> None:
    """A lock of ours holds up the first step until after the signal."""
    with (
        connection_to(environment["WORKER_POSTGRES_URL"], autocommit=False) as worker,
        server(environment, tmp_path, "trigger_transfers", "-w", "9999") as process,
    ):
        worker.execute("lock table worker.configuration in access exclusive mode")
        query = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"

        def is_held_up() -> bool:
            with connection_to(environment["WORKER_POSTGRES_URL"], autocommit=False) as other:
                return other.execute(query).fetchone() is not None

        eventually(is_held_up, "a step waits for the lock")
        process.send(signal.SIGTERM)
        time.sleep(0.5)
        assert is_running(process.pid)
        worker.rollback()
        assert process.wait() == 0, process.text()
        assert "failed" not in process.text()


@covers("C14")
@pytest.mark.slow
def test_several_processes_end_with_status_0(environment: Environment, tmp_path: Path) -> None:
    with server(environment, tmp_path, "trigger_transfers", "-w", "9999", "-p", "2") as process:
        eventually(lambda: len(_own(process.pid)) == 2, "two processes")
        eventually(listening(environment, "trigger_transfers"), "idle")
        started = _own(process.pid)
        process.send(signal.SIGTERM)
        assert process.wait() == 0, process.text()
        assert not any(map(is_running, started))


@pytest.mark.slow
def test_one_early_death_ends_all_processes(environment: Environment, tmp_path: Path) -> None:
    with server(environment, tmp_path, "trigger_transfers", "-w", "9999", "-p", "2") as process:
        eventually(lambda: len(_own(process.pid)) == 2, "two processes")
        first, second = _own(process.pid)
        os.kill(first, signal.SIGKILL)
        assert process.wait() == 1
        assert f"WARNING:service.processes:trigger_transfers: process {first} ended" in process.text()
        assert not is_running(second)


@pytest.mark.slow
def test_processes_do_not_outlive_a_killed_parent(environment: Environment, tmp_path: Path) -> None:
    with server(environment, tmp_path, "trigger_transfers", "-w", "9999", "-p", "2") as process:
        eventually(lambda: len(_own(process.pid)) == 2, "two processes")
        eventually(listening(environment, "trigger_transfers"), "idle")
        started = _own(process.pid)
        process.send(signal.SIGKILL)
        process.wait()
        eventually(lambda: not any(map(is_running, started)), "the children have ended")


@covers("C14")
@pytest.mark.rabbitmq
@pytest.mark.parametrize("command", ["consume_messages", "flush_all"])
def test_a_process_with_a_broker_ends_at_once(command: str, rabbitmq_environment: Environment, tmp_path: Path) -> None:
    environment = rabbitmq_environment | {"FLUSH_PERIOD": "9999"}
    declare(environment["PROTOCOL_BROKER_URL"], worker_topology(environment["PROTOCOL_BROKER_QUEUE"], "#"))
    with server(environment, tmp_path, command) as process:
        eventually(listening(environment, {"flush_all": "flush_all", "consume_messages": "drain"}[command]), "idle")
        process.send(signal.SIGTERM)
        asked = time.monotonic()
        assert process.wait() == 0, process.text()
        assert time.monotonic() - asked < AT_ONCE
        assert "ERROR" not in process.text()


def _own(pid: int) -> list[int]:
    """The processes of a command, without the helper of the library that starts them."""
    return [child for child, arguments in children(pid).items() if "resource_tracker" not in arguments]

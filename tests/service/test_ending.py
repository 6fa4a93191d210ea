"""Every process ends within 10 s of SIGTERM, whatever it waits for."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from sandbox.servers.installation import Environment, Server, children, command, eventually, is_running, server
from tests.bridge import outgoing
from tests.bridge.messages.examples import EXAMPLES
from tests.conftest import skip_or_fail
from tests.databases import connection_to
from tests.service.silence import PATIENT, can_have_own_mounts, silence, silent_names

pytestmark = pytest.mark.slow

LIMIT = 10.0
TERMINATED = 128 + signal.SIGTERM

WORKER = "postgresql://me@{}/worker"
DATABASES = {"WORKER_POSTGRES_URL": WORKER, "SOLVER_POSTGRES_URL": WORKER, "BASE_DEBTOR_ID": "1"}
SOLVER = {"SOLVER_POSTGRES_URL": WORKER}
TLS = {"SOLVER_POSTGRES_URL": WORKER + "?sslmode=require", "WORKER_POSTGRES_URL": WORKER + "?sslmode=require"}
PARTS = ("consume_messages", "roll_worker_turns", "roll_transfers", "fetch_debtor_infos", "scan_all")


@pytest.fixture(autouse=True)
def _nothing_is_left_in_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Neither by those that end themselves nor by those whose end is made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    yield
    assert [*folder.iterdir()] == []


def has_started(pid: int) -> bool:
    """Whether a part has the threads that look after it."""
    return len([*Path(f"/proc/{pid}/task").iterdir()]) >= 3


def ends_in_time(process: Server, status: int = 0) -> None:
    """Sends the signal; all of it has to be gone in time."""
    parts = [process.pid, *children(process.pid)]
    process.send(signal.SIGTERM)
    asked = time.monotonic()
    assert process.wait() == status, process.text()
    assert time.monotonic() - asked < LIMIT, process.text()
    assert not any(map(is_running, parts))


@pytest.mark.parametrize(
    ("arguments", "variables", "greeting", "status"),
    [
        (["trigger_transfers"], DATABASES, b"", 0),
        (["pending"], DATABASES, b"", TERMINATED),
        *(pytest.param([name], DATABASES, b"", 0) for name in [*PARTS, "flush_all", "roll_turns"]),
        *(pytest.param([name], DATABASES, b"", 0) for name in ("worker", "solver")),
        *(
            pytest.param(name.split(), DATABASES, b"", TERMINATED)
            for name in ("configure", "collectors list", "collectors held", "shards", "load_policies")
        ),
        *(pytest.param([name], SOLVER, b"", 0) for name in ("roll_worker_turns", "trigger_transfers")),
        *(pytest.param([name], TLS, b"S", 0) for name in ("scan_all", "solver")),
        pytest.param(["trigger_transfers", "-p", "2"], DATABASES, b"", 0),
        pytest.param(["consume_messages"], {"PROTOCOL_BROKER_URL": "amqp://a:b@{}"}, b"", 0),
        pytest.param(["consume_messages"], {"PROTOCOL_BROKER_URL": "amqps://a:b@{}"}, b"", 0),
        pytest.param(["consume_messages", "-p", "2"], {"PROTOCOL_BROKER_URL": "amqps://a:b@{}"}, b"", 0),
        pytest.param(["flush_all"], {"PROTOCOL_BROKER_URL": "amqp://a:b@{}"}, b"", 0),
        pytest.param(["worker"], {"PROTOCOL_BROKER_URL": "amqps://a:b@{}"}, b"", 0),
        pytest.param(["sandbox", "--port", "28943"], {"PROTOCOL_BROKER_URL": "amqp://a:b@{}"}, b"", 0),
        pytest.param(
            ["configure", "--only-broker"],
            {"PROTOCOL_BROKER_URL": "amqp://a:b@{}", "SETUP_RABBITMQ_BINDINGS": "yes"},
            b"",
            TERMINATED,
        ),
        pytest.param(["load_policies"], {"LOAD_POLICIES_URL": "http://{}"}, b"", TERMINATED),
    ],
)
def test_a_process_that_waits_for_a_silent_server_ends(
    arguments: list[str],
    variables: dict[str, str],
    greeting: bytes,
    status: int,
    environment: Environment,
    tmp_path: Path,
) -> None:
    with connection_to(environment["WORKER_POSTGRES_URL"]) as worker:
        outgoing.put(worker, "StartSending", EXAMPLES["StartSending"])
    with silence(greeting) as silent:
        policies = {"LOAD_POLICIES_URL": "http://127.0.0.1:1", "LOAD_POLICIES_TOKEN": "x"}
        values = policies | {name: value.format(silent.address) for name, value in variables.items()}
        with server(environment | values, tmp_path, *arguments) as process:
            eventually(lambda: silent.is_tried or process.status is not None, "it waits")
            ends_in_time(process, status)


@pytest.mark.parametrize("name", ["fetch_debtor_infos", "worker"])
def test_a_fetch_from_a_silent_server_is_broken_off(name: str, environment: Environment, tmp_path: Path) -> None:
    """And is due again, as if it had never been begun."""
    with silence() as silent, connection_to(environment["WORKER_POSTGRES_URL"]) as worker:
        for number in range(300):
            put_fetch(worker, f"https://{silent.address}/{number}")
        with server(environment | {"APP_FETCH_PRIVATE_ADDRESSES": "true"}, tmp_path, name) as process:
            eventually(lambda: len(silent.connections) > 5, "it waits")
            ends_in_time(process)
            assert "still not at an end" not in process.text()
        row = worker.execute(
            "select count(*), max(attempts_count) from worker.debtor_info_fetch"
            " where next_attempt_at <= worker.now() and leased_url is null"
        ).fetchone()
    assert row == (300, 0)


def put_fetch(worker: psycopg.Connection[tuple[object, ...]], iri: str) -> None:
    """A document that has to be fetched now."""
    worker.execute(
        "insert into worker.debtor_info_fetch (iri, debtor_id, is_discovery_fetch, scheduled_at, next_attempt_at)"
        " values (%s, 7, true, now(), now())",
        (iri,),
    )


@contextmanager
def started(prefix: list[str], environment: Environment, folder: Path, *arguments: str) -> Iterator[Server]:
    """A command that another program starts, which becomes it."""
    process = Server.__new__(Server)
    process.output = folder / "output.log"
    with process.output.open("w") as file:
        process._process = subprocess.Popen(
            [*prefix, *command(*arguments)], env={**os.environ, **environment}, stdout=file, stderr=subprocess.STDOUT
        )
    process.pid = process._process.pid
    try:
        yield process
    finally:
        process.end()


@pytest.mark.parametrize(
    ("arguments", "variables", "status"),
    [
        (["trigger_transfers"], DATABASES, 0),
        pytest.param(["configure"], DATABASES, TERMINATED),
        pytest.param(["roll_turns"], DATABASES, 0),
        pytest.param(["worker"], DATABASES, 0),
        pytest.param(["serve_metrics"], {**DATABASES, "APP_METRICS_PORT": "1"}, 0),
        pytest.param(["consume_messages"], {"PROTOCOL_BROKER_URL": "amqp://a:b@{}"}, 0),
        pytest.param(["worker"], {"PROTOCOL_BROKER_URL": "amqps://a:b@{}"}, 0),
        pytest.param(["fetch_debtor_infos"], {}, 0),
        pytest.param(["load_policies"], {"LOAD_POLICIES_URL": "https://{}"}, TERMINATED),
    ],
)
def test_a_process_that_waits_for_a_silent_name_server_ends(
    arguments: list[str], variables: dict[str, str], status: int, environment: Environment, tmp_path: Path
) -> None:
    if not can_have_own_mounts():
        skip_or_fail("no right to mount files")
    with connection_to(environment["WORKER_POSTGRES_URL"]) as worker:
        put_fetch(worker, "https://host.example/")
    values = {"LOAD_POLICIES_TOKEN": "x"} | {name: value.format("host.example") for name, value in variables.items()}
    with (
        silent_names(tmp_path) as (prefix, names),
        started(prefix, environment | PATIENT | values, tmp_path, *arguments) as process,
    ):
        assert names.recv(512)
        ends_in_time(process, status)
        if arguments == ["trigger_transfers"]:
            assert "WARNING:service.ending:still not at an end" in process.text()
            assert "MainThread: a name server (service.parts.transfers" in process.text()


@pytest.mark.parametrize("name", ["trigger_transfers", "worker"])
def test_a_process_that_waits_for_a_lock_ends(name: str, environment: Environment, tmp_path: Path) -> None:
    query = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    with (
        connection_to(environment["WORKER_POSTGRES_URL"], autocommit=False) as locking,
        connection_to(environment["WORKER_POSTGRES_URL"]) as looking,
    ):
        locking.execute("lock table worker.configuration in access exclusive mode")
        with server(environment, tmp_path, name) as process:
            eventually(lambda: looking.execute(query).fetchone() is not None, "a step waits for the lock")
            ends_in_time(process)
            # A worker looks at its database before it starts its parts, and can leave at once.
            assert ("an answer of a database (service." in process.text()) == (name != "worker")


def test_a_process_whose_output_nobody_reads_ends(environment: Environment) -> None:
    """As when the program that takes the logs of a container hangs."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    while True:
        try:
            os.write(writing, b"x" * 4096)
        except BlockingIOError:
            break
    os.set_blocking(writing, True)
    # There is no broker, which is worth an ERROR.
    environ = {**os.environ, **environment, "APP_LOG_LEVEL": "warning"}
    with subprocess.Popen(command("worker"), env=environ, stdout=writing, stderr=writing) as process:
        eventually(lambda: len(parts := children(process.pid)) == 8 and all(map(has_started, parts)), "it has started")
        asked = time.monotonic()
        process.terminate()
        assert process.wait(60) == 0
        assert time.monotonic() - asked < LIMIT
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize(
    "values",
    [
        {"OAUTH2_INTROSPECT_URL": "http://{}"},
        {"SOLVER_POSTGRES_URL": WORKER, "APP_WEBSERVER_NO_TOKEN_CHECK": "true", "OAUTH2_INTROSPECT_URL": ""},
    ],
)
def test_a_web_server_that_waits_for_an_answer_ends(
    values: dict[str, str], environment: Environment, tmp_path: Path
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/trade/turns/"
    with silence() as silent:
        variables = {name: value.format(silent.address) for name, value in values.items()}
        with (
            server(environment | variables | {"WEBSERVER_PORT": str(port)}, tmp_path, "webserver") as process,
            background(lambda: httpx.get(url, headers={"Authorization": "Bearer x"}, timeout=30)),
        ):
            eventually(lambda: silent.is_tried, "it waits")
            ends_in_time(process)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@contextmanager
def background(ask: Callable[[], object]) -> Iterator[None]:
    """Asks again and again, for the time of the block."""
    is_over = threading.Event()

    def run() -> None:
        while not is_over.is_set():
            try:
                ask()
            except httpx.HTTPError:
                time.sleep(0.1)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(60)


def test_the_first_process_of_a_container_hears_of_signals_from_the_start() -> None:
    """The system ignores them for it unless it has handlers."""
    for arguments, status in ((["worker"], 0), (["configure"], TERMINATED)):
        program = (
            "import os, signal, sys, admin.cli as cli\n"
            "cli.main = lambda *_, **__: (os.kill(os.getpid(), signal.SIGTERM), signal.pause())\n"
            f"cli.run({arguments!r})"
        )
        assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == status

"""What `configure` does at the broker, and what it says when it can not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pika
import psycopg
import pytest
from click.testing import CliRunner

from admin.cli import main
from bridge.rabbitmq.broker import RabbitTarget
from bridge.rabbitmq.setup import TopologyError, declare, delete
from bridge.wire.topology import Exchange, Queue, Topology, worker_topology
from sandbox.servers.postgres import PrivateServer
from service import brokers, set_up
from settings.config import Config
from sql import KINDS, Kind, roles
from sql.permanent import PermanentError
from tests.bridge.rabbitmq.messages import message
from tests.covering import covers
from tests.databases import connection_to
from tests.settings.environments import ENVIRONMENTS, load_with

QUEUE = "set_up"
TOPOLOGY = worker_topology(QUEUE, "#")


@pytest.fixture
def configuration(rabbitmq_url: str, new_database: Callable[[Kind], str]) -> Iterator[Callable[..., Config]]:
    """Makes configurations for two databases and the broker, which is cleaned up afterwards."""
    urls = {
        "SOLVER_POSTGRES_URL": new_database("solver"),
        "WORKER_POSTGRES_URL": new_database("worker"),
        "PROTOCOL_BROKER_URL": rabbitmq_url,
        "PROTOCOL_BROKER_QUEUE": QUEUE,
        "SETUP_RABBITMQ_BINDINGS": "yes",
    }
    yield lambda **variables: load_with("configure", **(urls | variables))
    delete(rabbitmq_url, TOPOLOGY)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that `configure` would have made."""
    found: list[float] = []
    monkeypatch.setattr("service.set_up.time.sleep", found.append)
    return found


def queue_exists(url: str, name: str, **arguments: str) -> bool:
    """Whether there is a queue with these arguments besides those for dead letters."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        wanted = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": name + ".XQ", **arguments}
        connection.channel().queue_declare(name, durable=True, arguments=wanted)
    except pika.exceptions.ChannelClosedByBroker:
        return False
    finally:
        connection.close()
    return True


@covers("C12", "N5.3", "V14.45")
@pytest.mark.rabbitmq
def test_queues_that_exist_are_used_as_they_are(
    configuration: Callable[..., Config], rabbitmq_url: str, pauses: list[float]
) -> None:
    """The broker comes after the databases, and all can be repeated. An exchange that differs is named at once."""
    lines: list[str] = []
    set_up.run(configuration(), lines.append)
    bound = lines.pop(2)
    assert re.fullmatch(r"worker: bound to the installation [-0-9a-f]{36} and the key #", bound)
    done = ["solver: up to date", "worker: up to date", "broker: exchanges, queues and bindings are there"]
    assert lines == done

    delete(rabbitmq_url, TOPOLOGY)
    as_in_1_0 = {"overflow": "reject-publish", "x-queue-type": "quorum", "x-max-length": 1000}
    declare(rabbitmq_url, Topology((), (Queue(f"{QUEUE}.XQ", {"x-queue-type": "stream"}), Queue(QUEUE, as_in_1_0)), ()))
    lines.clear()
    set_up.run(configuration(), lines.append)
    used = f"broker: used as they are, whatever their type and arguments: {QUEUE}.XQ, {QUEUE}"
    assert lines == [*done[:2], used, done[2]]
    target = RabbitTarget(rabbitmq_url)
    assert target.publish([message("0.1", b"{}")]) == []
    target.close()

    delete(rabbitmq_url, TOPOLOGY)
    declare(rabbitmq_url, Topology((Exchange("to_trade", "fanout"),), (), ()))
    with pytest.raises(TopologyError, match="exchange to_trade exists with other properties"):
        set_up.run(configuration(), lines.append)
    assert pauses == []


@covers("C12")
@pytest.mark.rabbitmq
def test_only_the_broker_is_set_up_on_request(rabbitmq_url: str) -> None:
    """As for the children of a split, whose databases are not there yet: none is asked."""
    variables = {
        **ENVIRONMENTS["configure"],
        "PROTOCOL_BROKER_URL": rabbitmq_url,
        "PROTOCOL_BROKER_QUEUE": QUEUE,
        "SETUP_RABBITMQ_BINDINGS": "yes",
    }
    try:
        result = CliRunner().invoke(main, ["configure", "--only-broker"], env=variables)
        assert (result.exit_code, result.output) == (0, "broker: exchanges, queues and bindings are there\n")
        assert queue_exists(rabbitmq_url, QUEUE)
    finally:
        delete(rabbitmq_url, TOPOLOGY)
    assert CliRunner().invoke(main, ["configure", "--only-broker", "--check"], env=variables).exit_code == 2


@covers("C12")
def test_the_broker_waits_for_the_databases(monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> None:
    config = load_with("configure", SETUP_RABBITMQ_BINDINGS="yes", SOLVER_POSTGRES_URL="postgresql://127.0.0.1:1/none")
    monkeypatch.setattr(brokers, "subscribe", lambda _config, _report: pytest.fail("too early"))
    lines: list[str] = []
    with pytest.raises(psycopg.OperationalError):
        set_up.run(config, lines.append)
    assert pauses[:4] == [1, 2, 4, 8]
    assert sum(pauses) == pytest.approx(31, abs=3)
    assert len(lines) == 5
    assert lines[0].startswith("waiting for the databases, 31 s at most, again in 1 s: ")


def test_a_server_that_starts_late_is_waited_for(pauses: list[float]) -> None:
    lines: list[str] = []
    answers = [psycopg.OperationalError("Connection refused"), psycopg.errors.CannotConnectNow("starting up"), None]

    def step() -> str:
        if (error := answers.pop(0)) is not None:
            raise error
        return "done"

    assert set_up.Patience(60, lines.append).run("the solver database", step) == "done"
    assert pauses == [1, 2]
    assert lines == [
        "waiting for the solver database, 60 s at most, again in 1 s: Connection refused",
        "waiting for the solver database, 59 s at most, again in 2 s: starting up",
    ]


@pytest.mark.parametrize(("seconds", "expected"), [(0, []), (5, [1, 2, 2]), (100, [1, 2, 4, 8, 16, 16, 16, 16, 16, 5])])
def test_servers_are_waited_for_as_long_as_asked(seconds: float, expected: list[float], pauses: list[float]) -> None:
    def step() -> None:
        raise OSError("refused")

    with pytest.raises(OSError, match="refused"):
        set_up.Patience(seconds, lambda _line: None, clock=lambda: 0.0).run("a server", step)
    assert pauses == expected


def test_what_no_waiting_heals_ends_configure_at_once(pauses: list[float], postgres: PrivateServer) -> None:
    url = postgres.database_url("no_such_database")
    config = load_with("configure", SOLVER_POSTGRES_URL=url, WORKER_POSTGRES_URL=url)
    with pytest.raises(PermanentError, match="create database"):
        set_up.run(config, lambda _line: None, wait=1000.0)
    assert pauses == []


def test_the_command_waits_as_long_as_it_is_told(pauses: list[float]) -> None:
    variables = {
        **ENVIRONMENTS["configure"],
        "SOLVER_POSTGRES_URL": "postgresql://127.0.0.1:1/none",
        "WORKER_POSTGRES_URL": "postgresql://127.0.0.1:1/none",
    }
    for arguments, is_waiting in (["--wait", "3"], True), (["--wait", "0"], False), (["--check"], False):
        result = CliRunner().invoke(main, ["configure", *arguments], env=variables)
        assert result.exit_code == 1
        assert bool(pauses) is is_waiting
        assert ("waiting for the databases, 3 s at most" in result.output) is is_waiting
        pauses.clear()


@covers("G37", "N5.3")
@pytest.mark.rabbitmq
def test_a_quorum_queue_is_declared_only_on_request(configuration: Callable[..., Config], rabbitmq_url: str) -> None:
    """By default exactly the documented queue, on request a quorum queue; one that is there already is left alone."""
    set_up.run(configuration(), lambda _line: None)
    assert queue_exists(rabbitmq_url, QUEUE)
    assert not queue_exists(rabbitmq_url, QUEUE, **{"x-queue-type": "quorum"})
    set_up.run(configuration(APP_QUORUM_QUEUE="true"), lambda _line: None)
    assert queue_exists(rabbitmq_url, QUEUE)

    for variables in ({"APP_QUORUM_QUEUE": "true"}, {"INTERNAL_BROKER_URL": rabbitmq_url}):
        delete(rabbitmq_url, TOPOLOGY)
        for _ in range(2):
            set_up.run(configuration(**variables), lambda _line: None)
        assert queue_exists(rabbitmq_url, QUEUE, **{"x-queue-type": "quorum"})
        assert not queue_exists(rabbitmq_url, QUEUE)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--grant-reader", "x", "--grant-operator", "x"),
        ("--grant-service", "x", "--revoke", "x"),
        ("--only-broker", "--revoke", "x"),
        ("--dry-run", "--grant-reader", "x"),
        ("--check", "--revoke", "x"),
    ],
)
def test_options_for_roles_that_contradict_each_other(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, ["configure", *arguments])
    assert result.exit_code == 2, result.output


def test_roles_are_granted_on_both_databases(
    new_database: Callable[[Kind], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a role that does not exist is named, before anything is granted."""
    urls = {kind: new_database(kind) for kind in KINDS}
    monkeypatch.setenv("SOLVER_POSTGRES_URL", urls["solver"])
    monkeypatch.setenv("WORKER_POSTGRES_URL", urls["worker"])
    with connection_to(urls["solver"]) as connection:
        connection.execute("drop role if exists watcher")
        result = CliRunner().invoke(main, ["configure", "--grant-reader", "watcher"])
        assert result.exit_code == 1
        assert "solver database: the role watcher does not exist on this server: create it first" in result.output
        connection.execute("create role watcher")
    result = CliRunner().invoke(main, ["configure", "--grant-reader", "watcher", "--revoke", "operator"])
    assert result.exit_code == 0, result.output
    for kind in KINDS:
        assert f"{kind}: watcher is a reader from now on" in result.output
        assert f"{kind}: operator is nothing from now on" in result.output
        with connection_to(urls[kind]) as connection:
            assert roles.granted(connection, kind) == {"reader": "reader", "service": "service", "watcher": "reader"}
            connection.execute("drop owned by watcher")
    with connection_to(urls["solver"]) as connection:
        connection.execute("drop role watcher")

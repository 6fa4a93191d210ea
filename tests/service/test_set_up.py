"""What `configure` does at the broker, and what it says when it can not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pika
import psycopg
import pytest
from click.testing import CliRunner

from admin.cli import main
from bridge.rabbitmq.setup import TopologyError, declare, delete
from bridge.wire.topology import worker_topology
from service import set_up
from settings.config import Config
from sql import Kind
from tests.covering import covers
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


@covers("C12")
@pytest.mark.rabbitmq
def test_a_queue_that_differs_is_named(
    configuration: Callable[..., Config], rabbitmq_url: str, pauses: list[float]
) -> None:
    """The broker comes after the databases, can be repeated, and a queue that differs is named, without retries."""
    lines: list[str] = []
    set_up.run(configuration(), lines.append)
    bound = lines.pop(2)
    assert re.fullmatch(r"worker: bound to the installation [-0-9a-f]{36} and the key #", bound)
    assert lines == ["solver: up to date", "worker: up to date", "broker: exchanges, queues and bindings are there"]
    set_up.run(configuration(), lines.append)
    assert lines[3:] == lines[:3]

    delete(rabbitmq_url, TOPOLOGY)
    declare(rabbitmq_url, worker_topology(QUEUE, "#", is_quorum=True))
    with pytest.raises(TopologyError, match=f"queue {QUEUE} exists with other properties"):
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
    monkeypatch.setattr(set_up, "_declare", lambda _config: pytest.fail("too early"))
    lines: list[str] = []
    with pytest.raises(psycopg.OperationalError):
        set_up.run(config, lines.append)
    assert pauses == [1, 2, 4, 8, 16]
    assert len(lines) == 5


@covers("G37")
@pytest.mark.rabbitmq
def test_a_quorum_queue_is_declared_only_on_request(configuration: Callable[..., Config], rabbitmq_url: str) -> None:
    """By default exactly the documented queue; a quorum queue on request, or left alone when it is there already."""
    set_up.run(configuration(), lambda _line: None)
    assert queue_exists(rabbitmq_url, QUEUE)
    assert not queue_exists(rabbitmq_url, QUEUE, **{"x-queue-type": "quorum"})
    with pytest.raises(TopologyError, match=f"queue {QUEUE} exists with other properties.*quorum"):
        set_up.run(configuration(APP_QUORUM_QUEUE="true"), lambda _line: None)

    delete(rabbitmq_url, TOPOLOGY)
    for _ in range(2):
        set_up.run(configuration(APP_QUORUM_QUEUE="true"), lambda _line: None)
    assert queue_exists(rabbitmq_url, QUEUE, **{"x-queue-type": "quorum"})
    assert not queue_exists(rabbitmq_url, QUEUE)

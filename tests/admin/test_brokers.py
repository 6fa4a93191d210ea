"""Jobs of deployments: a worker's queues at its brokers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

import pika
import pytest
from click.testing import CliRunner, Result

from admin.cli import main
from admin.commands import brokers
from bridge.rabbitmq.broker import RabbitSource, RabbitTarget
from bridge.rabbitmq.setup import Depth, declare, delete, look
from bridge.wire.topology import Queue, Topology, internal_topology, worker_topology
from sandbox.servers.broker import rabbitmqctl
from sandbox.servers.installation import eventually
from sql import Kind
from tests.bridge.rabbitmq.messages import message, take
from tests.covering import covers
from tests.databases import connection_to

pytestmark = pytest.mark.rabbitmq

NOWHERE = {"SOLVER_POSTGRES_URL": "postgresql://127.0.0.1:1/x", "WORKER_POSTGRES_URL": "postgresql://127.0.0.1:1/x"}


@pytest.fixture(autouse=True)
def _clean(rabbitmq_url: str, internal_url: str) -> Iterator[None]:
    """Neither exchanges nor queues are left."""
    yield
    delete(rabbitmq_url, worker_topology("x", "#"))
    for url in (rabbitmq_url, internal_url):
        delete(url, internal_topology("x-internal", "#"))


def run(url: str, command: str, *arguments: str, **variables: str) -> Result:
    """A command that reaches no database, unless it is told of one."""
    environment = {**NOWHERE, "PROTOCOL_BROKER_URL": url, **variables}
    return CliRunner().invoke(main, [command, "-q", "x", *arguments], env=environment)


def publish(url: str, key: str, count: int = 1) -> None:
    """To `to_trade`."""
    with closing(RabbitTarget(url)) as target:
        target.publish([message(key, b"{}", mandatory=False) for _ in range(count)])


def eventually_has(url: str, queue: str, count: int) -> None:
    """A quorum queue counts a little later."""

    def has_them() -> bool:
        depth = look(url, queue)
        return depth is not None and depth.messages == count

    eventually(has_them, f"{queue} has {count} messages")


def is_gone(url: str, queue: str) -> bool:
    return look(url, queue) is None


@covers("V14.53", "N5.3", "N6.2")
def test_a_queue_is_made_without_a_database(rabbitmq_url: str) -> None:
    done = run(rabbitmq_url, "subscribe", "-k", "0.#")
    assert (done.exit_code, done.output) == (0, "broker: exchanges, queues and bindings are there\n")
    publish(rabbitmq_url, "0.1")
    publish(rabbitmq_url, "1.1")
    eventually_has(rabbitmq_url, "x", 1)
    assert look(rabbitmq_url, "x.XQ") == Depth(0, 0)
    again = run(rabbitmq_url, "subscribe", "-k", "0.#")
    assert again.exit_code == 0
    assert "used as they are, whatever their type and arguments: x.XQ, x\n" in again.output


@covers("N5.2", "N5.3")
def test_each_broker_gets_its_queue(rabbitmq_url: str, internal_url: str) -> None:
    """On that of internal messages there is nothing else; the new queues live on several brokers."""
    assert run(rabbitmq_url, "subscribe", "-U", internal_url, "-k", "0.#").exit_code == 0
    for url, name in ((rabbitmq_url, "x"), (internal_url, "x-internal")):
        publish(url, "0.1")
        publish(url, "1.1")
        eventually_has(url, name, 1)
        with closing(pika.BlockingConnection(pika.URLParameters(url))) as connection:
            arguments = worker_topology(name, "#", is_quorum=True).queues[1].arguments
            connection.channel().queue_declare(name, durable=True, arguments=dict(arguments))
    assert look(rabbitmq_url, "x-internal") is None

    for _ in range(2):
        done = run(rabbitmq_url, "unsubscribe", "-U", internal_url, "-k", "0.#")
        assert (done.exit_code, done.output.count("gets nothing from to_trade by the key 0.# any more")) == (0, 2)
    for url, name in ((rabbitmq_url, "x"), (internal_url, "x-internal")):
        publish(url, "0.1")
        with closing(RabbitTarget(url)) as target:
            assert target.publish([message("0.1", b"{}")]) == [0]
        eventually_has(url, name, 1)


@covers("V14.46")
def test_on_one_broker_a_queue_of_internal_messages_is_unbound(rabbitmq_url: str) -> None:
    declare(rabbitmq_url, internal_topology("x-internal", "#"))
    publish(rabbitmq_url, "0.1")
    eventually_has(rabbitmq_url, "x-internal", 1)
    done = run(rabbitmq_url, "subscribe", INTERNAL_BROKER_URL=rabbitmq_url)
    assert done.exit_code == 0
    assert "x-internal is not bound any more, as internal messages go by x; it has 1 messages" in done.output
    publish(rabbitmq_url, "0.1")
    eventually_has(rabbitmq_url, "x", 1)
    eventually_has(rabbitmq_url, "x-internal", 1)


@covers("N5.1")
def test_two_names_of_one_broker_are_noticed(rabbitmq_url: str, internal_url: str) -> None:
    done = run(rabbitmq_url, "subscribe", "-U", internal_url)
    assert (done.exit_code, "warning" in done.output) == (0, False), done.output
    done = run(rabbitmq_url, "subscribe", "-U", rabbitmq_url.replace("127.0.0.1", "localhost"))
    assert done.exit_code == 0, done.output
    assert "warning: x-internal is at the broker of PROTOCOL_BROKER_URL, too" in done.output


@covers("N5.2")
def test_who_may_not_see_a_queue_of_internal_messages_has_none(rabbitmq_url: str) -> None:
    """Permissions of an installation that has no such queue are enough."""
    rabbitmqctl(rabbitmq_url, "add_user", "narrow", "x")
    ours = r"^(creditors_in|creditors_out|to_trade|ca\.loopback_filter|amq\.default|x(\.XQ)?)$"
    rabbitmqctl(rabbitmq_url, "set_permissions", "narrow", ours, ours, ours)
    url = rabbitmq_url.replace("guest:guest", "narrow:x")
    for command in ("subscribe", "unsubscribe", "delete_queue"):
        done = run(url, command)
        assert done.exit_code == 0, done.output
        assert "x-internal" not in done.output
    rabbitmqctl(rabbitmq_url, "delete_user", "narrow")


@covers("V14.47")
def test_a_queue_is_deleted_when_it_is_drained_and_everything_is_applied(
    rabbitmq_url: str, internal_url: str, new_database: Callable[[Kind], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brokers, "PAUSE_SECONDS", 0.05)
    variables = {"INTERNAL_BROKER_URL": internal_url, "WORKER_POSTGRES_URL": new_database("worker")}
    assert run(rabbitmq_url, "subscribe", **variables).exit_code == 0
    publish(rabbitmq_url, "0.1", 2)
    publish(internal_url, "0.1")
    results: list[Result] = []
    deleting = threading.Thread(target=lambda: results.append(run(rabbitmq_url, "delete_queue", **variables)))
    with connection_to(variables["WORKER_POSTGRES_URL"]) as worker:
        worker.execute("insert into pgmq.q_inbox_3 (vt, message) values ('-infinity', '{}')")
        deleting.start()
        for url, name, count in ((rabbitmq_url, "x", 2), (internal_url, "x-internal", 1)):
            with closing(RabbitSource(url, name, prefetch=10)) as source:
                taken = take(source, count)
                # Not settled: the queue is empty, and yet not done with.
                eventually_has(url, name, 0)
                deleting.join(0.3)
                assert look(url, name) == Depth(0, 1)
                source.settle([delivery.tag for delivery in taken])
            eventually(partial(is_gone, url, name), "deleted")
        deleting.join(0.3)
        assert deleting.is_alive()
        worker.execute("delete from pgmq.q_inbox_3")
        deleting.join(30)
    (done,) = results
    assert (done.exit_code, "1 messages wait to be applied" in done.output) == (0, True), done.output
    assert look(rabbitmq_url, "x.XQ") == Depth(0, 0)
    again = run(rabbitmq_url, "delete_queue", **variables)
    assert (again.exit_code, again.output) == (0, "broker: x is gone\nbroker: x-internal is gone\n")


@covers("V14.47")
def test_a_worker_database_that_does_not_answer_keeps_no_queue(rabbitmq_url: str) -> None:
    declare(rabbitmq_url, Topology((), (Queue("x"),), ()))
    done = run(rabbitmq_url, "delete_queue")
    assert (done.exit_code, "its database does not answer" in done.output) == (0, True)
    assert look(rabbitmq_url, "x") is None


def test_what_is_wrong_with_an_address_is_told() -> None:
    done = run("amqp://127.0.0.1", "subscribe", "-U", "http://nowhere", "-q", "")
    assert done.exit_code == 1
    assert "INTERNAL_BROKER_URL='http://nowhere': must be empty, or such as amqp://" in done.output
    assert "PROTOCOL_BROKER_QUEUE=''" in done.output

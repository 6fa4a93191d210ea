from __future__ import annotations

import json
import logging
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest

from bridge.inbound import Inbound
from bridge.outbound import Outbound
from bridge.rabbitmq import setup
from bridge.rabbitmq.broker import RabbitSource, RabbitTarget
from bridge.rabbitmq.requeue import Requeued, requeue
from bridge.rabbitmq.setup import TopologyError, declare, delete
from bridge.wire.ports import Publication, PublishError, SourceError
from bridge.wire.sharding import Realm, binary_routing_key
from bridge.wire.topology import Arguments, Binding, Exchange, Queue, Topology, peer_topology, worker_topology
from sandbox.servers.broker import rabbitmqctl
from tests.bridge.messages.examples import changed
from tests.bridge.proxy import proxy
from tests.bridge.rabbitmq.messages import depth, message, take
from tests.conftest import Connection
from tests.covering import covers

pytestmark = pytest.mark.rabbitmq


@pytest.fixture
def queue(rabbitmq_url: str, name_prefix: str) -> Iterator[str]:
    topology = worker_topology("q", "0.#", name_prefix)
    declare(rabbitmq_url, topology)
    yield name_prefix + "q"
    delete(rabbitmq_url, topology)


@pytest.fixture
def target(rabbitmq_url: str, name_prefix: str, queue: str) -> Iterator[RabbitTarget]:
    made = RabbitTarget(rabbitmq_url, name_prefix, window=50)
    yield made
    made.close()


@pytest.fixture
def source(rabbitmq_url: str, queue: str) -> Iterator[RabbitSource]:
    made = RabbitSource(rabbitmq_url, queue, prefetch=1000)
    yield made
    made.close()


def test_messages_arrive_as_they_were_sent(target: RabbitTarget, source: RabbitSource, name_prefix: str) -> None:
    big = 2**31
    sent = Publication(
        "to_trade",
        "0.1",
        "PrepareTransfer",
        '{"a":"é"}'.encode(),
        {"message-type": "PrepareTransfer", "creditor-id": big, "debtor-id": -big, "flag": True},
    )
    assert target.publish([sent]) == []
    (delivery,) = take(source, 1)
    assert delivery.headers == sent.headers
    assert (delivery.exchange, delivery.routing_key) == (name_prefix + "to_trade", "0.1")
    assert (delivery.type, delivery.content_type) == ("PrepareTransfer", "application/json")
    assert (delivery.body, delivery.redelivered) == (sent.body, False)
    source.settle([delivery.tag])


def test_properties_on_the_wire(rabbitmq_url: str, target: RabbitTarget, queue: str) -> None:
    target.publish([message("0.1", b"{}")])
    connection = pika.BlockingConnection(pika.URLParameters(rabbitmq_url))
    _, properties, _ = connection.channel().basic_get(queue, auto_ack=True)
    connection.close()
    assert {name: value for name, value in vars(properties).items() if value is not None} == {
        "delivery_mode": 2,
        "app_id": "swpt_trade",
        "content_type": "application/json",
        "type": "NeededCollector",
        "headers": {"message-type": "NeededCollector"},
    }


@covers("M3")
def test_unroutable_messages_are_told_apart(target: RabbitTarget, source: RabbitSource) -> None:
    batch = []
    unroutable = {3, 50, 51, 199}
    for index in range(200):
        batch.append(message("1.1" if index in unroutable else "0.1", b"same" if index in (50, 51) else b"%d" % index))
    batch.append(message("1.1", b"3", mandatory=False))
    assert target.publish(batch) == sorted(unroutable)
    assert len({item.body for item in take(source, 196)}) == 196
    assert target.publish([message("1.1", b"x"), message("0.1", b"y")]) == [0]


@covers("M4")
def test_waiting_for_a_confirmation_has_an_end(rabbitmq_url: str, name_prefix: str, queue: str) -> None:
    with proxy(rabbitmq_url) as path:
        target = RabbitTarget(path.url, name_prefix, confirm_timeout=0.5)
        assert target.publish([message("0.1", b"a")]) == []
        path.stall()
        with pytest.raises(PublishError, match=r"no confirmation for 0\.5 s"):
            target.publish([message("0.1", b"b")])
        target.close()


def test_a_lost_connection_raises_once(rabbitmq_url: str, name_prefix: str, queue: str) -> None:
    with proxy(rabbitmq_url) as path:
        source = RabbitSource(path.url, queue, prefetch=10)
        target = RabbitTarget(path.url, name_prefix)
        target.publish([message("0.1", b"a")])
        (first,) = take(source, 1)
        path.drop()
        with pytest.raises(SourceError):
            source.take(1, 30)
        with pytest.raises(SourceError):
            source.settle([first.tag])
        (again,) = take(source, 1)
        assert (again.body, again.redelivered) == (b"a", True)
        assert again.tag != first.tag
        with pytest.raises(SourceError, match="unknown"):
            source.settle([first.tag])
        source.settle([again.tag])
        # The idle publisher has noticed by now, or fails once.
        try:
            target.publish([message("0.1", b"b")])
        except PublishError:
            target.publish([message("0.1", b"b")])
        assert take(source, 1)[0].body == b"b"
        source.close()
        target.close()


def test_what_is_not_settled_comes_again(
    rabbitmq_url: str, target: RabbitTarget, source: RabbitSource, queue: str
) -> None:
    target.publish([message("0.1", b"%d" % n) for n in range(10)])
    tags = [item.tag for item in take(source, 10)]
    source.settle([tags[0], tags[1], tags[3], tags[5]], [tags[2]])
    source.settle([], [tags[4]])
    source.close()
    again = take(source, 4)
    assert sorted(item.body for item in again) == [b"6", b"7", b"8", b"9"]
    source.settle([item.tag for item in again])
    source.close()
    assert (depth(rabbitmq_url, queue), depth(rabbitmq_url, queue + ".XQ")) == (0, 2)


def test_prefetch_limits_what_is_handed_out(rabbitmq_url: str, target: RabbitTarget, queue: str) -> None:
    target.publish([message("0.1", b"%d" % n) for n in range(5)])
    source = RabbitSource(rabbitmq_url, queue, prefetch=2)
    first = take(source, 2)
    assert source.take(10, 0.3) == []
    source.settle([item.tag for item in first])
    assert len(take(source, 2)) == 2
    source.close()


def test_alternate_exchange_counts_as_routed(rabbitmq_url: str, target: RabbitTarget, name_prefix: str) -> None:
    peer = peer_topology("peer", "00.#", name_prefix)
    declare(rabbitmq_url, peer)
    batch = [message("00.01", b"{}", "creditors_out"), message("ff.01", b"{}", "creditors_out")]
    assert target.publish(batch) == [1]
    delete(rabbitmq_url, peer)


def test_declaring_names_the_exchange_that_differs(rabbitmq_url: str, name_prefix: str, queue: str) -> None:
    other = Exchange(name_prefix + "to_trade", "fanout")
    with pytest.raises(TopologyError, match=rf"exchange {name_prefix}to_trade exists with other properties"):
        declare(rabbitmq_url, Topology((other,), (), ()))


@covers("N5.3")
@pytest.mark.parametrize(
    "arguments",
    [{"x-queue-type": "stream"}, {"x-queue-type": "quorum", "overflow": "reject-publish"}, {"x-max-length": 5}],
)
def test_a_queue_is_used_whatever_its_arguments(
    arguments: Arguments, rabbitmq_url: str, name_prefix: str, queue: str
) -> None:
    topology = worker_topology("other", "1.#", name_prefix)
    names = [name_prefix + "other.XQ", name_prefix + "other"]
    declare(rabbitmq_url, Topology((), tuple(Queue(name, arguments) for name in names), ()))
    assert declare(rabbitmq_url, topology).found == names
    target = RabbitTarget(rabbitmq_url, name_prefix)
    assert target.publish([message("1.0", b"{}")]) == []
    target.close()
    delete(rabbitmq_url, Topology((), topology.queues, ()))


@covers("N5.3")
@pytest.mark.parametrize(("version", "is_stream"), [((3, 11), False), ((3, 12), True), ((4, 2), True)])
def test_a_broker_that_loses_dead_letters_on_the_way_to_a_stream_gets_none(
    version: tuple[int, int], is_stream: bool, rabbitmq_url: str, name_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "_release_of", lambda _connection: version)
    topology = worker_topology("q", "0.#", name_prefix, is_quorum=True)
    dead_letters = name_prefix + "q.XQ"
    assert declare(rabbitmq_url, topology).no_streams == [dead_letters] * (not is_stream)
    connection = pika.BlockingConnection(pika.URLParameters(rabbitmq_url))
    arguments = {"x-queue-type": "stream" if is_stream else "quorum"}
    connection.channel().queue_declare(dead_letters, durable=True, arguments=arguments)
    connection.close()
    delete(rabbitmq_url, topology)


def test_a_missing_exchange_or_queue_is_an_error(rabbitmq_url: str, target: RabbitTarget) -> None:
    with pytest.raises(PublishError, match="404"):
        target.publish([message("0.1", b"{}", "missing")])
    assert target.publish([message("0.1", b"{}")]) == []
    source = RabbitSource(rabbitmq_url, "missing", prefetch=1)
    with pytest.raises(SourceError, match="404"):
        source.take(1, 30)
    source.close()


def test_refused_messages_are_told_apart(
    rabbitmq_url: str, target: RabbitTarget, source: RabbitSource, name_prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    full = Queue(name_prefix + "full", {"x-max-length": 1, "x-overflow": "reject-publish"})
    binding = Binding(name_prefix + "to_trade", full.name, destination_is_queue=True, routing_key="1.#")
    topology = Topology((), (full,), (binding,))
    declare(rabbitmq_url, topology)
    batch = [message("1.1" if n % 3 == 0 else "0.1", b"%d" % n, mandatory=n % 2 == 0) for n in range(300)]
    # The full queue takes one message.
    assert target.publish(batch) == list(range(3, 300, 3))
    assert "the broker refused 99 of 300 messages" in caplog.text
    assert len(take(source, 200)) == 200
    delete(rabbitmq_url, topology)


def test_a_message_goes_from_one_shard_to_another(
    rabbitmq_url: str, target: RabbitTarget, source: RabbitSource, queue: str, worker_db: Connection
) -> None:
    """Out of an outgoing queue, through the broker, into an inbox lane."""
    for debtor_id in range(1, 41):
        fields = {"type": "NeededCollector", "debtor_id": debtor_id, "ts": "2026-01-05T02:00:00.5+00:00"}
        worker_db.execute(
            "insert into pgmq.q_out_needed_collector (vt, message) values ('-infinity', %s)", (json.dumps(fields),)
        )
    realm = Realm.parse("0.#")
    ours = [debtor_id for debtor_id in range(1, 41) if realm.matches(debtor_id)]
    assert Outbound(worker_db, target, realm).run_once() == 40
    row = worker_db.execute("select count(*) from worker.unroutable_message").fetchone()
    assert row == (40 - len(ours),)
    inbound = Inbound(source, worker_db, realm, lane_count=8, prefix=queue.removesuffix("q"))
    count = 0
    while count < len(ours):
        count += inbound.run_once(30)
    lanes = " union all ".join(f"select message from pgmq.q_inbox_{lane}" for lane in range(8))
    rows = worker_db.execute(f"select (message ->> 'debtor_id')::int from ({lanes}) as inbox".encode()).fetchall()
    assert sorted(row[0] for row in rows) == ours
    source.close()
    assert depth(rabbitmq_url, queue) == 0


@covers("G50")
def test_a_message_keeps_the_name_of_its_first_exchange(
    rabbitmq_url: str, target: RabbitTarget, source: RabbitSource, queue: str, worker_db: Connection
) -> None:
    """From `creditors_in` by `to_trade` into the queue; into the dead letters, and back as operators do it."""
    prefix = queue.removesuffix("q")
    realm = Realm.parse("0.#")
    key = next(number for number in range(1, 100) if realm.matches(number))
    body = changed("AccountIdResponse", collector_id=key)
    purge = changed("AccountPurge", creditor_id=key)
    place = ("creditors_in", binary_routing_key(key))
    assert target.publish([Publication(*place, "X", b"{}", {"ca-trade": True}, mandatory=True)]) == []
    (delivery,) = take(source, 1)
    assert delivery.exchange == prefix + "creditors_in"
    source.settle([delivery.tag])

    inbound = Inbound(source, worker_db, realm, lane_count=8, prefix=prefix)

    def run(count: int) -> int:
        """Returns how many messages were refused."""
        before = inbound.dead_letters
        while count > 0:
            count -= inbound.run_once(30)
        return inbound.dead_letters - before

    headers = {"ca-trade": True}
    target.publish(
        [
            Publication(*place, name, text, headers)
            for name, text in (("AccountIdResponse", body), ("AccountPurge", purge))
        ]
    )
    assert run(2) == 1
    target.publish([Publication("to_trade", place[1], "AccountIdResponse", body)])
    assert run(1) == 0
    dead = RabbitSource(rabbitmq_url, queue + ".XQ", prefetch=10)
    (letter,) = take(dead, 1)
    assert (letter.type, letter.body) == ("AccountIdResponse", body)
    dead.settle([letter.tag])
    dead.close()
    # The default exchange has no prefix.
    plain = RabbitTarget(rabbitmq_url)
    plain.publish([Publication("", queue, "AccountIdResponse", body)])
    plain.close()
    assert run(1) == 0


def _permissions(user: str) -> list[str]:
    """Configure, write and read, as the documents say."""
    text = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    (row,) = [line for line in text.splitlines() if line.startswith(f"| {user} |")]
    return [cell.strip().strip("`").replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row)[2:5]]


@covers("G50")
@pytest.mark.slow
def test_permissions_are_as_the_documents_say(rabbitmq_url: str) -> None:
    rabbitmqctl(rabbitmq_url, "add_vhost", "g50")
    url = rabbitmq_url + "/g50"
    users = {"a shard": "shard", "the gateway of an authority": "gateway", "an operator's shovel": "shovel"}
    users["`configure` with SETUP_RABBITMQ_BINDINGS"] = "configure"
    for words, name in users.items():
        rabbitmqctl(rabbitmq_url, "add_user", name, "x")
        rabbitmqctl(rabbitmq_url, "set_permissions", "-p", "g50", name, *_permissions(words))

    def at(name: str) -> str:
        return url.replace("guest:guest", f"{name}:x")

    topology = worker_topology("swpt_trade", "#")
    declare(at("configure"), topology)
    for name, allowed in (
        ("shard", {"creditors_out", "to_trade"}),
        ("gateway", {"creditors_in"}),
        ("shovel", {""}),
    ):
        with pytest.raises(TopologyError):
            declare(at(name), Topology((), (Queue("another"),), ()))
        for exchange in ("creditors_in", "creditors_out", "to_trade", ""):
            target = RabbitTarget(at(name))
            item = Publication(exchange, "swpt_trade", "AccountPurge", b"{}", {"ca-trade": True})
            if exchange in allowed:
                assert target.publish([item]) == []
            else:
                with pytest.raises(PublishError, match=r"access|refused|permission"):
                    target.publish([item])
            target.close()
    source = RabbitSource(at("shard"), "swpt_trade", prefetch=10)
    assert source.count_waiting() == 3
    # From to_trade, creditors_in and the default exchange.
    taken = take(source, 3)
    assert {delivery.exchange for delivery in taken} == {"to_trade", "creditors_in", ""}
    source.settle([], [delivery.tag for delivery in taken])
    source.close()
    assert requeue(at("shovel"), "swpt_trade", "rejected") == Requeued(moved=3)
    for name in ("gateway", "shovel"):
        with pytest.raises(SourceError):
            RabbitSource(at(name), "swpt_trade", prefetch=10).take(1, 0.1)
    rabbitmqctl(rabbitmq_url, "delete_vhost", "g50")


def test_passwords_are_in_no_error_and_no_log(rabbitmq_url: str, caplog: pytest.LogCaptureFixture) -> None:
    url = rabbitmq_url.replace("guest:guest", "guest:s3cr3t")
    with caplog.at_level(logging.INFO):
        target = RabbitTarget(url)
        with pytest.raises(PublishError) as publish:
            target.publish([message("0.1", b"{}")])
        with pytest.raises(ConnectionError) as setup:
            declare(url, Topology((), (), ()))
        with pytest.raises(ValueError, match="malformed") as parse:
            RabbitTarget("amqp://guest:s3cr3t@[::1").publish([message("0.1", b"{}")])
    for text in (caplog.text, str(publish.value), str(setup.value), str(parse.value)):
        assert "s3cr3t" not in text


def test_the_policy_is_as_the_documents_say(rabbitmq_url: str, name_prefix: str) -> None:
    text = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("rabbitmqctl set_policy swpt_trade")]
    program, *arguments = shlex.split(line)
    assert (program, arguments[1:3]) == ("rabbitmqctl", ["swpt_trade", r"^swpt_trade([_-][^.]*)?$"])
    arguments[1:3] = [name_prefix, f"^{re.escape(name_prefix)}"]
    topology = worker_topology("q", "#", name_prefix, is_quorum=True)
    declare(rabbitmq_url, topology)
    rabbitmqctl(rabbitmq_url, *arguments)
    target = RabbitTarget(rabbitmq_url, name_prefix)
    target.publish([message("0.1", b"{}")])
    target.close()
    source = RabbitSource(rabbitmq_url, topology.queues[1].name, prefetch=10)
    for _ in range(25):
        take(source, 1)
        source.close()
    (delivery,) = take(source, 1)
    # With the default of RabbitMQ 4 it would be a dead letter by now.
    assert delivery.headers["x-delivery-count"] == 25
    source.settle([], [delivery.tag])
    source.close()
    dead = RabbitSource(rabbitmq_url, topology.queues[0].name, prefetch=10)
    assert len(take(dead, 1)) == 1
    dead.close()
    rabbitmqctl(rabbitmq_url, "clear_policy", name_prefix)
    delete(rabbitmq_url, topology)

"""What RabbitMQ and the network can do to a bridge; nothing of it may lose a message or end the process."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from bridge.inbound import ForeignShard, Inbound
from bridge.outbound import Outbound
from bridge.rabbitmq import broker as rabbitmq
from bridge.rabbitmq.broker import RabbitSource, RabbitTarget
from bridge.rabbitmq.setup import declare, delete
from bridge.wire.ports import Publication, PublishError, SourceError
from bridge.wire.sharding import Realm, binary_routing_key
from bridge.wire.topology import Topology, worker_topology
from sandbox.servers.broker import rabbitmqctl, tls_url
from service.loop import Stop, Work, run
from tests.bridge import outgoing
from tests.bridge.messages.examples import EXAMPLES, changed
from tests.bridge.proxy import proxy
from tests.bridge.rabbitmq.messages import depth, message, take
from tests.conftest import Connection
from tests.databases import connection_to

pytestmark = pytest.mark.rabbitmq
REALM = Realm.parse("#")
LANES = 8


@pytest.fixture
def topology(rabbitmq_url: str, name_prefix: str) -> Iterator[Topology]:
    made = worker_topology("q", "#", name_prefix)
    declare(rabbitmq_url, made)
    yield made
    delete(rabbitmq_url, made)


@pytest.fixture
def queue(topology: Topology) -> str:
    return topology.queues[1].name


def amqp_threads() -> int:
    return sum(thread.name == "amqp" for thread in threading.enumerate())


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# A broker that is short of memory.


@pytest.fixture
def alarm(rabbitmq_url: str) -> Iterator[Callable[[], None]]:
    """The broker has a memory alarm; call it to end that."""

    def end() -> None:
        rabbitmqctl(rabbitmq_url, "set_vm_memory_high_watermark", "0.4")

    rabbitmqctl(rabbitmq_url, "set_vm_memory_high_watermark", "0.0000001")
    yield end
    end()


def test_a_blocked_broker_is_waited_for(
    rabbitmq_url: str,
    name_prefix: str,
    topology: Topology,
    queue: str,
    alarm: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "bridge")

    def texts() -> list[str]:
        return [record.getMessage() for record in caplog.records]

    target = RabbitTarget(rabbitmq_url, name_prefix, window=50, confirm_timeout=1.0)
    batch = [message("0.1", b"%d" % n) for n in range(500)]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(target.publish, batch)
        until(lambda: any("takes no messages" in text for text in texts()))
        # Much longer than it would wait for an idle broker.
        time.sleep(2.5)
        assert not waiting.done()
        alarm()
        assert waiting.result(30) == []
    assert target.publish([message("0.1", b"last")]) == []
    target.close()
    assert [text for text in texts() if "takes" in text] == [
        "the broker takes no messages for now: low on memory",
        "the broker takes messages again",
    ]
    assert depth(rabbitmq_url, queue) == 501


@pytest.mark.usefixtures("alarm", "topology")
def test_waiting_for_a_blocked_broker_ends(rabbitmq_url: str, name_prefix: str) -> None:
    before = amqp_threads()
    target = RabbitTarget(rabbitmq_url, name_prefix, blocked_timeout=0.1)
    with pytest.raises(PublishError, match="takes no messages"):
        target.publish([message("0.1", b"%d" % n) for n in range(5000)])
    target = RabbitTarget(rabbitmq_url, name_prefix, give_up=lambda: True)
    with pytest.raises(PublishError, match="takes no messages"):
        target.publish([message("0.1", b"%d" % n) for n in range(5000)])
    # The broker does not read what a blocked connection says, so it cannot answer the goodbye either.
    assert amqp_threads() == before


@pytest.mark.usefixtures("alarm")
def test_a_blocked_broker_still_delivers(rabbitmq_url: str, queue: str) -> None:
    source = RabbitSource(rabbitmq_url, queue, prefetch=10)
    assert source.take(1, 0.1) == []
    source.close()


# Connections that end.


def test_connections_closed_by_an_operator(
    rabbitmq_url: str, name_prefix: str, queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    source, target = RabbitSource(rabbitmq_url, queue, prefetch=10), RabbitTarget(rabbitmq_url, name_prefix)
    assert target.publish([message("0.1", b"a")]) == []
    (first,) = take(source, 1)
    rabbitmqctl(rabbitmq_url, "close_all_connections", "maintenance")
    with pytest.raises(SourceError, match="maintenance"):
        source.take(1, 30)
    (again,) = take(source, 1)
    assert (again.body, again.redelivered) == (first.body, True)
    source.settle([again.tag])
    # An idle connection that turns out to be closed is replaced.
    assert target.publish([message("0.1", b"b")]) == []
    source.close()
    target.close()


def test_a_deleted_queue_ends_the_consumer(rabbitmq_url: str, topology: Topology, queue: str) -> None:
    source = RabbitSource(rabbitmq_url, queue, prefetch=10)
    assert source.take(1, 0.0) == []
    delete(rabbitmq_url, Topology((), (topology.queues[1],), ()))
    with pytest.raises(SourceError, match="cancelled"):
        source.take(1, 30)
    with pytest.raises(SourceError, match="404"):
        source.take(1, 30)
    declare(rabbitmq_url, topology)
    assert source.take(1, 0.0) == []
    source.close()


@pytest.fixture
def dead_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"amqp://guest:guest@127.0.0.1:{port}"


def test_a_port_where_nobody_listens_is_an_error(dead_port: str) -> None:
    with pytest.raises(SourceError, match="Connection"):
        RabbitSource(dead_port, "q", 1).take(1, 30)
    with pytest.raises(PublishError, match="Connection"):
        RabbitTarget(dead_port).publish([message("0.1", b"a")])


def test_a_server_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rabbitmq, "CONNECT_TIMEOUT", 0.3)
    before = amqp_threads()
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"amqp://guest:guest@127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(SourceError, match="no connection within"):
            RabbitSource(url, "q", 1).take(1, 0.0)
        with pytest.raises(PublishError, match="no connection within"):
            RabbitTarget(url).publish([message("0.1", b"a")])
    assert amqp_threads() == before


def test_a_stalled_network_leaves_no_thread_behind(rabbitmq_url: str, name_prefix: str, queue: str) -> None:
    before = amqp_threads()
    with proxy(rabbitmq_url) as path:
        source, target = RabbitSource(path.url, queue, 10), RabbitTarget(path.url, name_prefix, confirm_timeout=0.3)
        assert source.take(1, 0.0) == []
        assert target.publish([message("0.1", b"a")]) == []
        path.stall()
        with pytest.raises(PublishError, match="no confirmation"):
            target.publish([message("0.1", b"%d" % n) for n in range(20_000)])
        source.close()
        assert amqp_threads() == before


@pytest.mark.slow
def test_a_lost_heartbeat_ends_the_connection(rabbitmq_url: str, queue: str) -> None:
    with proxy(rabbitmq_url) as path:
        source = RabbitSource(f"{path.url}?heartbeat=1", queue, 10)
        assert source.take(1, 0.0) == []
        path.stall()
        with pytest.raises(SourceError, match="HeartbeatTimeout"):
            source.take(1, 60)


def test_heartbeats_during_long_work(rabbitmq_url: str, name_prefix: str, queue: str) -> None:
    source = RabbitSource(f"{rabbitmq_url}?heartbeat=1", queue, 10)
    target = RabbitTarget(f"{rabbitmq_url}?heartbeat=1", name_prefix)
    assert target.publish([message("0.1", b"a")]) == []
    (delivery,) = take(source, 1)
    # The broker ends a connection that is silent for two or three seconds.
    until_then = time.monotonic() + 4
    while time.monotonic() < until_then:
        sum(range(1000))
    source.settle([delivery.tag])
    assert source.take(1, 0.0) == []
    assert target.publish([message("0.1", b"b")]) == []
    source.close()
    target.close()
    assert depth(rabbitmq_url, queue) == 1


# Whole bridges in trouble.


def flags(creditor_id: int) -> Publication:
    body = changed("UpdatedFlags", creditor_id=creditor_id)
    return Publication("to_trade", "0.1", "UpdatedFlags", body, mandatory=True)


def inbox(connection: Connection) -> list[int]:
    lanes = " union all ".join(f"select message from pgmq.q_inbox_{lane}" for lane in range(LANES))
    rows = connection.execute(f"select (message ->> 'creditor_id')::int from ({lanes}) as inbox".encode())
    return sorted(row[0] for row in rows)


def test_inbound_outlives_its_connections(
    rabbitmq_url: str, name_prefix: str, queue: str, worker_db: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """A daemon takes messages in while its connections are lost, refused, and stalled."""
    target = RabbitTarget(rabbitmq_url, name_prefix)
    stop = Stop()
    with proxy(rabbitmq_url) as path, connection_to(worker_db.info.dsn) as own:
        source = RabbitSource(path.url, queue, prefetch=100)

        def open_work(_stop: Stop) -> OpenWork:
            return OpenWork(name_prefix, source, own)

        daemon = threading.Thread(target=run, args=("inbound", open_work, stop), kwargs={"poll_seconds": 0.0})
        daemon.start()
        for number in range(5):
            target.publish([flags(n) for n in range(number * 300, number * 300 + 300)])
            path.drop()
        until(lambda: len(set(inbox(worker_db))) == 1500)
        stop.request()
        daemon.join(30)
        assert not daemon.is_alive()
    target.close()
    assert set(inbox(worker_db)) == set(range(1500))
    assert "inbound failed, next attempt in 0.5 s" in caplog.text
    assert depth(rabbitmq_url, queue) == 0


class OpenWork:
    """The connection of a daemon, closed after an error."""

    def __init__(self, prefix: str, source: RabbitSource, connection: Connection) -> None:
        self._source = source
        self._inbound = Inbound(source, connection, REALM, LANES, limit=50, prefix=prefix)

    def __enter__(self) -> Work:
        return Work(lambda: self._inbound.run_once(0.2))

    def __exit__(self, *_error: object) -> None:
        self._source.close()


def test_outbound_outlives_its_connections(
    rabbitmq_url: str, name_prefix: str, queue: str, worker_db: Connection
) -> None:
    """Every message comes at least once, and a lost connection repeats no more than the batch that was in doubt."""
    for number in range(1000):
        outgoing.put(worker_db, "StartSending", {**EXAMPLES["StartSending"], "collector_id": number})
    failures = 0
    with proxy(rabbitmq_url) as path:
        target = RabbitTarget(path.url, name_prefix, window=20)
        flusher = Outbound(worker_db, target, REALM, burst_counts={"StartSending": 100})
        sent = 0
        while sent < 1000:
            dropper = threading.Timer(0.01 if failures < 3 else 60, path.drop)
            dropper.start()
            try:
                sent += flusher.run_once()
            except PublishError:
                failures += 1
                sent = 1000 - waiting(worker_db)
            dropper.cancel()
        target.close()
    source = RabbitSource(rabbitmq_url, queue, prefetch=0)
    count = depth(rabbitmq_url, queue)
    found = [json.loads(delivery.body)["collector_id"] for delivery in take(source, count)]
    source.close()
    assert set(found) == set(range(1000))
    assert len(found) <= 1000 + 100 * failures


def waiting(connection: Connection) -> int:
    row = connection.execute(f"select count(*) from {outgoing.table_of('StartSending')}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def test_bad_messages_go_and_foreign_ones_stay(
    rabbitmq_url: str, name_prefix: str, topology: Topology, queue: str, worker_db: Connection
) -> None:
    """One sender's mistakes are dead-lettered; a queue that belongs to another shard is left as it is."""
    half = Realm.parse("0.#")
    ours, foreign = ([n for n in range(50) if half.matches(n) is mine] for mine in (True, False))
    target = RabbitTarget(rabbitmq_url, name_prefix)
    target.publish([flags(n) for n in ours])
    target.publish([flags(n) for n in foreign])  # with a routing key that is not theirs
    target.publish([message("0.1", b"{}"), message("0.1", b"\xff")])
    source = RabbitSource(rabbitmq_url, queue, prefetch=0)
    bridge = Inbound(source, worker_db, half, LANES, prefix=name_prefix)
    until(lambda: bridge.run_once(0.2) == 0)
    assert inbox(worker_db) == ours
    assert bridge.dead_letters == len(foreign) + 2
    source.close()

    bridge = Inbound(source, worker_db, half, LANES, prefix=name_prefix)
    target.publish([flags(99), replace(flags(foreign[0]), routing_key=binary_routing_key(foreign[0]))])
    # The good one may come alone, and be taken in, before the other.
    with pytest.raises(ForeignShard):
        until(lambda: bridge.run_once(30) == 99)
    source.close()
    target.close()
    assert depth(rabbitmq_url, queue + ".XQ") == len(foreign) + 2
    assert depth(rabbitmq_url, queue) + len(inbox(worker_db)) == len(ours) + 2


def test_several_consumers_share_a_queue(
    rabbitmq_url: str, name_prefix: str, queue: str, worker_db: Connection
) -> None:
    target = RabbitTarget(rabbitmq_url, name_prefix)
    target.publish([flags(n) for n in range(2000)])
    target.close()

    def consume(_number: int) -> int:
        with connection_to(worker_db.info.dsn) as connection:
            source = RabbitSource(rabbitmq_url, queue, prefetch=100)
            bridge = Inbound(source, connection, REALM, LANES, prefix=name_prefix)
            total = 0
            while count := bridge.run_once(0.5):
                total += count
            source.close()
        return total

    with ThreadPoolExecutor(3) as pool:
        counts = list(pool.map(consume, range(3)))
    assert sum(counts) == 2000
    assert inbox(worker_db) == list(range(2000))


@pytest.mark.parametrize("size", [1000, 1001, 200_000, 3_000_000])
def test_the_body_of_a_giant_is_not_kept(rabbitmq_url: str, name_prefix: str, queue: str, size: int) -> None:
    target = RabbitTarget(rabbitmq_url, name_prefix)
    assert target.publish([message("0.1", b"x" * size), message("0.1", b"next")]) == []
    source = RabbitSource(rabbitmq_url, queue, prefetch=0, most_bytes=1000)
    giant, after = take(source, 2)
    assert (giant.omitted_bytes, len(giant.body)) == ((size, 0) if size > 1000 else (0, size))
    assert (after.body, after.omitted_bytes) == (b"next", 0)
    source.settle([after.tag], [giant.tag])
    source.close()
    # It is all there among the dead letters.
    dead = RabbitSource(rabbitmq_url, queue + ".XQ", prefetch=0)
    assert [len(delivery.body) for delivery in take(dead, 1)] == [size]
    dead.close()
    target.close()


def test_more_is_handed_out_while_some_is_held(rabbitmq_url: str, name_prefix: str, queue: str) -> None:
    target = RabbitTarget(rabbitmq_url, name_prefix)
    target.publish([message("0.1", b"%d" % number) for number in range(100)])
    source = RabbitSource(rabbitmq_url, queue, prefetch=1)
    (held,) = take(source, 1)
    assert source.take(100, 0.3) == []
    source.widen(10)
    more = take(source, 10)
    assert source.take(100, 0.3) == []
    source.settle([delivery.tag for delivery in more])
    more = take(source, 10)
    source.widen(0)
    source.settle([held.tag], [delivery.tag for delivery in more])
    rest: list[bytes] = []
    while len(rest) < 79:
        batch = source.take(100, 30)
        rest += [delivery.body for delivery in batch]
        source.settle([delivery.tag for delivery in batch])
    # One at a time again, whatever was on its way.
    target.publish([message("0.1", b"a"), message("0.1", b"b")])
    assert len(take(source, 1)) == 1
    assert source.take(100, 0.3) == []
    source.close()
    target.close()
    assert depth(rabbitmq_url, queue + ".XQ") == 10


@pytest.mark.parametrize("encrypted", [False, True])
def test_messages_larger_than_a_frame(rabbitmq_url: str, name_prefix: str, queue: str, encrypted: bool) -> None:
    url = tls_url(rabbitmq_url) if encrypted else rabbitmq_url
    body = bytes(range(256)) * 2000
    target = RabbitTarget(url, name_prefix)
    assert target.publish([message("0.1", body), message("0.1", b""), message("0.1", b"c")]) == []
    assert target.publish([message("0.1", b"%d" % n) for n in range(5000)]) == []
    source = RabbitSource(url, queue, prefetch=0)
    bodies = [delivery.body for delivery in take(source, 5003)]
    assert bodies == [body, b"", b"c", *(b"%d" % n for n in range(5000))]
    source.close()
    target.close()

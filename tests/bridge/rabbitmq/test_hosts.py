"""A broker's URL with all nodes of a cluster: the first one that answers is taken, beginning with any of them."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from bridge.rabbitmq import access, broker
from bridge.rabbitmq.access import connection_parameters
from bridge.rabbitmq.broker import RabbitSource, RabbitTarget
from bridge.rabbitmq.hosts import one_for_each_host
from bridge.rabbitmq.setup import declare, delete
from bridge.wire.ports import PublishError, SourceError
from bridge.wire.topology import worker_topology
from tests.bridge.proxy import proxy
from tests.bridge.rabbitmq.messages import message, take


@pytest.fixture
def silent() -> Iterator[int]:
    """A port where everybody is let in, and nobody says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def url_of(*ports: int | None, options: str = "") -> str:
    return f"amqp://guest:guest@{','.join(f'127.0.0.1:{port}' for port in ports)}/{options}"


def test_each_host_has_a_url_of_its_own() -> None:
    assert one_for_each_host("amqp://a:b,c@h:1,i,[::1]:2/v,w?heartbeat=7") == [
        "amqp://a:b,c@h:1/v,w?heartbeat=7",
        "amqp://a:b,c@i/v,w?heartbeat=7",
        "amqp://a:b,c@[::1]:2/v,w?heartbeat=7",
    ]
    assert one_for_each_host("amqps://h") == ["amqps://h"]
    assert one_for_each_host("no, URL") == ["no, URL"]


def test_hosts_are_tried_in_turn_from_any_of_them_on() -> None:
    orders = {tuple(each.host for each in connection_parameters("amqp://a:b@x,y,z/v")) for _ in range(200)}
    assert orders == {("x", "y", "z"), ("y", "z", "x"), ("z", "x", "y")}


def test_silence_of_one_of_several_hosts_is_noticed_sooner_unless_the_url_says_otherwise() -> None:
    (alone,) = connection_parameters("amqp://a:b@x/v")
    (one, other) = connection_parameters("amqp://a:b@x,y/v")
    assert (alone.heartbeat, alone.virtual_host) == (None, "v")
    assert one.heartbeat == other.heartbeat == 6
    assert one.stack_timeout is not None
    assert alone.stack_timeout is not None
    assert one.stack_timeout < alone.stack_timeout
    written = connection_parameters("amqp://a:b@x,y/v?heartbeat=30&stack_timeout=20")
    assert [(each.heartbeat, each.stack_timeout) for each in written] == [(30, 20), (30, 20)]


def test_an_error_names_each_host_and_its_cause(silent: int) -> None:
    closed = closed_port()
    url = url_of(closed, silent, options="?stack_timeout=0.3")
    for attempt in (
        lambda: RabbitSource(url, "q", 1).take(1, 30),
        lambda: RabbitTarget(url).publish([message("0.1", b"a")]),
        lambda: declare(url, worker_topology("q", "#")),
    ):
        with pytest.raises((SourceError, PublishError, ConnectionError)) as caught:
            attempt()
        found = re.findall(rf"127\.0\.0\.1:({closed}|{silent}): \w+.*?\((nobody|no answer)", str(caught.value))
        assert sorted(found) == sorted([(str(closed), "nobody"), (str(silent), "no answer")])


@pytest.mark.rabbitmq
@pytest.mark.parametrize("first", [0, 1, 2])
def test_hosts_that_are_down_or_silent_are_passed_over(
    rabbitmq_url: str, name_prefix: str, silent: int, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access.random, "randrange", lambda _count: first)
    url = url_of(silent, closed_port(), urlsplit(rabbitmq_url).port, options="?stack_timeout=1")
    topology = worker_topology("q", "#", name_prefix)
    declare(url, topology)
    target, source = RabbitTarget(url, name_prefix), RabbitSource(url, f"{name_prefix}q", 10)
    try:
        assert target.publish([message("0.1", b"a")]) == []
        (delivery,) = take(source, 1)
        assert delivery.body == b"a"
        source.settle([delivery.tag])
    finally:
        source.close()
        target.close()
        delete(url, topology)


@pytest.mark.rabbitmq
def test_a_node_that_confirms_nothing_is_left_sooner_when_there_are_others(
    rabbitmq_url: str, name_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "CLUSTER_TIMEOUT", 0.5)
    topology = worker_topology("q", "#", name_prefix)
    declare(rabbitmq_url, topology)
    with proxy(rabbitmq_url) as one:
        target = RabbitTarget(url_of(urlsplit(one.url).port, closed_port()), name_prefix)
        try:
            assert target.publish([message("0.1", b"a")]) == []
            one.stall()
            with pytest.raises(PublishError, match="no confirmation for"):
                target.publish([message("0.1", b"b")])
        finally:
            target.close()
            one.flow()
            delete(rabbitmq_url, topology)


@pytest.mark.rabbitmq
def test_a_lost_node_is_replaced_by_another_one(rabbitmq_url: str, name_prefix: str) -> None:
    topology = worker_topology("q", "#", name_prefix)
    declare(rabbitmq_url, topology)
    with proxy(rabbitmq_url) as one, proxy(rabbitmq_url) as other:
        url = url_of(urlsplit(one.url).port, urlsplit(other.url).port)
        target, source = RabbitTarget(url, name_prefix), RabbitSource(url, f"{name_prefix}q", 10)
        try:
            bodies: set[bytes] = set()
            for body in (b"a", b"b"):
                while body not in bodies:
                    # Only those that had a connection to the lost one notice anything.
                    try:
                        target.publish([message("0.1", body)])
                        bodies |= {each.body for each in source.take(10, 1)}
                    except (PublishError, SourceError):
                        continue
                one.close()
        finally:
            source.close()
            target.close()
            delete(rabbitmq_url, topology)

"""Messages between shards by a broker of their own, and consumers of queues that are to go."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from bridge.messages.names import INTERNAL_TYPES
from bridge.rabbitmq.broker import RabbitSource, RabbitTarget
from bridge.rabbitmq.setup import Depth, declare, delete, look
from bridge.wire.ports import Publication
from bridge.wire.sharding import binary_routing_key
from bridge.wire.topology import CREDITORS_IN, TO_TRADE, Topology, internal_topology, worker_topology
from sandbox.servers.installation import Environment, children, eventually, run, server
from tests.bridge.messages.examples import EXAMPLES, changed
from tests.bridge.rabbitmq.messages import take
from tests.covering import covers
from tests.databases import connection_to

pytestmark = [pytest.mark.rabbitmq, pytest.mark.slow]

NOWHERE = "amqp://guest:secret@127.0.0.1:1"


@pytest.fixture
def two_brokers(environment: Environment, rabbitmq_url: str, internal_url: str) -> Iterator[Environment]:
    """A worker's, with queues at both."""
    queue = f"two-{secrets.token_hex(4)}"
    variables = environment | {
        "PROTOCOL_BROKER_URL": rabbitmq_url,
        "PROTOCOL_BROKER_QUEUE": queue,
        "INTERNAL_BROKER_URL": internal_url,
    }
    done = run(variables, "subscribe")
    assert done.returncode == 0, done.stdout
    yield variables
    delete(rabbitmq_url, worker_topology(queue, "#"))
    delete(internal_url, internal_topology(f"{queue}-internal", "#"))


def publication(type_name: str, exchange: str = TO_TRADE) -> Publication:
    example = EXAMPLES[type_name]
    key = example.get("creditor_id", example.get("debtor_id"))
    assert isinstance(key, int)
    headers = {"ca-trade": True} if exchange == CREDITORS_IN else {}
    return Publication(exchange, binary_routing_key(key), type_name, changed(type_name), headers, mandatory=True)


def publish(url: str, *items: Publication) -> None:
    with closing(RabbitTarget(url)) as target:
        assert target.publish(items) == []


def keep_what_is_stored(url: str) -> Callable[[], list[str]]:
    """Returns the types of all messages that have come into the inbox."""
    with connection_to(url) as worker:
        worker.execute(
            """
            create table public.stored (type text);
            create function public.keep() returns trigger language plpgsql security definer as $$
            begin
              insert into public.stored values (new.message ->> 'type');
              return null;
            end $$;
            """
        )
        for lane in range(8):
            worker.execute(
                f"create trigger keep after insert on pgmq.q_inbox_{lane} for each row when (new.vt = '-infinity'"
                " and new.message ->> 'type' <> 'Trial') execute function public.keep()".encode()
            )

    def stored() -> list[str]:
        with connection_to(url, autocommit=False) as worker:
            return [row[0] for row in worker.execute("select type from public.stored order by 1").fetchall()]

    return stored


def is_applied(url: str) -> bool:
    """Whether nothing waits in the inbox."""
    with connection_to(url, autocommit=False) as worker:
        return worker.execute("select sum(messages) from worker.queue_figures(10) where kind = 'inbox'").fetchone() in (
            (0,),
            (None,),
        )


def has(url: str, queue: str, depth: Depth | None) -> bool:
    return look(url, queue) == depth


@covers("N5.2", "G50")
def test_both_queues_fill_the_same_lanes(two_brokers: Environment, tmp_path: Path) -> None:
    """From each, what may come by its exchange: never an internal message from `creditors_in`."""
    stored = keep_what_is_stored(two_brokers["WORKER_POSTGRES_URL"])
    protocol_url, internal_url = two_brokers["PROTOCOL_BROKER_URL"], two_brokers["INTERNAL_BROKER_URL"]
    queue = two_brokers["PROTOCOL_BROKER_QUEUE"]
    # What authorities reach leads also into the queue of internal messages, by somebody's mistake.
    declare(internal_url, worker_topology(f"{queue}-internal", "#"))
    with server(two_brokers, tmp_path, "worker") as worker:
        eventually(lambda: len(children(worker.pid)) >= 9, "all parts run")
        for url in (protocol_url, internal_url):
            publish(
                url,
                publication("UpdatedFlags"),
                publication("NeededCollector"),
                publication("AccountPurge", CREDITORS_IN),
                publication("NeededCollector", CREDITORS_IN),
            )
        eventually(lambda: len(stored()) == 6, "they are stored")
        for url, name in ((protocol_url, queue), (internal_url, f"{queue}-internal")):
            with closing(RabbitSource(url, f"{name}.XQ", prefetch=10)) as dead:
                (letter,) = take(dead, 1)
                assert letter.type == "NeededCollector"
        eventually(partial(is_applied, two_brokers["WORKER_POSTGRES_URL"]), "they are applied")
        worker.send(signal.SIGTERM)
        assert worker.wait() == 0
        assert f"broker of internal messages {internal_url.replace('guest:guest@', '')}" in worker.text()
    assert stored() == sorted(2 * ["UpdatedFlags", "NeededCollector", "AccountPurge"])
    for name in (CREDITORS_IN, "creditors_out", "ca.loopback_filter"):
        delete(internal_url, Topology(tuple(e for e in worker_topology("x", "#").exchanges if e.name == name), (), ()))


@covers("N5.2")
@pytest.mark.parametrize("down", ["PROTOCOL_BROKER_URL", "INTERNAL_BROKER_URL"])
def test_a_broker_that_is_down_keeps_no_message_from_the_other(
    down: str, two_brokers: Environment, tmp_path: Path
) -> None:
    url = two_brokers["WORKER_POSTGRES_URL"]
    with connection_to(url) as worker:
        for type_name in ("configure_account", "needed_collector"):
            name = "".join(word.capitalize() for word in type_name.split("_"))
            worker.execute(
                f"insert into pgmq.q_out_{type_name} (vt, message) values ('-infinity', %s)".encode(),
                (changed(name).decode(),),
            )

        def waiting() -> list[str]:
            rows = worker.execute(
                "select message_type from worker.queue_figures(10) where kind = 'outbox' and messages > 0"
            )
            return [row[0] for row in rows.fetchall()]

        stays = "ConfigureAccount" if down == "PROTOCOL_BROKER_URL" else "NeededCollector"
        with server(two_brokers | {down: NOWHERE}, tmp_path, "flush_all") as flusher:
            eventually(lambda: waiting() == [stays], "the other has left")
            assert "secret" not in flusher.text()
        with server(two_brokers, tmp_path, "flush_all"):
            eventually(lambda: not waiting(), "it has left, too")


@covers("N5.2")
def test_each_type_is_sent_to_its_broker(two_brokers: Environment) -> None:
    for command, broker in (("flush_needed_collectors", "INTERNAL"), ("flush_configure_accounts", "PROTOCOL")):
        other = {"INTERNAL": "PROTOCOL", "PROTOCOL": "INTERNAL"}[broker]
        done = run(two_brokers | {f"{other}_BROKER_URL": NOWHERE}, command, "--quit-early")
        assert done.returncode == 0, done.stdout
    assert len(INTERNAL_TYPES) == 13


@covers("V14.46", "N5.2")
def test_on_one_broker_each_message_is_handled_once(
    rabbitmq_environment: Environment, rabbitmq_url: str, tmp_path: Path
) -> None:
    """The queue of an earlier installation is unbound, emptied, and does no harm when it goes."""
    queue = rabbitmq_environment["PROTOCOL_BROKER_QUEUE"]
    environment = rabbitmq_environment | {"INTERNAL_BROKER_URL": rabbitmq_url, "INTERNAL_BROKER_QUEUE": "t-internal"}
    stored = keep_what_is_stored(environment["WORKER_POSTGRES_URL"])
    declare(rabbitmq_url, internal_topology("t-internal", "#"))
    publish(rabbitmq_url, publication("UpdatedPolicy"))
    assert run(environment, "subscribe").returncode == 0
    with server(environment, tmp_path, "worker") as worker:
        publish(rabbitmq_url, publication("UpdatedFlags"), publication("NeededCollector"))
        eventually(lambda: len(stored()) == 3, "the left one, and the new ones")
        delete(rabbitmq_url, internal_topology("t-internal", "#"))
        eventually(lambda: "there is no such queue" in worker.text(), "it has noticed")
        declare(rabbitmq_url, worker_topology(queue, "#"))
        publish(rabbitmq_url, publication("UpdatedLedger"))
        eventually(lambda: len(stored()) == 4, "the worker goes on")
    assert stored() == ["NeededCollector", "UpdatedFlags", "UpdatedLedger", "UpdatedPolicy"]
    delete(rabbitmq_url, worker_topology(queue, "#"))


@covers("V14.47", "N6.2")
def test_drainers_let_a_queue_be_deleted_and_apply_while_nothing_is_sent(
    two_brokers: Environment, rabbitmq_url: str, internal_url: str, tmp_path: Path
) -> None:
    database, queue = two_brokers["WORKER_POSTGRES_URL"], two_brokers["PROTOCOL_BROKER_QUEUE"]
    stored = keep_what_is_stored(database)
    assert run(two_brokers, "unsubscribe").returncode == 0
    for url, name in ((rabbitmq_url, queue), (internal_url, f"{queue}-internal")):
        items = [publication("UpdatedFlags"), publication("NeededCollector")]
        publish(url, *[Publication("", name, item.type, item.body, mandatory=True) for item in items])
    with (
        server(two_brokers, tmp_path, "consume_messages", "--draining-mode") as drainer,
        server(two_brokers, tmp_path, "consume_internal_messages", "--draining-mode") as internal,
    ):
        done = run(two_brokers, "delete_queue")
        assert done.returncode == 0, done.stdout
        assert len(stored()) == 4
        assert is_applied(database)
        again = run(two_brokers, "delete_queue")
        assert (again.returncode, again.stdout) == (
            0,
            f"broker: {queue} is gone\nbroker: {queue}-internal is gone\n",
        )
        eventually(lambda: "there is no such queue" in drainer.text(), "it has noticed")
        for process in (drainer, internal):
            process.send(signal.SIGTERM)
            assert process.wait() == 0
            assert "ERROR" not in process.text(), process.text()

"""A stream keeps what a worker's queue got, and `replay_journal` handles it once more."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner, Result

from admin.cli import main
from bridge.rabbitmq.broker import RabbitSource, RabbitTarget
from bridge.rabbitmq.journal import Journal
from bridge.rabbitmq.setup import Depth, declare, delete, look
from bridge.wire.ports import Publication, SourceError
from bridge.wire.sharding import binary_routing_key
from bridge.wire.topology import Queue, Topology, internal_topology, with_journal, worker_topology
from sandbox.servers.installation import Environment
from service import binding
from sql import Kind
from tests.bridge.rabbitmq.messages import take
from tests.databases import connection_to

pytestmark = pytest.mark.rabbitmq

TS = datetime(2026, 11, 1, tzinfo=UTC)
Run = Callable[..., Result]


def policy(number: int, exchange: str = "to_trade") -> Publication:
    body = {
        "type": "UpdatedPolicy",
        "creditor_id": number,
        "debtor_id": 5,
        "update_id": 1,
        "policy_name": "conservative",
        "min_principal": 0,
        "max_principal": 100,
        "peg_exchange_rate": None,
        "peg_debtor_id": None,
        "ts": TS.isoformat(),
    }
    return Publication(exchange, binary_routing_key(number), "UpdatedPolicy", json.dumps(body).encode())


@pytest.fixture
def environment(rabbitmq_url: str, internal_url: str, new_database: Callable[[Kind], str]) -> Iterator[Environment]:
    """That of a worker whose queue has a journal."""
    worker, solver = new_database("worker"), new_database("solver")
    with connection_to(solver) as owner, connection_to(worker) as connection:
        binding.bind(connection, binding.make_installation(owner), "#")
    yield {
        "SOLVER_POSTGRES_URL": solver,
        "WORKER_POSTGRES_URL": worker,
        "PROTOCOL_BROKER_URL": rabbitmq_url,
        "PROTOCOL_BROKER_QUEUE": "kept",
        "APP_JOURNAL_PERIOD": "2h",
    }
    delete(rabbitmq_url, with_journal(worker_topology("kept", "#"), "kept", "#", 7200))
    delete(internal_url, with_journal(internal_topology("kept-internal", "#"), "kept-internal", "#", 7200))


@pytest.fixture
def run(environment: Environment) -> Run:
    return lambda command, *arguments, **variables: CliRunner().invoke(
        main, [command, *arguments], env=environment | variables
    )


def count_inbox(environment: Environment) -> int:
    with connection_to(environment["WORKER_POSTGRES_URL"]) as worker:
        lanes = " + ".join(f"(select count(*) from pgmq.q_inbox_{lane})" for lane in range(8))
        (count,) = worker.execute(f"select {lanes}".encode()).fetchone() or (0,)
        return int(count)


def publish(url: str, numbers: range, exchange: str = "to_trade") -> None:
    with closing(RabbitTarget(url)) as target:
        assert target.publish([policy(number, exchange) for number in numbers]) == []


def consume_all(url: str, count: int) -> None:
    """As a worker did whose database is lost now."""
    with closing(RabbitSource(url, "kept", 0)) as source:
        source.settle([delivery.tag for delivery in take(source, count)])
        # An acknowledgement is on its way for a moment.
        time.sleep(0.2)


def test_what_was_acknowledged_is_handled_once_more(run: Run, environment: Environment, rabbitmq_url: str) -> None:
    assert run("subscribe").exit_code == 0
    publish(rabbitmq_url, range(1, 2501))
    publish(rabbitmq_url, range(1, 4), "creditors_out")  # for somebody else
    consume_all(rabbitmq_url, 2500)
    assert look(rabbitmq_url, "kept") == Depth(0, 0)
    since = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}"
    for count in (2500, 5000):
        done = run("replay_journal", "--since", since, "--even-if-unneeded")
        assert done.exit_code == 0, done.output
        assert done.output.endswith("UTC: 2,500 messages\n")
        assert count_inbox(environment) == count
    publish(rabbitmq_url, range(1, 11))
    assert "2,510 messages" in run("replay_journal", "--since", since, "--even-if-unneeded").output


def test_both_brokers_have_a_journal(run: Run, rabbitmq_url: str, internal_url: str) -> None:
    assert run("subscribe", INTERNAL_BROKER_URL=internal_url).exit_code == 0
    publish(rabbitmq_url, range(1, 5))
    done = run("replay_journal", "--since", "2026-01-01", "--even-if-unneeded", INTERNAL_BROKER_URL=internal_url)
    assert done.exit_code == 0, done.output
    assert "kept.journal since 2026-01-01 00:00:00 UTC: 4 messages\n" in done.output
    assert "kept-internal.journal since 2026-01-01 00:00:00 UTC: 0 messages\n" in done.output


def test_nothing_is_replayed_without_need(run: Run) -> None:
    assert "nothing is in doubt" in run("replay_journal").output
    assert run("replay_journal", "--even-if-unneeded").exit_code == 2
    assert run("replay_journal", "--since", "2999-01-01", "--even-if-unneeded").exit_code == 2


def test_a_missing_journal_is_named(run: Run) -> None:
    done = run("replay_journal", "--since", "2026-01-01", "--even-if-unneeded")
    assert done.exit_code == 1
    assert "kept.journal" in done.output


def test_a_queue_is_no_journal(run: Run, rabbitmq_url: str) -> None:
    queue = Topology((), (Queue("kept.journal"),), ())
    assert run("subscribe", APP_JOURNAL_PERIOD="0").exit_code == 0
    assert look(rabbitmq_url, "kept.journal") is None
    declare(rabbitmq_url, queue)
    with closing(RabbitTarget(rabbitmq_url)) as target:
        target.publish([Publication("", "kept.journal", "UpdatedPolicy", b"{}")])
    with pytest.raises(SourceError):
        Journal(rabbitmq_url, "kept.journal", TS)


def test_a_journal_has_an_end_though_messages_come_all_the_time(
    run: Run, rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes after the beginning of a replay is in the queue, and no business of the replay."""
    monkeypatch.setattr("bridge.rabbitmq.journal._LOOK_SECONDS", 1.0)
    assert run("subscribe").exit_code == 0
    publish(rabbitmq_url, range(1, 11))
    is_over = threading.Event()

    def go_on() -> None:
        with closing(RabbitTarget(rabbitmq_url)) as target:
            while not is_over.wait(0.05):
                target.publish([policy(11)])

    publisher = threading.Thread(target=go_on)
    publisher.start()
    try:
        done = run("replay_journal", "--since", "2026-01-01", "--even-if-unneeded")
    finally:
        is_over.set()
        publisher.join()
    assert done.exit_code == 0, done.output

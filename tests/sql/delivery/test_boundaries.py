"""Overflow is contained: no legal message makes a handler fail, and whatever follows from it can be sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bridge.loopback import LoopbackBroker
from bridge.messages.codec import BadMessage, Message, decode
from bridge.messages.names import CONSUMED_TYPES
from bridge.outbound import Outbound
from bridge.wire.sharding import Realm
from bridge.wire.topology import worker_topology
from tests.bridge.messages.examples import delivery
from tests.conftest import Connection
from tests.databases import connection_to
from tests.sql.delivery.boundaries import bodies, fill

FOLLOW_UPS = (
    "select sum((worker.drain_inbox(lane, 1000, 0)).taken) from generate_series(0, 7) as lane",
    "select sum(worker.advance_dispatching(lane, 1000)) from generate_series(0, 7) as lane",
    "select sum(worker.trigger_due_transfers(lane, 1000)) from generate_series(0, 7) as lane",
    "select sum((worker.drain_inbox(lane, 1000, 0)).taken) from generate_series(0, 7) as lane",
    "select count(*) from worker.take_due_fetches(1000, '1 minute')",
)


@pytest.fixture(scope="module")
def shard(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """A shard full of rows; every test rolls back."""
    pools = request.getfixturevalue("pools")
    postgres = request.getfixturevalue("postgres")
    name = pools["worker"].take()
    with connection_to(postgres.database_url(name)) as connection:
        fill(connection)
        yield connection
    pools["worker"].give_back(name)


def _read(type_name: str, body: bytes) -> Message | None:
    try:
        return decode(delivery(type_name, body))
    except BadMessage:
        return None


def _apply(shard: Connection, messages: list[Message]) -> None:
    """Drains the messages, lets what follows from them happen, and publishes everything."""
    bodies = [message.inbox_json().decode() for message in messages]
    shard.execute(
        "insert into pgmq.q_inbox_0 (vt, message) select '-infinity', m::jsonb from unnest(%s::text[]) as m", (bodies,)
    )
    for query in FOLLOW_UPS:
        shard.execute(query.encode())
    # What reads moments has that from `sql.connections`; what computes with them must not need it.
    shard.execute("set local time zone 'UTC'")
    broker = LoopbackBroker()
    broker.declare(worker_topology("q", "#"))
    Outbound(shard, broker.target(), Realm.parse("#")).run_once()
    problems = shard.execute("select message_type, error from worker.set_aside").fetchall()
    assert problems == []


@pytest.mark.slow
@pytest.mark.parametrize("type_name", sorted(CONSUMED_TYPES))
def test_no_legal_message_fails(shard: Connection, type_name: str) -> None:
    legal = 0

    @settings(
        max_examples=80,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    @given(st.lists(bodies(type_name), min_size=1, max_size=8))
    def check(batch: list[bytes]) -> None:
        nonlocal legal
        messages = [message for message in (_read(type_name, body) for body in batch) if message is not None]
        legal += len(messages)
        with shard.transaction(force_rollback=True):
            _apply(shard, messages)

    check()
    assert legal > 50

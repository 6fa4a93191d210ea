"""The steps of a split: what they wait for, what they refuse, and how they go on after a crash."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner, Result

from admin.cli import main
from bridge.loopback import LoopbackBroker
from bridge.wire.ports import Publication, Source
from bridge.wire.sharding import binary_routing_key
from bridge.wire.topology import TO_TRADE, Topology, worker_topology
from sandbox.servers.postgres import PrivateServer
from service.databases import open_worker
from service.loop import Unusable
from service.set_up import run as set_up
from service.splitting.steps import SplitError, Splitting, Step, advance, child_variables
from settings.config import Config
from sql import Kind
from tests.bridge.messages.examples import changed
from tests.covering import covers
from tests.databases import connection_to
from tests.service.bound import configured, start
from tests.settings.environments import load_with
from tests.sql.shards.realms import STRANGER

KEY = "0.#"


class Queues:
    """Those of a broker inside the process."""

    def __init__(self) -> None:
        self.broker = LoopbackBroker()
        self.calls: list[str] = []

    def subscribe(self, config: Config) -> None:
        self.calls.append(f"subscribe {config.protocol_broker_queue}")
        self.broker.declare(self._topology(config))

    def unsubscribe(self, config: Config) -> None:
        self.calls.append(f"unsubscribe {config.protocol_broker_queue}")
        topology = self._topology(config)
        self.broker.delete(Topology((), (), tuple(b for b in topology.bindings if b.destination_is_queue)))

    def sources(self, config: Config) -> Iterator[Source]:
        if f"delete {config.protocol_broker_queue}" not in self.calls:
            source = self.broker.source(config.protocol_broker_queue)
            yield source
            source.close()

    def delete(self, config: Config) -> str | None:
        self.calls.append(f"delete {config.protocol_broker_queue}")
        self.broker.delete(Topology((), self._topology(config).queues, ()))
        return None

    @staticmethod
    def _topology(config: Config) -> Topology:
        return worker_topology(config.protocol_broker_queue, config.protocol_broker_queue_routing_key)


class Shard:
    """The parent, its two copies on the same server, and a broker."""

    def __init__(self, parent: Config, server: PrivateServer) -> None:
        self.parent = parent
        self.server = server
        self.name = urlsplit(parent.worker_postgres_url).path[1:]
        self.children = [self.child(bit) for bit in (0, 1)]
        self.queues = Queues()
        self.queues.subscribe(parent)
        self.told: list[tuple[str, str | None]] = []

    def child(self, bit: int) -> Config:
        url = self.server.database_url(f"{self.name}_{bit}")
        key, queue = self.parent.protocol_broker_queue_routing_key, self.parent.protocol_broker_queue
        return load_with(
            SOLVER_POSTGRES_URL=self.parent.solver_postgres_url,
            WORKER_POSTGRES_URL=url,
            **child_variables(queue, key, bit),
        )

    def copy(self) -> None:
        with self.server.admin() as admin:
            for bit in (0, 1):
                admin.execute(f"create database {self.name}_{bit} template {self.name}".encode())

    def drop_copies(self) -> None:
        with self.server.admin() as admin:
            for bit in (0, 1):
                admin.execute(f"drop database if exists {self.name}_{bit} with (force)".encode())

    def splitting(self, copy: Callable[[], None] | None = None) -> Splitting:
        return Splitting(self.parent, self.children, self.queues, copy=copy or self.copy, has_standbys=False)

    def advance(
        self, splitting: Splitting | None = None, tell: Callable[[Step, str | None], None] | None = None
    ) -> bool:
        """Without waiting for anybody."""

        def note(step: Step, reason: str | None) -> None:
            self.told.append((step.name, reason))
            if tell is not None:
                tell(step, reason)

        return advance(splitting or self.splitting(), note, 0.0)

    def query(self, text: str) -> list[tuple[object, ...]]:
        with connection_to(self.parent.worker_postgres_url) as worker:
            cursor = worker.execute(text.encode())
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def shard(new_database: Callable[[Kind], str], postgres: PrivateServer) -> Iterator[Shard]:
    """Of the key `0.#`, with a message in its queue."""
    parent = configured(new_database("solver"), new_database("worker"), KEY)
    made = Shard(parent, postgres)
    target = made.queues.broker.target()
    body = changed("UpdatedLedger", creditor_id=STRANGER)
    item = Publication(TO_TRADE, binary_routing_key(STRANGER), "UpdatedLedger", body)
    assert target.publish([item]) == []
    yield made
    made.drop_copies()


class Crash(Exception):
    pass


@pytest.mark.slow
@covers("N6.2")
def test_a_split_that_ends_after_any_step_goes_on_where_it_was(shard: Shard) -> None:
    names = [step.name for step in shard.splitting().steps()]
    done: list[str] = []

    def crash(step: Step, reason: str | None) -> None:
        assert reason is None, reason
        if step.name not in done:
            done.append(step.name)
            raise Crash

    for _ in names:
        with pytest.raises(Crash):
            shard.advance(tell=crash)
    assert shard.advance(tell=crash)
    assert done == names
    calls = shard.queues.calls
    assert (
        calls.index("subscribe swpt_trade_1") < calls.index("unsubscribe swpt_trade") < calls.index("delete swpt_trade")
    )
    for child in shard.children:
        with open_worker(child, "test"), connection_to(child.worker_postgres_url) as worker:
            # What was in the queue is in both.
            assert worker.execute("select creditor_id from worker.trading_policy").fetchall() == [(STRANGER,)]
            assert worker.execute("select count(*) from worker.step_back").fetchone() == (0,)


@covers("N6.2")
def test_the_parent_is_sealed_and_may_be_taken_back_as_long_as_no_child_is_bound(shard: Shard) -> None:
    assert not shard.advance(shard.splitting(copy=lambda: None))
    assert [name for name, reason in shard.told if reason is not None] == ["arrive"]
    with pytest.raises(Unusable, match=r"the shard has been split: since .* UTC its halves work in copies"):
        start(shard.parent)
    set_up(shard.parent, lambda _line: None, is_rebound=True)
    start(shard.parent)
    assert shard.advance()
    assert shard.told[-1] == ("bind", None)


@covers("N6.2")
def test_a_copy_that_was_made_too_early_is_refused(shard: Shard) -> None:
    """By the command, and by a process that is started with it."""
    shard.query(f"select worker.begin_split('{KEY}')")
    shard.copy()
    with pytest.raises(
        SplitError, match=r"for 0\.0\.# does not have the end of the parent's work, and will not get it"
    ):
        shard.advance()
    with pytest.raises(Unusable, match="the copy was made before the parent stood still"):
        start(shard.children[0])
    shard.drop_copies()
    assert shard.advance()


@covers("N6.2")
def test_nothing_is_sealed_while_a_process_of_the_parent_runs(shard: Shard) -> None:
    with open_worker(shard.parent, "consume_messages"):
        assert not shard.advance()
    (waiting,) = [told for told in shard.told if told[1] is not None]
    assert waiting[0] == "stop"
    assert waiting[1] is not None
    assert f"stop all processes of {KEY}; connected are" in waiting[1]
    assert "consume_messages" in waiting[1]
    assert shard.query("select sealed_at from worker.shard_split") == [(None,)]
    assert "delete swpt_trade" not in shard.queues.calls


@covers("N6.2")
def test_rows_of_an_earlier_split_are_removed_before_or_the_operator_is_told(shard: Shard) -> None:
    start(shard.parent)
    foreign = "insert into worker.trading_policy (creditor_id, debtor_id, account_id) values (1, 2, 'a')"
    shard.query(foreign)
    with pytest.raises(SplitError, match=r"trading_policy has a row of another shard than 0\.#: .*RECORDS=true"):
        shard.advance()
    assert shard.query("table worker.shard_split") == []
    shard.query("update worker.configuration set delete_parent_shard_records = true")
    assert shard.advance()
    assert shard.told[0] == ("verify", None)


def test_two_urls_of_one_database_are_refused(shard: Shard) -> None:
    parent, (first, second) = shard.parent, shard.children
    for urls, names in (
        ((parent, first), "the parent's URL and the first child's lead to the same database"),
        ((second, parent), "the parent's URL and the second child's lead to the same database"),
    ):
        shard.children = [
            child.model_copy(update={"worker_postgres_url": other.worker_postgres_url})
            for child, other in zip((first, second), urls, strict=True)
        ]
        with pytest.raises(SplitError, match=names):
            shard.advance()
    assert shard.told == []


def test_another_database_is_no_standby(shard: Shard, new_database: Callable[[Kind], str]) -> None:
    other = configured(new_database("solver"), new_database("worker"), "0.#")
    shard.children[0] = shard.children[0].model_copy(update={"worker_postgres_url": other.worker_postgres_url})
    splitting = Splitting(shard.parent, shard.children, shard.queues)
    with pytest.raises(SplitError, match=r"the database for 0\.0\.# is no copy of the parent's, but that of 0\.#"):
        shard.advance(splitting)


def test_the_seventeenth_bit_is_refused() -> None:
    with pytest.raises(SplitError, match="16 bits at most"):
        child_variables("trade", "0." * 16 + "#", 0)


# The command


def invoke(config: Config, *arguments: str, **variables: str) -> Result:
    environment = {
        "SOLVER_POSTGRES_URL": config.solver_postgres_url,
        "WORKER_POSTGRES_URL": config.worker_postgres_url,
        "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": config.protocol_broker_queue_routing_key,
        "PROTOCOL_BROKER_QUEUE": "trade",
        # Where nobody listens.
        "PROTOCOL_BROKER_URL": "amqp://guest:secret@127.0.0.1:1",
    }
    return CliRunner().invoke(main, ["split_shard", *arguments], env=environment | variables)


def urls(shard: Shard) -> dict[str, str]:
    return {f"SPLIT_SHARD_POSTGRES_URL_{bit}": child.worker_postgres_url for bit, child in enumerate(shard.children)}


def test_the_plan_changes_nothing_and_needs_no_broker(shard: Shard) -> None:
    planned = invoke(shard.parent, "--plan", "--json", **urls(shard))
    assert planned.exit_code == 0, planned.output
    plan = json.loads(planned.output)
    assert [step["state"] for step in plan["steps"]] == ["to do"] * 4 + ["done"] + ["to do"] * 5
    assert [step["step"] for step in plan["steps"] if step["state"] == "done"] == ["stop"]
    assert plan["children"] == [
        {
            "PROTOCOL_BROKER_QUEUE": f"trade_{bit}",
            "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": f"0.{bit}.#",
            "DELETE_PARENT_SHARD_RECORDS": "true",
        }
        for bit in (0, 1)
    ]
    text = invoke(shard.parent, "--plan", "--queue-1", "other", **urls(shard)).output
    assert "PROTOCOL_BROKER_QUEUE=other PROTOCOL_BROKER_QUEUE_ROUTING_KEY=0.1.#" in text
    assert shard.query("table worker.shard_split") == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "say either --plan or --apply"),
        (("--plan", "--apply"), "say either --plan or --apply"),
        (("--plan", "--wait", "3"), "--wait goes with --apply"),
        (("--apply",), "both children need the URL of a database"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments: tuple[str, ...], told: str) -> None:
    refused = invoke(load_with(), *arguments)
    assert refused.exit_code == 2
    assert told in refused.output


def test_the_command_gives_up_waiting(shard: Shard) -> None:
    """For the broker here; what was done before stays done."""
    done = invoke(shard.parent, "--apply", "--without-standbys", "--wait", "0", **urls(shard))
    assert done.exit_code == 1
    assert "verify: the database has only rows of 0.#\n" in done.output
    assert "subscribe: waiting: cannot connect to the broker" in done.output
    assert "not done yet; run it again to go on" in done.output
    assert shard.query("select parent_key, sealed_at from worker.shard_split") == [(KEY, None)]


def test_another_key_than_the_databases_is_refused(shard: Shard) -> None:
    other = load_with(
        SOLVER_POSTGRES_URL=shard.parent.solver_postgres_url,
        WORKER_POSTGRES_URL=shard.parent.worker_postgres_url,
        PROTOCOL_BROKER_QUEUE_ROUTING_KEY="1.#",
    )
    refused = invoke(other, "--plan", **urls(shard))
    assert refused.exit_code == 1
    assert "the parent's database is that of 0.#, and 1.# is to be split" in refused.output

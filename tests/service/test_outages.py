"""A database that takes nothing costs no message: none is taken before a trial has shown that it can be stored.

The queue is a quorum queue whose policy makes a dead letter of what was given back more than three times.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from click.testing import CliRunner

from admin.cli import main
from bridge import strangers
from bridge.rabbitmq.broker import RabbitSource, RabbitTarget
from bridge.rabbitmq.setup import count_messages, declare, delete
from bridge.redelivered import delivery_count
from bridge.wire.ports import Delivery, Publication
from bridge.wire.sharding import Realm, binary_routing_key
from bridge.wire.topology import Topology, worker_topology
from sandbox.servers.broker import rabbitmqctl
from sandbox.servers.installation import Environment
from service import binding, loop
from service.loop import Stop
from service.loops import run_loops
from service.parts import consume
from settings.config import load
from tests.bridge.messages.examples import changed
from tests.databases import connection_to

pytestmark = pytest.mark.rabbitmq

LIMIT = 3
LANES = 8


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def flags(creditor_id: int) -> Publication:
    body = changed("UpdatedFlags", creditor_id=creditor_id)
    return Publication("to_trade", binary_routing_key(creditor_id), "UpdatedFlags", body, mandatory=True)


@dataclass
class Shard:
    """A worker's queue and database, and a consumer that can be started and stopped."""

    environment: Environment
    queue: str
    _stop: Stop = field(default_factory=Stop)
    _thread: threading.Thread | None = None
    statuses: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.environment["PROTOCOL_BROKER_URL"]

    def publish(self, numbers: range | list[int]) -> None:
        target = RabbitTarget(self.url)
        assert target.publish([flags(n) for n in numbers]) == []
        target.close()

    def start(self) -> None:
        self._stop = Stop()
        config = load("worker", self.environment)
        self._thread = threading.Thread(
            target=lambda: self.statuses.append(run_loops(consume.part(config), self._stop)), daemon=True
        )
        self._thread.start()

    def end(self) -> None:
        self._stop.request()
        if self._thread is not None:
            self._thread.join(30)
            assert not self._thread.is_alive()

    def run_until_it_ends(self) -> int:
        self.start()
        assert self._thread is not None
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self.statuses[-1]

    def waiting(self) -> int:
        return count_messages(self.url, self.queue)

    def dead(self) -> int:
        return count_messages(self.url, self.queue + ".XQ")

    def stored(self) -> set[int]:
        """What was put into the inbox, whether it is still there or not."""
        with connection_to(self.environment["WORKER_POSTGRES_URL"], autocommit=False) as worker:
            return {row[0] for row in worker.execute("select creditor_id from public.stored").fetchall()}


def _keep_what_is_stored(url: str) -> None:
    with connection_to(url) as worker:
        worker.execute(
            """
            create table public.stored (creditor_id bigint);
            create table public.mode (error text);
            create function public.keep() returns trigger language plpgsql as $$
            begin
              insert into public.stored values ((new.message ->> 'creditor_id')::bigint);
              return null;
            end $$;
            create function public.fail() returns trigger language plpgsql as $$
            declare
              v_error text := (select m.error from public.mode as m);
            begin
              if v_error is not null then
                raise exception using errcode = v_error, message = 'an outage';
              end if;
              return null;
            end $$;
            """
        )
        for lane in range(LANES):
            worker.execute(
                f"create trigger keep after insert on pgmq.q_inbox_{lane} for each row"
                " when (new.message ? 'creditor_id') execute function public.keep()".encode()
            )


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses and waits that fit a test."""
    monkeypatch.setattr(loop, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(loop, "LONGEST_PAUSE", 0.2)
    monkeypatch.setattr(loop, "FOREIGN_SHARD_PAUSE", 0.1)
    monkeypatch.setattr(consume, "_POLL_SECONDS", 0.3)
    monkeypatch.setattr(strangers, "HELD_SECONDS", 0.5)


@pytest.fixture
def shard(environment: Environment, rabbitmq_url: str, quick: None) -> Iterator[Shard]:
    queue = f"outage-{secrets.token_hex(4)}"
    topology = worker_topology(queue, "#", is_quorum=True)
    declare(rabbitmq_url, topology)
    rabbitmqctl(
        rabbitmq_url, "set_policy", queue, f"^{queue}$", f'{{"delivery-limit":{LIMIT}}}', "--apply-to", "queues"
    )
    _keep_what_is_stored(environment["WORKER_POSTGRES_URL"])
    settings = {
        "PROTOCOL_BROKER_URL": rabbitmq_url,
        "PROTOCOL_BROKER_QUEUE": queue,
        "PROTOCOL_BROKER_PREFETCH_COUNT": "50",
    }
    made = Shard(environment | settings, queue)
    yield made
    made.end()
    rabbitmqctl(rabbitmq_url, "clear_policy", queue)
    delete(rabbitmq_url, Topology((), topology.queues, ()))


def _fails_at_inserts(timing: str, code: str) -> Callable[[Shard, bool], None]:
    def set_mode(shard: Shard, is_out: bool) -> None:
        with connection_to(shard.environment["WORKER_POSTGRES_URL"]) as worker:
            for lane in range(LANES):
                table = f"pgmq.q_inbox_{lane}"
                if is_out and timing == "at once":
                    sql = f"create trigger fail before insert on {table} execute function public.fail()"
                elif is_out:
                    sql = (
                        f"create constraint trigger fail after insert on {table} deferrable initially deferred"
                        " for each row execute function public.fail()"
                    )
                else:
                    sql = f"drop trigger fail on {table}"
                worker.execute(sql.encode())
            worker.execute("delete from public.mode")
            worker.execute("insert into public.mode values (%s)", (code,))

    return set_mode


def _read_only(shard: Shard, is_out: bool) -> None:
    """The whole server: a role or a database is not asked."""
    url = shard.environment["WORKER_POSTGRES_URL"]
    with connection_to(url) as admin:
        on, off = ("system", "role all") if is_out else ("role all", "system")
        admin.execute("set default_transaction_read_only = off")
        admin.execute(f"alter {off} reset default_transaction_read_only".encode())
        admin.execute(f"alter {on} set default_transaction_read_only = on".encode())
        admin.execute("select pg_reload_conf()")
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid()"
        )


def _stopped(shard: Shard, is_out: bool) -> None:
    url = shard.environment["WORKER_POSTGRES_URL"]
    with connection_to(url.rpartition("/")[0] + "/postgres") as admin:
        name = url.rpartition("/")[2].partition("?")[0]
        admin.execute(f"alter database {name} allow_connections {not is_out}".encode())
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))


OUTAGES = {
    "disk full": _fails_at_inserts("at once", "53100"),
    "no rights": _fails_at_inserts("at once", "42501"),
    "fails at the commit": _fails_at_inserts("at the commit", "54000"),
    "read only": _read_only,
    "stopped": _stopped,
}


NOT_HEALED_BY_WAITING = {"no rights", "stopped"}
"""The consumer ends, says what to do, and is started again by whoever supervises it."""


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_outage_costs_a_message_one_delivery_at_most(
    shard: Shard, outage: str, caplog: pytest.LogCaptureFixture
) -> None:
    def failures() -> int:
        return caplog.text.count("inbound failed, next attempt")

    shard.publish(range(100))
    shard.start()
    until(lambda: len(shard.stored()) == 100)
    OUTAGES[outage](shard, True)
    shard.publish(range(100, 300))
    ends = outage in NOT_HEALED_BY_WAITING
    until(lambda: len(shard.statuses) == 1 if ends else failures() >= 3 * LIMIT)
    # Nothing is taken meanwhile.
    assert (shard.waiting(), shard.dead()) == (200, 0)
    # Not even by a consumer that knows nothing of it.
    shard.end()
    for _ in range(LIMIT + 1):
        before = failures()
        if ends:
            assert shard.run_until_it_ends() == 1
            continue
        shard.start()
        until(lambda before=before: failures() >= before + 2)  # type: ignore[misc]
        shard.end()
    assert (shard.waiting(), shard.dead()) == (200, 0)
    if ends:
        OUTAGES[outage](shard, False)
    shard.start()
    if not ends:
        OUTAGES[outage](shard, False)
    until(lambda: len(shard.stored()) == 300)
    shard.end()
    assert (shard.waiting(), shard.dead()) == (0, 0)


def _of(binding_key: str, first: int, count: int) -> list[int]:
    """Creditors of the shard with this key."""
    realm = Realm.parse(binding_key)
    return [number for number in range(first, first + 4 * count + 50) if realm.matches(number)][:count]


def _bind(shard: Shard, binding_key: str) -> None:
    with (
        connection_to(shard.environment["SOLVER_POSTGRES_URL"]) as solver,
        connection_to(shard.environment["WORKER_POSTGRES_URL"]) as worker,
    ):
        binding.bind(worker, binding.make_installation(solver), binding_key, is_forced=True)
    shard.environment = {**shard.environment, "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": binding_key}


def test_a_queue_of_another_shard_loses_nothing_however_often_the_consumer_starts(
    shard: Shard, caplog: pytest.LogCaptureFixture
) -> None:
    theirs = _of("1.#", 1, 100)
    _bind(shard, "0.#")
    shard.publish(theirs)
    for _ in range(2 * LIMIT):
        assert shard.run_until_it_ends() == 1
    assert (shard.waiting(), shard.dead(), shard.stored()) == (100, 0, set())
    assert "the queue's bindings and the realm disagree: " in caplog.text
    assert "messages belong to other shards" in caplog.text
    assert "swpt-trade resume_consumption" in caplog.text
    # The shard that they belong to.
    _bind(shard, "1.#")
    shard.start()
    until(lambda: shard.stored() == set(theirs))
    shard.end()
    assert (shard.waiting(), shard.dead()) == (0, 0)


def test_a_queue_that_was_emptied_is_consumed_again(
    shard: Shard, rabbitmq_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    _bind(shard, "0.#")
    shard.publish(_of("1.#", 1, 10))
    assert shard.run_until_it_ends() == 1
    rabbitmqctl(rabbitmq_url, "purge_queue", shard.queue)
    ours = _of("0.#", 1, 10)
    shard.start()
    until(lambda: "is empty: messages are taken from it again" in caplog.text)
    shard.publish(ours)
    until(lambda: shard.stored() == set(ours))


def test_an_operator_ends_the_stop_of_a_queue(shard: Shard) -> None:
    _bind(shard, "0.#")
    shard.publish(_of("1.#", 1, 10))
    assert shard.run_until_it_ends() == 1
    ours = _of("0.#", 1, 20)
    shard.publish(ours)
    assert shard.run_until_it_ends() == 1
    assert shard.stored() == set()
    for answer in ("is consumed again", "nothing kept it"):
        done = CliRunner().invoke(main, ["resume_consumption"], env=shard.environment)
        assert done.exit_code == 0
        assert answer in done.output
    shard.start()
    until(lambda: shard.stored() == set(ours))
    until(lambda: shard.dead() == 10)


def test_a_copy_too_many_stops_no_shard(shard: Shard, caplog: pytest.LogCaptureFixture) -> None:
    """A publisher's CC header brings a message to two shards."""
    _bind(shard, "0.#")
    # One at a time, which must not keep the others from coming while some are held.
    shard.environment["PROTOCOL_BROKER_PREFETCH_COUNT"] = "1"
    ours, (theirs,) = _of("0.#", 1, 40), _of("1.#", 1, 1)
    shard.start()
    shard.publish([*ours[:10], theirs, *ours[10:20]])
    until(lambda: shard.stored() == set(ours[:20]))
    until(lambda: shard.dead() == 1)
    reason = f"UpdatedFlags with sharding key {theirs} is outside the realm 0.#"
    assert f"rejected a message of another shard, which most are not: {reason}" in caplog.text
    # The next one comes alone.
    shard.publish([theirs])
    until(lambda: shard.dead() == 2)
    shard.publish(ours[20:])
    until(lambda: shard.stored() == set(ours))
    assert shard.statuses == []


@pytest.mark.parametrize("is_dry", [True, False])
def test_dead_letters_of_the_delivery_limit_come_back(shard: Shard, is_dry: bool) -> None:
    source = RabbitSource(shard.url, shard.queue, 100)
    shard.publish(range(20))
    while shard.dead() < 20:
        source.take(100, 0.2)
        source.close()
    # What was refused is another matter, and so is what an authority must not send.
    target = RabbitTarget(shard.url)
    key = binary_routing_key(1)
    target.publish([Publication("to_trade", key, "UpdatedFlags", b"{")])
    body = changed("AccountIdResponse", account_id="thief")
    target.publish([Publication("creditors_in", key, "AccountIdResponse", body, {"ca-trade": True})])
    target.close()
    (bad,) = [delivery for delivery in _take(source, 2) if delivery.type == "UpdatedFlags"]
    source.settle([], [bad.tag])
    source.close()
    while shard.dead() < 22:
        source.take(100, 0.2)
        source.close()
    arguments = ["requeue_dead_letters", "--reason", "delivery_limit"]
    done = CliRunner().invoke(main, arguments + ["--dry-run"] * is_dry, env=shard.environment)
    assert done.exit_code == 0, done.output
    assert f"20 {'would be moved' if is_dry else 'moved'} from {shard.queue}.XQ to {shard.queue}, 2 left" in done.output
    assert "1 of these are from an accounting authority" in done.output
    until(lambda: (shard.waiting(), shard.dead()) == ((0, 22) if is_dry else (20, 2)))
    if not is_dry:
        # The count begins anew.
        assert {delivery_count(delivery) for delivery in _take(source, 20)} == {0}
        source.close()
        shard.start()
        until(lambda: shard.stored() == set(range(20)))


def _take(source: RabbitSource, count: int) -> list[Delivery]:
    found: list[Delivery] = []
    while len(found) < count:
        found += source.take(100, 1.0)
    return found


def test_requeueing_says_what_is_missing(shard: Shard) -> None:
    done = CliRunner().invoke(main, ["requeue_dead_letters", "-q", "nobody-s"], env=shard.environment)
    assert done.exit_code == 1
    assert "NOT_FOUND" in done.output
    assert "nobody-s.XQ" in done.output
    url = shard.url.replace("guest:guest", "guest:s3cret")
    done = CliRunner().invoke(main, ["requeue_dead_letters", "-u", url], env=shard.environment)
    assert done.exit_code == 1
    assert "look at user and password" in done.output
    assert "s3cret" not in done.output


@pytest.mark.slow
def test_a_giant_among_others_stops_nothing(shard: Shard, caplog: pytest.LogCaptureFixture) -> None:
    body = flags(7).body[:-1] + b" " * 2**26 + b"}"
    target = RabbitTarget(shard.url)
    assert (
        target.publish([flags(1), Publication("to_trade", binary_routing_key(7), "UpdatedFlags", body), flags(2)]) == []
    )
    target.close()
    shard.start()
    until(lambda: shard.stored() == {1, 2})
    until(lambda: shard.dead() == 1)
    assert f"its {len(body)} bytes are more than APP_MAX_MESSAGE_BYTES=65536" in caplog.text

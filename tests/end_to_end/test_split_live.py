"""A shard is split by `split_shard` while everybody trades: over a broker, with standbys that stream."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sandbox.demo import pace_of
from sandbox.economy.generator import make_economy
from sandbox.economy.setup import set_up
from sandbox.servers.broker import rabbitmqctl
from sandbox.servers.documents import DocumentServer
from sandbox.servers.installation import Server, run
from sandbox.world.exchange import RabbitExchange
from sandbox.world.shard import Place, Shard
from sandbox.world.splitting import children_of
from sandbox.world.world import SERVICE_ROLE, World
from tests.databases import connection_to, hostile_server
from tests.end_to_end.runs import LIMIT, brisk, check, run_to_end, run_to_offers, want_the_same_again
from tests.standby import Standby

pytestmark = [pytest.mark.slow, pytest.mark.rabbitmq]

DATABASE = "worker_0"
"""The name that the first parent's database has, and so all copies of it."""
PROMOTION = "function pg_promote"


@pytest.fixture
def broker_url(rabbitmq_url: str) -> Iterator[str]:
    """A virtual host that is gone afterwards, with all that was in it."""
    rabbitmqctl(rabbitmq_url, "add_vhost", "split")
    rabbitmqctl(rabbitmq_url, "set_permissions", "-p", "split", "guest", ".*", ".*", ".*")
    yield f"{rabbitmq_url}/split"
    rabbitmqctl(rabbitmq_url, "delete_vhost", "split")


class Copy:
    """Where a child's database is, whatever name the world has for it."""

    def __init__(self, standby: Standby) -> None:
        self._standby = standby

    def database_url(self, _database: str, user: str) -> str:
        return self._standby.url(DATABASE, user)


class Splits:
    """Splits shards of a world that goes on meanwhile."""

    def __init__(self, world: World, servers: dict[str, Any], broker_url: str, folder: Path) -> None:
        self._world = world
        self._servers = servers
        self._broker_url = broker_url
        self._folder = folder
        self._runs = 0

    def split(self, shard: Shard, standbys: tuple[Standby, Standby], *, is_killed: bool, may_promote: bool) -> None:
        """`is_killed`: in the middle, and run again."""
        world = self._world
        halves = children_of(shard.place)
        for half, standby in zip(halves, standbys, strict=True):
            self._servers[half.database] = Copy(standby)
        running = self._start(shard.place, halves)
        self._wait(running, '"unsubscribe", "state": "done"', is_early=True)
        if is_killed:
            running.send(signal.SIGKILL)
            running.wait()
            running = self._start(shard.place, halves)
        self._wait(running, f"stop all processes of {shard.place.binding_key}; connected are ", is_early=True)
        # The shard hears of the result, and pays; the answers are for its halves.
        for _ in range(5):
            world.step()
        assert world.leftovers().transfer_attempts + world.leftovers().account_locks > 0
        number = world.shards.index(shard)
        world.shards.remove(shard)
        shard.close()
        if not may_promote:
            self._wait(running, "promote the standby for")
            for standby in standbys:
                standby.promote()
        world.step_until(lambda: running.status is not None, "splitting", LIMIT)
        assert running.status == 0, running.text()
        told = [json.loads(line) for line in running.text().splitlines()]
        assert [line["step"] for line in told if line.get("state") == "done"] == [
            *("verify", "follow", "subscribe", "unsubscribe", "stop", "drain", "seal", "arrive", "promote", "bind")
        ]
        keys = [child["PROTOCOL_BROKER_QUEUE_ROUTING_KEY"] for child in told[-1]["children"]]
        assert keys == [half.binding_key for half in halves]
        world.shards[number:number] = [world.open_shard(half, DELETE_PARENT_SHARD_RECORDS="true") for half in halves]
        again = run(self._environment(shard.place, halves), "split_shard", "--plan")
        assert again.returncode == 0, again.stdout
        assert "to do" not in again.stdout

    def _environment(self, place: Place, halves: tuple[Place, Place]) -> dict[str, str]:
        """That of a worker, and of the command."""
        config = self._world.configuration(place)
        urls = [self._servers[half.database].database_url("", SERVICE_ROLE) for half in halves]
        return {
            **self._world.settings.worker,
            "SOLVER_POSTGRES_URL": config.solver_postgres_url,
            "WORKER_POSTGRES_URL": config.worker_postgres_url,
            "PROTOCOL_BROKER_URL": self._broker_url,
            "PROTOCOL_BROKER_QUEUE": place.queue,
            "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": place.binding_key,
            "DELETE_PARENT_SHARD_RECORDS": str(place.binding_key != "#"),
            "SPLIT_SHARD_POSTGRES_URL_0": urls[0],
            "SPLIT_SHARD_POSTGRES_URL_1": urls[1],
        }

    def _start(self, place: Place, halves: tuple[Place, Place]) -> Server:
        self._runs += 1
        output = self._folder / f"{self._runs}.log"
        return Server(self._environment(place, halves), output, "split_shard", "--apply", "--json")

    def _wait(self, running: Server, text: str, *, is_early: bool = False) -> None:
        """The world goes on until the command says something; `is_early`: but for the shards."""
        parts = self._world.parts()
        ends = time.monotonic() + LIMIT.total_seconds()
        while text not in running.text():
            assert running.status is None, running.text()
            assert time.monotonic() < ends, f"never said: {text}"
            if is_early:
                parts["AuthorityPeer"]()
                parts["CreditorsPeer"]()
            else:
                self._world.step()
            time.sleep(0.02)


def test_a_live_shard_is_split_twice(broker_url: str, tmp_path: Path) -> None:
    """The first time the command is killed and run again, the second time its role may not promote."""
    economy = make_economy(5, traders=24, currencies=6)
    servers: dict[str, Any] = {}
    exchange = RabbitExchange(broker_url)
    # As the command knows it.
    exchange.prefix = ""
    with (
        hostile_server(wal_level="replica", max_wal_senders="8") as server,
        DocumentServer() as documents,
        ExitStack() as closing,
        World(server, exchange, 1, brisk(pace_of(economy, documents)), documents, servers) as world,
    ):

        def standbys(source: Standby | None = None) -> tuple[Standby, Standby]:
            made = Standby(server, source), Standby(server, source)
            for standby in made:
                closing.callback(standby.stop)
            return made

        def trade(shard: Shard, copies: tuple[Standby, Standby], *, is_first: bool) -> None:
            """A whole turn; the shard is split when its payments begin."""
            turn_id = run_to_offers(world)
            before = world.settlement()
            splits.split(shard, copies, is_killed=is_first, may_promote=is_first)
            run_to_end(world, turn_id)
            check(world, economy, before)

        splits = Splits(world, servers, broker_url, tmp_path)
        with server.admin(DATABASE) as admin:
            admin.execute(f"grant execute on {PROMOTION} to {SERVICE_ROLE}".encode())
        set_up(economy, world.authority, world.agent, world.documents, lambda: world.settle(LIMIT))
        first = standbys()
        trade(world.shards[0], first, is_first=True)

        with connection_to(first[0].url(DATABASE)) as child:
            child.execute(f"revoke execute on {PROMOTION} from {SERVICE_ROLE}".encode())
        want_the_same_again(world, economy)
        trade(world.shards[0], standbys(first[0]), is_first=False)
        assert [shard.place.binding_key for shard in world.shards] == ["0.0.#", "0.1.#", "1.#"]
        assert world.leftovers().is_empty

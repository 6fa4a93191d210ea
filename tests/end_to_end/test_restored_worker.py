"""A worker's database is put back to an earlier moment of a turn: nobody is paid twice, and everybody is paid.

The time that was lost is in the journal: a second queue that gets everything the shard gets.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from bridge.wire.topology import worker_topology
from sandbox.demo import pace_of
from sandbox.economy.setup import set_up
from sandbox.servers.documents import DocumentServer
from sandbox.servers.postgres import PrivateServer
from sandbox.world.exchange import InProcessExchange
from sandbox.world.world import World
from tests.end_to_end.runs import LIMIT, brisk, check, database, run_to_end, run_to_offers, want_the_same_again
from tests.end_to_end.towns import circle

pytestmark = pytest.mark.slow

JOURNAL = "journal"
ROUNDS = 6


@pytest.fixture(scope="module")
def town() -> Iterator[World]:
    """One shard, before its first turn."""
    economy = circle()
    with (
        PrivateServer() as server,
        DocumentServer() as documents,
        World(server, InProcessExchange(), 1, brisk(pace_of(economy, documents)), documents) as world,
    ):
        world.exchange.declare(worker_topology(JOURNAL, "#"))
        set_up(economy, world.authority, world.agent, world.documents, lambda: world.settle(LIMIT))
        yield world


def copy_database(world: World, source: str, target: str) -> None:
    """Nobody may be connected."""
    with world.server.admin() as admin:
        admin.execute(f"drop database if exists {target}".encode())
        admin.execute(f"create database {target} template {source} owner worker_0_owner".encode())


def back_up(world: World) -> None:
    place = world.shards[0].place
    world.shards[0].close()
    copy_database(world, place.database, "backup")
    world.shards[0] = world.open_shard(place)


def restore(world: World) -> None:
    place = world.shards[0].place
    world.shards[0].close()
    copy_database(world, "backup", place.database)
    world.shards[0] = world.open_shard(place)
    with database(world, place) as worker:
        ready = b"select worker.is_ready_for_journal() or worker.doubtful_turns() is null"
        world.step_until(lambda: worker.execute(ready).fetchone() == (True,), "taking results over again", LIMIT)
    world.shards[0].replay(world.exchange.source(JOURNAL))


def let_time_pass(world: World) -> None:
    """No request is under way when everybody is quiet."""
    world.settle(LIMIT)
    with database(world, world.shards[0].place) as worker:
        worker.execute(
            "update worker.transfer_attempt set held_until = worker.now() - interval '1 s' where held_at is not null"
        )


def empty_journal(world: World) -> None:
    source = world.exchange.source(JOURNAL)
    while taken := source.take(1000, 0.0):
        source.settle([delivery.tag for delivery in taken], [])
    source.close()


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_turn_ends_well_after_a_restore_at_any_moment(town: World, seed: int) -> None:
    chance = random.Random(seed)
    economy = circle()
    if seed:
        want_the_same_again(town, economy)
    before = town.settlement()
    turn_id = run_to_offers(town)
    empty_journal(town)
    for _ in range(chance.randrange(12)):
        town.step()
    back_up(town)
    for _ in range(chance.randrange(1, 15)):
        town.step()
    restore(town)
    let_time_pass(town)
    run_to_end(town, turn_id)
    check(town, economy, before)
    with database(town, town.shards[0].place) as worker:
        assert worker.execute("select count(*) from worker.step_back where ended_at is null").fetchone() == (0,)
        assert worker.execute("select count(*) from worker.transfer_decision").fetchone() == (0,)

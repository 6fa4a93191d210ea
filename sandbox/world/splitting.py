"""Splits a shard of a world into two, as `split_shard` does it, with copies on the same server."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.wire.ports import Source
from bridge.wire.topology import Topology, worker_topology
from sandbox.world.shard import Place, Shard
from sandbox.world.world import Stuck, World
from service.splitting.steps import Splitting, Step, advance, child_variables
from settings.config import Config


class _Queues:
    """Those of a world's exchange."""

    def __init__(self, world: World) -> None:
        self._world = world

    def subscribe(self, config: Config) -> None:
        self._world.exchange.declare(self._topology(config))

    def unsubscribe(self, config: Config) -> None:
        self._world.exchange.unbind(self._topology(config))

    def sources(self, config: Config) -> Iterator[Source]:
        source = self._world.exchange.source(config.protocol_broker_queue)
        yield source
        source.close()

    def delete(self, config: Config) -> str | None:
        self._world.exchange.delete(Topology((), self._topology(config).queues, ()))
        return None

    def _topology(self, config: Config) -> Topology:
        key = config.protocol_broker_queue_routing_key
        return worker_topology(config.protocol_broker_queue, key, self._world.exchange.prefix)


def split_shard(world: World, number: int, *, empty_lanes: bool = True) -> tuple[Shard, Shard]:
    """Puts two children in the place of `world.shards[number]`; what the parent leaves over is still in both.

    The parent takes in everything from its queue. With `empty_lanes=False` it ends before it has applied that: then
    the children have to. Its database stays until `complete_split`.
    """
    parent = world.shards[number]
    first, second = children_of(parent.place)
    parent.close()

    def copy() -> None:
        with world.server.admin() as admin:
            for child in (first, second):
                # It fails when anybody is still connected to the parent's database.
                admin.execute(
                    f"create database {child.database} template {parent.place.database} owner {child.owner}".encode()
                )

    def tell(step: Step, reason: str | None) -> None:
        if reason is not None:
            raise Stuck(f"{step.name}: {reason}")

    advance(
        Splitting(
            world.configuration(parent.place),
            [world.configuration(child, DELETE_PARENT_SHARD_RECORDS="true") for child in (first, second)],
            _Queues(world),
            prefix=world.exchange.prefix,
            copy=copy,
            has_standbys=False,
            applies_inbox=empty_lanes,
        ),
        tell,
    )
    halves = tuple(world.open_shard(child, DELETE_PARENT_SHARD_RECORDS="true") for child in (first, second))
    world.shards[number : number + 1] = halves
    return halves[0], halves[1]


def complete_split(world: World, parent: Place) -> None:
    """Cleans the children up, checks that nothing is left over, and removes the parent's database.

    Raises RuntimeError when a child has rows of another shard after a pass over all of its tables.
    """
    children = children_of(parent)
    for number, shard in enumerate(world.shards):
        if shard.place in children:
            shard.scan()
            if left := shard.foreign_rows():
                raise RuntimeError(f"{shard.place.database} has rows of other shards: {left}")
            shard.close()
            world.shards[number] = world.open_shard(shard.place)
    with world.server.admin() as admin:
        admin.execute(f"drop database {parent.database}".encode())


def children_of(parent: Place) -> tuple[Place, Place]:
    """Names and keys of the two halves of a shard."""

    def child(bit: int) -> Place:
        variables = child_variables(parent.queue, parent.binding_key, bit)
        queue, key = variables["PROTOCOL_BROKER_QUEUE"], variables["PROTOCOL_BROKER_QUEUE_ROUTING_KEY"]
        return Place(queue, key, f"{parent.database}_{bit}", parent.owner)

    return child(0), child(1)

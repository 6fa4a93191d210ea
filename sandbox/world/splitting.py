"""Splits a shard of a world into two, by the steps that docs/operations.md describes to operators."""

from __future__ import annotations

from bridge.wire.topology import Topology, worker_topology
from sandbox.world.shard import Place, Shard
from sandbox.world.world import World


def split_shard(world: World, number: int, *, empty_lanes: bool = True) -> tuple[Shard, Shard]:
    """Puts two children in the place of `world.shards[number]`; what the parent leaves over is still in both.

    The parent takes in everything from its queue. With `empty_lanes=False` it ends before it has applied that: then
    the children have to. Its queue and its database stay until `complete_split`.
    """
    parent = world.shards[number]
    children = children_of(parent.place)
    for child in children:
        world.exchange.declare(_topology(world, child))
    world.exchange.unbind(_topology(world, parent.place))
    parent.empty_queue()
    if empty_lanes:
        parent.empty_lanes()
    parent.close()
    with world.server.admin() as admin:
        for child in children:
            # It fails when anybody is still connected to the parent's database.
            admin.execute(
                f"create database {child.database} template {parent.place.database} owner {child.owner}".encode()
            )
    first, second = (world.open_shard(child, DELETE_PARENT_SHARD_RECORDS="true") for child in children)
    world.shards[number : number + 1] = [first, second]
    return first, second


def complete_split(world: World, parent: Place) -> None:
    """Cleans the children up, checks that nothing is left over, and removes the parent's queue and database.

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
    topology = _topology(world, parent)
    world.exchange.delete(Topology((), topology.queues, ()))
    with world.server.admin() as admin:
        admin.execute(f"drop database {parent.database}".encode())


def children_of(parent: Place) -> tuple[Place, Place]:
    """Names and keys of the two halves of a shard."""
    prefix = parent.binding_key.removesuffix("#")

    def child(bit: int) -> Place:
        return Place(f"{parent.queue}_{bit}", f"{prefix}{bit}.#", f"{parent.database}_{bit}", parent.owner)

    return child(0), child(1)


def _topology(world: World, place: Place) -> Topology:
    return worker_topology(place.queue, place.binding_key, world.exchange.prefix)

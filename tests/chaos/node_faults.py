"""What goes wrong with a broker that is a cluster: one of its three nodes is lost for a while."""

from __future__ import annotations

import random
import signal
import time

from tests.chaos.installation import Installation
from tests.chaos.surroundings import Surroundings

_WHOLE_SECONDS = 300.0


def kill_node(dice: random.Random, installation: Installation, _: Surroundings) -> None:
    """A node is killed, and comes back after some seconds."""
    node = dice.choice(installation.cluster.nodes)
    node.end(signal.SIGKILL)
    time.sleep(dice.uniform(10, 30))
    node.start()
    _wait_until_whole(installation)


def part_node(dice: random.Random, installation: Installation, _: Surroundings) -> None:
    """A node loses its connections to the two others, and stops until they have found each other again."""
    node = dice.choice(installation.cluster.nodes)
    installation.cluster.part(node)
    time.sleep(dice.uniform(10, 30))
    installation.cluster.join(node)
    _wait_until_whole(installation)


def silence_node(dice: random.Random, installation: Installation, _: Surroundings) -> None:
    """A node stands still for half a minute, with all its connections, until somebody kills it and starts it again."""
    node = dice.choice(installation.cluster.nodes)
    node.send(signal.SIGSTOP)
    time.sleep(dice.uniform(25, 35))
    node.end(signal.SIGKILL)
    node.start()
    _wait_until_whole(installation)


def _wait_until_whole(installation: Installation) -> None:
    ends = time.monotonic() + _WHOLE_SECONDS
    while not installation.cluster.is_whole():
        if time.monotonic() > ends:
            raise AssertionError(f"the nodes of the cluster do not find each other within {_WHOLE_SECONDS:.0f} s")
        time.sleep(0.5)


NODE_FAULTS = {kill_node: 1.0, part_node: 1.0, silence_node: 1.0}
"""How often each of these comes, in relation to the others. They are for a clustered installation only."""

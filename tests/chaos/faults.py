"""What goes wrong: each fault is one event, and the service is still damaged when the next one comes."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from tests.chaos.installation import SERVERS, Installation
from tests.chaos.step_backs import STEP_BACKS
from tests.chaos.strangers import STRANGERS
from tests.chaos.surroundings import STORM, USUAL, Surroundings

Fault = Callable[[random.Random, Installation, Surroundings], None]


def kill_process(dice: random.Random, installation: Installation, _: Surroundings) -> None:
    """One process of a server dies; its supervisor starts it again."""
    pids = installation.processes(installation.servers[dice.choice(SERVERS)].pid)
    if pids:
        _send(dice.choice(sorted(pids)), signal.SIGKILL)


def freeze_process(dice: random.Random, installation: Installation, _: Surroundings) -> None:
    """One process stands still for a while: its queue fills up, and somebody has to empty it afterwards."""
    pids = sorted(installation.processes(installation.servers[dice.choice(SERVERS)].pid))
    if not pids:
        return
    pid = dice.choice(pids)
    _send(pid, signal.SIGSTOP)
    time.sleep(dice.uniform(1, 4))
    _send(pid, signal.SIGCONT)


def kill_server(dice: random.Random, installation: Installation, _: Surroundings) -> None:
    """A supervisor dies, and its processes with it; the server comes back soon."""
    name = dice.choice(SERVERS)
    installation.kill(name)
    installation.start(name)


def restart_server(dice: random.Random, installation: Installation, _: Surroundings) -> None:
    """A server is stopped as operators do it, and started again."""
    name = dice.choice(SERVERS)
    status = installation.stop(name)
    installation.start(name)
    if status != 0:
        raise AssertionError(f"{name} ended with status {status} when it was asked to stop")


def cut_databases(dice: random.Random, installation: Installation, _: Surroundings) -> None:
    """Some of the connections to the databases are lost."""
    pids = [pid for pid, _ in installation.connections()]
    installation.cut_connections([pid for pid in pids if dice.random() < 0.5])


def crash_databases(_dice: random.Random, installation: Installation, _: Surroundings) -> None:
    """PostgreSQL ends in immediate mode: sessions are lost, it recovers from its log."""
    installation.stop_databases()
    installation.start_databases()


def cut_broker(_dice: random.Random, installation: Installation, _: Surroundings) -> None:
    """All connections of the workers to the broker are lost."""
    installation.proxy.drop()


def stall_broker(dice: random.Random, installation: Installation, _: Surroundings) -> None:
    """Nothing goes to and from the broker for a while, though the connections stay."""
    installation.proxy.stall()
    time.sleep(dice.uniform(1, 3))
    installation.proxy.flow()


def restart_broker(_dice: random.Random, installation: Installation, _: Surroundings) -> None:
    """RabbitMQ is stopped as operators do it, and started again."""
    installation.broker.end()
    installation.broker.start()


def crash_broker(_dice: random.Random, installation: Installation, _: Surroundings) -> None:
    """RabbitMQ is killed, and started again."""
    installation.broker.end(signal.SIGKILL)
    installation.broker.start()


def storm(dice: random.Random, _: Installation, surroundings: Surroundings) -> None:
    """Nearly all messages from the world outside are late, and come several times."""
    surroundings.set_network(STORM)
    time.sleep(dice.uniform(1, 3))
    surroundings.set_network(USUAL)


FAULTS: dict[Fault, float] = {
    kill_process: 8,
    freeze_process: 3,
    kill_server: 2,
    restart_server: 2,
    cut_databases: 4,
    crash_databases: 2,
    cut_broker: 3,
    stall_broker: 2,
    restart_broker: 0.5,
    crash_broker: 0.5,
    storm: 3,
    **STRANGERS,
    **STEP_BACKS,
}
"""How often each fault comes, in relation to the others."""


def draw(dice: random.Random, count: int, weights: Mapping[Fault, float]) -> list[Fault]:
    """So many faults in random order; each kind is among them if there are enough."""
    kinds = list(weights)
    first = kinds if count >= len(kinds) else dice.sample(kinds, count)
    drawn = [*first, *dice.choices(kinds, list(weights.values()), k=count - len(first))]
    dice.shuffle(drawn)
    return drawn


def _send(pid: int, number: signal.Signals) -> None:
    # It may have ended by itself meanwhile.
    with suppress(ProcessLookupError):
        os.kill(pid, number)

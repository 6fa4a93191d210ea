"""The exchange server of a sandbox: inside the process, or a RabbitMQ where it uses names of its own."""

from __future__ import annotations

import secrets
from typing import Protocol

from bridge.loopback import LoopbackBroker
from bridge.rabbitmq.broker import RabbitSource, RabbitTarget
from bridge.rabbitmq.setup import declare, delete, unbind
from bridge.wire.ports import Source, Target
from bridge.wire.topology import Binding, Topology, worker_topology
from sandbox.protocol.topology import sandbox_topology

PREFETCH = 5000


class Exchange(Protocol):
    """Where the sandbox's messages go. `prefix` stands before every name on the server."""

    prefix: str

    def declare(self, topology: Topology) -> None: ...

    def unbind(self, topology: Topology) -> None:
        """Removes the bindings of queues, and nothing else."""
        ...

    def delete(self, topology: Topology) -> None:
        """Deletes the queues, with what is in them, and the exchanges."""
        ...

    def source(self, queue: str) -> Source: ...

    def target(self) -> Target: ...

    def close(self) -> None:
        """Removes everything that was declared."""
        ...


class InProcessExchange:
    """The exchange inside the process."""

    prefix = ""

    def __init__(self) -> None:
        self._broker = LoopbackBroker()

    def declare(self, topology: Topology) -> None:
        self._broker.declare(topology)

    def unbind(self, topology: Topology) -> None:
        self._broker.delete(Topology((), (), _queue_bindings(topology)))

    def delete(self, topology: Topology) -> None:
        self._broker.delete(topology)

    def source(self, queue: str) -> Source:
        return self._broker.source(queue)

    def target(self) -> Target:
        return self._broker.target()

    def close(self) -> None:
        pass


class RabbitExchange:
    """A RabbitMQ that may serve others too: all names get a random prefix, and are removed at the end."""

    def __init__(self, url: str) -> None:
        self.prefix = f"sandbox-{secrets.token_hex(4)}."
        self._url = url
        self._declared: list[Topology] = []

    def declare(self, topology: Topology) -> None:
        self._declared.append(topology)
        declare(self._url, topology)

    def unbind(self, topology: Topology) -> None:
        unbind(self._url, _queue_bindings(topology))

    def delete(self, topology: Topology) -> None:
        delete(self._url, topology)

    def source(self, queue: str) -> Source:
        return RabbitSource(self._url, self.prefix + queue, PREFETCH)

    def target(self) -> Target:
        return RabbitTarget(self._url, prefix=self.prefix)

    def close(self) -> None:
        for topology in reversed(self._declared):
            delete(self._url, topology)


def declare_sandbox(exchange: Exchange, worker_queues: dict[str, str]) -> None:
    """Declares what workers (queue name -> binding key), the authority and the creditors agent need."""
    for queue, binding_key in worker_queues.items():
        exchange.declare(worker_topology(queue, binding_key, exchange.prefix))
    exchange.declare(sandbox_topology(exchange.prefix))


def _queue_bindings(topology: Topology) -> tuple[Binding, ...]:
    return tuple(binding for binding in topology.bindings if binding.destination_is_queue)

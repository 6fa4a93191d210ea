"""A broker that is a cluster of three nodes on this machine, any of which may be lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

from bridge.wire.topology import Queue, Topology
from sandbox.servers.broker import Membership, PrivateBroker, end_port_mapper, rabbitmqctl

_SIZE = 3
_STRANGE_COOKIE = "another"


class BrokerCluster:
    """Three servers, each with its own port and data. Use it like a `PrivateBroker`: its URL names all of them."""

    def __init__(self, script: Path) -> None:
        """Starts them: the first one alone, which the others then join."""
        self._home = Path(tempfile.mkdtemp(prefix="swpt-rabbitmq-cluster-"))
        names = [f"swpt-node-{os.getpid()}-{number}@localhost" for number in range(1, _SIZE + 1)]
        first = Membership(names[0], names[:1], self._home)
        others = [Membership(name, names[:1], self._home, first.name_server_port) for name in names[1:]]
        self._closing = ExitStack()
        self._closing.callback(shutil.rmtree, self._home, ignore_errors=True)
        self._closing.callback(end_port_mapper, first.name_server_port)
        self.nodes: list[PrivateBroker] = []
        try:
            self._start(script, [first])
            self._start(script, others)
        except BaseException:
            self.close()
            raise
        self.url = joined(node.url for node in self.nodes)

    def _start(self, script: Path, members: Iterable[Membership]) -> None:
        with ThreadPoolExecutor(_SIZE) as pool:
            started = [pool.submit(PrivateBroker, script, member) for member in members]
        for each in started:
            self.nodes.append(self._closing.enter_context(closing(each.result())))

    def close(self) -> None:
        """For ever."""
        with ThreadPoolExecutor(_SIZE) as pool:
            list(pool.map(lambda node: node.end(signal.SIGKILL), self.nodes))
        self._closing.close()

    def part(self, node: PrivateBroker) -> None:
        """The node and the others do not hear each other any more."""
        names = ",".join(f"'{other.name}'" for other in self.nodes if other is not node)
        strange = f"erlang:set_cookie(N, {_STRANGE_COOKIE}), erlang:disconnect_node(N)"
        rabbitmqctl(node.url, "eval", f"[begin {strange} end || N <- [{names}]].")

    def join(self, node: PrivateBroker) -> None:
        """They hear each other again."""
        names = ",".join(f"'{other.name}'" for other in self.nodes if other is not node)
        rabbitmqctl(
            node.url,
            "eval",
            f"[begin erlang:set_cookie(N, erlang:get_cookie()), net_adm:ping(N) end || N <- [{names}]].",
        )

    def is_whole(self) -> bool:
        """Does every node see all the others, and take connections?"""
        for node in self.nodes:
            try:
                running = rabbitmqctl(node.url, "eval", "length(rabbit_nodes:all_running()).")
            except subprocess.CalledProcessError:
                return False
            if running.strip() != str(_SIZE):
                return False
        return True


def joined(urls: Iterable[str]) -> str:
    """One URL for the hosts of all these, whose other parts are the same."""
    all_parts = [urlsplit(url) for url in urls]
    hosts = ",".join(f"{parts.hostname}:{parts.port}" for parts in all_parts)
    return f"amqp://{all_parts[0].username}:{all_parts[0].password}@{hosts}"


def on_all_nodes(topology: Topology) -> Topology:
    """The same with quorum queues, where a queue has no type yet."""
    queues = (Queue(queue.name, {"x-queue-type": "quorum", **queue.arguments}) for queue in topology.queues)
    return Topology(topology.exchanges, tuple(queues), topology.bindings)

"""`flush_…`: sends what waits in the outgoing queues to RabbitMQ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from bridge.messages.names import INTERNAL_TYPES
from bridge.rabbitmq.broker import RabbitTarget
from service.databases import open_worker
from service.gathering import rest_after
from service.loop import Listener, Stop, Work
from service.loops import OpenWork, Part, Rounds
from service.wiring import Wiring
from settings.config import Config
from sql.connections import connect

_CHANNEL = "worker_outbox"


def part(config: Config, name: str, types: Sequence[str], quit_early: bool) -> Part:
    """Sends messages of these types. `name` is the command's. What goes to another broker has a loop of its own."""
    loops: dict[str, OpenWork] = {}

    def add(loop: str, url: str, types: Sequence[str]) -> None:
        if types:
            loops[loop] = partial(_open, config, Wiring(config), url, types, name)

    if config.has_internal_broker:
        # What goes wrong with one of the brokers must not keep messages from the other.
        add(name, config.protocol_broker_url, [each for each in types if each not in INTERNAL_TYPES])
        add(f"{name} internal", config.internal_broker_url, [each for each in types if each in INTERNAL_TYPES])
    else:
        add(name, config.protocol_broker_url, types)
    return Part(name, loops, config.flush_period.total_seconds(), quit_early)


@contextmanager
def _open(config: Config, wiring: Wiring, url: str, types: Sequence[str], name: str, stop: Stop) -> Iterator[Work]:
    # A broker that takes nothing for now must not keep the process from ending.
    target = RabbitTarget(url, give_up=lambda: stop.is_requested, files=config.broker_files)
    try:
        with open_worker(config, name) as worker, connect(config.worker_postgres_url, f"{name} listener") as listening:
            outbound = wiring.outbound(worker, target, types)
            rounds = Rounds(outbound.run_once, config.flush_period.total_seconds())
            listener = Listener(listening, [_CHANNEL])
            # Whoever has something to send says so: the period is for what comes without a word.
            yield Work(
                rounds.step,
                lambda stop, _seconds: listener.wait(stop, rounds.rest()),
                rest=lambda _count, seconds: rest_after(seconds, outbound.has_more),
            )
    finally:
        target.close()

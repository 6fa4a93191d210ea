"""`flush_…`: sends what waits in the outgoing queues to RabbitMQ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from bridge.rabbitmq.broker import RabbitTarget
from service.databases import connect, open_worker
from service.loop import Listener, Stop, Work
from service.loops import Rounds, run_loops
from service.wiring import Wiring
from settings.config import Config

_CHANNEL = "worker_outbox"


def run_flusher(config: Config, name: str, types: Sequence[str], quit_early: bool, stop: Stop) -> int:
    """One process that sends messages of these types. `name` is the command's. Returns the exit status."""
    return run_loops(
        name,
        {name: partial(_open, config, types, name, stop)},
        stop,
        poll_seconds=config.flush_period.total_seconds(),
        quit_early=quit_early,
    )


@contextmanager
def _open(config: Config, types: Sequence[str], name: str, stop: Stop) -> Iterator[Work]:
    # A broker that takes nothing for now must not keep the process from ending.
    target = RabbitTarget(config.protocol_broker_url, give_up=lambda: stop.is_requested)
    try:
        with open_worker(config, name) as worker, connect(config.worker_postgres_url, f"{name} listener") as listening:
            outbound = Wiring(config).outbound(worker, target, types)
            rounds = Rounds(outbound.run_once, config.flush_period.total_seconds())
            listener = Listener(listening, [_CHANNEL])
            # Whoever has something to send says so: the period is for what comes without a word.
            yield Work(rounds.step, lambda stop, _seconds: listener.wait(stop, rounds.rest()))
    finally:
        target.close()

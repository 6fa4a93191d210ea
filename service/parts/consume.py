"""`consume_messages`: takes messages from RabbitMQ into the inbox lanes, and applies what is in them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from bridge.rabbitmq.broker import RabbitSource
from service.databases import connect, lane_count, open_worker
from service.loop import Listener, Stop, Work
from service.loops import OpenWork, run_loops
from service.wiring import Wiring
from settings.config import Config

NAME = "consume_messages"

_POLL_SECONDS = 5.0
_STOP_SECONDS = 0.2
_CHANNEL = "worker_inbox"


def run_consumer(config: Config, stop: Stop) -> int:
    """One process: a thread that takes messages in, and threads that apply them. Returns the exit status."""
    loops: dict[str, OpenWork] = {"inbound": partial(_open_inbound, config)}
    for number in range(config.protocol_broker_threads):
        loops[f"drain {number}"] = partial(_open_drain, config, number)
    return run_loops(NAME, loops, stop, poll_seconds=_POLL_SECONDS)


@contextmanager
def _open_inbound(config: Config) -> Iterator[Work]:
    source = RabbitSource(
        config.protocol_broker_url, config.protocol_broker_queue, config.protocol_broker_prefetch_count
    )

    def wait(stop: Stop, seconds: float) -> None:
        # In short pieces, because a stop request does not end the wait for messages.
        ends = time.monotonic() + seconds
        while not (stop.is_requested or source.has_news(_STOP_SECONDS) or time.monotonic() > ends):
            pass

    try:
        with open_worker(config, "inbound") as worker:
            inbound = Wiring(config).inbound(source, worker, lane_count(worker))
            yield Work(lambda: inbound.run_once(0.0), wait)
    finally:
        source.close()


@contextmanager
def _open_drain(config: Config, number: int) -> Iterator[Work]:
    with open_worker(config, "drain") as worker, connect(config.worker_postgres_url, "drain listener") as listening:
        drain = Wiring(config).drain(worker, lane_count(worker), number)
        yield Work(drain.run_once, Listener(listening, [_CHANNEL]).wait)

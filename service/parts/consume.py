"""`consume_messages`, `consume_internal_messages`: messages from RabbitMQ into the inbox lanes, and from there applied.

Both fill the same lanes, and both work all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from bridge.inbound import ForeignShard
from bridge.rabbitmq.broker import RabbitSource
from bridge.trial import Trial
from service.databases import lane_count, open_worker
from service.gathering import enough_of, rest_after
from service.loop import Listener, Stop, Work
from service.loops import OpenWork, Part
from service.parts.intake import Intake
from service.parts.stop_sign import REMEDY, StopSign
from service.wiring import Wiring
from settings.config import Config, ConsumedQueue
from sql.connections import connect

NAME = "consume_messages"
INTERNAL_NAME = "consume_internal_messages"

_POLL_SECONDS = 5.0
_CHANNEL = "worker_inbox"


@dataclass(frozen=True, slots=True)
class _Consumer:
    """What is consumed, and how. `sign_name`: the queue's in the table of stop signs."""

    config: Config
    queue: ConsumedQueue
    sign_name: str
    may_be_missing: bool
    is_draining: bool


def part(config: Config, *, is_draining: bool = False) -> Part:
    """A thread that takes messages in, and threads that apply them.

    `is_draining`: the queue is let go of while it brings nothing.
    """
    queue = config.protocol_queue
    consumer = _Consumer(config, queue, queue.name, may_be_missing=is_draining, is_draining=is_draining)
    return _part(NAME, "inbound", consumer, 0.0)


def internal_part(config: Config, *, is_draining: bool = False) -> Part:
    """The same for the queue of internal messages.

    Where these come by the other queue, only what an earlier set-up has left in this one is taken, if it is there.
    """
    queue = config.internal_queue
    sign_name = queue.name if queue.name != config.protocol_broker_queue else f"{queue.name} (internal)"
    may_be_missing = is_draining or not config.has_internal_broker
    # Drainers of both consumers begin with other lanes.
    return _part(
        INTERNAL_NAME, "internal inbound", _Consumer(config, queue, sign_name, may_be_missing, is_draining), 0.5
    )


def _part(name: str, inbound: str, consumer: _Consumer, offset: float) -> Part:
    config, threads = consumer.config, consumer.queue.threads
    loops: dict[str, OpenWork] = {inbound: partial(_open_inbound, consumer, Wiring(config), Trial())}
    for number in range(threads):
        loops[f"drain {number}"] = partial(_open_drain, config, Wiring(config), (number + offset) / threads)
    return Part(name, loops, _POLL_SECONDS)


@contextmanager
def _open_inbound(consumer: _Consumer, wiring: Wiring, trial: Trial, _stop: Stop) -> Iterator[Work]:
    config, queue = consumer.config, consumer.queue
    source = RabbitSource(
        queue.url,
        queue.name,
        queue.prefetch_count,
        files=config.broker_files,
        most_bytes=config.app_max_message_bytes,
    )

    def count_waiting() -> int:
        depth = source.look()
        return 0 if depth is None else depth.messages

    try:
        with open_worker(config, "inbound") as worker:
            sign = StopSign(worker, consumer.sign_name, config.realm.binding_key)
            sign.obey(count_waiting if consumer.may_be_missing else source.count_waiting)
            inbound = wiring.inbound(source, worker, lane_count(worker), trial=trial)
            intake = Intake(inbound, source, may_be_missing=consumer.may_be_missing, is_draining=consumer.is_draining)
            enough = enough_of(queue.prefetch_count)
            yield Work(
                partial(_take, intake.step, sign),
                intake.wait,
                lambda: inbound.stored > 0,
                lambda count, seconds: rest_after(seconds, count >= enough),
            )
    finally:
        source.close()


def _take(step: Callable[[], int], sign: StopSign) -> int:
    try:
        return step()
    except ForeignShard as error:
        # Before the messages go back, so that nobody takes them again.
        sign.put(str(error))
        raise ForeignShard(f"{error}. {REMEDY}") from None


@contextmanager
def _open_drain(config: Config, wiring: Wiring, place: float, _stop: Stop) -> Iterator[Work]:
    with open_worker(config, "drain") as worker, connect(config.worker_postgres_url, "drain listener") as listening:
        drain = wiring.drain(worker, lane_count(worker), place)
        yield Work(
            drain.run_once,
            Listener(listening, [_CHANNEL]).wait,
            rest=lambda _count, seconds: rest_after(seconds, drain.has_more),
        )

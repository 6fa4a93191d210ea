"""Puts dead letters back into the queue that they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import pika
import pika.exceptions

from bridge.messages.catalogue import TAKEN_FROM
from bridge.rabbitmq.causes import explain
from bridge.rabbitmq.setup import TopologyError, connect
from bridge.rabbitmq.tls import NO_FILES, TlsFiles
from bridge.wire.topology import CREDITORS_IN, DEAD_LETTER_SUFFIX

REASONS = ("delivery_limit", "rejected", "expired", "maxlen")
"""Why the broker makes a dead letter of a message: given back too often, refused by the consumer, or queue limits."""

# What the broker noted about the message, and counts anew.
_HISTORY = (
    "x-death",
    "x-delivery-count",
    *(f"x-{which}-death-{what}" for which in ("first", "last") for what in ("exchange", "queue", "reason")),
)
_FROM_AUTHORITIES = "ca-trade"
_NOT_IMPLEMENTED = 540
_STREAM_OFFSET = "x-stream-offset"
_STREAM_PREFETCH = 100
_STREAM_SECONDS = 10.0
"""A stream that brings nothing for so long has lost its end, by its limits."""
_LAST_SECONDS = 1.0
"""Its last messages come at once, if there are any."""


@dataclass(slots=True)
class Requeued:
    """How many dead letters went back; how many stayed, as they died of something else; and how many of those that
    stayed claim to be what accounting authorities must not send.

    A stream keeps those that went back, too: `next_offset` is the place behind the last one looked at.
    """

    moved: int = 0
    left: int = 0
    forged: int = 0
    next_offset: int | None = None


@dataclass(slots=True)
class _Letter:
    """One of them. `settle`: takes it out of its queue, where that can be done."""

    properties: Any
    body: bytes
    settle: Callable[[], None]


_Open = Callable[[], Any]
_Read = Callable[[Any, str], Iterator[_Letter]]


def requeue(
    url: str,
    queue: str,
    reason: str,
    files: TlsFiles = NO_FILES,
    *,
    limit: int | None = None,
    is_dry: bool = False,
    offset: int = 0,
) -> Requeued:
    """Moves those that died of `reason`, each when the broker has confirmed it: at worst a message is there twice.

    `limit`: most of them that are moved. `is_dry`: they are only counted. `offset`: in a stream, where to begin.
    Raises TopologyError, when a queue is missing or takes no messages, and ConnectionError.
    """
    from_stream = partial(_from_stream, open_another=lambda: connect(url, files)[0], offset=offset)
    for read in (_from_queue, from_stream):
        connection, where = connect(url, files)
        try:
            return _requeue(connection, queue, read, reason, limit, is_dry)
        except pika.exceptions.UnroutableError:
            raise TopologyError(f"there is no queue {queue}") from None
        except pika.exceptions.NackError:
            raise TopologyError(f"the queue {queue} takes no more messages: it is full") from None
        except pika.exceptions.ChannelClosedByBroker as error:
            raise TopologyError(explain(error, where)) from None
        except pika.exceptions.ConnectionClosedByBroker as error:
            if error.reply_code != _NOT_IMPLEMENTED or read is not _from_queue:
                raise ConnectionError(f"the broker ended the connection: {explain(error, where)}") from None
            # It is a stream: nothing can be taken out of it.
        except pika.exceptions.AMQPError as error:
            raise ConnectionError(f"the broker ended the connection: {explain(error, where)}") from None
        finally:
            # What was not moved goes back to where it was.
            if connection.is_open:
                connection.close()
    raise AssertionError


def _requeue(connection: Any, queue: str, read: _Read, reason: str, limit: int | None, is_dry: bool) -> Requeued:
    done = Requeued()
    target = connection.channel()
    target.confirm_delivery()
    for letter in read(connection, queue + DEAD_LETTER_SUFFIX):
        headers = dict(letter.properties.headers or {})
        place = headers.pop(_STREAM_OFFSET, None)
        if cause_of_death(headers, queue) != reason:
            done.left += 1
        elif _is_forged(headers, letter.properties.type):
            done.left += 1
            done.forged += 1
        else:
            done.moved += 1
            if not is_dry:
                letter.properties.headers = {name: value for name, value in headers.items() if name not in _HISTORY}
                target.basic_publish("", queue, letter.body, letter.properties, mandatory=True)
                letter.settle()
        if place is not None:
            done.next_offset = int(place) + 1
        if done.moved == limit:
            break
    return done


def _from_queue(connection: Any, dead_letters: str) -> Iterator[_Letter]:
    channel = connection.channel()
    # Those that come in the meantime are for the next time.
    for _ in range(channel.queue_declare(dead_letters, passive=True).method.message_count or 1):
        method, properties, body = channel.basic_get(dead_letters)
        if method is None:
            return
        yield _Letter(properties, body, partial(channel.basic_ack, method.delivery_tag))


def _from_stream(_connection: Any, dead_letters: str, open_another: _Open, offset: int) -> Iterator[_Letter]:
    end = -1
    # Up to here: what goes back and dies again comes after it.
    for number, (place, _, _) in enumerate(_read_stream(open_another, dead_letters, "last", _LAST_SECONDS)):
        end = place
        if number == _STREAM_PREFETCH:
            break
    if end < offset:
        return
    for place, properties, body in _read_stream(open_another, dead_letters, offset, _STREAM_SECONDS):
        if place > end:
            return
        yield _Letter(properties, body, _nothing)
        if place == end:
            return


def _read_stream(open_another: _Open, name: str, offset: int | str, seconds: float) -> Iterator[tuple[int, Any, bytes]]:
    """Messages and their places, until none came for so many seconds."""
    connection = open_another()
    try:
        channel = connection.channel()
        channel.basic_qos(prefetch_count=_STREAM_PREFETCH)
        for method, properties, body in channel.consume(
            name, inactivity_timeout=seconds, arguments={_STREAM_OFFSET: offset}
        ):
            if method is None:
                return
            channel.basic_ack(method.delivery_tag)
            yield int(properties.headers[_STREAM_OFFSET]), properties, body
    finally:
        # The library gives back what it has not handed out, which streams do not know.
        with suppress(pika.exceptions.AMQPError):
            connection.close()


def _nothing() -> None:
    pass


def cause_of_death(headers: dict[str, Any], queue: str) -> str | None:
    """Of what the message died last in this queue, as its broker noted; None: it did not die there."""
    deaths = headers.get("x-death")
    if deaths is None:
        # A stream keeps plain values only.
        for which in ("last", "first"):
            if headers.get(f"x-{which}-death-queue") == queue:
                reason = headers.get(f"x-{which}-death-reason")
                return reason if isinstance(reason, str) else None
    for death in deaths if isinstance(deaths, list) else []:
        if isinstance(death, dict) and death.get("queue") == queue:
            reason = death.get("reason")
            return reason if isinstance(reason, str) else None
    return None


def _is_forged(headers: dict[str, Any], message_type: str | None) -> bool:
    """By the default exchange everything is taken, so what authorities must not send has to stay out of it.

    Their exchange passes on only what has this header.
    """
    return headers.get(_FROM_AUTHORITIES) is True and message_type not in TAKEN_FROM[CREDITORS_IN]

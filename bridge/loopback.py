"""A broker inside the process: what the demo, the end-to-end tests and the benchmark use in place of RabbitMQ.

It routes as RabbitMQ does (topic and headers exchanges, bindings between exchanges, alternate exchanges, dead-letter
queues, returns of mandatory messages) and implements the same two ports. Nothing survives the process. Thread-safe.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import force_setattr, replace

from bridge.wire.ports import Delivery, Headers, Publication, PublishError, SourceError
from bridge.wire.topology import Arguments, Binding, Topology

Matches = Callable[[str, Headers], bool]

MAX_KNOWN_ROUTES = 200_000


@dataclass(slots=True)
class _Exchange:
    type: str
    alternate: str | None
    bindings: list[tuple[Binding, Matches]] = field(default_factory=list)


@dataclass(slots=True)
class _Queue:
    name: str
    arguments: Arguments
    arrived: threading.Condition
    ready: deque[Delivery] = field(default_factory=deque)


class LoopbackBroker:
    """Exchanges and queues in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._exchanges: dict[str, _Exchange] = {}
        self._queues: dict[str, _Queue] = {}
        self._tags = itertools.count(1)
        # Queues by everything that decides where a message goes. Forgotten when something is declared or deleted.
        self._routes: dict[tuple[object, ...], tuple[_Queue, ...]] = {}
        self._deciding_headers: tuple[str, ...] = ()

    def declare(self, topology: Topology) -> None:
        """Makes what is missing. Raises ValueError when an object exists with other properties."""
        with self._lock:
            for exchange in topology.exchanges:
                alternate = exchange.arguments.get("alternate-exchange")
                new = _Exchange(exchange.type, None if alternate is None else str(alternate))
                old = self._exchanges.setdefault(exchange.name, new)
                if (old.type, old.alternate) != (new.type, new.alternate):
                    raise ValueError(f"exchange {exchange.name} exists with other properties")
            for queue in topology.queues:
                made = _Queue(queue.name, dict(queue.arguments), threading.Condition(self._lock))
                if self._queues.setdefault(queue.name, made).arguments != queue.arguments:
                    raise ValueError(f"queue {queue.name} exists with other arguments")
            for binding in topology.bindings:
                source = self._exchanges[binding.source]
                if all(known != binding for known, _ in source.bindings):
                    source.bindings.append((binding, _matcher(source.type, binding)))
            self._forget_routes()

    def delete(self, topology: Topology) -> None:
        """Removes the bindings, queues and exchanges; those that do not exist are no error."""
        with self._lock:
            for binding in topology.bindings:
                source = self._exchanges.get(binding.source)
                if source is not None:
                    source.bindings = [kept for kept in source.bindings if kept[0] != binding]
            for queue in topology.queues:
                self._queues.pop(queue.name, None)
            for exchange in topology.exchanges:
                self._exchanges.pop(exchange.name, None)
            self._forget_routes()

    def source(self, queue: str) -> LoopbackSource:
        """A consumer of the queue. Several may share it."""
        return LoopbackSource(self, queue)

    def target(self, prefix: str = "") -> LoopbackTarget:
        """A publisher; `prefix` goes before the names of exchanges."""
        return LoopbackTarget(self, prefix)

    def depth(self, queue: str) -> int:
        """How many messages wait in the queue, apart from those a consumer has taken."""
        with self._lock:
            return len(self._queues[queue].ready)

    def _publish(self, item: Publication, exchange: str) -> tuple[_Queue, ...]:
        """Puts the message into its queues, and returns these; the caller tells their consumers."""
        queues = self._queues_of(item, exchange)
        for queue in queues:
            queue.ready.append(
                Delivery(
                    tag=0,
                    exchange=exchange,
                    routing_key=item.routing_key,
                    type=item.type,
                    content_type=item.content_type,
                    headers=item.headers,
                    body=item.body,
                )
            )
        return queues

    def _queues_of(self, item: Publication, exchange: str) -> tuple[_Queue, ...]:
        headers = item.headers
        # The type counts, as in the matchers: 1 is not true.
        deciding = [(type(value), value) for value in map(headers.get, self._deciding_headers)]
        place = (exchange, item.routing_key, *deciding)
        known = self._routes.get(place)
        if known is None:
            if len(self._routes) >= MAX_KNOWN_ROUTES:
                self._routes.clear()
            names: dict[str, None] = {}
            self._route(exchange, item.routing_key, headers, names, set())
            known = self._routes[place] = tuple(self._queues[name] for name in names)
        return known

    def _forget_routes(self) -> None:
        self._routes.clear()
        headers = {
            name
            for exchange in self._exchanges.values()
            if exchange.type == "headers"
            for binding, _ in exchange.bindings
            for name in binding.arguments
            if not name.startswith("x-")
        }
        self._deciding_headers = tuple(sorted(headers))

    def _route(self, name: str, key: str, headers: Headers, queues: dict[str, None], visited: set[str]) -> None:
        if name == "":
            if key in self._queues:
                queues[key] = None
            return
        if name in visited:
            return
        visited.add(name)
        exchange = self._exchanges[name]
        found = False
        for binding, matches in exchange.bindings:
            if not matches(key, headers):
                continue
            if not binding.destination_is_queue:
                found = True
                self._route(binding.destination, key, headers, queues, visited)
            elif binding.destination in self._queues:
                found = True
                queues[binding.destination] = None
        if not found and exchange.alternate in self._exchanges:
            assert exchange.alternate is not None
            self._route(exchange.alternate, key, headers, queues, visited)

    def _dead_letter(self, queue: _Queue, delivery: Delivery) -> None:
        exchange = queue.arguments.get("x-dead-letter-exchange")
        if exchange is None:
            return
        queues: dict[str, None] = {}
        key = str(queue.arguments.get("x-dead-letter-routing-key", delivery.routing_key))
        self._route(str(exchange), key, delivery.headers, queues, set())
        for name in queues:
            target = self._queues[name]
            target.ready.append(replace(delivery, tag=0, exchange=str(exchange), routing_key=key, redelivered=False))
            target.arrived.notify()


class LoopbackSource:
    """Implements `bridge.wire.ports.Source`."""

    def __init__(self, broker: LoopbackBroker, queue: str) -> None:
        self._broker = broker
        self._name = queue
        self._unsettled: dict[int, Delivery] = {}

    def take(self, limit: int, timeout: float) -> list[Delivery]:
        broker = self._broker
        with broker._lock:
            queue = self._queue()
            if not queue.ready:
                queue.arrived.wait(timeout)
            taken: list[Delivery] = []
            while queue.ready and len(taken) < limit:
                delivery = queue.ready.popleft()
                # In the queue it belonged to nobody else, so no copy is needed.
                force_setattr(delivery, "tag", next(broker._tags))
                self._unsettled[delivery.tag] = delivery
                taken.append(delivery)
            return taken

    def settle(self, accepted: Sequence[int], rejected: Sequence[int] = ()) -> None:
        with self._broker._lock:
            queue = self._queue()
            if not all(tag in self._unsettled for tag in itertools.chain(accepted, rejected)):
                raise SourceError("unknown delivery tag")
            for tag in accepted:
                del self._unsettled[tag]
            for tag in rejected:
                self._broker._dead_letter(queue, self._unsettled.pop(tag))

    def widen(self, extra: int) -> None:
        """There is no limit."""

    def close(self) -> None:
        with self._broker._lock:
            queue = self._broker._queues.get(self._name)
            if queue is not None:
                back = [replace(delivery, tag=0, redelivered=True) for delivery in self._unsettled.values()]
                queue.ready.extendleft(reversed(back))
                queue.arrived.notify(len(back))
            self._unsettled.clear()

    def _queue(self) -> _Queue:
        try:
            return self._broker._queues[self._name]
        except KeyError:
            raise SourceError(f"no queue {self._name}") from None


class LoopbackTarget:
    """Implements `bridge.wire.ports.Target`."""

    def __init__(self, broker: LoopbackBroker, prefix: str) -> None:
        self._broker = broker
        self._prefix = prefix

    def publish(self, batch: Sequence[Publication]) -> list[int]:
        returned = []
        reached: dict[str, _Queue] = {}
        broker = self._broker
        with broker._lock:
            try:
                for index, item in enumerate(batch):
                    exchange = self._prefix + item.exchange if item.exchange else ""
                    if exchange and exchange not in broker._exchanges:
                        raise PublishError(f"no exchange {exchange}")
                    queues = broker._publish(item, exchange)
                    for queue in queues:
                        reached[queue.name] = queue
                    if not queues and item.mandatory:
                        returned.append(index)
            finally:
                for queue in reached.values():
                    queue.arrived.notify_all()
        return returned

    def close(self) -> None:
        pass


def _matcher(exchange_type: str, binding: Binding) -> Matches:
    if exchange_type == "headers":
        return _headers_matcher(binding.arguments)
    if exchange_type == "topic":
        return _topic_matcher(binding.routing_key)
    raise ValueError(f"unsupported exchange type {exchange_type}")


def _headers_matcher(arguments: Arguments) -> Matches:
    wanted = {name: value for name, value in arguments.items() if not name.startswith("x-")}
    any_will_do = arguments.get("x-match", "all") == "any"

    def matches(_key: str, headers: Mapping[str, object]) -> bool:
        # The type counts: the number 1 is not the boolean true.
        hits = (type(headers.get(name)) is type(value) and headers[name] == value for name, value in wanted.items())
        return any(hits) if any_will_do else all(hits)

    return matches


def _topic_matcher(pattern: str) -> Matches:
    prefix = pattern.removesuffix("#")
    if pattern == "#":
        return lambda _key, _headers: True
    if pattern.endswith(".#") and "*" not in prefix and "#" not in prefix:
        # The usual case, `0.1.#`: a prefix test. `#` stands for zero words, too.
        return lambda key, _headers: key.startswith(prefix) or key + "." == prefix
    if "*" not in pattern and "#" not in pattern:
        return lambda key, _headers: key == pattern
    regex = re.compile(_topic_regex(pattern))
    return lambda key, _headers: regex.fullmatch(key + ".") is not None


def _topic_regex(pattern: str) -> str:
    # Every word is followed by a dot (the caller appends one to the key).
    words = {"*": r"[^.]*\.", "#": r"(?:[^.]*\.)*"}
    return "".join(words.get(word, re.escape(word) + r"\.") for word in pattern.split("."))

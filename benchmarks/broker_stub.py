"""A stand-in for a shard: takes, acknowledges and publishes the same messages, with confirms, and keeps nothing.

Usage: python -m benchmarks.broker_stub URL QUEUE BINDING_KEY RECORD INTERNAL RESULT

RECORD is what an authority was asked for in a real turn, INTERNAL a JSON object: how many internal messages of each
type the shard sent to others. It prints `ready`, begins when it reads a line, and ends when all that is owed to it has
come: every answer, and every AccountTransfer. It waits only for what causes a message: a commit needs the number of
its prepared transfer, the first commits need all replies (as a turn does), a collector pays when it has been paid.
"""

from __future__ import annotations

import argparse
import json
import queue
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.broker_script import Account, Script, make_script
from bridge.rabbitmq.broker import RabbitSource, RabbitTarget
from bridge.wire.ports import Delivery, Publication, Target
from bridge.wire.sharding import Realm
from service.gathering import ENOUGH, LONGEST

PREFETCH = 10_000
LIMIT = 5_000
TAKE_SECONDS = 1.0
SILENCE_SECONDS = 120.0


class News(msgspec.Struct):
    """What the stand-in wants to know of a message."""

    creditor_id: int
    debtor_id: int
    coordinator_id: int = 0
    coordinator_request_id: int = 0
    transfer_id: int = 0
    acquired_amount: int = 0


class Player:
    """Plays a script: messages in, messages out."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._decoder = msgspec.json.Decoder(News)
        self._held: list[Publication] = []
        self._payments: Counter[Account] = Counter()
        self.counts: Counter[str] = Counter()
        for waiting in script.later.values():
            waiting.sort(key=lambda item: item[0], reverse=True)

    def begin(self) -> list[Publication]:
        """What is said before anything is heard."""
        first = self._script.at_once
        for account in [*self._script.later]:
            first = first + self._due(account)
        return first

    def hear(self, deliveries: list[Delivery]) -> list[Publication]:
        """What there is to say about these."""
        said: list[Publication] = []
        script = self._script
        for delivery in deliveries:
            self.counts[delivery.type or ""] += 1
            if delivery.type == "PreparedTransfer":
                news = self._decoder.decode(delivery.body)
                found = script.finalizings.get((news.coordinator_id, news.coordinator_request_id))
                if found is not None:
                    said.append(found.of(news.transfer_id))
            elif delivery.type == "AccountTransfer":
                news = self._decoder.decode(delivery.body)
                account = (news.creditor_id, news.debtor_id)
                if news.acquired_amount > 0 and account in script.later:
                    self._payments[account] += 1
                    said += self._due(account)
        if self._replies < script.replies_at_once:
            self._held += said
            return []
        said, self._held = self._held + said, []
        return said

    @property
    def is_over(self) -> bool:
        """Has everything come that is owed?"""
        return (
            self._replies >= self._script.replies
            and self.counts["FinalizedTransfer"] >= self._script.finalized
            and self.counts["AccountTransfer"] >= self._script.transfers
        )

    @property
    def _replies(self) -> int:
        return self.counts["PreparedTransfer"] + self.counts["RejectedTransfer"]

    def _due(self, account: Account) -> list[Publication]:
        waiting, due = self._script.later[account], []
        while waiting and waiting[-1][0] <= self._payments[account]:
            due.append(waiting.pop()[1])
        return due


class Publisher(threading.Thread):
    """Publishes in a thread, and mixes the internal messages evenly among those that come after the first ones."""

    def __init__(self, target: Target, script: Script) -> None:
        super().__init__(daemon=True)
        self._target = target
        self._internal = script.internal
        self._internal_count = len(script.internal)
        self._mixed = 0
        self._most_mixed = max(1, sum(map(len, script.later.values())) + script.finalized)
        self._queue: queue.SimpleQueue[tuple[list[Publication], bool]] = queue.SimpleQueue()
        self.published = 0
        self.error: BaseException | None = None

    def put(self, batch: list[Publication], *, mixed: bool = True) -> None:
        """Soon."""
        self._queue.put((batch, mixed))

    def run(self) -> None:
        try:
            while True:
                items = [self._queue.get()]
                while not self._queue.empty():
                    items.append(self._queue.get())
                batch: list[Publication] = []
                for some, mixed in items:
                    batch += some
                    self._mixed += len(some) * mixed
                left = self._internal_count - self._internal_count * self._mixed // self._most_mixed
                while len(self._internal) > left:
                    batch.append(self._internal.pop())
                self._target.publish(batch)
                self.published += len(batch)
        except BaseException as error:
            self.error = error


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("queue")
    parser.add_argument("binding_key")
    parser.add_argument("record", type=Path)
    parser.add_argument("internal", type=json.loads)
    parser.add_argument("result", type=Path)
    options = parser.parse_args()
    with options.record.open("rb") as record:
        script = make_script(record, Realm.parse(options.binding_key), options.internal)
    player = Player(script)
    source = RabbitSource(options.url, options.queue, PREFETCH)
    target = RabbitTarget(options.url)
    source.take(1, 0.0)
    target.publish([])
    publisher = Publisher(target, script)
    publisher.start()
    print("ready", flush=True)
    sys.stdin.readline()
    began, cpu_began = time.monotonic(), time.process_time()
    heard = began
    publisher.put(player.begin(), mixed=False)
    while not player.is_over:
        if publisher.error is not None:
            raise publisher.error
        deliveries = source.take(LIMIT, TAKE_SECONDS)
        if deliveries:
            heard = time.monotonic()
        elif time.monotonic() - heard > SILENCE_SECONDS:
            print(f"not all has come: {dict(player.counts)}", file=sys.stderr)
            return 1
        said = player.hear(deliveries)
        source.settle([delivery.tag for delivery in deliveries])
        if said:
            publisher.put(said)
        if 0 < len(deliveries) < ENOUGH and not player.is_over:
            # As ours do, so that it is not slower by doing everything in handfuls.
            time.sleep(LONGEST)
    facts: dict[str, Any] = {
        "began_at": began,
        "ended_at": time.monotonic(),
        "cpu_seconds": time.process_time() - cpu_began,
        "taken": player.counts.total(),
        "taken_by_type": dict(player.counts),
        "published": publisher.published,
    }
    options.result.write_text(json.dumps(facts))
    source.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

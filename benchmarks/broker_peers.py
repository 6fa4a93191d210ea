"""One of the sandbox's peers as a process of its own, at a RabbitMQ: what it knew before comes from a file.

Usage: python -m benchmarks.broker_peers authority|agent URL FOLDER RESULT [--record FILE]

It works until SIGTERM, then it checks its books, and writes to the file RESULT what it did. `--record`: every transfer
that it is asked for goes to this file, one JSON object a line.
"""

from __future__ import annotations

import argparse
import json
import pickle
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from bridge.rabbitmq.broker import RabbitSource, RabbitTarget
from bridge.wire.ports import Delivery, Publication, Target
from sandbox.authority import Authority
from sandbox.authority.gateway import AuthorityPeer
from sandbox.creditors.agent import CreditorsAgent, CreditorsPeer
from sandbox.protocol.peer import Peer
from sandbox.protocol.topology import AUTHORITY_QUEUE, CREDITORS_QUEUE

PREFETCH = 10_000
LIMIT = 5_000
TAKE_SECONDS = 0.2
QUEUES = {"authority": AUTHORITY_QUEUE, "agent": CREDITORS_QUEUE}


class CountingTarget:
    """A target that counts what is published: messages by type, and bytes of their bodies."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.counts: Counter[str] = Counter()
        self.body_bytes = 0

    def publish(self, batch: Sequence[Publication]) -> list[int]:
        self.counts.update([publication.type for publication in batch])
        self.body_bytes += sum(len(publication.body) for publication in batch)
        return self._target.publish(batch)

    def close(self) -> None:
        self._target.close()


class RecordingAuthority(AuthorityPeer):
    """Writes down what it is asked for, in the order in which it does it."""

    record: BinaryIO | None = None

    def _read(self, delivery: Delivery) -> None:
        if self.record is not None and delivery.type in ("PrepareTransfer", "FinalizeTransfer"):
            self.record.write(delivery.body + b"\n")
        super()._read(delivery)


def main() -> int:
    """Returns the exit status: 1 when the books do not agree, or a message could not be read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=QUEUES)
    parser.add_argument("url")
    parser.add_argument("folder", type=Path, help="where the files `authority` and `agent` are")
    parser.add_argument("result", type=Path)
    parser.add_argument("--record", type=Path)
    options = parser.parse_args()
    stops: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stops.append(number))

    actor: Authority | CreditorsAgent = pickle.loads((options.folder / options.name).read_bytes())
    source = RabbitSource(options.url, QUEUES[options.name], PREFETCH)
    target = CountingTarget(RabbitTarget(options.url))
    peer: Peer
    if isinstance(actor, Authority):
        peer = authority = RecordingAuthority(source, target, actor, limit=LIMIT)
        if options.record:
            authority.record = options.record.open("wb")
    else:
        peer = CreditorsPeer(source, target, actor, limit=LIMIT)
    done = 0
    while not stops:
        done += peer.run_once(TAKE_SECONDS)
    source.close()
    target.close()
    if isinstance(actor, Authority):
        actor.audit()
        if authority.record is not None:
            authority.record.close()
    published = target.counts.total()
    facts = {
        "taken": done - published,
        "published": published,
        "published_by_type": dict(target.counts),
        "published_bytes": target.body_bytes,
        "dead_letters": peer.dead_letters,
        "ended_at": time.monotonic(),
    }
    options.result.write_text(json.dumps(facts))
    return 1 if peer.dead_letters else 0


if __name__ == "__main__":
    sys.exit(main())

"""What the bridges and the loops tell a listener."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence

import psycopg
import pytest

from bridge.drain import Drain
from bridge.inbound import Inbound
from bridge.loopback import LoopbackBroker
from bridge.outbound import Outbound
from bridge.wire.ports import Publication
from bridge.wire.sharding import Realm
from bridge.wire.topology import worker_topology
from pipelines import hook
from pipelines.hook import Event
from pipelines.solver.report import Report
from tests.bridge import outgoing
from tests.bridge.messages.examples import EXAMPLES, WORKED
from tests.conftest import Connection

Events = Counter[tuple[str, str]]


class Listener:
    """Counts what it hears, by event and type."""

    def __init__(self) -> None:
        self.events: Events = Counter()
        self.reports: list[Report] = []

    def on_event(self, event: Event, message_type: str, amount: int) -> None:
        self.events[event, message_type] += amount

    def on_solved(self, report: Report) -> None:
        self.reports.append(report)


@pytest.fixture
def heard() -> Iterator[Events]:
    """What a listener has heard so far."""
    listener = Listener()
    hook.listen(listener)
    yield listener.events
    hook.listen(None)


def drain(connection: Connection) -> int:
    return Drain(connection, 8).run_once()


def test_a_message_is_counted_on_its_way(worker_db: Connection, heard: Events) -> None:
    broker = LoopbackBroker()
    broker.declare(worker_topology("q", "#"))
    bodies = {name: (key, body) for name, key, body in WORKED if name in ("UpdatedFlags", "UpdatedLedger")}
    for name, (key, body) in bodies.items():
        for content in (body, b"{"):
            broker.target().publish([Publication("to_trade", key, name, content, mandatory=True)])
    assert Inbound(broker.source("q"), worker_db, Realm.parse("#"), 8).run_once(0) == 4
    received = {("received", "UpdatedFlags"): 1, ("received", "UpdatedLedger"): 1, ("dead_letter", ""): 2}
    assert heard == received
    assert drain(worker_db) == 2
    assert heard == received | {("drained", "UpdatedFlags"): 1, ("drained", "UpdatedLedger"): 1}


def test_messages_that_can_not_be_applied(worker_db: Connection, heard: Events) -> None:
    worker_db.execute("insert into pgmq.q_inbox_0 (vt, message) values ('-infinity', '{\"type\": \"Nonsense\"}')")
    assert drain(worker_db) == 1
    assert heard == {("set_aside", ""): 1}


class NobodyWantsFinalizations:
    """A broker without an authority."""

    def publish(self, batch: Sequence[Publication]) -> list[int]:
        return [number for number, item in enumerate(batch) if item.type == "FinalizeTransfer"]

    def close(self) -> None: ...


def test_messages_that_leave_are_counted(worker_db: Connection, heard: Events) -> None:
    for name in ("TriggerTransfer", "FinalizeTransfer", "FinalizeTransfer"):
        outgoing.put(worker_db, name, EXAMPLES[name])
    Outbound(worker_db, NobodyWantsFinalizations(), Realm.parse("#")).run_once()
    assert heard == {
        ("sent", "TriggerTransfer"): 1,
        ("sent", "FinalizeTransfer"): 2,
        ("unroutable", "FinalizeTransfer"): 2,
    }


def test_a_disturbed_transaction_is_counted_as_repeated(
    worker_db: Connection, heard: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Disturbed:
        """A connection that fails once."""

        def __init__(self) -> None:
            self.left = 1

        def execute(self, query: object, parameters: object = None) -> object:
            if "drain_inbox(" in str(query) and self.left:
                self.left -= 1
                raise psycopg.errors.DeadlockDetected("made up")
            return worker_db.execute(query, parameters)  # type: ignore[call-overload]

    monkeypatch.setattr("bridge.drain.time.sleep", lambda _seconds: None)
    assert Drain(Disturbed(), 8).run_once() == 0  # type: ignore[arg-type]
    assert heard == {("repeated", ""): 1}


def test_the_listener_hears_every_thread(heard: Events) -> None:
    threads = [threading.Thread(target=hook.tell, args=("sent", "x", 2)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == {("sent", "x"): 6}

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from bridge.loopback import LoopbackBroker
from bridge.messages.codec import decode
from bridge.messages.names import OUTGOING_TYPES
from bridge.messages.publications import publication
from bridge.outbound import ForeignRow, Outbound
from bridge.wire.ports import Publication, PublishError
from bridge.wire.sharding import Realm
from bridge.wire.topology import peer_topology, worker_topology
from tests.bridge import outgoing
from tests.bridge.messages.examples import EXAMPLES, WORKED, delivery
from tests.conftest import Connection
from tests.covering import covers
from tests.databases import connection_to


class RecordingTarget:
    """Remembers what is published; returns what `unroutable` says; fails when told to."""

    def __init__(self) -> None:
        self.batches: list[list[Publication]] = []
        self.unroutable: set[str] = set()
        self.fails = False

    def publish(self, batch: Sequence[Publication]) -> list[int]:
        if self.fails:
            raise PublishError("made to fail")
        self.batches.append(list(batch))
        return [n for n, item in enumerate(batch) if item.mandatory and item.routing_key in self.unroutable]

    def close(self) -> None: ...

    @property
    def sent(self) -> list[Publication]:
        return [item for batch in self.batches for item in batch]


def put(connection: Connection, type_name: str, **changes: Any) -> None:
    outgoing.put(connection, type_name, {**EXAMPLES[type_name], **changes})


def waiting(connection: Connection, type_name: str) -> int:
    row = connection.execute(f"select count(*) from {outgoing.table_of(type_name)}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def parked(connection: Connection) -> int:
    row = connection.execute("select count(*) from worker.unroutable_message").fetchone()
    assert row is not None
    return int(row[0])


def outbound(connection: Connection, target: Any, binding_key: str = "#", **options: Any) -> Outbound:
    return Outbound(connection, target, Realm.parse(binding_key), **options)


def test_every_type_leaves_as_in_the_examples(worker_db: Connection) -> None:
    target = RecordingTarget()
    for type_name in OUTGOING_TYPES:
        put(worker_db, type_name)
    flusher = outbound(worker_db, target)
    assert flusher.run_once() == 16
    assert flusher.run_once() == 0
    worked = {type_name: (key, body) for type_name, key, body in WORKED}
    assert {item.type: (item.routing_key, item.body) for item in target.sent} == {
        type_name: worked[type_name] for type_name in OUTGOING_TYPES
    }


def test_what_surrounds_a_message() -> None:
    def published(type_name: str) -> Publication:
        body = next(body for name, _, body in WORKED if name == type_name)
        return publication(decode(delivery(type_name, body), types=OUTGOING_TYPES).fields)

    prepare = published("PrepareTransfer")
    assert (prepare.exchange, prepare.mandatory) == ("creditors_out", False)
    assert prepare.headers == {
        "message-type": "PrepareTransfer",
        "creditor-id": 4294967306,
        "debtor-id": 666,
        "coordinator-id": 4294967306,
        "coordinator-type": "agent",
    }
    finalize = published("FinalizeTransfer")
    assert (finalize.mandatory, finalize.headers["coordinator-type"]) == (True, "agent")
    configure = published("ConfigureAccount")
    assert (configure.exchange, configure.mandatory) == ("creditors_out", False)
    assert configure.headers == {"message-type": "ConfigureAccount", "creditor-id": 1099511627776, "debtor-id": 666}
    internal = published("StartSending")
    assert (internal.exchange, internal.mandatory) == ("to_trade", True)
    assert internal.headers == {"message-type": "StartSending"}
    assert (internal.app_id, internal.content_type) == ("swpt_trade", "application/json")


@covers("M13")
def test_numbers_and_moments_of_postgresql_are_written_alike(worker_db: Connection) -> None:
    target = RecordingTarget()
    worker_db.execute(
        """
        insert into pgmq.q_out_configure_account (vt, message) select '-infinity', jsonb_build_object(
          'type', 'ConfigureAccount', 'creditor_id', 1, 'debtor_id', 2, 'ts', '2026-01-05 02:00:00.25+00'::timestamptz,
          'seqnum', 0, 'negligible_amount', 1e30::float8, 'config_data', '', 'config_flags', 1)
        """
    )
    outbound(worker_db, target).run_once()
    assert target.sent[0].body == (
        b'{"type":"ConfigureAccount","creditor_id":1,"debtor_id":2,"ts":"2026-01-05T02:00:00.250000+00:00","seqnum":0,'
        b'"negligible_amount":1e+30,"config_data":"","config_flags":1}'
    )


def test_a_failed_batch_stays(worker_db: Connection) -> None:
    target = RecordingTarget()
    put(worker_db, "FinalizeTransfer")
    put(worker_db, "StartSending")
    target.fails = True
    flusher = outbound(worker_db, target)
    with pytest.raises(PublishError):
        flusher.run_once()
    assert (waiting(worker_db, "FinalizeTransfer"), waiting(worker_db, "StartSending")) == (1, 1)
    target.fails = False
    assert flusher.run_once() == 2
    assert waiting(worker_db, "FinalizeTransfer") == 0


@covers("V12.9")
def test_a_publisher_that_dies_after_the_confirmation_publishes_again(worker_db: Connection) -> None:
    """The publisher dies after the broker confirmed: everything is published again, nothing is lost."""
    target = RecordingTarget()
    put(worker_db, "FinalizeTransfer")

    class Dying(RecordingTarget):
        def publish(self, batch: Sequence[Publication]) -> list[int]:
            target.publish(batch)
            worker_pid = worker_db.info.backend_pid
            with connection_to(worker_db.info.dsn) as other:
                other.execute("select pg_terminate_backend(%s, 10000)", (worker_pid,))
            return []

    dsn = worker_db.info.dsn
    with pytest.raises(psycopg.OperationalError):
        outbound(worker_db, Dying()).run_once()
    with connection_to(dsn) as connection:
        assert outbound(connection, target).run_once() == 1
    assert len(target.sent) == 2
    assert target.sent[0].body == target.sent[1].body


@covers("M3")
def test_unroutable_messages_are_parked_and_offered_again(
    worker_db: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    broker = LoopbackBroker()
    broker.declare(worker_topology("q", "#"))
    broker.declare(peer_topology("peer", "00.#"))
    for number in range(5):
        put(worker_db, "FinalizeTransfer", transfer_id=number, debtor_id=-1 if number in (1, 3) else 1)
    flusher = outbound(worker_db, broker.target())
    with caplog.at_level(logging.WARNING):
        assert flusher.run_once() == 5
    assert (waiting(worker_db, "FinalizeTransfer"), parked(worker_db), broker.depth("peer")) == (0, 2, 3)
    warnings = [record.getMessage() for record in caplog.records if "no queue took" in record.getMessage()]
    assert len(warnings) == 1
    assert "2 FinalizeTransfer with routing key ff.ff" in warnings[0]
    # The peer appears; a new round offers them again.
    broker.declare(peer_topology("peer", "ff.#"))
    assert outbound(worker_db, broker.target()).run_once() == 2
    assert (parked(worker_db), broker.depth("peer")) == (0, 5)


def test_a_recovered_peer_gets_all_that_was_parked_at_once(
    worker_db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = RecordingTarget()
    target.unroutable = {"00.00.00.00.00.00.00.01"}
    for number in range(5):
        put(worker_db, "FinalizeTransfer", transfer_id=number, debtor_id=1)
    outbound(worker_db, target).run_once()
    assert parked(worker_db) == 5
    monkeypatch.setattr("bridge.outbound.BURST_COUNT", 2)
    flusher = outbound(worker_db, target)
    # Still unroutable: two are offered, and the others left in peace.
    assert [flusher.run_once() for _ in range(3)] == [2, 0, 0]
    target.unroutable = set()
    flusher = outbound(worker_db, target)
    assert [flusher.run_once() for _ in range(4)] == [2, 2, 1, 0]
    assert parked(worker_db) == 0


def test_unroutable_internal_messages_are_parked(worker_db: Connection) -> None:
    target = RecordingTarget()
    target.unroutable = {next(key for name, key, _ in WORKED if name == "StartSending")}
    put(worker_db, "StartSending")
    put(worker_db, "PrepareTransfer")
    flusher = outbound(worker_db, target)
    assert flusher.run_once() == 2
    assert parked(worker_db) == 1
    target.unroutable = set()
    assert outbound(worker_db, target).run_once() == 1
    assert [item.body for item in target.sent if item.type == "StartSending"] == [target.sent[-1].body] * 2


def test_rows_of_another_shard_stay_and_stop_no_other_type(
    worker_db: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    target = RecordingTarget()
    put(worker_db, "ConfigureAccount", creditor_id=1)
    put(worker_db, "ConfigureAccount", creditor_id=0)
    put(worker_db, "FinalizeTransfer", creditor_id=0)
    put(worker_db, "StartSending", collector_id=1)
    flusher = outbound(worker_db, target, "0.#")
    assert flusher.run_once() == 2
    assert "outbound: ConfigureAccount failed, next attempt in 1 s, the others go on: ForeignRow" in caplog.text
    assert "creditor 1 is outside 0.#" in caplog.text
    assert "Traceback" not in caplog.text
    assert [item.type for item in target.sent] == ["FinalizeTransfer", "StartSending"]
    assert waiting(worker_db, "ConfigureAccount") == 2


@pytest.mark.parametrize("delete", [False, True])
def test_rows_of_the_parent_shard(worker_db: Connection, delete: bool) -> None:
    target = RecordingTarget()
    left, right = (
        next(number for number in range(1, 100) if Realm.parse(key).matches(number)) for key in ("1.0.#", "1.1.#")
    )
    put(worker_db, "FinalizeTransfer", creditor_id=left)
    put(worker_db, "FinalizeTransfer", creditor_id=right)
    flusher = outbound(worker_db, target, "1.0.#", delete_parent_shard_records=delete)
    if delete:
        assert flusher.run_once() == 2
        assert [json.loads(item.body)["creditor_id"] for item in target.sent] == [left]
        assert waiting(worker_db, "FinalizeTransfer") == 0
        put(worker_db, "FinalizeTransfer", creditor_id=0)  # not even in the parent realm
    with pytest.raises(ForeignRow):
        flusher.run_once()


@covers("V11.9")
@pytest.mark.parametrize("delete", [pytest.param(True, id="dropped"), pytest.param(False, id="error")])
def test_rows_of_the_sibling_are_dropped_or_an_error(worker_db: Connection, delete: bool) -> None:
    target = RecordingTarget()
    creditor_id = next(number for number in range(1, 100) if Realm.parse("1.1.#").matches(number))
    put(worker_db, "ConfigureAccount", creditor_id=creditor_id)
    flusher = outbound(worker_db, target, "1.0.#", delete_parent_shard_records=delete)
    if delete:
        flusher.run_once()
    else:
        with pytest.raises(ForeignRow):
            flusher.run_once()
    assert target.sent == []
    assert waiting(worker_db, "ConfigureAccount") == (0 if delete else 1)


@covers("C18")
def test_a_backlog_does_not_delay_other_types(worker_db: Connection) -> None:
    target = RecordingTarget()
    for number in range(10):
        put(worker_db, "ConfigureAccount", creditor_id=number)
    put(worker_db, "StartSending")
    flusher = outbound(worker_db, target, burst_counts={"ConfigureAccount": 2})
    assert flusher.run_once() == 7
    assert [len(batch) for batch in target.batches] == [2, 2, 2, 1]
    assert flusher.has_more
    assert flusher.run_once() == 4
    assert not flusher.has_more


def test_only_the_selected_types_leave(worker_db: Connection) -> None:
    target = RecordingTarget()
    put(worker_db, "ConfigureAccount")
    put(worker_db, "StartSending")
    assert outbound(worker_db, target, types=["StartSending"]).run_once() == 1
    assert waiting(worker_db, "ConfigureAccount") == 1


def test_an_invalid_row_is_set_aside(worker_db: Connection, caplog: pytest.LogCaptureFixture) -> None:
    target = RecordingTarget()
    put(worker_db, "StartSending", debtor_id=0)
    put(worker_db, "StartSending")
    assert outbound(worker_db, target).run_once() == 2
    assert (len(target.sent), waiting(worker_db, "StartSending"), parked(worker_db)) == (1, 0, 0)
    rows = worker_db.execute("select queue, message_type, sqlstate, body ->> 'debtor_id' from worker.set_aside")
    assert rows.fetchall() == [("out_start_sending", "StartSending", "ST003", "0")]
    assert "invalid outgoing StartSending" in caplog.text


def test_a_message_below_the_floor_leaves_after_an_idle_round(worker_db: Connection) -> None:
    def put_with_id(outbox_id: int) -> None:
        worker_db.execute(
            "insert into pgmq.q_out_start_sending (msg_id, vt, message) overriding system value"
            " values (%s, '-infinity', %s)",
            (outbox_id, json.dumps(EXAMPLES["StartSending"])),
        )

    flusher = outbound(worker_db, RecordingTarget(), types=("StartSending",))
    put_with_id(5)
    assert flusher.run_once() == 1
    # An ID that was taken before, and commits after.
    put_with_id(3)
    assert [flusher.run_once(), flusher.run_once()] == [0, 1]


def test_two_flushers_share_the_rows(worker_db: Connection) -> None:
    first, second = RecordingTarget(), RecordingTarget()
    for number in range(4):
        put(worker_db, "StartSending", collector_id=number)
    with connection_to(worker_db.info.dsn) as other:
        rival = outbound(other, second, types=["StartSending"], burst_counts={"StartSending": 2})

        class Interrupted(RecordingTarget):
            def publish(self, batch: Sequence[Publication]) -> list[int]:
                rival.run_once()
                return first.publish(batch)

        types = ["StartSending"]
        outbound(worker_db, Interrupted(), types=types, burst_counts={"StartSending": 2}).run_once()
    bodies = [item.body for item in first.sent + second.sent]
    assert len(bodies) == len(set(bodies)) == 4


def be_slow(connection: Connection, type_name: str, condition: str) -> None:
    """Makes it slow to take some messages out of a queue: `condition` is about the row `old`."""
    connection.execute(
        f"""
        create function worker.be_slow() returns trigger language plpgsql as $$
        begin
          if {condition} then
            perform pg_sleep(5);
          end if;
          return old;
        end $$;
        create trigger be_slow before delete on {outgoing.table_of(type_name)}
        for each row execute function worker.be_slow()
        """.encode()
    )
    connection.execute("set statement_timeout = '300ms'")


@pytest.mark.parametrize("type_name", ["StartSending", "FinalizeTransfer"])
def test_a_message_that_takes_too_long_is_named_and_passed_over(
    worker_db: Connection, caplog: pytest.LogCaptureFixture, type_name: str
) -> None:
    column = "outbox_id" if type_name == "FinalizeTransfer" else "msg_id"
    be_slow(worker_db, type_name, f"old.{column} = 3")
    target = RecordingTarget()
    for _ in range(6):
        put(worker_db, type_name)
    put(worker_db, "ConfigureAccount")
    flusher = outbound(worker_db, target, burst_counts={type_name: 4})
    assert sum(flusher.run_once() for _ in range(5)) == 6
    assert waiting(worker_db, type_name) == 1
    assert f"an outgoing {type_name} (ID 3) is too much even alone, it is passed over: 57014" in caplog.text


def test_a_type_without_a_queue_stops_no_other(worker_db: Connection, caplog: pytest.LogCaptureFixture) -> None:
    target = RecordingTarget()
    for type_name in OUTGOING_TYPES:
        put(worker_db, type_name)
    worker_db.execute("alter table pgmq.q_out_account_id_request rename to q_out_account_ıd_request")
    flusher = outbound(worker_db, target)
    assert flusher.run_once() == len(OUTGOING_TYPES) - 1
    assert "outbound: AccountIdRequest failed, next attempt in 1 s, the others go on: 42P01" in caplog.text
    put(worker_db, "StartSending")
    assert flusher.run_once() == 1


def test_a_type_that_may_not_be_read_alone_is_raised(worker_db: Connection) -> None:
    worker_db.execute("alter table pgmq.q_out_account_id_request rename to q_out_account_ıd_request")
    flusher = outbound(worker_db, RecordingTarget())
    for _ in range(3):
        with pytest.raises(psycopg.errors.UndefinedTable):
            flusher.run_once()

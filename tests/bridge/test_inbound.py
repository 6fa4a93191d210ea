from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence

import psycopg
import pytest
from msgspec import inspect

from bridge.inbound import ForeignShard, Inbound
from bridge.loopback import LoopbackBroker, LoopbackSource
from bridge.messages.catalogue import STRUCTS
from bridge.messages.names import CONSUMED_TYPES
from bridge.messages.types import LARGEST_BYTES, MOST_BYTES
from bridge.trial import Trial
from bridge.wire.ports import Publication
from bridge.wire.sharding import Realm, binary_routing_key, hash32
from bridge.wire.topology import Binding, Exchange, Topology, worker_topology
from sql import Kind
from sql.connections import connect
from tests.bridge.messages.examples import EXAMPLES, WORKED, changed
from tests.conftest import Connection
from tests.covering import covers
from tests.databases import connection_to

LANES = 8


def message(type_name: str, body: bytes, key: str = "1.0", content_type: str = "application/json") -> Publication:
    return Publication("to_trade", key, type_name, body, mandatory=True, content_type=content_type)


class Shard:
    """A shard's queue on a broker, and its inbox."""

    def __init__(self, connection: Connection, binding_key: str = "#", limit: int = 1000) -> None:
        self.connection = connection
        self.broker = LoopbackBroker()
        self.broker.declare(worker_topology("q", binding_key))
        self.source = self.broker.source("q")
        self.inbound = Inbound(self.source, connection, Realm.parse(binding_key), LANES, limit)

    def send(self, *messages: Publication) -> None:
        assert self.broker.target().publish(messages) == []

    def inbox(self) -> dict[int, list[dict[str, object]]]:
        query = "select message from pgmq.q_inbox_{} where vt = '-infinity' order by msg_id"
        rows = {lane: self.connection.execute(query.format(lane).encode()).fetchall() for lane in range(LANES)}
        return {lane: [_read(row[0]) for row in found] for lane, found in rows.items() if found}

    def dead(self) -> int:
        return self.broker.depth("q.XQ")


def test_every_type_gets_into_its_lane(worker_db: Connection) -> None:
    shard = Shard(worker_db)
    consumed = [case for case in WORKED if case[0] not in ("ConfigureAccount", "PrepareTransfer", "FinalizeTransfer")]
    shard.send(*(message(type_name, body, key) for type_name, key, body in consumed))
    worker_db.execute("listen worker_inbox")
    assert shard.inbound.run_once(0) == len(consumed) == 24
    assert shard.inbound.run_once(0) == 0
    inbox = shard.inbox()
    assert sum(len(found) for found in inbox.values()) == 24
    for type_name, _, body in consumed:
        assert _as_stored(body) in inbox[_hash_of(type_name, body) & (LANES - 1)], type_name
    assert shard.source._unsettled == {}
    notified = list(worker_db.notifies(timeout=0))
    assert [item.payload for item in notified] == [",".join(map(str, sorted(inbox)))]


def _as_stored(body: bytes) -> dict[str, object]:
    fields: dict[str, object] = json.loads(body)
    return {name: _in_utc(value) for name, value in fields.items()}


def _read(stored: dict[str, object]) -> dict[str, object]:
    # PostgreSQL prints 1e30 with all its zeros.
    big = {name: float(value) for name, value in stored.items() if isinstance(value, int) and abs(value) > 2**64}
    return {**stored, **big}


def _in_utc(value: object) -> object:
    return value.replace("+00:00", "Z") if isinstance(value, str) else value


def _hash_of(type_name: str, body: bytes) -> int:
    field = {"FetchDebtorInfo": "iri", "StoreDocument": "debtor_info_locator"}.get(type_name)
    if field is None:
        by_debtor = type_name in ("DiscoverDebtor", "ConfirmDebtor", "NeededCollector")
        by_collector = type_name in ("TriggerTransfer", "AccountIdResponse", "StartSending", "StartDispatching")
        field = "debtor_id" if by_debtor else "collector_id" if by_collector else "creditor_id"
    return hash32(json.loads(body)[field])


@pytest.mark.parametrize(
    "text", ['quo"te', "back\\slash", "line\nfeed", "tab\tseparated", "\\.", "\\N", "é\u2028😀\x7f"]
)
def test_no_text_breaks_the_copy(worker_db: Connection, text: str) -> None:
    shard = Shard(worker_db)
    shard.send(message("UpdatedPolicy", changed("UpdatedPolicy", policy_name=text)))
    assert shard.inbound.run_once(0) == 1
    ((stored,),) = shard.inbox().values()
    assert stored["policy_name"] == text


@pytest.mark.parametrize("number", [1e308, 5e-324, 1e-300, -0.0, 123456789.123456789])
def test_no_number_breaks_the_copy(worker_db: Connection, number: float) -> None:
    shard = Shard(worker_db)
    shard.send(message("AccountUpdate", changed("AccountUpdate", interest=number)))
    assert shard.inbound.run_once(0) == 1
    query = "select (message ->> 'interest')::float8 from pgmq.q_inbox_{}"
    lane = hash32(EXAMPLES["AccountUpdate"]["creditor_id"]) & (LANES - 1)
    row = worker_db.execute(query.format(lane).encode()).fetchone()
    assert row == (number,)


def test_bad_messages_are_dead_lettered(worker_db: Connection, caplog: pytest.LogCaptureFixture) -> None:
    shard = Shard(worker_db)
    good = changed("UpdatedFlags")
    shard.send(
        message("UpdatedFlags", b"{"),
        message("UpdatedFlags", good),
        message("UpdatedFlags", good, content_type="text/plain"),
        message("Unknown", good),
        message("UpdatedLedger", good),
        message("PreparedTransfer", changed("PreparedTransfer", coordinator_type="direct")),
    )
    assert shard.inbound.run_once(0) == 6
    assert (sum(map(len, shard.inbox().values())), shard.dead()) == (1, 5)
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 5
    assert any("coordinator_type" in text for text in errors)


SMP = (
    "RejectedConfig", "AccountUpdate", "AccountPurge", "AccountTransfer", "RejectedTransfer", "PreparedTransfer",
    "FinalizedTransfer",
)  # fmt: skip
HEADERS = {"ca-trade": True}


@covers("G50")
def test_authorities_say_seven_things(worker_db: Connection, caplog: pytest.LogCaptureFixture) -> None:
    """What came through their exchange has its name, though it went through another one on its way."""
    shard = Shard(worker_db)
    consumed = [case for case in WORKED if case[0] in CONSUMED_TYPES]
    shard.send(*(Publication("creditors_in", key, name, body, HEADERS, True) for name, key, body in consumed))
    assert shard.inbound.run_once(0) == 24
    assert {str(m["type"]) for found in shard.inbox().values() for m in found} == set(SMP)
    refused = [name for name, _, _ in consumed if name not in SMP]
    assert (shard.dead(), len(set(refused))) == (len(refused), 16)
    for name in refused:
        reason = f"rejected a message of type {name!r}: such messages are not taken from the exchange 'creditors_in'"
        assert reason in caplog.text


@covers("G50")
@pytest.mark.parametrize(("exchange", "taken"), [("to_trade", 24), ("", 24), ("amq.topic", 0), ("to_trade2", 0)])
def test_who_may_send_all_types(worker_db: Connection, exchange: str, taken: int) -> None:
    """Shards and the creditors agent by `to_trade`; operators put dead letters back by the default exchange."""
    shard = Shard(worker_db)
    others = (Exchange("amq.topic", "topic"), Exchange("to_trade2", "topic"))
    shard.broker.declare(Topology(others, (), tuple(Binding(other.name, "q", True, "#") for other in others)))
    consumed = [case for case in WORKED if case[0] in CONSUMED_TYPES]
    shard.send(*(Publication(exchange, key if exchange else "q", name, body) for name, key, body in consumed))
    assert shard.inbound.run_once(0) == 24
    assert (sum(map(len, shard.inbox().values())), shard.dead()) == (taken, 24 - taken)


@covers("G50")
def test_a_thief_s_account_id_is_refused_and_the_operator_has_the_last_word(worker_db: Connection) -> None:
    shard = Shard(worker_db)
    body = changed("AccountIdResponse", account_id="thief")
    shard.send(Publication("creditors_in", "1.0", "AccountIdResponse", body, HEADERS, True))
    assert shard.inbound.run_once(0) == 1
    assert (shard.inbox(), shard.dead()) == ({}, 1)
    (letter,) = shard.broker.source("q.XQ").take(10, 0)
    shard.send(Publication("", "q", str(letter.type), letter.body))
    assert shard.inbound.run_once(0) == 1
    assert sum(map(len, shard.inbox().values())) == 1


def _creditor(realm: str) -> int:
    return next(number for number in range(1, 1000) if Realm.parse(realm).matches(number))


@covers("M7")
def test_one_senders_mistake_is_a_dead_letter(worker_db: Connection, caplog: pytest.LogCaptureFixture) -> None:
    shard = Shard(worker_db, "0.#")
    ours, foreign = _creditor("0.#"), _creditor("1.#")
    wrong_key = binary_routing_key(ours)
    shard.send(
        message("UpdatedFlags", changed("UpdatedFlags", creditor_id=foreign), wrong_key),
        message("UpdatedFlags", changed("UpdatedFlags", creditor_id=ours), wrong_key),
    )
    assert shard.inbound.run_once(0) == 2
    assert (sum(map(len, shard.inbox().values())), shard.dead()) == (1, 1)
    assert wrong_key in caplog.text


@covers("M7")
@pytest.mark.parametrize("binding_key", ["0.#", "0.1.#"])
def test_bindings_that_disagree_with_the_realm_stop_the_consumer(worker_db: Connection, binding_key: str) -> None:
    shard = Shard(worker_db, "#")
    clock = Clock()
    inbound = Inbound(shard.source, worker_db, Realm.parse(binding_key), LANES, clock=clock)
    # In the second case the parent realm matches; that does not help.
    ours, foreign = _creditor(binding_key), _creditor("1.#" if binding_key == "0.#" else "0.0.#")
    shard.send(flags(ours), flags(foreign))
    # Our own message is stored, whatever the other one means.
    assert inbound.run_once(0) == 2
    clock.now += 9.9
    assert inbound.run_once(0) == 0
    assert inbound.patience() == pytest.approx(0.1)
    clock.now += 0.2
    with pytest.raises(ForeignShard, match="the queue's bindings and the realm disagree: 1 of the last 2") as caught:
        inbound.run_once(0)
    shard.source.close()
    assert (_creditors(shard), shard.dead(), shard.broker.depth("q")) == ([ours], 0, 1)
    assert f"UpdatedFlags with sharding key {foreign} is outside the realm {binding_key}" in str(caught.value)


@covers("M7")
def test_a_copy_too_many_of_another_shard_s_message_is_a_dead_letter(
    worker_db: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    shard = Shard(worker_db, "#")
    clock = Clock()
    inbound = Inbound(shard.source, worker_db, Realm.parse("0.#"), LANES, clock=clock)
    ours, foreign = _creditor("0.#"), _creditor("1.#")
    shard.send(flags(foreign), flags(ours))
    assert inbound.run_once(0) == 2
    clock.now += 5
    shard.send(flags(ours))
    assert inbound.run_once(0) == 1
    # It is held, neither here nor there.
    assert (shard.dead(), shard.broker.depth("q"), len(shard.source._unsettled)) == (0, 0, 1)
    clock.now += 5
    assert inbound.run_once(0) == 0
    assert (len(_creditors(shard)), shard.dead(), inbound.dead_letters) == (2, 1, 1)
    assert f"UpdatedFlags with sharding key {foreign} is outside the realm 0.#" in caplog.text
    shard.send(flags(ours))
    assert inbound.run_once(0) == 1
    assert inbound.patience() is None


def test_a_thousand_messages_of_another_shard_are_enough(worker_db: Connection) -> None:
    shard = Shard(worker_db, "#", limit=400)
    inbound = Inbound(shard.source, worker_db, Realm.parse("0.#"), LANES, 400, clock=Clock())
    foreign = _creditor("1.#")
    shard.send(*(flags(foreign) for _ in range(1500)))
    assert [inbound.run_once(0) for _ in range(2)] == [400, 400]
    with pytest.raises(ForeignShard, match="1200 of the last 1200"):
        inbound.run_once(0)
    shard.source.close()
    assert (shard.broker.depth("q"), shard.dead()) == (1500, 0)


def test_what_is_held_is_forgotten_with_the_connection(worker_db: Connection) -> None:
    """It comes again; its old tag means nothing any more."""
    shard = Shard(worker_db, "#")
    clock = Clock()
    inbound = Inbound(shard.source, worker_db, Realm.parse("0.#"), LANES, clock=clock)
    ours, foreign = _creditor("0.#"), _creditor("1.#")
    shard.send(flags(foreign))
    assert inbound.run_once(0) == 1
    shard.send(flags(ours), flags(ours))
    worker_db.execute("alter schema pgmq rename to gone")
    with pytest.raises(psycopg.Error):
        inbound.run_once(0)
    shard.source.close()
    worker_db.execute("alter schema gone rename to pgmq")
    clock.now += 100
    assert inbound.run_once(0) == 3
    clock.now += 10
    assert inbound.run_once(0) == 0
    assert (len(_creditors(shard)), shard.dead(), shard.source._unsettled) == (2, 1, {})


class Clock:
    """Stands until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def flags(creditor_id: int) -> Publication:
    body = changed("UpdatedFlags", creditor_id=creditor_id)
    return message("UpdatedFlags", body, binary_routing_key(creditor_id))


def _creditors(shard: Shard) -> list[object]:
    return [stored["creditor_id"] for found in shard.inbox().values() for stored in found]


# What can not be stored is not taken.


def test_nothing_is_taken_while_the_database_takes_nothing(worker_db: Connection) -> None:
    shard = Shard(worker_db)
    shard.send(flags(1))
    worker_db.execute("set default_transaction_read_only = on")
    for _ in range(3):
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            shard.inbound.run_once(0)
    assert (shard.broker.depth("q"), shard.source._unsettled) == (1, {})
    worker_db.execute("set default_transaction_read_only = off")
    assert shard.inbound.run_once(0) == 1
    assert _creditors(shard) == [1]


def test_a_trial_leaves_nothing_behind(worker_db: Connection) -> None:
    shard = Shard(worker_db)
    assert shard.inbound.run_once(0) == 0
    assert shard.inbox() == {}
    assert shard.inbound.stored == 0


@pytest.mark.parametrize("timing", ["before insert", "after insert, at the commit"])
def test_after_a_failure_the_trial_is_about_the_messages_that_failed(worker_db: Connection, timing: str) -> None:
    """A disk may have room for the trial of a start, but not for what it is about. A new process of another life
    of the connection knows that, too."""
    shard = Shard(worker_db)
    worker_db.execute(
        """
        create function pgmq.refuse() returns trigger language plpgsql as $$
        begin
          if new.message ->> 'creditor_id' = '7' then
            raise exception using errcode = '53100';
          end if;
          return new;
        end $$
        """
    )
    lane = hash32(7) & (LANES - 1)
    when = "before insert" if timing == "before insert" else "after insert"
    kind = "trigger" if timing == "before insert" else "constraint trigger"
    late = "" if timing == "before insert" else "deferrable initially deferred"
    worker_db.execute(
        f"create {kind} t {when} on pgmq.q_inbox_{lane} {late} for each row execute function pgmq.refuse()".encode()
    )
    trial = Trial()
    shard.send(flags(7), *(flags(number) for number in range(10, 20)))
    for _ in range(3):
        inbound = Inbound(shard.source, worker_db, Realm.parse("#"), LANES, trial=trial)
        for _ in range(2):
            with pytest.raises(psycopg.errors.DiskFull):
                inbound.run_once(0)
            shard.source.close()
    (first,) = {delivery.redelivered for delivery in shard.source.take(100, 0)}
    shard.source.close()
    assert (first, shard.dead()) == (True, 0)
    worker_db.execute(f"drop trigger t on pgmq.q_inbox_{lane}".encode())
    assert inbound.run_once(0) == 11
    assert (len(_creditors(shard)), inbound.stored) == (11, 11)


def test_data_that_the_inbox_refuses_ends_no_trial(worker_db: Connection) -> None:
    shard = Shard(worker_db)
    for lane in range(LANES):
        worker_db.execute(f"alter table pgmq.q_inbox_{lane} add check (message ? 'creditor_id')".encode())
    shard.send(flags(1))
    assert shard.inbound.run_once(0) == 1
    assert _creditors(shard) == [1]


def test_a_transaction_that_another_one_disturbs_is_repeated(worker_db: Connection) -> None:
    shard = Shard(worker_db)
    lane = hash32(1) & (LANES - 1)
    worker_db.execute(
        """
        create sequence pgmq.tries;
        create function pgmq.disturb() returns trigger language plpgsql as $$
        begin
          if new.message ? 'creditor_id' and nextval('pgmq.tries') < 3 then
            raise exception using errcode = '40P01';
          end if;
          return new;
        end $$
        """
    )
    worker_db.execute(
        f"create trigger t before insert on pgmq.q_inbox_{lane} for each row execute function pgmq.disturb()".encode()
    )
    shard.send(flags(1))
    assert shard.inbound.run_once(0) == 1
    assert _creditors(shard) == [1]


# Size.


def test_a_giant_is_a_dead_letter(worker_db: Connection, caplog: pytest.LogCaptureFixture) -> None:
    shard = Shard(worker_db)
    spaces = changed("UpdatedFlags", creditor_id=1)[:-1] + b" " * MOST_BYTES + b"}"
    shard.send(message("UpdatedFlags", spaces, binary_routing_key(1)), flags(2))
    assert shard.inbound.run_once(0) == 2
    assert (_creditors(shard), shard.dead()) == ([2], 1)
    assert f"its {len(spaces)} bytes are more than APP_MAX_MESSAGE_BYTES=65536" in caplog.text


def test_no_message_within_the_limits_is_too_large() -> None:
    """Even if all characters are escaped: six bytes each, and twelve for those outside of the basic plane."""
    largest = 0
    for struct in STRUCTS.values():
        info = inspect.type_info(struct)
        assert isinstance(info, inspect.StructType)
        parts = [(item.name, part) for item in info.fields for part in getattr(item.type, "types", (item.type,))]
        largest = max(largest, sum(50 + len(name) + _longest(part) for name, part in parts))
    assert LARGEST_BYTES / 2 < largest < LARGEST_BYTES <= MOST_BYTES / 3


def _longest(part: object) -> int:
    extra: dict[str, object] = {}
    if isinstance(part, inspect.Metadata):
        extra, part = part.extra or {}, part.type
    if not isinstance(part, inspect.StrType):
        return 0
    # With a limit in bytes most room is for ASCII.
    return (part.max_length or 64) * (6 if extra else 12)


def test_nothing_is_acknowledged_before_the_commit(worker_db: Connection) -> None:
    class Spy(LoopbackSource):
        def settle(self, accepted: Sequence[int], rejected: Sequence[int] = ()) -> None:
            with connection_to(worker_db.info.dsn, autocommit=False) as other:
                row = other.execute("select sum(n_live) from (select count(*) n_live from pgmq.q_inbox_1) x").fetchone()
                seen.append(row)
            super().settle(accepted, rejected)

    seen: list[object] = []
    shard = Shard(worker_db)
    inbound = Inbound(Spy(shard.broker, "q"), worker_db, Realm.parse("#"), LANES)
    creditor_id = next(number for number in range(1, 100) if hash32(number) & 7 == 1)
    shard.send(message("UpdatedFlags", changed("UpdatedFlags", creditor_id=creditor_id)))
    assert inbound.run_once(0) == 1
    assert seen == [(1,)]


def test_trouble_of_the_database_keeps_everything(worker_db: Connection) -> None:
    shard = Shard(worker_db)
    shard.send(message("UpdatedFlags", changed("UpdatedFlags")), message("UpdatedFlags", b"{"))
    worker_db.execute("alter schema pgmq rename to gone")
    with pytest.raises(psycopg.Error):
        shard.inbound.run_once(0)
    shard.source.close()
    worker_db.execute("alter schema gone rename to pgmq")
    assert (shard.dead(), shard.broker.depth("q")) == (0, 2)
    assert shard.inbound.run_once(0) == 2
    assert (sum(map(len, shard.inbox().values())), shard.dead()) == (1, 1)


def test_a_message_the_inbox_refuses_stops_no_other(worker_db: Connection) -> None:
    shard = Shard(worker_db)
    for lane in range(LANES):
        worker_db.execute(f"alter table pgmq.q_inbox_{lane} add check (message ->> 'update_id' <> '7')".encode())
    shard.send(
        *(message("UpdatedFlags", changed("UpdatedFlags", update_id=n, creditor_id=n)) for n in range(1, 11)),
    )
    assert shard.inbound.run_once(0) == 10
    assert (sum(map(len, shard.inbox().values())), shard.dead()) == (9, 1)


def test_a_commit_that_fails_is_no_message_s_fault(worker_db: Connection) -> None:
    """As when the queue of notifications is full, which has the same code as a message that is too large."""
    shard = Shard(worker_db)
    worker_db.execute(
        """
        create function pgmq.refuse() returns trigger language plpgsql as $$
        begin raise program_limit_exceeded using message = 'too many notifications in the NOTIFY queue'; end $$
        """
    )
    for lane in range(LANES):
        worker_db.execute(
            f"create constraint trigger refuse after insert on pgmq.q_inbox_{lane}"
            " deferrable initially deferred for each row execute function pgmq.refuse()".encode()
        )
    shard.send(*(message("UpdatedFlags", changed("UpdatedFlags", creditor_id=n)) for n in range(1, 5)))
    with pytest.raises(psycopg.errors.ProgramLimitExceeded):
        shard.inbound.run_once(0)
    shard.source.close()
    assert (shard.inbox(), shard.dead(), shard.broker.depth("q")) == ({}, 0, 4)


def test_texts_arrive_whole_whatever_encoding_the_environment_prefers(
    new_database: Callable[[Kind], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    locator = "https://example.com/монета"
    with connect(new_database("worker"), "test") as worker:
        shard = Shard(worker)
        body = changed("StoreDocument", debtor_info_locator=locator)
        shard.send(message("StoreDocument", body, binary_routing_key(locator)))
        assert shard.inbound.run_once(0) == 1
        lane = hash32(locator) & (LANES - 1)
        query = f"select worker.hash32(message ->> 'debtor_info_locator') from pgmq.q_inbox_{lane}"
        assert worker.execute(query.encode()).fetchall() == [(hash32(locator),)]


def test_messages_that_are_too_much_at_once_are_stored_in_parts(worker_db: Connection) -> None:
    shard = Shard(worker_db)
    worker_db.execute(
        """
        create function worker.be_slow() returns trigger language plpgsql as $$
        begin
          if new.message ->> 'type' <> 'Trial' then
            perform pg_sleep(0.02);
          end if;
          return new;
        end $$;
        """
    )
    for lane in range(LANES):
        worker_db.execute(
            f"create trigger be_slow before insert on pgmq.q_inbox_{lane} "
            "for each row execute function worker.be_slow()".encode()
        )
    worker_db.execute("set statement_timeout = '300ms'")
    shard.send(*(message("UpdatedFlags", changed("UpdatedFlags", debtor_id=n)) for n in range(1, 65)))
    assert shard.inbound.run_once(0) == 64
    assert sum(len(found) for found in shard.inbox().values()) == 64
    assert (shard.dead(), shard.source._unsettled) == (0, {})


def test_a_message_that_takes_too_long_alone_is_named_and_kept(
    worker_db: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    shard = Shard(worker_db)
    worker_db.execute(
        """
        create function worker.be_slow() returns trigger language plpgsql as $$
        begin
          if (new.message ->> 'debtor_id')::bigint = 6 then
            perform pg_sleep(5);
          end if;
          return new;
        end $$;
        """
    )
    for lane in range(LANES):
        worker_db.execute(
            f"create trigger be_slow before insert on pgmq.q_inbox_{lane} "
            "for each row execute function worker.be_slow()".encode()
        )
    worker_db.execute("set statement_timeout = '300ms'")
    shard.send(*(message("UpdatedFlags", changed("UpdatedFlags", debtor_id=n)) for n in range(1, 9)))
    with pytest.raises(psycopg.errors.QueryCanceled):
        shard.inbound.run_once(0)
    # Those before it are not to come again.
    assert sum(len(found) for found in shard.inbox().values()) == 8 - len(shard.source._unsettled) == 5
    assert shard.dead() == 0
    assert "a message of type UpdatedFlags is too much for the inbox even alone: 57014" in caplog.text

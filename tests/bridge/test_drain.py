from __future__ import annotations

import psycopg
import pytest

from bridge.drain import Drain
from bridge.errors import Remedy, remedy
from tests.bridge.messages.examples import changed
from tests.conftest import Connection
from tests.covering import covers
from tests.databases import connection_to


def put(connection: Connection, lane: int, *messages: bytes) -> None:
    for message in messages:
        connection.execute(
            f"insert into pgmq.q_inbox_{lane} (vt, message) values ('-infinity', %s)".encode(), (message.decode(),)
        )


def left(connection: Connection, lane: int = 0) -> int:
    row = connection.execute(f"select count(*) from pgmq.q_inbox_{lane}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def fail_for(connection: Connection, debtor_id: int, sqlstate: str) -> None:
    """Makes the handler of UpdatedFlags fail for one debtor."""
    connection.execute(
        f"""
        create function worker.fail_for_one() returns trigger language plpgsql as $$
        begin
          if new.debtor_id = {debtor_id} then
            raise exception using errcode = '{sqlstate}', message = 'made to fail';
          end if;
          return new;
        end $$;
        create trigger fail_for_one before insert or update on worker.trading_policy
        for each row execute function worker.fail_for_one()
        """.encode()
    )


def flags(*debtor_ids: int) -> list[bytes]:
    return [changed("UpdatedFlags", debtor_id=debtor_id) for debtor_id in debtor_ids]


def policies(connection: Connection) -> set[int]:
    return {row[0] for row in connection.execute("select debtor_id from worker.trading_policy")}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (psycopg.errors.DivisionByZero(), Remedy.SET_ASIDE),
        (psycopg.errors.CheckViolation(), Remedy.SET_ASIDE),
        (psycopg.errors.RaiseException(), Remedy.SET_ASIDE),
        (psycopg.errors.SerializationFailure(), Remedy.REPEAT),
        (psycopg.errors.DeadlockDetected(), Remedy.REPEAT),
        (psycopg.errors.LockNotAvailable(), Remedy.REPEAT),
        (psycopg.errors.TransactionRollback(), Remedy.WAIT),
        (psycopg.errors.DiskFull(), Remedy.WAIT),
        (psycopg.errors.OutOfMemory(), Remedy.WAIT),
        (psycopg.errors.AdminShutdown(), Remedy.WAIT),
        (psycopg.errors.UndefinedFunction(), Remedy.WAIT),
        (psycopg.errors.IoError(), Remedy.WAIT),
        (psycopg.OperationalError("connection lost"), Remedy.WAIT),
    ],
)
def test_each_error_has_its_remedy(error: psycopg.Error, expected: Remedy) -> None:
    assert remedy(error) is expected


def test_remedy_of_our_own_class(worker_db: Connection) -> None:
    with pytest.raises(psycopg.Error) as caught:
        worker_db.execute("do $$ begin raise exception using errcode = 'ST001'; end $$")
    assert remedy(caught.value) is Remedy.SET_ASIDE


def test_lanes_are_drained_in_batches(worker_db: Connection) -> None:
    put(worker_db, 0, *flags(1, 2, 3))
    put(worker_db, 1, *flags(4))
    drain = Drain(worker_db, 8, limit=2)
    assert [(drain.run_once(), drain.has_more) for _ in range(3)] == [(3, True), (1, False), (0, False)]
    assert policies(worker_db) == {1, 2, 3, 4}


def test_a_busy_lane_is_left_to_its_owner(worker_db: Connection) -> None:
    put(worker_db, 0, *flags(1))
    put(worker_db, 1, *flags(2))
    with connection_to(worker_db.info.dsn, autocommit=False) as other:
        other.execute("select worker.try_lock_lane(0)")
        drain = Drain(worker_db, 8)
        assert drain.run_once() == 1
        assert left(worker_db) == 1
    assert drain.run_once() == 1


@covers("G29")
@pytest.mark.parametrize("sqlstate", ["22012", "23514", "ST001", "P0001"])
def test_a_bad_message_stops_no_other(worker_db: Connection, sqlstate: str) -> None:
    fail_for(worker_db, 60, sqlstate)
    put(worker_db, 0, *flags(*range(1, 121)))
    drain = Drain(worker_db, 8)
    assert drain.run_once() == 120
    assert policies(worker_db) == set(range(1, 121)) - {60}
    rows = worker_db.execute("select queue, message_type, (body ->> 'debtor_id')::int, sqlstate from worker.set_aside")
    assert rows.fetchall() == [("inbox_0", "UpdatedFlags", 60, sqlstate)]
    assert (drain.run_once(), left(worker_db)) == (0, 0)


@pytest.mark.parametrize("sqlstate", ["53100", "57P01", "58030", "42883", "40000"])
def test_trouble_of_the_surroundings_sets_nothing_aside(worker_db: Connection, sqlstate: str) -> None:
    fail_for(worker_db, 2, sqlstate)
    put(worker_db, 0, *flags(1, 2, 3))
    drain = Drain(worker_db, 8)
    for _ in range(6):
        with pytest.raises(psycopg.Error) as caught:
            drain.run_once()
        assert caught.value.sqlstate == sqlstate
    assert (left(worker_db), policies(worker_db)) == (3, set())
    worker_db.execute("drop trigger fail_for_one on worker.trading_policy")
    assert drain.run_once() == 3


@pytest.mark.parametrize("sqlstate", ["40001", "40P01", "55P03"])
def test_conflicts_are_repeated_until_they_are_gone(worker_db: Connection, sqlstate: str) -> None:
    worker_db.execute("create sequence worker.tries")
    worker_db.execute(
        f"""
        create function worker.fail_twice() returns trigger language plpgsql as $$
        begin
          if nextval('worker.tries') < 3 then
            raise exception using errcode = '{sqlstate}', message = 'made to fail';
          end if;
          return new;
        end $$;
        create trigger fail_twice before insert on worker.trading_policy
        for each row execute function worker.fail_twice()
        """.encode()
    )
    put(worker_db, 0, *flags(1))
    assert Drain(worker_db, 8).run_once() == 1
    assert policies(worker_db) == {1}


def test_a_floor_hides_no_late_message_for_long(worker_db: Connection) -> None:
    drain = Drain(worker_db, 8, limit=1)
    set_next_id = "select setval(pg_get_serial_sequence('pgmq.q_inbox_0', 'msg_id'), %s)"
    worker_db.execute(set_next_id, (100,))
    put(worker_db, 0, *flags(1, 2))
    assert drain.run_once() == 1
    worker_db.execute(set_next_id, (10,))
    put(worker_db, 0, *flags(3))  # its ID is below the floor
    assert sum(drain.run_once() for _ in range(4)) == 2
    assert left(worker_db) == 0


def be_slow_for(connection: Connection, condition: str) -> None:
    """Makes the handler of UpdatedFlags slow for some debtors: `condition` is about the row `new`."""
    connection.execute(
        f"""
        create function worker.be_slow() returns trigger language plpgsql as $$
        begin
          if {condition} then
            perform pg_sleep(5);
          end if;
          return new;
        end $$;
        create trigger be_slow before insert or update on worker.trading_policy
        for each row execute function worker.be_slow()
        """.encode()
    )
    connection.execute("set statement_timeout = '300ms'")


def set_aside(connection: Connection) -> list[tuple[object, ...]]:
    return connection.execute(
        "select message_type, (body ->> 'debtor_id')::int, sqlstate, failures from worker.set_aside order by 2"
    ).fetchall()


def test_a_message_that_takes_too_long_is_found_and_set_aside(
    worker_db: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    be_slow_for(worker_db, "new.debtor_id = 20")
    put(worker_db, 0, *flags(*range(1, 33)))
    drain = Drain(worker_db, 8)
    for _ in range(60):
        drain.run_once()
    assert policies(worker_db) == set(range(1, 33)) - {20}
    assert set_aside(worker_db) == [("UpdatedFlags", 20, "57014", 2)]
    assert "a message of type UpdatedFlags (flags,4294967306,20, ID 20) is too much even alone" in caplog.text
    assert left(worker_db) == 0


def test_a_batch_that_takes_too_long_is_halved_and_nothing_is_set_aside(worker_db: Connection) -> None:
    worker_db.execute(
        """
        create function worker.be_slow() returns trigger language plpgsql as $$
        begin perform pg_sleep(0.05); return new; end $$;
        create trigger be_slow before insert or update on worker.trading_policy
        for each row execute function worker.be_slow()
        """
    )
    worker_db.execute("set statement_timeout = '300ms'")
    put(worker_db, 0, *flags(*range(1, 33)))
    drain = Drain(worker_db, 8)
    while drain.run_once():
        pass
    assert policies(worker_db) == set(range(1, 33))
    assert set_aside(worker_db) == []


def test_a_lone_message_that_takes_too_long_is_passed_over_until_others_go_well(worker_db: Connection) -> None:
    be_slow_for(worker_db, "new.debtor_id = 1")
    put(worker_db, 0, *flags(1))
    drain = Drain(worker_db, 8)
    assert drain.run_once() == 0
    assert (set_aside(worker_db), left(worker_db)) == ([], 1)
    put(worker_db, 0, *flags(2))
    drain.run_once()
    assert policies(worker_db) == {2}
    assert set_aside(worker_db) == [("UpdatedFlags", 1, "57014", 2)]


def test_a_server_that_is_too_slow_for_everything_sets_nothing_aside(worker_db: Connection) -> None:
    be_slow_for(worker_db, "true")
    put(worker_db, 0, *flags(*range(1, 7)))
    drain = Drain(worker_db, 8)
    for _ in range(2):
        with pytest.raises(psycopg.errors.QueryCanceled):
            drain.run_once()
    assert (set_aside(worker_db), left(worker_db)) == ([], 6)
    worker_db.execute("drop trigger be_slow on worker.trading_policy")
    assert sum(Drain(worker_db, 8).run_once() for _ in range(6)) == 6


def test_a_message_that_waits_for_a_lock_is_passed_over_and_not_set_aside(worker_db: Connection) -> None:
    put(worker_db, 0, *flags(1))
    assert Drain(worker_db, 8).run_once() == 1
    put(worker_db, 0, changed("UpdatedFlags", debtor_id=1, update_id=2**40), *flags(2, 3))
    worker_db.execute("set lock_timeout = '100ms'")
    with connection_to(worker_db.info.dsn, autocommit=False) as other:
        other.execute("select from worker.trading_policy for update")
        drain = Drain(worker_db, 8)
        assert sum(drain.run_once() for _ in range(4)) == 2
        assert (set_aside(worker_db), left(worker_db)) == ([], 1)
    assert Drain(worker_db, 8).run_once() == 1


def test_a_type_whose_handler_fails_stops_no_other(worker_db: Connection, caplog: pytest.LogCaptureFixture) -> None:
    worker_db.execute(
        "create or replace function worker.apply_updated_ledger(p_messages jsonb[]) returns void language plpgsql as "
        "$$ begin raise exception using errcode = '42501', message = 'permission denied for table x'; end $$"
    )
    put(worker_db, 0, changed("UpdatedLedger"), *flags(1, 2), changed("UpdatedLedger", debtor_id=7))
    put(worker_db, 1, changed("UpdatedLedger", debtor_id=3))
    put(worker_db, 2, *flags(5))
    drain = Drain(worker_db, 8)
    assert drain.run_once() == 3
    assert policies(worker_db) == {1, 2, 5}
    assert (left(worker_db), left(worker_db, 1), set_aside(worker_db)) == (2, 1, [])
    assert "drain: UpdatedLedger failed, next attempt in 1 s, the others go on: 42501" in caplog.text
    put(worker_db, 0, *flags(6))
    assert drain.run_once() == 1
    assert left(worker_db) == 2

"""Accounts with IDs of collectors that nobody asked for: no message has one deleted, the poll decides."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.accounts.rows import later, orders, values, wait
from tests.sql.messages import COLLECTOR, apply, message
from tests.sql.outgoing import sent

DISCARDED = (COLLECTOR, 1, 2)


def report(db: Connection, **fields: Any) -> None:
    """The authority tells of an account."""
    apply(db, message("AccountUpdate", **fields))


def judge(db: Connection, *, known: bool = False) -> list[tuple[Any, ...]]:
    """The poll, and what it has to say. `known`: by the solver's catalogue."""
    rows = db.execute("select debtor_id, collector_id from worker.unknown_accounts_to_judge(1000)").fetchall()
    debtor_ids, collector_ids = [row[0] for row in rows], [row[1] for row in rows]
    query = "select * from worker.judge_unknown_accounts(%s, %s, %s)"
    return db.execute(query, (debtor_ids, collector_ids, [known] * len(rows))).fetchall()


def listed(db: Connection) -> list[tuple[Any, ...]]:
    return values(db, "select status, reason, principal from worker.unknown_account order by debtor_id, creditor_id")


@covers("V8.14", "G43")
def test_an_empty_account_that_is_not_needed_is_discarded(db: Connection) -> None:
    """An account that is not needed any more, without money."""
    db.execute(
        "insert into worker.needed_worker_account (creditor_id, debtor_id, configured_at) values (%s, 666, now())",
        (COLLECTOR,),
    )
    report(db)
    sent(db, "DiscoverDebtor")
    db.execute("delete from worker.needed_worker_account")
    news = {"interest_rate": 3.0, "last_interest_rate_change_ts": later(-1)}
    report(db, last_change_seqnum=2, principal=0, last_transfer_number=7, **news)
    assert values(db, "select last_transfer_number, interest_rate from worker.worker_account") == [(7, 3.0)]
    assert values(db, "select count(*) from worker.interest_rate_change") == [(1,)]
    assert sent(db, "DiscoverDebtor") == []
    assert orders(db) == []
    assert judge(db) == []
    assert orders(db) == [DISCARDED]


@covers("V8.15")
@pytest.mark.parametrize(
    ("fields", "held"),
    [
        ({"principal": 5000}, [(666, COLLECTOR, 5000, "money")]),
        ({"principal": 3}, [(666, COLLECTOR, 3, "money")]),
        ({"principal": 0, "interest": 1e6}, [(666, COLLECTOR, 0, "money")]),
        ({"principal": 5, "interest": -1e6}, [(666, COLLECTOR, 5, "money")]),
        ({"principal": 2}, []),
        ({"principal": -7}, []),
    ],
)
def test_an_unknown_account_with_money_is_held(
    db: Connection, fields: dict[str, Any], held: list[tuple[Any, ...]]
) -> None:
    report(db, **fields)
    assert values(db, "select 1 from worker.worker_account") == []
    assert orders(db) == []
    assert judge(db, known=True) == []
    assert orders(db) == []
    assert judge(db) == held
    assert orders(db) == ([] if held else [DISCARDED])
    assert judge(db) == []
    assert orders(db) == []


@covers("G43")
def test_customers_accounts_are_held(db: Connection) -> None:
    """The range of collector IDs was widened by mistake."""
    apply(db, message("UpdatedPolicy", creditor_id=COLLECTOR, debtor_id=5))
    report(db, principal=0)
    assert judge(db) == [(666, COLLECTOR, 0, "customer")]
    for query in ("adopt_held_account(666, %s)", "discard_held_account(666, %s, 1000)"):
        with pytest.raises(psycopg.Error, match="account of a customer") as error:
            db.execute(f"select worker.{query}".encode(), (COLLECTOR,))
        assert error.value.sqlstate == "ST086"
    db.execute("update worker.configuration set min_collector_id = %s", (COLLECTOR + 1,))
    assert judge(db) == []
    assert listed(db) == []
    assert orders(db) == []


@covers("G43")
@pytest.mark.parametrize(
    ("config_flags", "negligible_amount", "is_discarded"),
    [
        (1, 1e30, True),
        (3, 0.99999e30, True),
        (1, 1.0000000150474662e30, True),
        (1, 2.0, True),
        (1, 0.0, True),
        (1, 2.5, False),
        (1, 0.9e30, False),
        (2, 1e30, False),
    ],
)
def test_discarded_accounts_are_left_alone(
    db: Connection, config_flags: int, negligible_amount: float, is_discarded: bool
) -> None:
    report(db)
    report(db, config_flags=config_flags, negligible_amount=negligible_amount, last_change_seqnum=2)
    assert listed(db) == ([] if is_discarded else [("listed", None, 0)])
    judge(db)
    assert orders(db) == ([] if is_discarded else [DISCARDED])


@covers("G43")
def test_the_order_is_repeated_hourly_while_the_authority_says_otherwise(db: Connection) -> None:
    report(db)
    judge(db)
    assert orders(db) == [DISCARDED]
    wait(db, minutes=59)
    report(db)
    judge(db)
    assert orders(db) == []
    wait(db, minutes=1)
    judge(db)
    assert orders(db) == [DISCARDED]
    # No sign of life, no order.
    wait(db, days=1)
    judge(db)
    assert orders(db) == []


@covers("G43")
def test_an_order_is_later_than_what_the_authority_knows(db: Connection) -> None:
    """It would ignore another one; its clock may be ahead, or ours behind."""
    report(db, last_config_ts=later(600))
    judge(db)
    (order,) = values(db, "select (message ->> 'ts')::timestamptz from worker.take_outbox('ConfigureAccount', 10, 0)")
    assert order[0].isoformat() == "2026-03-01T12:00:00.001000+00:00"


@covers("G43")
def test_what_is_needed_or_purged_leaves_the_list(db: Connection) -> None:
    for debtor_id in (1, 2, 3, 4):
        report(db, debtor_id=debtor_id, principal=50)
    judge(db)
    apply(db, message("AccountPurge", debtor_id=1), message("AccountPurge", debtor_id=2, creation_date="2026-02-28"))
    for debtor_id in (3, 4):
        db.execute("select worker.configure_collectors(%s, %s)", ([debtor_id], [COLLECTOR]))
    report(db, debtor_id=3, principal=50)
    assert values(db, "select debtor_id from worker.unknown_account order by 1") == [(2,), (4,)]
    judge(db)
    assert values(db, "select debtor_id from worker.unknown_account") == [(2,)]


@covers("G43")
def test_an_older_report_changes_nothing(db: Connection) -> None:
    report(db, principal=5000)
    report(db, principal=0, last_change_ts=later(-60))
    assert listed(db) == [("listed", None, 5000)]


@covers("G43")
def test_a_held_account_without_its_money_is_given_up(db: Connection) -> None:
    report(db, principal=5000)
    assert len(judge(db)) == 1
    report(db, principal=1, last_change_seqnum=2)
    assert judge(db) == []
    assert orders(db) == [DISCARDED]
    assert listed(db) == [("discarding", None, 1)]


@covers("G43")
def test_the_list_is_capped_for_each_currency(db: Connection) -> None:
    """A hostile authority fills no tables, and hides no account of another one."""
    notices: list[str | None] = []
    db.add_notice_handler(lambda notice: notices.append(notice.message_primary))
    crowd = [message("AccountUpdate", creditor_id=COLLECTOR + n, principal=9) for n in range(105)]
    apply(db, *crowd[:60])
    apply(db, *crowd, message("AccountUpdate", debtor_id=667, creditor_id=COLLECTOR + 200))
    apply(db, *crowd)
    assert values(db, "select debtor_id, count(*) from worker.unknown_account group by 1 order by 1") == [
        (666, 100),
        (667, 1),
    ]
    assert len(judge(db)) == 100
    assert len(notices) == 2
    assert (notices[0] or "").startswith("unknown accounts of currencies that have a hundred of them already")


@covers("G43")
def test_silent_accounts_leave_the_list(db: Connection) -> None:
    report(db, principal=50)
    wait(db, days=365)
    judge(db)
    assert len(listed(db)) == 1
    wait(db, seconds=1)
    judge(db)
    assert listed(db) == []


@covers("G43")
def test_an_operator_adopts_a_held_account(db: Connection) -> None:
    report(db, principal=5000)
    judge(db)
    db.execute("select worker.adopt_held_account(666, %s)", (COLLECTOR,))
    assert orders(db) == [(COLLECTOR, 0, 1e30)]
    assert listed(db) == []
    back = "select * from worker.reconcile_collectors('{}', '{}', '{}', null, null, true)"
    assert db.execute(back).fetchall() == [(666, COLLECTOR, 1, "")]
    wait(db, minutes=1)
    report(db, principal=5000, last_change_seqnum=2)
    assert values(db, "select principal from worker.worker_account") == [(5000,)]
    assert len(sent(db, "ActivateCollector")) == 1


@covers("G43")
def test_an_operator_discards_a_held_account_with_its_money(db: Connection) -> None:
    report(db, principal=5000)
    judge(db)
    for loss in (2, 4999):
        with pytest.raises(psycopg.Error, match="more money") as error:
            db.execute("select worker.discard_held_account(666, %s, %s)", (COLLECTOR, loss))
        assert error.value.sqlstate == "ST087"
    assert orders(db) == []
    db.execute("select worker.discard_held_account(666, %s, 5000)", (COLLECTOR,))
    assert orders(db) == [(COLLECTOR, 1, 5000)]
    wait(db, hours=2)
    report(db, principal=5000, last_change_seqnum=2, config_flags=1, negligible_amount=5000.0)
    assert judge(db) == []
    assert orders(db) == []
    # More than was accepted: it is held again.
    report(db, principal=5001, last_change_seqnum=3, config_flags=1, negligible_amount=5000.0)
    assert judge(db) == [(666, COLLECTOR, 5001, "money")]
    apply(db, message("AccountPurge"))
    assert listed(db) == []


@covers("G43")
def test_an_operator_can_decide_only_about_what_is_there(db: Connection) -> None:
    with pytest.raises(psycopg.Error, match="no such account is held here") as error:
        db.execute("select worker.adopt_held_account(666, %s)", (COLLECTOR,))
    assert error.value.sqlstate == "ST085"


@covers("G43")
def test_rows_of_the_sibling_go_after_a_split(db: Connection) -> None:
    # 0x10000000000 is in realm `1.1.#`.
    report(db, principal=50)
    settings = "realm_mask = -1 << 30, realm = -1 << 31, parent_realm_mask = -1 << 31, parent_realm = -1 << 31"
    db.execute(f"update worker.configuration set {settings}".encode())
    assert judge(db) == []
    assert listed(db) == [("listed", None, 50)]
    db.execute("update worker.configuration set delete_parent_shard_records = true")
    judge(db)
    assert listed(db) == []
    assert orders(db) == []


# Repairs


def need(db: Connection, age: str = "1 day") -> None:
    db.execute(
        "insert into worker.needed_worker_account (creditor_id, debtor_id, configured_at) "
        "values (%s, 666, worker.now() - %s::interval)",
        (COLLECTOR, age),
    )


KEPT = (COLLECTOR, 0, 1e30)
NOW = timedelta()


@covers("G44")
@pytest.mark.parametrize(
    ("fields", "is_repaired"),
    [
        ({"config_flags": 1}, True),
        ({"negligible_amount": 0.0}, True),
        ({"negligible_amount": 2.0}, True),
        ({"negligible_amount": 1e31}, True),
        ({"negligible_amount": 1.0000000150474662e30}, False),
        ({"config_flags": 2}, False),
        # Our last order is newer: it may still be on its way.
        ({"config_flags": 1, "last_config_ts": "2026-02-28T01:59:59Z"}, False),
        ({"config_flags": 1, "last_config_ts": "2026-02-28T02:00:00Z"}, True),
    ],
)
def test_a_needed_account_with_a_foreign_configuration_is_repaired(
    db: Connection, fields: dict[str, Any], is_repaired: bool
) -> None:
    need(db)
    report(db, **fields)
    assert orders(db) == ([KEPT] if is_repaired else [])
    is_ours = not {"config_flags", "negligible_amount"} & fields.keys() or fields.get("config_flags") == 2
    is_ours = is_ours or fields.get("negligible_amount") == 1.0000000150474662e30
    # Not activated before the authority has confirmed that it stays.
    assert len(sent(db, "ActivateCollector")) == int(is_ours)
    report(db, last_change_seqnum=2)
    assert len(sent(db, "ActivateCollector")) == int(not is_ours)


@covers("G44")
def test_the_order_is_later_than_the_configuration_it_replaces(db: Connection) -> None:
    need(db)
    report(db, config_flags=1, last_config_ts=later(600))
    (order,) = values(db, "select (message ->> 'ts')::timestamptz from worker.take_outbox('ConfigureAccount', 10, 0)")
    assert order[0].isoformat() == "2026-03-01T12:00:00.001000+00:00"
    # The next order of any kind is later again.
    db.execute("delete from worker.worker_account")
    wait(db, days=8)
    db.execute("update worker.needed_worker_account set config_ts = worker.now() + interval '1 hour'")
    db.execute("select worker.configure_collectors('{666}', %s)", ([COLLECTOR],))
    query = "select (message ->> 'ts')::timestamptz > worker.now() from worker.take_outbox('ConfigureAccount', 10, 0)"
    assert values(db, query) == [(True,)]


@covers("G44")
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati"])
def test_the_last_moment_of_the_calendar_leaves_an_order_that_the_wire_takes(db: Connection, zone: str) -> None:
    need(db)
    db.execute("select set_config('TimeZone', %s, false)", (zone,))
    report(db, config_flags=1, last_config_ts="9999-12-31T23:59:59.999999+00:00")
    (order,) = values(db, "select message ->> 'ts' from worker.take_outbox('ConfigureAccount', 10, 0)")
    assert order[0].startswith("9999-12-30T")


@covers("G44")
def test_repairs_come_hourly_and_then_less_often(db: Connection) -> None:
    """Somebody else insists on another configuration."""
    need(db)
    minutes = []
    for minute in range(0, 16 * 60, 10):
        report(db, config_flags=1, last_change_seqnum=minute + 1, last_config_ts=later(minute))
        if orders(db):
            minutes.append(minute)
        wait(db, minutes=10)
    assert minutes == [0, 60, 180, 420, 900]


@covers("G44")
def test_the_poll_repairs_what_no_message_does(db: Connection) -> None:
    """The order was lost, and the account is quiet."""
    need(db)
    report(db, config_flags=1)
    assert orders(db) == [KEPT]
    for days, is_due in ((1, False), (6, False), (0.1, True), (6, False), (2, True)):
        wait(db, days=days)
        db.execute("select worker.repair_broken_accounts(100)")
        assert orders(db) == ([KEPT] if is_due else [])


@covers("G44")
def test_released_accounts_are_not_repaired(db: Connection) -> None:
    need(db)
    db.execute("update worker.needed_worker_account set released_at = worker.now()")
    report(db, config_flags=1, negligible_amount=2.0)
    db.execute("select worker.repair_broken_accounts(100)")
    assert orders(db) == []
    assert sent(db, "ActivateCollector") == []
    assert sent(db, "DiscoverDebtor") == []
    assert listed(db) == []
    assert values(db, "select config_flags from worker.worker_account") == [(1,)]

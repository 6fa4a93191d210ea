"""A disabled collector gives its money to another one, then its account is discarded."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.databases import connection_to
from tests.sql.accounts.rows import HEIR, NOW, later, orders, step, values, wait
from tests.sql.messages import COLLECTOR, apply, message
from tests.sql.outgoing import sent, solver_requests
from tests.sql.scans.rows import add


def need(db: Connection) -> None:
    db.execute(
        "insert into worker.needed_worker_account (creditor_id, debtor_id, configured_at) values (%s, 666, %s)",
        (COLLECTOR, NOW),
    )


def hold(db: Connection, principal: int, **fields: Any) -> None:
    """The authority says what is on the account."""
    apply(db, message("AccountUpdate", principal=principal, **fields))
    for type_ in ("ActivateCollector", "DiscoverDebtor"):
        sent(db, type_)


def attempts(db: Connection, columns: str) -> list[tuple[Any, ...]]:
    return values(db, f"select {columns} from worker.transfer_attempt")


def answer_account_id(db: Connection) -> None:
    request = {"collector_id": COLLECTOR, "turn_id": 0, "debtor_id": 666, "creditor_id": HEIR, "is_dispatching": False}
    assert sent(db, "AccountIdRequest") == [request]
    apply(db, message("AccountIdResponse", **request, account_id="heir-account", account_id_version=20000))


def pay(db: Connection, status: str = "OK") -> int:
    """The authority prepares and commits the transfer; returns the committed amount."""
    (order,) = values(db, "select coordinator_request_id, recipient from worker.take_prepare_transfers(10, 0)")
    assert order[1] == "heir-account"
    ids = {"creditor_id": COLLECTOR, "coordinator_id": COLLECTOR, "debtor_id": 666, "coordinator_request_id": order[0]}
    apply(db, message("PreparedTransfer", **ids, transfer_id=9, locked_amount=0, recipient="heir-account"))
    ((amount, note),) = values(db, "select committed_amount, transfer_note from worker.take_finalize_transfers(10, 0)")
    assert note == f"Trading session: 0\nFrom: {COLLECTOR:x}\nTo: {HEIR:x}\n"
    committed = amount if status == "OK" else 0
    apply(db, message("FinalizedTransfer", **ids, transfer_id=9, committed_amount=committed, status_code=status))
    return int(amount)


@covers("G20")
def test_a_removal_goes_from_money_to_nothing(db: Connection) -> None:
    need(db)
    hold(db, 123456)
    assert step(db) == "moving"
    assert step(db) == "moving"
    answer_account_id(db)
    # To the last token: the cut is for payments of turns.
    assert pay(db) == 123456
    assert attempts(db, "1") == []
    wait(db, minutes=1)
    # The authority has not said yet what is left.
    assert step(db) == "moving"
    assert attempts(db, "1") == []

    hold(db, 0, last_change_ts=later(1), last_change_seqnum=2)
    assert step(db) == "discarding"
    assert orders(db) == [(COLLECTOR, 1, 2)]
    assert values(db, "select released_at = worker.now() from worker.needed_worker_account") == [(True,)]
    assert step(db) == "discarding"
    assert sent(db, "ConfigureAccount") == []

    apply(db, message("AccountPurge"))
    assert step(db) == "gone"
    assert step(db) == "gone"
    assert values(db, "select 1 from worker.worker_account") == []
    # Until the solver has forgotten the collector.
    assert values(db, "select 1 from worker.needed_worker_account") == [(1,)]
    assert solver_requests(db) == []


@covers("G20")
def test_a_deletion_is_asked_for_again(db: Connection) -> None:
    """The ConfigureAccount got lost: no message repeats it, but the poll does after an hour."""
    need(db)
    hold(db, 0)
    assert step(db) == "discarding"
    assert orders(db) == [(COLLECTOR, 1, 2)]
    wait(db, minutes=59)
    hold(db, 0)
    assert step(db) == "discarding"
    assert orders(db) == []
    wait(db, minutes=1)
    assert step(db) == "discarding"
    assert orders(db) == [(COLLECTOR, 1, 2)]
    hold(db, 0, last_change_seqnum=2, config_flags=1, negligible_amount=2.0)
    wait(db, days=9)
    assert step(db) == "discarding"
    assert orders(db) == []


@covers("G43")
def test_money_that_comes_after_the_order_is_moved(db: Connection) -> None:
    """The authority keeps an account with more than 2 tokens, so nothing was lost."""
    need(db)
    hold(db, 0)
    assert step(db) == "discarding"
    sent(db, "ConfigureAccount")
    hold(db, 2, last_change_seqnum=2, config_flags=1, negligible_amount=2.0)
    assert step(db) == "discarding"
    hold(db, 300, last_change_seqnum=3, config_flags=1, negligible_amount=2.0)
    assert step(db) == "moving"
    assert attempts(db, "nominal_amount") == [(300.0,)]
    # A collector that is given up is neither repaired nor activated.
    assert orders(db) == []


@covers("G20")
@pytest.mark.parametrize(
    ("principal", "interest", "rate", "days", "expected"),
    [
        (1, 0.0, 0.0, 0, 1),
        (0, 0.0, 0.0, 0, None),
        (-5, 0.0, 0.0, 0, None),
        (100, 7.9, 0.0, 0, 107),
        (100, -7.1, 0.0, 0, 92),
        (0, 3.5, 5.0, 0, 3),
        (100, 0.0, 5.0, 300, 100),
        # A year at -50 % leaves half of it, and two hours and ten minutes cost some more.
        (1_000_000, 0.0, -50.0, 365.25, 500_000),
        (2, 0.0, -50.0, 0, 2),
        # Eaten up before a payment could be made.
        (1, 0.0, -50.0, 0, None),
        (2**53 - 1, 0.0, 0.0, 0, 2**53 - 1),
        (2**53 + 1, 0.0, 0.0, 0, 2**53),
        (2**63 - 1, 1e30, 0.0, 0, 2**63 - 1024),
    ],
)
def test_all_whole_tokens_are_moved(
    db: Connection, principal: int, interest: float, rate: float, days: float, expected: int | None
) -> None:
    need(db)
    hold(db, principal, interest=interest, interest_rate=rate, last_interest_rate_change_ts=later(-1_000_000))
    db.execute("select set_config('swpt.now', (worker.now() + %s)::text, false)", (timedelta(days=days),))
    assert step(db) == ("discarding" if expected is None else "moving")
    nominal = [] if expected is None else [(COLLECTOR, 0, 666, HEIR, False, expected)]
    columns = "collector_id, turn_id, debtor_id, creditor_id, is_dispatching, nominal_amount::bigint"
    assert attempts(db, columns) == nominal


@covers("G20")
def test_demurrage_during_the_payment_is_paid_for(db: Connection) -> None:
    """Less is ordered than there is; the rest follows as soon as it is known."""
    need(db)
    hold(db, 1_000_000, interest_rate=-50.0)
    step(db)
    answer_account_id(db)
    amount = pay(db)
    assert 999_700 < amount < 1_000_000
    wait(db, minutes=1)
    hold(db, 1_000_000 - amount, interest_rate=-50.0, last_change_ts=later(1), last_change_seqnum=2)
    assert step(db) == "moving"
    assert attempts(db, "nominal_amount between 100 and 300") == [(True,)]


OPEN = {
    "dispatching_statuses": {},
    "worker_collectings": {},
    "worker_sendings": {},
    "worker_receivings": {},
    "worker_dispatchings": {},
    "early_arrivals": {},
    "transfer_attempts": {},
    "account_locks": {},
}


@covers("G20")
@pytest.mark.parametrize("scan", OPEN)
def test_nothing_happens_while_payments_are_open(db: Connection, scan: str) -> None:
    need(db)
    hold(db, 5000)
    add(db, scan, COLLECTOR)
    assert step(db) == "busy"
    assert attempts(db, "turn_id") == ([(1,)] if scan == "transfer_attempts" else [])
    assert values(db, "select 1 from worker.needed_worker_account") == [(1,)]


@covers("G20")
def test_payments_of_others_do_not_count(db: Connection) -> None:
    need(db)
    hold(db, 5000)
    for scan in OPEN:
        add(db, scan, HEIR)
        add(db, scan, COLLECTOR, debtor_id=777, **({"coordinator_request_id": 72} if scan == "account_locks" else {}))
    assert step(db) == "moving"


@covers("G20")
def test_a_released_lock_does_not_count(db: Connection) -> None:
    need(db)
    hold(db, 0)
    add(
        db,
        "account_locks",
        COLLECTOR,
        transfer_id=7,
        finalized_at=NOW,
        released_at=NOW,
        account_creation_date="1970-01-01",
        account_last_transfer_number=0,
    )
    assert step(db) == "discarding"


@covers("G20")
def test_without_an_heir_the_money_stays(db: Connection) -> None:
    need(db)
    hold(db, 5000)
    assert step(db, heir=None) == "stranded"
    assert attempts(db, "1") == []
    assert values(db, "select 1 from worker.needed_worker_account") == [(1,)]
    assert step(db) == "moving"


@covers("G20")
def test_an_empty_account_needs_no_heir(db: Connection) -> None:
    need(db)
    hold(db, 0)
    assert step(db, heir=None) == "discarding"


@covers("G43")
def test_a_missing_row_proves_nothing(db: Connection) -> None:
    """The poll adopts the collector first; no answer to its order for 7 days proves that there is no account."""
    query = "select * from worker.remove_collectors(%s, %s, %s)"
    assert db.execute(query, ([666], [COLLECTOR], [HEIR])).fetchall() == []
    need(db)
    assert step(db) == "asked"
    wait(db, days=7)
    assert step(db) == "asked"
    wait(db, seconds=1)
    assert step(db) == "gone"
    assert values(db, "select released_at = worker.now() from worker.needed_worker_account") == [(True,)]
    assert sent(db, "ConfigureAccount") == []


@covers("G43")
def test_a_silent_account_is_asked_for_before_it_is_gone(db: Connection) -> None:
    """Without a heartbeat for a year, and then for the slack periods, there may still be money on it."""
    need(db)
    hold(db, 5000)
    wait(db, days=366)
    db.execute("select worker.scan_worker_accounts(0, 1000, 1000)")
    assert values(db, "select purged_at = worker.now(), is_purged from worker.needed_worker_account") == [(True, False)]
    wait(db, days=217)
    assert step(db) == "asked"
    assert orders(db) == [(COLLECTOR, 0, 1e30)]
    wait(db, days=1)
    assert step(db) == "asked"
    assert orders(db) == []
    hold(db, 5000, last_change_seqnum=2, last_change_ts=later(585 * 1440), ts=later(585 * 1440))
    assert step(db) == "moving"


@covers("G20", "G14")
def test_a_purged_account_that_came_back_is_emptied_too(db: Connection) -> None:
    """A purge disabled it; then a late payment revived the account."""
    need(db)
    hold(db, 0)
    apply(db, message("AccountPurge"))
    hold(db, 300, creation_date="2026-03-02", last_change_ts=later(1500))
    assert step(db) == "moving"
    assert attempts(db, "nominal_amount") == [(300.0,)]


@covers("G20")
def test_a_failed_transfer_begins_anew(db: Connection) -> None:
    """The money was less than the authority had said; a day later the right amount goes to today's heir."""
    need(db)
    hold(db, 5000)
    step(db)
    answer_account_id(db)
    pay(db, status="INSUFFICIENT_AVAILABLE_AMOUNT")
    assert attempts(db, "failure_code, nominal_amount") == [(4, 5000.0)]
    hold(db, 4000, last_change_ts=later(1), last_change_seqnum=2)
    assert step(db) == "moving"
    assert attempts(db, "nominal_amount") == [(5000.0,)]
    wait(db, hours=24, seconds=1)
    assert step(db, heir=HEIR + 1) == "moving"
    assert attempts(db, "creditor_id, nominal_amount, failure_code") == [(HEIR + 1, 4000.0, None)]


@covers("G20")
@pytest.mark.parametrize("is_settled", [False, True])
def test_a_transfer_under_way_is_waited_for(db: Connection, is_settled: bool) -> None:
    """Nobody knows what becomes of it: a second one could pay twice."""
    need(db)
    hold(db, 5000)
    step(db)
    answer_account_id(db)
    if is_settled:
        db.execute("update worker.transfer_attempt set transfer_id = 9, finalized_at = worker.now()")
    wait(db, days=100)
    hold(db, 5000, last_change_ts=later(60), last_change_seqnum=2)
    assert step(db) == "moving"
    assert attempts(db, "nominal_amount, failure_code") == [(5000.0, None)]


@covers("G20")
def test_a_transfer_without_news_of_it_begins_anew_a_day_later(db: Connection) -> None:
    """The transfer succeeded, but no AccountUpdate came. A day later it is tried again, which can not pay twice."""
    need(db)
    hold(db, 5000)
    step(db)
    answer_account_id(db)
    pay(db)
    wait(db, hours=24)
    assert step(db) == "moving"
    assert len(attempts(db, "1")) == 1


@covers("G20")
def test_receivers_ignore_turn_0(db: Connection) -> None:
    note = f"Trading session: 0\nFrom: {COLLECTOR:x}\nTo: {HEIR:x}\n"
    for creditor_id, amount in ((HEIR, 5000), (COLLECTOR, -5000)):
        fields = {"creditor_id": creditor_id, "debtor_id": 666, "acquired_amount": amount, "transfer_note": note}
        apply(db, message("AccountTransfer", **fields))
    for table in ("early_arrival", "worker_receiving", "dispatching_status", "set_aside"):
        assert values(db, f"select 1 from worker.{table}") == []


@covers("G20")
def test_busy_lanes_are_left_for_the_next_pass(db: Connection, new_database: Any) -> None:

    need(db)
    hold(db, 5000)
    with connection_to(db.info.dsn, autocommit=False) as other:
        other.execute("select worker.try_lock_lane(worker.lane_of(worker.hash32(%s)))", (COLLECTOR,))
        query = "select * from worker.remove_collectors(%s, %s, %s)"
        assert db.execute(query, ([666], [COLLECTOR], [HEIR])).fetchall() == []
        other.rollback()
    assert step(db) == "moving"


@covers("G20")
def test_the_default_slack_is_217_days(db: Connection) -> None:
    query = "select extract(day from worker.collector_slack(c))::integer from worker.configuration as c"
    assert values(db, query) == [(217,)]

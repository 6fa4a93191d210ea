"""How collector accounts come and go: configuration, rejection, purge."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.accounts.rows import values
from tests.sql.messages import COLLECTOR, apply, message
from tests.sql.outgoing import sent, solver_requests


def need(connection: Connection, age: str, configurations: int = 1) -> None:
    connection.execute(
        "insert into worker.needed_worker_account (creditor_id, debtor_id, configured_at, configurations) "
        "values (%s, 666, worker.now() - %s::interval, %s)",
        (COLLECTOR, age, configurations),
    )


def configure(connection: Connection, *debtor_ids: int) -> int:
    row = connection.execute(
        "select worker.configure_collectors(%s, %s)", (list(debtor_ids), [COLLECTOR] * len(debtor_ids))
    ).fetchone()
    assert row is not None
    return int(row[0])


def disable(is_replaced: bool) -> dict[str, Any]:
    return {"type": "DisableCollector", "debtor_id": 666, "creditor_id": COLLECTOR, "is_replaced": is_replaced}


def needed(connection: Connection, columns: str) -> list[tuple[Any, ...]]:
    return connection.execute(f"select {columns} from worker.needed_worker_account".encode()).fetchall()


WANTED = {
    "creditor_id": COLLECTOR,
    "debtor_id": 666,
    "seqnum": 0,
    "negligible_amount": 10**30,
    "config_data": "",
    "config_flags": 0,
}


@covers("V8.8")
@pytest.mark.parametrize(
    ("age", "has_account", "is_sent"),
    [
        (None, False, True),
        ("1 hour", False, False),
        ("7 days", False, False),
        ("8 days", False, True),
        ("8 days", True, False),
    ],
)
def test_an_account_is_asked_for_again_after_8_days(
    db: Connection, age: str | None, has_account: bool, is_sent: bool
) -> None:
    if age:
        need(db, age)
    if has_account:
        apply(db, message("AccountUpdate"))
    assert configure(db, 666) == int(is_sent)
    assert values(db, "select (message ->> 'ts')::timestamptz = worker.now() from pgmq.q_out_configure_account") == (
        [(True,)] if is_sent else []
    )
    assert sent(db, "ConfigureAccount") == ([WANTED] if is_sent else [])
    assert needed(db, "configured_at = worker.now()") == [(is_sent,)]
    assert configure(db, 666) == 0


def test_many_accounts_are_asked_for_at_once(db: Connection) -> None:
    need(db, "1 hour")
    assert configure(db, *range(600, 700)) == 99
    assert {m["debtor_id"] for m in sent(db, "ConfigureAccount")} == set(range(600, 700)) - {666}


@covers("G38")
@pytest.mark.parametrize(("configurations", "is_sent"), [(12, True), (13, False)])
def test_an_authority_that_never_answers_is_left_alone(db: Connection, configurations: int, is_sent: bool) -> None:
    """After 13 weeks of silence."""
    need(db, "8 days", configurations)
    assert configure(db, 666) == int(is_sent)


@covers("G12")
def test_repeated_rejections_disable_a_collector(db: Connection) -> None:
    need(db, "1 hour")

    def rejection(day: int) -> dict[str, Any]:
        return message("RejectedConfig", config_ts=f"2026-02-{day:02}T00:00:00Z")

    for day in (1, 1, 8, 1, 8):
        apply(db, rejection(day))
    assert needed(db, "rejections") == [(2,)]
    assert solver_requests(db) == []
    apply(db, rejection(15))
    assert solver_requests(db) == [disable(is_replaced=False)]


@covers("G12")
def test_the_rejection_of_an_existing_account_disables_nothing(db: Connection) -> None:
    need(db, "1 hour")
    apply(db, message("AccountUpdate"))
    sent(db, "ActivateCollector")
    for day in (1, 2, 3, 4):
        apply(db, message("RejectedConfig", config_ts=f"2026-02-0{day}T00:00:00Z"))
    assert solver_requests(db) == []


def test_rejection_is_logged_with_its_code(db: Connection) -> None:
    notices: list[str | None] = []
    db.add_notice_handler(lambda notice: notices.append(notice.message_primary))
    apply(db, message("RejectedConfig", rejection_code="NO_ACCOUNTS_ALLOWED"))
    assert notices == [
        f"account configurations were rejected (creditor/debtor: code): {COLLECTOR}/666: NO_ACCOUNTS_ALLOWED"
    ]
    assert needed(db, "1") == []


@covers("G14")
@pytest.mark.parametrize(
    ("creation_date", "is_deleted"), [("2026-02-28", False), ("2026-03-01", True), ("2026-03-02", True)]
)
def test_a_purged_account_is_deleted_and_its_collector_replaced(
    db: Connection, creation_date: str, is_deleted: bool
) -> None:
    need(db, "1 hour")
    apply(db, message("AccountUpdate"))
    purge = message("AccountPurge", creation_date=creation_date)
    warnings: list[str | None] = []
    db.add_notice_handler(lambda diagnostic: warnings.append(diagnostic.message_primary))
    apply(db, purge)
    assert db.execute("select count(*) from worker.worker_account").fetchone() == (int(not is_deleted),)
    assert solver_requests(db) == ([disable(is_replaced=True)] if is_deleted else [])
    assert needed(db, "purged_at = worker.now(), is_purged") == [(True, True) if is_deleted else (None, False)]
    apply(db, purge)
    assert solver_requests(db) == []
    lost = f"needed collector accounts vanished (creditor/debtor): {COLLECTOR}/666"
    assert warnings == ([lost] if is_deleted else [])


def test_purge_of_an_unneeded_account_replaces_nothing(db: Connection) -> None:
    need(db, "1 hour")
    apply(db, message("AccountUpdate"))
    db.execute("delete from worker.needed_worker_account")
    apply(db, message("AccountPurge"))
    assert db.execute("select count(*) from worker.worker_account").fetchone() == (0,)
    assert solver_requests(db) == []


@covers("G12")
def test_requested_collectors_without_an_account_are_found(db: Connection) -> None:
    need(db, "8 days")
    apply(db, message("AccountUpdate"))
    query = "select * from worker.find_missing_accounts(%s, %s)"
    assert db.execute(query, ([666, 667], [COLLECTOR, COLLECTOR])).fetchall() == [(667, COLLECTOR)]


@covers("G43")
def test_customers_never_become_collectors(db: Connection) -> None:
    """The range of collector IDs was widened by mistake, and one was drawn that a customer has."""
    apply(db, message("UpdatedPolicy", creditor_id=COLLECTOR, debtor_id=5))
    notices: list[str | None] = []
    db.add_notice_handler(lambda notice: notices.append(notice.message_primary))
    assert configure(db, 666) == 0
    assert sent(db, "ConfigureAccount") == []
    assert needed(db, "1") == []
    assert solver_requests(db) == [disable(is_replaced=True)]
    assert notices == [f"collectors with the IDs of customers are not used (creditor/debtor): {COLLECTOR}/666"]


def test_needed_collector_is_asked_for_once(db: Connection) -> None:
    apply(db, message("NeededCollector", debtor_id=5), message("NeededCollector", debtor_id=4))
    apply(db, message("NeededCollector", debtor_id=5), message("NeededCollector", debtor_id=6))
    assert solver_requests(db) == [{"type": "NeededCollector", "debtor_id": n} for n in (4, 5, 6)]
    assert db.execute(
        "select debtor_id, needed_at::text from worker.recently_needed_collector order by 1"
    ).fetchall() == [(n, "2026-03-01 02:00:00+00") for n in (4, 5, 6)]


def test_activation_is_passed_on_as_it_is(db: Connection) -> None:
    body = message("ActivateCollector", ts="2026-02-03T04:05:06.789+00:00")
    apply(db, body)
    assert db.execute("select message from worker.take_solver_requests(10)").fetchall() == [(body,)]


def test_solver_requests_stay_until_they_are_deleted(db: Connection) -> None:
    apply(db, *[message("NeededCollector", debtor_id=n) for n in (1, 2, 3)])
    first = db.execute("select msg_id, message ->> 'debtor_id' from worker.take_solver_requests(2)").fetchall()
    assert [debtor_id for _, debtor_id in first] == ["1", "2"]
    db.execute("select worker.delete_solver_requests(%s)", ([first[0][0]],))
    assert [m["debtor_id"] for m in solver_requests(db)] == [2, 3]

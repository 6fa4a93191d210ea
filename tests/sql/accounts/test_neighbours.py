"""Accounts of other collectors, and in other currencies, stay what they are, whatever happens to one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.accounts.rows import NOW, later, step, values
from tests.sql.messages import COLLECTOR, apply, message

ACCOUNTS = [(COLLECTOR, 666), (COLLECTOR, 667), (COLLECTOR + 9, 666)]
TABLES = {
    "needed_worker_account": "creditor_id",
    "worker_account": "creditor_id",
    "interest_rate_change": "creditor_id",
    "transfer_attempt": "collector_id",
}


def update(**fields: Any) -> Callable[[Connection], None]:
    return lambda db: apply(db, message("AccountUpdate", **fields))


def rejection(db: Connection) -> None:
    apply(db, message("RejectedConfig", config_ts=later(1)))


def purge(db: Connection) -> None:
    apply(db, message("AccountPurge"))


def remove(db: Connection) -> None:
    step(db)


def rows_of(db: Connection, is_meant: bool) -> list[list[tuple[Any, ...]]]:
    """The rows of the account that is meant, or of all others, by table."""
    return [
        values(
            db,
            f"select * from worker.{table} where (({key}, debtor_id) = ({COLLECTOR}, 666)) = {is_meant} order by 1, 2",
        )
        for table, key in TABLES.items()
    ]


@pytest.mark.parametrize(
    ("principal", "news"),
    [
        pytest.param(5, update(principal=7, last_change_seqnum=2), id="update"),
        pytest.param(5, update(principal=5, ts=later(-1)), id="heartbeat"),
        pytest.param(
            5, update(config_flags=1, last_change_seqnum=2, last_config_ts=later(1)), id="repair", marks=covers("G44")
        ),
        pytest.param(5, purge, id="purge"),
        pytest.param(5, rejection, id="rejection"),
        pytest.param(5, remove, id="money_is_moved", marks=covers("G20")),
        pytest.param(0, remove, id="account_is_released", marks=covers("G20")),
    ],
)
@pytest.mark.parametrize("is_purged", [False, True])
def test_news_of_one_account_change_no_other(
    db: Connection, principal: int, news: Callable[[Connection], None], is_purged: bool
) -> None:
    for creditor_id, debtor_id in ACCOUNTS:
        db.execute(
            "insert into worker.needed_worker_account (creditor_id, debtor_id, configured_at) values (%s, %s, %s)",
            (creditor_id, debtor_id, NOW),
        )
        ids = {"creditor_id": creditor_id, "debtor_id": debtor_id}
        apply(db, message("AccountUpdate", principal=principal, ts=later(-60), **ids))
    if is_purged:
        db.execute("update worker.needed_worker_account set purged_at = worker.now(), rejections = 1")
    others, meant = rows_of(db, False), rows_of(db, True)
    news(db)
    assert rows_of(db, False) == others
    assert rows_of(db, True) != meant


@covers("G20")
def test_only_the_failed_transfer_of_the_own_account_begins_anew(db: Connection) -> None:
    for n, (creditor_id, debtor_id) in enumerate(ACCOUNTS):
        for turn_id in (0, 1):
            db.execute(
                """
                insert into worker.transfer_attempt (
                  collector_id, turn_id, debtor_id, creditor_id, is_dispatching, nominal_amount, collection_started_at,
                  inserted_at
                )
                values (%s, %s, %s, %s, false, 5, '2026-01-01', '2026-01-01')
                """,
                (creditor_id, turn_id, debtor_id, 1 + n),
            )
    db.execute(
        "insert into worker.needed_worker_account (creditor_id, debtor_id, configured_at) values (%s, 666, %s)",
        (COLLECTOR, NOW),
    )
    others = rows_of(db, False)
    step(db)
    assert rows_of(db, False) == others
    assert values(
        db, f"select turn_id from worker.transfer_attempt where ({ACCOUNTS[0][0]}, 666) = (collector_id, debtor_id)"
    ) == [(1,)]

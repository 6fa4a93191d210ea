"""Trading policies: three independent streams of notifications meet in one row."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.messages import CUSTOMER, apply, message

TS = "2026-01-04T17:30:00.125+00:00"


def ledger(update_id: int, **fields: Any) -> dict[str, Any]:
    return message("UpdatedLedger", update_id=update_id, **fields)


def policy(update_id: int, **fields: Any) -> dict[str, Any]:
    return message("UpdatedPolicy", update_id=update_id, **fields)


def flags(update_id: int, config_flags: int) -> dict[str, Any]:
    return message("UpdatedFlags", update_id=update_id, config_flags=config_flags)


def row(connection: Connection, columns: str) -> tuple[Any, ...]:
    found = connection.execute(
        f"select {columns} from worker.trading_policy where creditor_id = %s and debtor_id = 666".encode(), (CUSTOMER,)
    ).fetchall()
    assert len(found) == 1
    return found[0]


ACCOUNT = "account_id, account_id_is_obsolete"


def test_first_message_leaves_the_other_streams_at_their_defaults(worker_db: Connection) -> None:
    apply(worker_db, policy(5, min_principal=-3, max_principal=7, peg_debtor_id=-123, peg_exchange_rate=1.25, ts=TS))
    assert row(
        worker_db,
        "latest_policy_update_id, policy_name, min_principal, max_principal, peg_debtor_id, peg_exchange_rate,"
        "to_jsonb(latest_policy_update_ts)::text,"
        "latest_ledger_update_id, extract(epoch from latest_ledger_update_ts)::int, account_id, creation_date::text,"
        "latest_flags_update_id, config_flags",
    ) == (5, "conservative", -3, 7, -123, 1.25, f'"{TS}"', 0, 0, "", "1970-01-01", 0, 0)


@covers("V10.1")
def test_only_later_ledger_updates_count(worker_db: Connection) -> None:
    columns = "latest_ledger_update_id, principal, last_transfer_number, creation_date::text"
    apply(worker_db, ledger(123, principal=10, last_transfer_number=1, creation_date="2025-01-01"))
    apply(worker_db, ledger(123, principal=20, last_transfer_number=2, creation_date="2025-01-02"))
    assert row(worker_db, columns) == (123, 10, 1, "2025-01-01")
    apply(worker_db, ledger(124, principal=30, last_transfer_number=3, creation_date="2025-01-03"))
    assert row(worker_db, columns) == (124, 30, 3, "2025-01-03")


@covers("V10.2")
def test_ledger_and_policy_updates_count_separately(worker_db: Connection) -> None:
    apply(worker_db, policy(5, max_principal=77))
    apply(worker_db, ledger(1, principal=11))
    assert row(worker_db, "latest_policy_update_id, max_principal, latest_ledger_update_id, principal") == (
        5,
        77,
        1,
        11,
    )


@covers("V10.3", "V10.4")
def test_an_account_id_that_is_taken_back_is_obsolete(worker_db: Connection) -> None:
    apply(worker_db, ledger(124, account_id="x", principal=5))
    apply(worker_db, ledger(125, account_id="", principal=0))
    assert row(worker_db, f"{ACCOUNT}, principal") == ("x", True, 0)
    apply(worker_db, ledger(126, account_id="y"))
    assert row(worker_db, ACCOUNT) == ("y", False)


@covers("V10.5")
@pytest.mark.parametrize("is_after_policy", [False, True])
def test_an_empty_account_id_is_not_obsolete_from_the_start(worker_db: Connection, is_after_policy: bool) -> None:
    if is_after_policy:
        apply(worker_db, policy(1))
    apply(worker_db, ledger(7, account_id=""))
    assert row(worker_db, ACCOUNT) == ("", False)


@covers("V10.6")
def test_without_a_policy_name_the_peg_stays(worker_db: Connection) -> None:
    apply(worker_db, policy(8, peg_debtor_id=1, peg_exchange_rate=2.0))
    apply(worker_db, policy(9, policy_name=None, peg_debtor_id=1, peg_exchange_rate=3.0))
    assert row(worker_db, "policy_name, peg_debtor_id, peg_exchange_rate") == (None, 1, 3.0)


@covers("V10.8")
def test_only_later_flags_count(worker_db: Connection) -> None:
    apply(worker_db, flags(3, 0b100))
    apply(worker_db, flags(2, 0b1))
    assert row(worker_db, "latest_flags_update_id, config_flags") == (3, 0b100)


@covers("V10.9")
@pytest.mark.parametrize(
    "bad",
    [
        ledger(0),
        policy(0),
        flags(0, 0),
        policy(1, min_principal=5, max_principal=4),
        policy(1, peg_exchange_rate=1.0),
        policy(1, peg_debtor_id=1),
    ],
)
@pytest.mark.parametrize("is_known", [False, True])
def test_bad_updates_are_refused(worker_db: Connection, bad: dict[str, Any], is_known: bool) -> None:
    if is_known:
        apply(worker_db, flags(1, 0))
    with pytest.raises(psycopg.errors.IntegrityError):
        apply(worker_db, bad)


def test_batch_of_many_accounts(worker_db: Connection) -> None:
    apply(worker_db, *[ledger(n, debtor_id=n, principal=n) for n in range(2, 1001, 2)])
    apply(worker_db, *[ledger(500, debtor_id=n, principal=-n) for n in range(1000, 0, -1)])
    found = worker_db.execute("select debtor_id, principal from worker.trading_policy order by debtor_id").fetchall()
    assert found == [(n, n if n % 2 == 0 and n >= 500 else -n) for n in range(1, 1001)]

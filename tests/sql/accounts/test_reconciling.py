"""Both databases know the same collectors, even if one of them was restored from a backup, or is new."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.accounts.rows import orders, values, wait
from tests.sql.messages import COLLECTOR, apply, message
from tests.sql.outgoing import sent, solver_requests

KEPT = (COLLECTOR, 0, 1e30)


def reconcile(
    db: Connection,
    *catalogue: tuple[int, int, int],
    after: tuple[int | None, int | None] = (None, None),
    last: bool = True,
) -> list[tuple[Any, ...]]:
    """Catalogue: debtor, collector, status. Returns what the catalogue lacks."""
    columns = [list(column) for column in zip(*catalogue, strict=True)] or [[], [], []]
    query = "select * from worker.reconcile_collectors(%s, %s, %s::smallint[], %s, %s, %s)"
    return db.execute(query, (*columns, *after, last)).fetchall()


@covers("G43")
@pytest.mark.parametrize("status", [1, 2, 3])
def test_collectors_that_the_database_lacks_are_adopted(db: Connection, status: int) -> None:
    assert reconcile(db, (666, COLLECTOR, status)) == []
    assert orders(db) == [KEPT]
    assert values(db, "select configured_at = worker.now() from worker.needed_worker_account") == [(True,)]
    assert reconcile(db, (666, COLLECTOR, status)) == []
    assert orders(db) == []


def test_pristine_collectors_are_not_adopted(db: Connection) -> None:
    """They were never asked for: that is another step."""
    assert reconcile(db, (666, COLLECTOR, 0)) == []
    assert orders(db) == []


@covers("G43")
@pytest.mark.parametrize(("status", "is_repeated"), [(1, False), (2, True), (3, False)])
def test_an_adoption_that_nobody_answers_is_repeated(db: Connection, status: int, is_repeated: bool) -> None:
    """Of an active collector; the others have their own ways."""
    reconcile(db, (666, COLLECTOR, status))
    assert orders(db) == [KEPT]
    wait(db, days=7)
    reconcile(db, (666, COLLECTOR, status))
    assert orders(db) == []
    wait(db, seconds=1)
    reconcile(db, (666, COLLECTOR, status))
    assert orders(db) == ([KEPT] if is_repeated else [])


@covers("G43")
@pytest.mark.parametrize(("status", "is_disabled"), [(1, True), (2, True), (3, False)])
def test_customers_are_not_adopted(db: Connection, status: int, is_disabled: bool) -> None:
    """Their IDs were in the range for a while. Once disabled, there is nothing left to do, and nobody is woken up."""
    apply(db, message("UpdatedPolicy", creditor_id=COLLECTOR))
    assert reconcile(db, (666, COLLECTOR, status)) == []
    assert orders(db) == []
    assert [request["type"] for request in solver_requests(db)] == ["DisableCollector"] * is_disabled


@covers("G43")
def test_an_adopted_account_tells_what_is_on_it(db: Connection) -> None:
    """And a message that was under way before the adoption changes nothing."""
    apply(db, message("AccountUpdate", principal=12000, config_flags=1, last_config_ts="2026-02-28T00:00:00Z"))
    reconcile(db, (666, COLLECTOR, 2))
    orders(db)
    apply(db, message("AccountUpdate", principal=12000, config_flags=1, last_config_ts="2026-02-28T00:00:00Z"))
    assert orders(db) == []
    apply(db, message("AccountUpdate", principal=12000, last_change_seqnum=2))
    assert values(db, "select principal, is_discarded from worker.worker_account") == [(12000, False)]
    assert values(db, "select 1 from worker.unknown_account") == []
    assert len(sent(db, "ActivateCollector")) == 1


@covers("G43")
def test_released_collectors_are_never_adopted_anew(db: Connection) -> None:
    reconcile(db, (666, COLLECTOR, 3))
    apply(db, message("AccountUpdate", config_flags=1, negligible_amount=2.0))
    db.execute("update worker.needed_worker_account set released_at = worker.now()")
    sent(db, "ConfigureAccount")
    wait(db, days=30)
    assert reconcile(db, (666, COLLECTOR, 3)) == []
    assert (orders(db), solver_requests(db)) == ([], [])
    # A solver that was restored thinks that it is active.
    assert reconcile(db, (666, COLLECTOR, 2)) == []
    assert orders(db) == []
    request = {"type": "DisableCollector", "debtor_id": 666, "creditor_id": COLLECTOR, "is_replaced": True}
    assert solver_requests(db) == [request]
    # The catalogue lacks it, but the account is still there.
    assert reconcile(db) == [(666, COLLECTOR, 3, "collector-account")]
    apply(db, message("AccountPurge"))
    assert values(db, "select 1 from worker.needed_worker_account") == [(1,)]
    assert reconcile(db, (666, COLLECTOR, 3)) == []
    assert values(db, "select 1 from worker.interest_rate_change") == [(1,)]
    assert reconcile(db) == []
    assert values(db, "select 1 from worker.needed_worker_account") == []
    assert values(db, "select 1 from worker.interest_rate_change") == []


@covers("G43")
def test_collectors_that_the_catalogue_lacks_go_back(db: Connection) -> None:
    for debtor_id in range(1, 6):
        db.execute("select worker.configure_collectors(%s, %s)", ([debtor_id], [COLLECTOR]))
    for debtor_id in range(2, 6):
        apply(db, message("AccountUpdate", debtor_id=debtor_id))
    db.execute("update worker.worker_account set config_flags = 1 where debtor_id = 3")
    apply(db, message("AccountPurge", debtor_id=4))
    assert reconcile(db, (5, COLLECTOR, 2)) == [
        (1, COLLECTOR, 1, ""),
        (2, COLLECTOR, 2, "collector-account"),
        (3, COLLECTOR, 1, "collector-account"),
        (4, COLLECTOR, 3, ""),
    ]


@covers("G43")
def test_pages_end_where_the_catalogue_does(db: Connection) -> None:
    for debtor_id in range(1, 8):
        db.execute("select worker.configure_collectors(%s, %s)", ([debtor_id], [COLLECTOR]))
    assert reconcile(db, (2, COLLECTOR, 1), (3, COLLECTOR, 1), last=False) == [(1, COLLECTOR, 1, "")]
    page = ((5, COLLECTOR, 1),)
    assert reconcile(db, *page, after=(3, COLLECTOR), last=False) == [(4, COLLECTOR, 1, "")]
    assert reconcile(db, after=(5, COLLECTOR)) == [(6, COLLECTOR, 1, ""), (7, COLLECTOR, 1, "")]


@covers("G43")
def test_collectors_of_other_shards_are_not_put_back(db: Connection) -> None:
    """Rows of the sibling, left over from a split."""
    db.execute("select worker.configure_collectors(array[666], %s)", ([COLLECTOR],))
    db.execute("update worker.configuration set realm_mask = -1 << 30, realm = -1 << 31")
    assert reconcile(db) == []


@covers("G43")
@pytest.mark.parametrize(
    ("status", "fields", "is_told"),
    [(0, {}, True), (1, {}, True), (2, {}, False), (1, {"account_id": ""}, False), (1, {"config_flags": 1}, False)],
)
def test_an_account_that_the_solver_does_not_know_is_told_again(
    db: Connection, status: int, fields: dict[str, Any], is_told: bool
) -> None:
    db.execute("select worker.configure_collectors(array[666], %s)", ([COLLECTOR],))
    apply(db, message("AccountUpdate", **fields))
    assert reconcile(db, (666, COLLECTOR, status)) == []
    activation = {"debtor_id": 666, "creditor_id": COLLECTOR, "account_id": "collector-account"}
    assert solver_requests(db) == ([activation | {"type": "ActivateCollector"}] if is_told else [])

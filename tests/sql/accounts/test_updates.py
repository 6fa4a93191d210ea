"""AccountUpdate: what is stored, and what it sets going."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.messages import COLLECTOR, CUSTOMER, apply, message
from tests.sql.outgoing import sent

ACTIVATION = {"creditor_id": COLLECTOR, "debtor_id": 666, "account_id": "collector-account"}
T = "2026-03-01T01:00:00+00:00"


def update(**fields: Any) -> dict[str, Any]:
    return message("AccountUpdate", **fields)


def discovery(force: bool, iri: str = "https://example.com/iri") -> dict[str, Any]:
    return {"debtor_id": 666, "iri": iri, "force_locator_refetch": force}


def need(connection: Connection, creditor_id: int = COLLECTOR, debtor_id: int = 666) -> None:
    connection.execute(
        "insert into worker.needed_worker_account (creditor_id, debtor_id, configured_at) values (%s, %s, now())",
        (creditor_id, debtor_id),
    )


def unneed(connection: Connection) -> None:
    connection.execute("delete from worker.needed_worker_account")


def accounts(connection: Connection, columns: str) -> list[tuple[Any, ...]]:
    return connection.execute(f"select {columns} from worker.worker_account order by 1".encode()).fetchall()


def changes(connection: Connection) -> int:
    row = connection.execute("select count(*) from worker.interest_rate_change").fetchone()
    assert row is not None
    return int(row[0])


def everything_sent(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    types = ("ConfigureAccount", "ActivateCollector", "DiscoverDebtor")
    return {type_: messages for type_ in types if (messages := sent(connection, type_))}


def test_another_life_of_the_account_replaces_everything(db: Connection) -> None:
    need(db)
    apply(db, update())
    news = {
        "creation_date": "2026-03-02",
        "last_change_ts": "2026-03-01T02:00:01+00:00",
        "last_change_seqnum": 2,
        "principal": 7,
        "interest": 0.5,
        "interest_rate": -3.0,
        "last_interest_rate_change_ts": T,
        "last_config_ts": T,
        "config_flags": 2,
        "negligible_amount": 7.5,
        "debtor_info_iri": "https://example.com/new",
        "last_transfer_number": 9,
        "last_transfer_committed_at": T,
        "demurrage_rate": -10.0,
        "commit_period": 77,
        "transfer_note_max_bytes": 88,
        "account_id": "another",
    }
    apply(db, update(**news))
    columns = ", ".join(f"'{name}', {name}" for name in news)
    query = f"select jsonb_build_object({columns}) @> %s::jsonb from worker.worker_account"
    db.execute("set time zone 'UTC'")
    assert db.execute(query.encode(), (json.dumps(news),)).fetchall() == [(True,)]


def test_debtor_0_is_neither_activated_nor_discovered(db: Connection) -> None:
    need(db, debtor_id=0)
    apply(db, update(debtor_id=0))
    assert everything_sent(db) == {}


def test_the_first_update_is_stored_whole(db: Connection) -> None:
    need(db)
    apply(
        db,
        update(
            principal=5,
            interest=-1.5,
            interest_rate=-2.5,
            last_change_seqnum=-7,
            last_transfer_number=3,
            last_transfer_committed_at=T,
            ts=T,
        ),
    )
    columns = (
        "principal, interest, interest_rate, last_change_seqnum, last_transfer_number, "
        "last_transfer_committed_at = last_heartbeat_ts, creation_date::text, account_id, debtor_info_iri, "
        "demurrage_rate, commit_period, transfer_note_max_bytes, config_flags, last_heartbeat_ts::text"
    )
    assert accounts(db, columns) == [
        (
            *(5, -1.5, -2.5, -7, 3, True, "2026-03-01", "collector-account", "https://example.com/iri"),
            *(-50.0, 2592000, 500, 0, "2026-03-01 01:00:00+00"),
        )
    ]
    assert changes(db) == 1
    assert everything_sent(db) == {"ActivateCollector": [ACTIVATION], "DiscoverDebtor": [discovery(True)]}


@covers("V8.13", "G13", "M28")
@pytest.mark.parametrize(
    ("stored_seqnum", "fields", "is_stored", "force"),
    [
        (1, {"last_change_seqnum": 1}, False, False),  # heartbeat
        (1, {"last_change_ts": "2026-03-01T00:00:00Z", "last_change_seqnum": 9}, False, None),  # old
        (2**31 - 1, {"last_change_seqnum": -(2**31)}, True, False),  # newer
        (-(2**31), {"last_change_seqnum": 2**31 - 1}, False, None),
        (5, {"last_change_seqnum": 4}, False, None),
        (5, {"last_change_seqnum": 6}, True, False),
        (5, {"last_change_ts": "2026-03-01T01:00:00.000001Z", "last_change_seqnum": 4}, True, False),
        (5, {"creation_date": "2026-03-02", "last_change_ts": "2026-02-01T00:00:00Z"}, True, False),
        (5, {"creation_date": "2026-02-28", "last_change_ts": "2026-03-01T01:30:00Z"}, False, None),
    ],
)
def test_news_are_applied_in_order_and_heartbeats_are_no_news(
    db: Connection, stored_seqnum: int, fields: dict[str, Any], is_stored: bool, force: bool | None
) -> None:
    """Events in order of (creation date, moment, wrapping number); an equal one is a heartbeat."""
    need(db)
    apply(db, update(last_change_ts=T, last_change_seqnum=stored_seqnum, principal=1, ts="2026-03-01T01:00:00Z"))
    everything_sent(db)
    apply(db, update(**{"last_change_ts": T, "last_change_seqnum": stored_seqnum, "principal": 2, **fields}))
    assert accounts(db, "principal, last_heartbeat_ts = worker.now()") == [(2 if is_stored else 1, True)]
    assert everything_sent(db) == ({} if force is None else {"DiscoverDebtor": [discovery(force)]})


@covers("V13.9", "G13")
def test_a_heartbeat_of_an_idle_account_keeps_its_currency_known(db: Connection) -> None:
    """The heartbeat of an idle account keeps its currency known."""
    need(db)
    apply(db, update())
    everything_sent(db)
    db.execute(
        "insert into worker.debtor_locator_claim (debtor_id, debtor_info_locator, latest_locator_fetch_at, "
        "latest_discovery_fetch_at) values (666, 'https://example.com/666', worker.now() - interval '8 days', "
        "worker.now() - interval '8 days')"
    )
    apply(db, update())
    (wish,) = sent(db, "DiscoverDebtor")
    assert wish == discovery(False)
    apply(db, message("DiscoverDebtor", **wish))
    (fetch,) = sent(db, "FetchDebtorInfo")
    assert (fetch["iri"], fetch["is_locator_fetch"]) == ("https://example.com/666", True)


@pytest.mark.parametrize("creditor_id", [CUSTOMER, COLLECTOR - 1, COLLECTOR + 2048])
def test_customers_account_is_never_discarded(db: Connection, creditor_id: int) -> None:
    notices: list[str | None] = []
    db.add_notice_handler(lambda notice: notices.append(notice.message_primary))
    apply(db, update(creditor_id=creditor_id))
    assert everything_sent(db) == {}
    assert notices == [f"account updates for accounts that are not collectors (creditor/debtor): {creditor_id}/666"]


@covers("V8.16")
def test_an_update_that_is_too_old_tells_the_rate_only(db: Connection) -> None:
    need(db)
    apply(db, update(ttl=10000, ts="2026-02-28T22:56:40Z"))
    assert changes(db) == 1
    assert accounts(db, "1") == []
    assert everything_sent(db) == {}


def test_message_on_the_edge_of_its_ttl_counts(db: Connection) -> None:
    need(db)
    apply(db, update(ttl=10000, ts="2026-02-28T23:13:20Z"))
    assert accounts(db, "last_heartbeat_ts::text") == [("2026-02-28 23:13:20+00",)]


def test_heartbeat_is_never_in_the_future_and_never_goes_back(db: Connection) -> None:
    need(db)
    apply(db, update(ts="2026-03-01T05:00:00Z"))
    assert accounts(db, "last_heartbeat_ts = worker.now()") == [(True,)]
    apply(db, update(ts="2026-03-01T01:00:00Z", last_change_seqnum=2))
    apply(db, update(ts="2026-03-01T01:00:00Z"))
    assert accounts(db, "last_heartbeat_ts = worker.now()") == [(True,)]


@pytest.mark.parametrize(
    ("fields", "is_eligible"),
    [
        ({}, True),
        ({"demurrage_rate": -50.1}, False),
        ({"commit_period": 2591999}, False),
        ({"transfer_note_max_bytes": 80}, True),
        ({"transfer_note_max_bytes": 79}, False),
        ({"debtor_info_iri": ""}, False),
        ({"account_id": ""}, False),
    ],
)
def test_only_accounts_fit_for_trade_are_discovered(db: Connection, fields: dict[str, Any], is_eligible: bool) -> None:
    need(db)
    for _ in ("update", "heartbeat"):
        apply(db, update(**fields))
        assert len(sent(db, "DiscoverDebtor")) == int(is_eligible)


def test_new_iri_forces_a_refetch(db: Connection) -> None:
    need(db)
    apply(db, update(debtor_info_iri=""))
    assert accounts(db, "debtor_info_iri") == [(None,)]
    for seqnum, iri, force in ((2, "https://example.com/a", True), (3, "https://example.com/a", False)):
        apply(db, update(debtor_info_iri=iri, last_change_seqnum=seqnum))
        assert sent(db, "DiscoverDebtor") == [discovery(force, iri)]


def test_account_id_that_comes_later_activates(db: Connection) -> None:
    need(db)
    apply(db, update(account_id=""))
    assert everything_sent(db) == {}
    apply(db, update(account_id="a", last_change_seqnum=2))
    assert sent(db, "ActivateCollector") == [ACTIVATION | {"account_id": "a"}]
    apply(db, update(account_id="a", last_change_seqnum=3))
    assert sent(db, "ActivateCollector") == []


@covers("M29")
@pytest.mark.parametrize(
    ("creation_date", "account_id", "kept"),
    [
        ("2026-03-01", "b", "collector-account"),
        ("2026-03-02", "", "collector-account"),
        ("2026-03-02", "b", "b"),
        ("2026-03-02", "collector-account", "collector-account"),
    ],
)
def test_only_a_new_account_takes_another_id(db: Connection, creation_date: str, account_id: str, kept: str) -> None:
    """Only an account that was created anew takes another ID."""
    need(db)
    apply(db, update())
    everything_sent(db)
    apply(db, update(creation_date=creation_date, account_id=account_id, last_change_seqnum=2))
    assert accounts(db, "account_id") == [(kept,)]
    assert sent(db, "ActivateCollector") == ([ACTIVATION | {"account_id": "b"}] if kept == "b" else [])


@pytest.mark.parametrize(("rate", "stored"), [(1e300, 3.4e38), (1e-300, 0.0), (-100.0, -100.0)])
def test_extreme_interest_rates_are_contained(db: Connection, rate: float, stored: float) -> None:
    need(db)
    apply(db, update(interest_rate=rate))
    assert accounts(db, "interest_rate") == [(pytest.approx(stored),)]


def test_account_that_appears_clears_its_past(db: Connection) -> None:
    need(db)
    db.execute("update worker.needed_worker_account set rejections = 2, purged_at = worker.now(), is_purged = true")
    apply(db, update())
    assert db.execute("select rejections, purged_at, is_purged from worker.needed_worker_account").fetchall() == [
        (0, None, False)
    ]


def test_batch_of_all_kinds(db: Connection) -> None:
    """Accounts 1..100: needed if odd; stored before if divisible by 4 or 3, the latter ones outdated."""
    for n in range(1, 101):
        need(db, debtor_id=n)
    apply(
        db, *[update(debtor_id=n, last_change_seqnum=1 if n % 3 else 9) for n in range(1, 101) if n % 4 * (n % 3) == 0]
    )
    db.execute("delete from worker.needed_worker_account where debtor_id % 2 = 0")
    everything_sent(db)
    apply(db, *[update(debtor_id=n, last_change_seqnum=2, principal=n) for n in range(100, 0, -1)])
    stored = {n for n in range(1, 101) if n % 2 or n % 4 == 0 or n % 3 == 0}
    assert accounts(db, "debtor_id, principal") == [(n, n if n % 3 else 0) for n in sorted(stored)]
    messages = everything_sent(db)
    assert "ConfigureAccount" not in messages
    assert db.execute("select array_agg(debtor_id order by debtor_id) from worker.unknown_account").fetchall() == [
        ([*range(2, 101, 2)],)
    ]
    assert {m["debtor_id"] for m in messages["ActivateCollector"]} == {n for n in range(1, 101, 2) if n % 3}
    assert {m["debtor_id"] for m in messages["DiscoverDebtor"]} == {n for n in range(1, 101, 2) if n % 3}

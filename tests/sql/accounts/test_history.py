"""The history of interest rates keeps what "the lowest rate since some moment" needs."""

from __future__ import annotations

import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.messages import COLLECTOR, apply, message

History = dict[int, float]


def fill(connection: Connection, history: History, debtor_id: int = 666) -> None:
    """Rates by age in days."""
    for age, rate in history.items():
        connection.execute(
            "insert into worker.interest_rate_change values (%s, %s, worker.now() - %s * interval '1 day', %s)",
            (COLLECTOR, debtor_id, age, rate),
        )


def need(connection: Connection) -> None:
    connection.execute(
        "insert into worker.needed_worker_account (creditor_id, debtor_id, configured_at) values (%s, 666, now())",
        (COLLECTOR,),
    )


def ages(connection: Connection, debtor_id: int = 666) -> list[int]:
    rows = connection.execute(
        "select extract(epoch from worker.now() - change_ts)::int / 86400 from worker.interest_rate_change "
        "where debtor_id = %s order by 1",
        (debtor_id,),
    ).fetchall()
    return [row[0] for row in rows]


def compact(connection: Connection, cutoff: int, limit: int, *debtor_ids: int) -> int:
    row = connection.execute(
        "select worker.compact_interest_rates(%s, %s, worker.now() - %s * interval '1 day', %s)",
        ([COLLECTOR] * len(debtor_ids), list(debtor_ids), cutoff, limit),
    ).fetchone()
    assert row is not None
    return int(row[0])


LONG: History = {0: 5, 10: 4, 20: 6, 30: -3, 40: -3, 50: -5}


@pytest.mark.parametrize(
    ("history", "cutoff", "limit", "kept"),
    [
        pytest.param(LONG, 1000, 90, [0, 10, 30, 50], id="each-new-lowest", marks=covers("V8.9")),
        pytest.param(LONG, 25, 90, [0, 10, 30], id="up-to-the-cutoff", marks=covers("V8.10")),
        pytest.param({0: 5, 10: 4, 20: 6, 30: -3}, 180, 2, [0, 10], id="limit", marks=covers("V8.11")),
        pytest.param({0: 5, 200: -1, 300: -9}, 180, 90, [0, 200], id="lowest-before-the-cutoff", marks=covers("V8.12")),
        pytest.param({0: -9, 200: -1, 300: -9}, 180, 90, [0], id="lowest_first", marks=covers("V8.12")),
        pytest.param({500: 5, 600: 4}, 180, 90, [500], id="newest_stays"),
        pytest.param({0: 5, 10: 4}, 180, 0, [], id="no_room"),
        # The limit counts rows that are not kept as well.
        pytest.param({0: 5, 10: 7, 20: 4, 30: 3}, 180, 3, [0, 20], id="limit_counts_all"),
    ],
)
def test_the_newest_and_each_new_lowest_rate_are_kept(
    db: Connection, history: History, cutoff: int, limit: int, kept: list[int]
) -> None:
    fill(db, history)
    assert compact(db, cutoff, limit, 666) == len(history) - len(kept)
    assert ages(db) == kept
    assert compact(db, cutoff, limit, 666) == 0


@covers("G24")
@pytest.mark.parametrize(
    ("history", "kept"),
    [
        ({1: -5, 3: 2}, [1, 3]),
        ({1: -5, 20: 2}, [1]),
        ({1: -5, 9: 2}, [1]),
        ({1: -9, 30: 6, 35: 7, 60: 1, 61: 2}, [1, 30, 35]),
        ({1: -5, 3: 2, 4: 9}, [1, 3]),
    ],
)
def test_changes_in_haste_stay_visible(db: Connection, history: History, kept: list[int]) -> None:
    """Two changes within 8 days tell that there may be others nobody knows of."""
    fill(db, history)
    compact(db, 180, 90, 666)
    assert ages(db) == kept
    assert compact(db, 180, 90, 666) == 0


def test_accounts_are_compacted_separately(db: Connection) -> None:
    fill(db, {0: 5, 10: 6}, 1)
    fill(db, {0: 7, 10: 6}, 2)
    fill(db, {0: 5, 10: 6}, 3)
    assert compact(db, 180, 90, 1, 2) == 1
    assert (ages(db, 1), ages(db, 2), ages(db, 3)) == ([0], [0, 10], [0, 10])


@covers("G24")
@pytest.mark.parametrize(
    ("period", "days", "limit"), [("180 days", 210, 100), ("30 days", 210, 100), ("400 days", 400, 163)]
)
def test_rates_are_kept_as_long_as_attempts(db: Connection, period: str, days: int, limit: int) -> None:
    db.execute("update worker.configuration set interest_rate_history_period = %s", (period,))
    row = db.execute(
        "select extract(epoch from worker.now() - cutoff)::int / 86400, row_limit from worker.interest_rate_horizon()"
    ).fetchone()
    assert row == (days, limit)


def test_updates_fill_and_compact(db: Connection) -> None:
    need(db)
    fill(db, {10: 4, 20: 6, 400: -1, 500: -2})
    update = message("AccountUpdate", interest_rate=5.0, last_interest_rate_change_ts="2026-03-01T02:00:00Z")
    apply(db, update)
    assert ages(db) == [0, 10, 400]
    apply(db, message("AccountUpdate", interest_rate=9.0, last_interest_rate_change_ts="2026-03-01T02:00:00Z"))
    assert db.execute("select interest_rate from worker.interest_rate_change order by change_ts desc").fetchone() == (
        5.0,
    )


@covers("G24")
def test_a_hasty_authority_is_logged(db: Connection) -> None:
    notices: list[str | None] = []
    db.add_notice_handler(lambda notice: notices.append(notice.message_primary))
    need(db)
    # The clock stands at the first of March. Changes of another currency, and those 8 days apart, are in order.
    fill(db, {45: 0.0}, debtor_id=667)
    for day, rate, count in (("20", -1.0, 0), ("28", 0.0, 0), ("12", -2.0, 0), ("13", -1.5, 1), ("19", -1.2, 2)):
        moment = f"2026-01-{day}T00:00:00Z"
        apply(db, message("AccountUpdate", interest_rate=rate, last_interest_rate_change_ts=moment))
        assert notices == [f"interest rates changed twice within 8 days (creditor/debtor): {COLLECTOR}/666"] * count

"""Demurrage, and the amounts that are locked because of it."""

from __future__ import annotations

import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.locks.rows import COLLECTOR, DEBTOR, SELLER
from tests.sql.messages import apply, message

MAX64 = 2**63 - 1
MONTH = 2592000.0


@pytest.mark.parametrize(
    ("rate", "seconds", "share"),
    [
        pytest.param(-50.0, MONTH, 0.9446582976965447, id="month", marks=covers("V6.1")),
        pytest.param(-50.0, 31557600.0, 0.5, id="year", marks=covers("V6.2")),
        pytest.param(-2.0, MONTH, 0.9983420160325823, id="month", marks=covers("V6.3")),
        pytest.param(-10.0, 7200.0, 0.9999759618413606, id="hours", marks=covers("V6.3")),
        pytest.param(5.0, MONTH, 1.0, id="growth", marks=covers("V6.4")),
        pytest.param(-50.0, -5.0, 1.0, id="past", marks=covers("V6.4")),
        pytest.param(-100.0, 1.0, 0.0, id="all", marks=covers("V6.4")),
        pytest.param(-99.99995, 1.0, 0.0, id="nearly-all", marks=covers("V6.4")),
        pytest.param(-99.9999, 86400.0, 0.9628816167585112, id="limit", marks=covers("V6.4")),
    ],
)
def test_demurrage_leaves_a_share(worker_db: Connection, rate: float, seconds: float, share: float) -> None:
    row = worker_db.execute("select worker.demurrage(%s, %s)", (rate, seconds)).fetchone()
    assert row == (pytest.approx(share, rel=1e-15, abs=0),)


@pytest.mark.parametrize(
    ("rate", "seconds"), [(-99.9999, 1e12), (1e300, 1e12), (-5e-324, 1e12), (5e-324, MONTH), (-1e-15, 1e-9)]
)
def test_centuries_of_demurrage_are_no_numeric_error(worker_db: Connection, rate: float, seconds: float) -> None:
    """No numeric error, whatever the peers say."""
    row = worker_db.execute("select worker.demurrage(%s, %s) between 0 and 1", (rate, seconds)).fetchone()
    assert row == (True,)


@pytest.mark.parametrize(
    ("amount", "min_trade_amount", "rate", "min_locked", "max_locked"),
    [
        pytest.param(-30000, 1000, -50.0, 1059, 31758, id="sale", marks=covers("V6.5")),
        pytest.param(-12345, 5000, -10.0, 5044, 12453, id="higher-minimum", marks=covers("V6.6")),
        pytest.param(-MAX64, 1000, -50.0, 1059, MAX64, id="biggest-sale", marks=covers("V6.7")),
        pytest.param(50000, 1000, -50.0, 0, 0, id="purchase", marks=covers("V6.8")),
        pytest.param(1, 1000, -50.0, 0, 0, id="below-minimum", marks=covers("V6.8")),
        pytest.param(-1000, 1000, -50.0, 1059, 1059, id="exactly-the-minimum"),
        pytest.param(-(2**53 + 1), 1000, 0.0, 1000, 2**53 + 1, id="exact-integers"),
        pytest.param(-5000, 1000, -99.99999, MAX64, MAX64, id="nothing-left"),
    ],
)
def test_a_sale_locks_more_than_it_sells_and_a_purchase_nothing(
    db: Connection, amount: int, min_trade_amount: int, rate: float, min_locked: int, max_locked: int
) -> None:
    db.execute("update worker.worker_turn set min_trade_amount = %s", (min_trade_amount,))
    db.execute("update worker.configuration set min_demurrage_rate = %s", (rate,))
    apply(db, message("CandidateOffer", creditor_id=SELLER, debtor_id=DEBTOR, amount=amount))
    rows = db.execute(
        """
        select p.min_locked_amount, p.max_locked_amount, p.recipient, p.creditor_id, p.debtor_id, p.max_commit_delay,
          p.final_interest_rate_ts = '9999-12-31T23:59:59Z', p.ts = worker.now(), l.collector_id, l.amount
        from outbox.prepare_transfer as p
        join worker.account_lock as l using (creditor_id, debtor_id, coordinator_request_id)
        """
    ).fetchall()
    account = ("collector-account", SELLER, DEBTOR, 2**31 - 1, True, True, COLLECTOR, amount)
    assert rows == [(min_locked, max_locked, *account)]


def test_sale_below_the_minimum_is_dropped(db: Connection) -> None:
    apply(db, message("CandidateOffer", creditor_id=SELLER, debtor_id=DEBTOR, amount=-999))
    assert db.execute("select from worker.account_lock").fetchall() == []
    assert db.execute("select from outbox.prepare_transfer").fetchall() == []

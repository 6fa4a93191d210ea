"""How far the payments of a trader's trades are: by the locks of its own shard, and by its collectors' shards.

Only databases in APP_WORKER_POSTGRES_URLS are asked. What they have forgotten, because it is long over, nobody knows.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

import psycopg

from admin.web.database import Database, Row
from sql.connections import is_trouble

logger = logging.getLogger(__name__)

Visibility = Literal["visible", "not visible here", "not reachable now"]
VISIBILITIES: Final = ("visible", "not visible here", "not reachable now")

ACCOUNT_STATES: Final = {
    "locked": "The account is locked, and the result of the turn did not reach it yet.",
    "committed": "The account was told to pay; the payment was not reported yet.",
    "waiting": "The account waits for the payment.",
    "paid": "The payment was made.",
    "the same account": "The trader is the collector: no money has to move.",
    "reused": "The account takes part in another turn, so nothing is known of this one any more.",
    "forgotten": "The account has no lock, any more or because it was dismissed.",
}
COLLECTOR_STATES: Final = {
    "expected": "The payment of the seller did not arrive yet.",
    "arrived": "The payment of the seller arrived.",
    "owed": "The collector will pay the buyer when it has been paid itself.",
    "ordered": "The payment to the buyer will be tried.",
    "under way": "The payment to the buyer is being tried.",
    "to be repeated": "The payment to the buyer failed, and is tried again later.",
    "in doubt": "The database has stepped back: it is not known whether the payment to the buyer was made.",
    "failed": "The payment to the buyer failed for good.",
    "nothing open": "The collector neither expects nor owes the payment (any more).",
}


@dataclass(frozen=True, slots=True)
class Trade:
    """What a turn arranged for an account of a trader, in tokens."""

    debtor_id: int
    is_sell: bool
    amount: int
    collector_id: int


@dataclass(frozen=True, slots=True)
class Side:
    """What a shard knows of a payment: a state (see above), tokens, and since when. None: it is not known."""

    visibility: Visibility
    state: str | None = None
    amount: int | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """What the trader's and the collector's shard know of a payment; `paid` are the tokens that have moved.

    They have left the seller's account, or have reached the buyer's. None: it is not known.
    """

    account: Side
    collector: Side
    paid: int | None


@dataclass(slots=True)
class _Found:
    """What the databases have told: rows by account, and whose rows there would be."""

    own: set[int] = field(default_factory=set)
    locks: dict[int, Row] = field(default_factory=dict)
    payments: dict[tuple[bool, int, int], Row] = field(default_factory=dict)
    is_whole: bool = True

    def visibility(self, owner_id: int) -> Visibility:
        if owner_id in self.own:
            return "visible"
        return "not visible here" if self.is_whole else "not reachable now"


def payments(
    workers: Iterable[Database], turn_id: int, creditor_id: int, trades: Sequence[Trade]
) -> dict[tuple[int, bool], Payment]:
    """The payments of these trades, by debtor and whether the trader sells. Databases that are down stop no others."""
    found = _Found()
    for number, database in enumerate(workers) if trades else ():
        try:
            _ask(database, found, turn_id, creditor_id, trades)
        except psycopg.Error as error:
            if not is_trouble(error):
                raise
            logger.warning("worker database %s can not be read: %s", number, error)
            found.is_whole = False
    return {(trade.debtor_id, trade.is_sell): _payment(found, turn_id, creditor_id, trade) for trade in trades}


def _ask(database: Database, found: _Found, turn_id: int, creditor_id: int, trades: Sequence[Trade]) -> None:
    ids = sorted({creditor_id, *(trade.collector_id for trade in trades)})
    with database.transaction() as connection:
        own = {row["id"] for row in connection.execute("select own_ids as id from worker.own_ids(%s)", (ids,))}
        locks: list[Any] = []
        if creditor_id in own:
            debtor_ids = [trade.debtor_id for trade in trades]
            locks = connection.execute(
                "select * from worker.trader_locks(%s, %s)", (creditor_id, debtor_ids)
            ).fetchall()
        pairs = [(trade.collector_id, trade.debtor_id) for trade in trades if trade.collector_id in own]
        paid: list[Any] = []
        if pairs:
            paid = connection.execute(
                "select * from worker.trader_payments(%s, %s, %s, %s)",
                (turn_id, creditor_id, [pair[0] for pair in pairs], [pair[1] for pair in pairs]),
            ).fetchall()
    found.own |= own
    found.locks |= {row["debtor_id"]: row for row in locks}
    found.payments |= {(row["is_sell"], row["debtor_id"], row["collector_id"]): row for row in paid}


def _payment(found: _Found, turn_id: int, creditor_id: int, trade: Trade) -> Payment:
    account = _account(found, turn_id, creditor_id, trade)
    collector = _collector(found, trade)
    if trade.collector_id == creditor_id or account.state == "paid":
        return Payment(account, collector, account.amount if account.state == "paid" else 0)
    if collector.state == "arrived":
        return Payment(account, collector, collector.amount)
    is_open = account.state in ("locked", "committed", "waiting") or collector.state == "expected"
    return Payment(account, collector, 0 if is_open else None)


def _account(found: _Found, turn_id: int, creditor_id: int, trade: Trade) -> Side:
    visibility = found.visibility(creditor_id)
    if visibility != "visible":
        return Side(visibility)
    lock = found.locks.get(trade.debtor_id)
    if lock is None:
        return Side(visibility, "forgotten")
    if lock["turn_id"] != turn_id:
        return Side(visibility, "reused", since=lock["initiated_at"])
    if lock["paid_amount"] is not None:
        return Side(visibility, "paid", abs(lock["paid_amount"]), lock["released_at"])
    if lock["released_at"] is not None:
        return Side(visibility, "the same account", abs(lock["amount"]), lock["released_at"])
    if lock["finalized_at"] is not None:
        return Side(visibility, "committed", abs(lock["amount"]), lock["finalized_at"])
    return Side(
        visibility, "waiting" if lock["has_been_revised"] else "locked", abs(lock["amount"]), lock["initiated_at"]
    )


def _collector(found: _Found, trade: Trade) -> Side:
    visibility = found.visibility(trade.collector_id)
    if visibility != "visible":
        return Side(visibility)
    row = found.payments.get((trade.is_sell, trade.debtor_id, trade.collector_id))
    if row is None:
        return Side(visibility, "nothing open")
    return Side(visibility, row["state"], row["amount"], row["since"])

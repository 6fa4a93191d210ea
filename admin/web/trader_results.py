"""What became of one trader's offers in a turn, from its archive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from admin.web.currency_results import find_currencies
from admin.web.explanations import Offer, why
from admin.web.turn_results import archived_parameters
from pipelines.solver.archived import archive_of
from pipelines.solver.archived_rows import Rows, SortedFile

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class OfferResult:
    """What became of an offer. Amounts are in tokens; `collector_id` is who takes, or gives, what was traded.

    `reason` is that of an offer that traded nothing. `why` says in a sentence why not all of it was traded; None: it
    was. `price` is the value of a token in base tokens.
    """

    debtor_id: int
    is_sell: bool
    amount: int
    traded: int
    collector_id: int | None
    price: float | None
    reason: str | None
    why: str | None


@dataclass(frozen=True, slots=True)
class TraderResult:
    """The offers of a trader, by debtor; what he gives and gets is worth this much, in base tokens."""

    creditor_id: int
    given_value: float
    taken_value: float
    offers: list[OfferResult]


def trader_result(connection: Connection, turn_id: int, creditor_id: int) -> TraderResult | None:
    """What became of a trader's offers; None: the turn had none of his.

    Raises NotArchived, which says why, where there is no archive.
    """
    started_at = archive_of(connection, turn_id)
    parameters = archived_parameters(connection, turn_id, started_at)

    def read(name: str) -> Rows:
        return SortedFile(connection, turn_id, started_at, name, "creditor_id").of([creditor_id])

    offered = [(True, row) for row in read("sell_offers")] + [(False, row) for row in read("buy_offers")]
    if not offered:
        return None
    traded = {(True, row["debtor_id"]): row for row in read("takings")}
    traded |= {(False, row["debtor_id"]): row for row in read("givings")}
    reasons = {(row["is_sell"], row["debtor_id"]): row["reason"] for row in read("untraded_offers")}
    currencies = find_currencies(connection, turn_id, {row["debtor_id"] for _, row in offered})
    offers = []
    for is_sell, row in offered:
        account = (is_sell, row["debtor_id"])
        trade = traded.get(account) or {"amount": 0, "collector_id": row.get("collector_id")}
        offers.append(
            Offer(
                row["debtor_id"], is_sell, row["amount"], trade["amount"], trade["collector_id"], reasons.get(account)
            )
        )
    offers.sort(key=lambda offer: (offer.debtor_id, not offer.is_sell))
    results = [
        OfferResult(
            offer.debtor_id,
            offer.is_sell,
            offer.amount,
            offer.traded,
            offer.collector_id,
            currencies[offer.debtor_id].price,
            offer.reason,
            why(offer, offers, currencies[offer.debtor_id], parameters),
        )
        for offer in offers
    ]
    given, taken = (
        sum(result.traded * (result.price or 0.0) for result in results if result.is_sell is is_sell)
        for is_sell in (True, False)
    )
    return TraderResult(creditor_id, given, taken, results)

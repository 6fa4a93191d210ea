"""What a trader wanted, offered, traded and was paid in a turn, and why what was not traded was not."""

from __future__ import annotations

import math
from typing import Any

import marshmallow as ma
from flask.views import MethodView
from flask_smorest import abort

from admin.web.archives import archive
from admin.web.blueprint import Blueprint, NumberPageQuery, next_page
from admin.web.currency_results import currency_names
from admin.web.identifiers import SignedId, UnsignedId
from admin.web.services import services
from admin.web.trader_payments import ACCOUNT_STATES, COLLECTOR_STATES, VISIBILITIES, Payment, Side, Trade, payments
from admin.web.trader_results import OfferResult, trader_result
from admin.web.turn_currencies import Currency, reference

blueprint = Blueprint("turn traders", __name__, url_prefix="/trade/turns/<turn:turnId>/creditors", description=__doc__)


def _amount(name: str, description: str, *, allow_none: bool = False) -> ma.fields.Integer:
    return ma.fields.Integer(
        data_key=name, required=True, allow_none=allow_none, metadata={"format": "int64", "description": description}
    )


class PaymentSide(ma.Schema):
    """What a shard knows of a payment. Where it is not visible, the rest is null."""

    visibility = ma.fields.String(
        required=True,
        validate=ma.validate.OneOf(VISIBILITIES),
        metadata={"description": "`not visible here`: APP_WORKER_POSTGRES_URLS names no database with the account."},
    )
    state = ma.fields.String(
        required=True, allow_none=True, validate=ma.validate.OneOf((*ACCOUNT_STATES, *COLLECTOR_STATES))
    )
    meaning = ma.fields.String(required=True, allow_none=True)
    amount = _amount("amount", "In tokens.", allow_none=True)
    since = ma.fields.AwareDateTime(required=True, allow_none=True)


class TradePayment(ma.Schema):
    """How far the payment of a trade is."""

    paid_amount = _amount(
        "paidAmount",
        "Tokens that have left the seller's account, or reached the buyer's; null: that is not known.",
        allow_none=True,
    )
    account = ma.fields.Nested(PaymentSide, required=True, metadata={"description": "By the trader's own shard."})
    collector = ma.fields.Nested(PaymentSide, required=True, metadata={"description": "By the collector's shard."})


class TraderOffer(Currency):
    """An offer in a currency. Amounts are in tokens."""

    is_sell = ma.fields.Boolean(data_key="isSell", required=True, metadata={"description": "Offered, or wanted."})
    amount = _amount("amount", "What was offered or wanted.")
    traded_amount = _amount("tradedAmount", "What the seller gives, or the buyer gets (before the collector's cut).")
    price = ma.fields.Float(
        required=True, allow_none=True, metadata={"description": "Of a token, in base tokens; null: it has none."}
    )
    collector_id = UnsignedId(data_key="collectorId", required=True, allow_none=True)
    reason = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "Of an offer that traded nothing."}
    )
    why = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Why not all was traded, for the trader; null: it was."},
    )
    payment = ma.fields.Nested(TradePayment, required=True, allow_none=True)


class TurnTrader(ma.Schema):
    type = ma.fields.Constant("TurnTrader", required=True)
    creditor_id = UnsignedId(data_key="creditorId", required=True)
    signed_creditor_id = SignedId(data_key="signedCreditorId", attribute="creditor_id", required=True)
    given_value = ma.fields.Float(
        data_key="givenValue",
        required=True,
        allow_none=True,
        metadata={"description": "What the trader gives, in base tokens; null stands for a value beyond doubles."},
    )
    taken_value = ma.fields.Float(data_key="takenValue", required=True, allow_none=True)
    offers = ma.fields.Integer(required=True)
    items = ma.fields.List(ma.fields.Nested(TraderOffer), required=True)
    next = ma.fields.String(required=True, allow_none=True)


@blueprint.route("/<id:creditorId>")
class OneTrader(MethodView):
    @blueprint.operation("getTurnTrader", "access.readonly")
    @blueprint.arguments(NumberPageQuery, location="query")
    @blueprint.response(200, TurnTrader)
    @blueprint.alt_response(404, description="There is no archive of this turn (any more), or no offer of this trader.")
    def get(self, query: dict[str, Any], turnId: int, creditorId: int) -> dict[str, Any]:
        """Show what became of a trader's offers, with a part of them, ordered by signed debtor ID."""
        start, limit = query["cursor"] or 0, query["limit"]
        with archive() as connection:
            nobody = f"No offer of this trader reached the solver in turn {turnId}."
            result = trader_result(connection, turnId, creditorId) or abort(404, message=nobody)
            offers = result.offers[start : start + limit]
            names = currency_names(connection, turnId, {offer.debtor_id for offer in offers})
        # Nothing of the solver's database is needed while others are asked.
        trades = [
            Trade(offer.debtor_id, offer.is_sell, offer.traded, offer.collector_id)
            for offer in offers
            if offer.traded and offer.collector_id is not None
        ]
        found = payments(services().workers, turnId, creditorId, trades)
        return {
            "creditor_id": creditorId,
            "given_value": _finite(result.given_value),
            "taken_value": _finite(result.taken_value),
            "offers": len(result.offers),
            "items": [
                {
                    **reference(offer.debtor_id, names),
                    **_offer(offer),
                    "payment": _payment(found.get((offer.debtor_id, offer.is_sell))) if offer.traded else None,
                }
                for offer in offers
            ],
            "next": next_page(limit, start + limit) if start + limit < len(result.offers) else None,
        }


def _offer(offer: OfferResult) -> dict[str, Any]:
    same = ("is_sell", "amount", "price", "collector_id", "reason", "why")
    return {**{name: getattr(offer, name) for name in same}, "traded_amount": offer.traded}


def _payment(payment: Payment | None) -> dict[str, Any] | None:
    if payment is None:
        return None
    return {
        "paid_amount": payment.paid,
        "account": _side(payment.account, ACCOUNT_STATES),
        "collector": _side(payment.collector, COLLECTOR_STATES),
    }


def _side(side: Side, meanings: dict[str, str]) -> dict[str, Any]:
    meaning = None if side.state is None else meanings[side.state]
    same = ("visibility", "state", "amount", "since")
    return {**{name: getattr(side, name) for name in same}, "meaning": meaning}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

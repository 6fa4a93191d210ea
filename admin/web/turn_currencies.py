"""What a turn did in its currencies: prices with their pegs, what was offered, wanted and traded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import marshmallow as ma
from flask.views import MethodView
from flask_smorest import abort

from admin.web.archives import archive
from admin.web.blueprint import Blueprint, PageQuery, next_page, page
from admin.web.currency_results import CurrencyResult, currency_names, currency_results, find_currencies
from admin.web.database import Connection
from admin.web.identifiers import SignedId, UnsignedId, to_unsigned
from pipelines.names import CurrencyName

blueprint = Blueprint(
    "turn currencies", __name__, url_prefix="/trade/turns/<turn:turnId>/currencies", description=__doc__
)


class Currency(ma.Schema):
    """A currency, by its debtor's ID in both forms, and by what it calls itself: others may have the same name."""

    debtor_id = UnsignedId(data_key="debtorId", required=True)
    signed_debtor_id = SignedId(data_key="signedDebtorId", attribute="debtor_id", required=True)
    name = ma.fields.String(required=True, allow_none=True)
    abbreviation = ma.fields.String(required=True, allow_none=True)


class Peg(Currency):
    """What one token of the currency is worth, in tokens of this one."""

    exchange_rate = ma.fields.Float(data_key="exchangeRate", required=True)


class PegStep(Currency):
    """A currency on the way to the base."""

    rate = ma.fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "What a token of it is worth, in tokens of the next one; null for the base."},
    )


def _tokens(name: str, description: str = "") -> ma.fields.Integer:
    about = {"format": "int64", **({"description": description} if description else {})}
    return ma.fields.Integer(data_key=name, required=True, metadata=about)


class TurnCurrency(Currency):
    type = ma.fields.Constant("TurnCurrency", required=True)
    debtor_info_locator = ma.fields.String(data_key="debtorInfoLocator", required=True, allow_none=True)
    is_confirmed = ma.fields.Boolean(data_key="isConfirmed", required=True)
    price = ma.fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "Of a token, in base tokens. Without a price nothing was traded."},
    )
    peg = ma.fields.Nested(Peg, required=True, allow_none=True)
    path = ma.fields.List(
        ma.fields.Nested(PegStep),
        required=True,
        allow_none=True,
        metadata={"description": "From the currency to the base; null without a price, and for over a hundred pegs."},
    )
    sell_offers = ma.fields.Integer(data_key="sellOffers", required=True)
    offered_amount = _tokens("offeredAmount", "In tokens, as all amounts; 2^63-1 stands for more.")
    buy_offers = ma.fields.Integer(data_key="buyOffers", required=True)
    wanted_amount = _tokens("wantedAmount")
    takings = ma.fields.Integer(required=True, metadata={"description": "Payments of sellers."})
    givings = ma.fields.Integer(required=True, metadata={"description": "Payments to buyers."})
    traded_amount = _tokens("tradedAmount")
    collector_transfers = ma.fields.Integer(data_key="collectorTransfers", required=True)


class TurnCurrenciesList(ma.Schema):
    type = ma.fields.Constant("TurnCurrenciesList", required=True)
    items = ma.fields.List(ma.fields.Nested(TurnCurrency), required=True)
    next = ma.fields.String(required=True, allow_none=True)


class CurrencyPageQuery(PageQuery):
    """A part of a list of currencies, which is ordered by signed debtor ID."""

    cursor = UnsignedId(load_default=None)


@blueprint.route("/")
class Currencies(MethodView):
    @blueprint.operation("getTurnCurrencies", "access.readonly")
    @blueprint.arguments(CurrencyPageQuery, location="query")
    @blueprint.response(200, TurnCurrenciesList)
    @blueprint.alt_response(404, description="There is no archive of this turn (any more).")
    def get(self, query: dict[str, Any], turnId: int) -> dict[str, Any]:
        """List the currencies that somebody knew, offered or wanted in a turn."""
        limit = query["limit"]
        with archive() as connection:
            found, has_more = page(currency_results(connection, turnId, query["cursor"], limit + 1), limit)
            items = _shown(connection, turnId, found)
        return {"items": items, "next": next_page(limit, to_unsigned(found[-1].debtor_id)) if has_more else None}


@blueprint.route("/<id:debtorId>")
class OneCurrency(MethodView):
    @blueprint.operation("getTurnCurrency", "access.readonly")
    @blueprint.response(200, TurnCurrency)
    @blueprint.alt_response(404, description="There is no archive of this turn (any more), or it has no such currency.")
    def get(self, turnId: int, debtorId: int) -> dict[str, Any]:
        """Show what a turn did in one currency."""
        with archive() as connection:
            found = find_currencies(connection, turnId, [debtorId])
            if debtorId not in found:
                abort(404, message=f"Nobody knew, offered or wanted this currency in turn {turnId}.")
            return _shown(connection, turnId, [found[debtorId]])[0]


def reference(debtor_id: int, names: Mapping[int, CurrencyName]) -> dict[str, Any]:
    """A currency as the schema Currency shows it."""
    name = names.get(debtor_id, CurrencyName())
    return {"debtor_id": debtor_id, "name": name.name, "abbreviation": name.abbreviation}


def _shown(connection: Connection, turn_id: int, results: Iterable[CurrencyResult]) -> list[dict[str, Any]]:
    results = list(results)
    on_the_way = {step.debtor_id for result in results for step in result.path or ()}
    pegs = {result.peg_debtor_id for result in results if result.peg_debtor_id is not None}
    names = currency_names(connection, turn_id, on_the_way | pegs)
    return [_item(result, names) for result in results]


def _item(result: CurrencyResult, names: Mapping[int, CurrencyName]) -> dict[str, Any]:
    same = ("debtor_id", "name", "abbreviation", "debtor_info_locator", "is_confirmed", "price", "sell_offers")
    also = ("offered_amount", "buy_offers", "wanted_amount", "takings", "givings", "traded_amount")
    peg, path = result.peg_debtor_id, result.path
    return {
        **{name: getattr(result, name) for name in (*same, *also, "collector_transfers")},
        "peg": None if peg is None else {**reference(peg, names), "exchange_rate": result.peg_exchange_rate},
        "path": path and [{**reference(step.debtor_id, names), "rate": step.rate} for step in path],
    }

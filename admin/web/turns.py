"""Trading turns: in which phase they are, and what they arranged."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask.views import MethodView
from flask_smorest import abort

from admin.web.archives import why_not_archived
from admin.web.blueprint import Blueprint, TurnPageQuery, next_page, page
from admin.web.database import Connection, Row
from admin.web.explanations import MEANINGS
from admin.web.identifiers import UnsignedId
from admin.web.services import services
from admin.web.turn_results import TurnResult, turn_result
from pipelines.solver.archived import NotArchived
from sql.statuses import TurnPhase, all_in_words

blueprint = Blueprint("turns", __name__, url_prefix="/trade/turns", description=__doc__)


class TurnStatistics(ma.Schema):
    """How many transfers a turn arranged, and in how many currencies."""

    currencies = ma.fields.Integer(required=True)
    takings = ma.fields.Integer(required=True)
    givings = ma.fields.Integer(required=True)
    collector_transfers = ma.fields.Integer(data_key="collectorTransfers", required=True)


class TurnSummary(ma.Schema):
    type = ma.fields.Constant("TurnSummary", required=True)
    turn_id = ma.fields.Integer(data_key="turnId", required=True)
    phase = ma.fields.Integer(
        required=True,
        validate=ma.validate.Range(min(TurnPhase), max(TurnPhase)),
        metadata={"description": f"{all_in_words(TurnPhase)}."},
    )
    started_at = ma.fields.AwareDateTime(data_key="startedAt", required=True)
    phase_deadline = ma.fields.AwareDateTime(data_key="phaseDeadline", required=True, allow_none=True)
    collection_started_at = ma.fields.AwareDateTime(data_key="collectionStartedAt", required=True, allow_none=True)
    collection_deadline = ma.fields.AwareDateTime(data_key="collectionDeadline", required=True, allow_none=True)
    base_debtor_id = UnsignedId(data_key="baseDebtorId", required=True)
    base_debtor_info_locator = ma.fields.String(data_key="baseDebtorInfoLocator", required=True)
    max_distance_to_base = ma.fields.Integer(data_key="maxDistanceToBase", required=True)
    min_trade_amount = ma.fields.Integer(data_key="minTradeAmount", required=True, metadata={"format": "int64"})
    statistics = ma.fields.Nested(TurnStatistics, required=True, allow_none=True)


class TurnsList(ma.Schema):
    type = ma.fields.Constant("TurnsList", required=True)
    items = ma.fields.List(ma.fields.Nested(TurnSummary), required=True)
    next = ma.fields.String(required=True, allow_none=True)


class TurnRows(ma.Schema):
    """What the solver's database holds of a turn just now; finished turns leave nothing."""

    documents = ma.fields.Integer(required=True, metadata={"description": "Reported in phase 1."})
    currencies = ma.fields.Integer(required=True, metadata={"description": "Confirmed ones, in phase 2."})
    sell_offers = ma.fields.Integer(data_key="sellOffers", required=True)
    buy_offers = ma.fields.Integer(data_key="buyOffers", required=True)
    payments_to_fetch = ma.fields.Integer(
        data_key="paymentsToFetch",
        required=True,
        metadata={"description": "Rows of the result that workers did not fetch yet; phase 3 ends when all are."},
    )


class UntradedReason(ma.Schema):
    """Why offers traded nothing; values are in base tokens, null stands for one beyond doubles."""

    reason = ma.fields.String(required=True)
    meaning = ma.fields.String(required=True)
    offers = ma.fields.Integer(required=True)
    sell_value = ma.fields.Float(data_key="sellValue", required=True, allow_none=True)
    buy_value = ma.fields.Float(data_key="buyValue", required=True, allow_none=True)


def _value(name: str, description: str) -> ma.fields.Float:
    return ma.fields.Float(data_key=name, required=True, allow_none=True, metadata={"description": description})


class TurnOutcome(ma.Schema):
    """What a turn traded, from its archive. Null stands for a value beyond doubles, or a share of nothing.

    What was offered and neither traded nor has a reason was left over by offers that traded a part.
    """

    traded_value = _value("tradedValue", "What sellers gave, in base tokens.")
    upper_bound = _value("upperBound", "What no answer could exceed, in base tokens.")
    share_of_bound = _value("shareOfBound", "Of the bound was traded, at most 1.")
    traders = ma.fields.Integer(required=True)
    traders_served = ma.fields.Integer(data_key="tradersServed", required=True)
    offers = ma.fields.Integer(required=True)
    takings = ma.fields.Integer(required=True, metadata={"description": "Payments of sellers."})
    givings = ma.fields.Integer(required=True, metadata={"description": "Payments to buyers."})
    collector_transfers = ma.fields.Integer(data_key="collectorTransfers", required=True)
    offered_sell_value = _value("offeredSellValue", "Of all sell offers with a price, in base tokens.")
    offered_buy_value = _value("offeredBuyValue", "Of all buy offers with a price, in base tokens.")
    reasons = ma.fields.List(ma.fields.Nested(UntradedReason), required=True)
    time_limit_reached = ma.fields.Boolean(data_key="timeLimitReached", required=True)
    warnings = ma.fields.List(ma.fields.String(), required=True)
    seconds = ma.fields.Dict(
        keys=ma.fields.String(),
        values=ma.fields.Float(),
        required=True,
        metadata={"description": "How long each step of the solver took."},
    )


class Turn(TurnSummary):
    type = ma.fields.Constant("Turn", required=True)
    rows = ma.fields.Nested(TurnRows, required=True)
    result = ma.fields.Nested(TurnOutcome, required=True, allow_none=True)
    why_no_result = ma.fields.String(data_key="whyNoResult", required=True, allow_none=True)


@blueprint.route("/")
class Turns(MethodView):
    @blueprint.operation("getTurns", "access.readonly")
    @blueprint.arguments(TurnPageQuery, location="query")
    @blueprint.response(200, TurnsList)
    def get(self, query: dict[str, Any]) -> dict[str, Any]:
        """List the turns, the newest first."""
        limit = query["limit"]
        with services().solver.transaction() as connection:
            items, has_more = page(latest_turns(connection, query["cursor"], limit + 1), limit)
        return {"items": items, "next": next_page(limit, items[-1]["turn_id"]) if has_more else None}


@blueprint.route("/<turn:turnId>")
class OneTurn(MethodView):
    @blueprint.operation("getTurn", "access.readonly")
    @blueprint.response(200, Turn)
    @blueprint.alt_response(404, description="There is no such turn (any more).")
    def get(self, turnId: int) -> dict[str, Any]:
        """Show one turn."""
        with services().solver.transaction() as connection:
            turns = connection.execute("select * from solver.find_turns(%s)", ([turnId],)).fetchall()
            if not turns:
                abort(404)
            rows = connection.execute("select * from solver.count_turn_rows(%s)", (turnId,)).fetchone()
            return {**with_statistics(connection, turns)[0], "rows": rows, **_result(connection, turns[0])}


def latest_turns(connection: Connection, before: int | None, limit: int) -> list[Row]:
    """Turns with their statistics, the newest first."""
    turns = connection.execute("select * from solver.list_turns(%s, %s)", (before, limit)).fetchall()
    return with_statistics(connection, turns)


def with_statistics(connection: Connection, turns: list[Row]) -> list[Row]:
    """The turns with their `statistics` (None: nothing was arranged), in the same order."""
    statistics = connection.execute(
        "select * from solver.turn_statistics(%s)", ([turn["turn_id"] for turn in turns],)
    ).fetchall()
    by_turn = {row["turn_id"]: row for row in statistics}
    return [{**turn, "statistics": by_turn.get(turn["turn_id"])} for turn in turns]


def _result(connection: Connection, turn: Row) -> dict[str, Any]:
    if turn["phase"] < TurnPhase.GIVING_AND_TAKING:
        return {"result": None, "why_no_result": "The turn is not solved yet."}
    try:
        return {"result": _outcome(turn_result(connection, turn["turn_id"])), "why_no_result": None}
    except NotArchived as error:
        return {"result": None, "why_no_result": why_not_archived(error)}


def _outcome(result: TurnResult) -> dict[str, Any]:
    same = [name for name in TurnOutcome().fields if name != "reasons"]
    reasons = [
        {
            "reason": reason.reason,
            "meaning": MEANINGS.get(reason.reason, ""),
            "offers": reason.offers,
            "sell_value": reason.sell_value,
            "buy_value": reason.buy_value,
        }
        for reason in result.reasons
    ]
    return {**{name: getattr(result, name) for name in same}, "reasons": reasons}

"""The circles that the value of a turn went round in, the largest first; or those through a trader or a currency."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
import polars as pl
from flask.views import MethodView

from admin.web.archives import archive
from admin.web.blueprint import Blueprint, PageQuery, next_page
from admin.web.currency_results import currency_names
from admin.web.identifiers import SignedId, UnsignedId, to_unsigned
from admin.web.turn_currencies import Currency, reference
from pipelines.solver.archived import archive_of
from pipelines.solver.archived_insight import circles_of_turn
from pipelines.solver.circles import LARGEST

blueprint = Blueprint("turn circles", __name__, url_prefix="/trade/turns/<turn:turnId>/circles", description=__doc__)


class CircleStep(ma.Schema):
    """A trader of a circle, who gives what the trader of the next step takes; the last one gives to the first."""

    creditor_id = UnsignedId(data_key="creditorId", required=True)
    signed_creditor_id = SignedId(data_key="signedCreditorId", attribute="creditor_id", required=True)
    gives = ma.fields.Nested(Currency, required=True)
    given_amount = ma.fields.Float(data_key="givenAmount", required=True, metadata={"description": "In tokens."})
    takes = ma.fields.Nested(Currency, required=True)
    taken_amount = ma.fields.Float(data_key="takenAmount", required=True, metadata={"description": "In tokens."})


class Circle(ma.Schema):
    """A circle. Values and amounts are those before they were rounded to whole tokens."""

    circle = ma.fields.Integer(required=True, metadata={"description": "1 is the largest one."})
    value = ma.fields.Float(required=True, metadata={"description": "What everybody in it gives, in base tokens."})
    steps = ma.fields.List(ma.fields.Nested(CircleStep), required=True)


class TurnCirclesList(ma.Schema):
    type = ma.fields.Constant("TurnCirclesList", required=True)
    items = ma.fields.List(ma.fields.Nested(Circle), required=True)
    next = ma.fields.String(required=True, allow_none=True)


class CirclesQuery(PageQuery):
    """A part of the list of circles: all of them, or those through a trader, a currency, or both."""

    cursor = ma.fields.Integer(load_default=0, validate=ma.validate.Range(0, LARGEST))
    creditor_id = UnsignedId(data_key="creditorId", load_default=None)
    debtor_id = UnsignedId(data_key="debtorId", load_default=None)


@blueprint.route("/")
class Circles(MethodView):
    @blueprint.operation("getTurnCircles", "access.readonly")
    @blueprint.arguments(CirclesQuery, location="query")
    @blueprint.response(200, TurnCirclesList)
    @blueprint.alt_response(404, description="There is no archive of this turn (any more).")
    def get(self, query: dict[str, Any], turnId: int) -> dict[str, Any]:
        """List the circles of a turn. With a million offers this may take a few seconds."""
        first, limit = query["cursor"] + 1, query["limit"]
        through = {name: query[name] for name in ("creditor_id", "debtor_id")}
        with archive() as connection:
            found = circles_of_turn(connection, turnId, archive_of(connection, turnId), LARGEST, **through)
            items = found.filter(pl.col("circle").is_between(first, first + limit - 1)).sort("circle", "step")
            debtor_ids = {*items["given_debtor_id"], *items["taken_debtor_id"]}
            names = currency_names(connection, turnId, debtor_ids)
        has_more = found.height > 0 and found["circle"].max() >= first + limit
        also = {
            key: to_unsigned(query[name])
            for key, name in (("creditorId", "creditor_id"), ("debtorId", "debtor_id"))
            if query[name] is not None
        }
        return {
            "items": [
                {
                    "circle": number,
                    "value": rows["value"][0],
                    "steps": [
                        {
                            **row,
                            "gives": reference(row["given_debtor_id"], names),
                            "takes": reference(row["taken_debtor_id"], names),
                        }
                        for row in rows.iter_rows(named=True)
                    ],
                }
                for (number,), rows in items.group_by("circle", maintain_order=True)
            ],
            "next": next_page(limit, first + limit - 1, **also) if has_more else None,
        }

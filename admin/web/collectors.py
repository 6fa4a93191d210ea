"""The collector accounts of currencies, through which the money of a turn moves."""

from __future__ import annotations

import logging
from typing import Any

import marshmallow as ma
import psycopg
from flask.views import MethodView
from flask_smorest import abort

from admin.web.blueprint import Blueprint, PageQuery, next_page, page
from admin.web.identifiers import UnsignedId, to_unsigned
from admin.web.roles import current_user
from admin.web.services import services
from sql.statuses import CollectorStatus, all_in_words

logger = logging.getLogger(__name__)

blueprint = Blueprint("collectors", __name__, url_prefix="/trade/collectors", description=__doc__)

# Nothing was created: debtor 0, or too few free collector IDs.
_REFUSALS = ("ST081", "ST083")


class ActivateCollectorsRequest(ma.Schema):
    type = ma.fields.String(
        load_default="ActivateCollectorsRequest", validate=ma.validate.Equal("ActivateCollectorsRequest")
    )
    number_of_accounts = ma.fields.Integer(
        data_key="numberOfAccounts",
        strict=True,
        load_default=1,
        validate=ma.validate.Range(1, 2**63 - 1),
        metadata={"format": "int64", "description": "The number of collector accounts that have to be alive."},
    )


class CollectorAccount(ma.Schema):
    type = ma.fields.Constant("CollectorAccount", required=True)
    debtor_id = UnsignedId(data_key="debtorId", required=True)
    collector_id = UnsignedId(data_key="collectorId", required=True)
    status = ma.fields.Integer(
        required=True,
        validate=ma.validate.Range(min(CollectorStatus), max(CollectorStatus)),
        metadata={"description": f"{all_in_words(CollectorStatus)}."},
    )
    account_id = ma.fields.String(data_key="accountId", required=True)
    latest_status_change_at = ma.fields.AwareDateTime(data_key="latestStatusChangeAt", required=True)


class CollectorAccountsList(ma.Schema):
    type = ma.fields.Constant("CollectorAccountsList", required=True)
    debtor_id = UnsignedId(data_key="debtorId", required=True)
    items = ma.fields.List(ma.fields.Nested(CollectorAccount), required=True)


class StatusCounts(ma.Schema):
    """How many collector accounts are in each status."""

    pristine = ma.fields.Integer(required=True)
    requested = ma.fields.Integer(required=True)
    active = ma.fields.Integer(required=True)
    disabled = ma.fields.Integer(required=True)


class CurrencyCollectors(StatusCounts):
    debtor_id = UnsignedId(data_key="debtorId", required=True)


class CollectorsOverview(StatusCounts):
    """The numbers are those of all currencies; `items` are some currencies, by debtor ID."""

    type = ma.fields.Constant("CollectorsOverview", required=True)
    currencies = ma.fields.Integer(required=True)
    items = ma.fields.List(ma.fields.Nested(CurrencyCollectors), required=True)
    next = ma.fields.String(required=True, allow_none=True)


class CurrencyPageQuery(PageQuery):
    cursor = UnsignedId(load_default=None)


@blueprint.route("/")
class Overview(MethodView):
    @blueprint.operation("getCollectorsOverview", "access.readonly")
    @blueprint.arguments(CurrencyPageQuery, location="query")
    @blueprint.response(200, CollectorsOverview)
    def get(self, query: dict[str, Any]) -> dict[str, Any]:
        """Count the collector accounts of all currencies."""
        limit = query["limit"]
        with services().solver.transaction() as connection:
            totals = connection.execute("select * from solver.count_all_collectors()").fetchone() or {}
            rows = connection.execute(
                "select * from solver.count_collectors(%s, %s)", (query["cursor"], limit + 1)
            ).fetchall()
        items, has_more = page(rows, limit)
        return {
            **totals,
            "items": items,
            "next": next_page(limit, to_unsigned(items[-1]["debtor_id"])) if has_more else None,
        }


@blueprint.route("/<id:debtorId>/activate")
class Activation(MethodView):
    @blueprint.operation("activateCollectors", "activate")
    @blueprint.arguments(ActivateCollectorsRequest, required=False)
    @blueprint.response(204)
    @blueprint.alt_response(500, description="Debtor 0, or too few free collector IDs; see the message.")
    def post(self, body: dict[str, Any], debtorId: int) -> None:
        """Ensure a number of alive collector accounts.

        Alive are accounts that are not disabled. Missing ones are created; none is ever removed. Repeating the
        request changes nothing. What was created is recorded in the log of actions, with the user.
        """
        config = services().config
        try:
            services().solver.rows(
                "select solver.ensure_collectors(%s, %s, %s, %s, %s)",
                (
                    debtorId,
                    body["number_of_accounts"],
                    config.min_collector_id,
                    config.max_collector_id,
                    current_user(),
                ),
            )
        except psycopg.DatabaseError as error:
            if error.sqlstate not in _REFUSALS:
                raise
            diagnosis = error.diag
            logger.warning(
                "no collector accounts created: %s (%s)", diagnosis.message_primary, diagnosis.message_detail
            )
            abort(500, message=f"{diagnosis.message_primary}: {diagnosis.message_hint}")


@blueprint.route("/<id:debtorId>/")
class OfCurrency(MethodView):
    @blueprint.operation("getCollectorAccounts", "access.readonly")
    @blueprint.response(200, CollectorAccountsList)
    def get(self, debtorId: int) -> dict[str, Any]:
        """List the collector accounts of a currency, by collector ID."""
        return {"debtor_id": debtorId, "items": _accounts(debtorId, None)}


@blueprint.route("/<id:debtorId>/<id:collectorId>")
class Account(MethodView):
    @blueprint.operation("getCollectorAccount", "access.readonly")
    @blueprint.response(200, CollectorAccount)
    @blueprint.alt_response(404, description="There is no such account.")
    def get(self, debtorId: int, collectorId: int) -> dict[str, Any]:
        """Show one collector account."""
        accounts = _accounts(debtorId, collectorId)
        if not accounts:
            abort(404)
        return accounts[0]


def _accounts(debtor_id: int, collector_id: int | None) -> list[dict[str, Any]]:
    rows = services().solver.rows("select * from solver.debtor_collectors(%s, %s)", (debtor_id, collector_id))
    return [{"debtor_id": debtor_id, **row} for row in rows]

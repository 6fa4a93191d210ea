"""Figures about the currencies, for other services."""

from __future__ import annotations

import csv
import io

import flask
from flask.views import MethodView

from admin.web.blueprint import Blueprint
from admin.web.identifiers import to_unsigned
from admin.web.services import services

blueprint = Blueprint("statistics", __name__, url_prefix="/trade/statistics", description=__doc__)


@blueprint.route("/most-bought-currencies.csv")
class MostBoughtCurrencies(MethodView):
    @blueprint.operation("getMostBoughtCurrenciesCsv", "access.readonly")
    @blueprint.response(200, {"type": "string"}, content_type="text/csv")
    def get(self) -> flask.Response:
        """List the currencies with the most buyers a turn, the most bought one first.

        No line with names of columns. The first column is the average number of buyers, the second one the currency's
        document, with the `swpt:` URI of its debtor after `#`.
        """
        with services().solver.transaction() as connection:
            today = connection.execute("select solver.now() at time zone 'UTC' as now").fetchone()
            rows = connection.execute("select * from solver.most_bought_currencies()").fetchall()
        assert today is not None
        text = io.StringIO()
        writer = csv.writer(text)
        for row in rows:
            debtor = f"{row['debtor_info_locator']}#swpt:{to_unsigned(row['debtor_id'])}"
            writer.writerow((f"{row['buyers_average_count']:g}", debtor))
        name = f"most-bought-currencies-{today['now']:%Y-%m-%d}.csv"
        response = flask.Response(text.getvalue(), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        response.headers["Cache-Control"] = "max-age=3600"
        return response

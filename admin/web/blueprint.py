"""The blueprints of the API: request bodies, pages of lists, and what the OpenAPI document says of every operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import flask
import flask_smorest
import marshmallow as ma
from flask_smorest import abort
from webargs.core import is_json, missing, parse_json
from webargs.flaskparser import FlaskParser

from admin.web.access_rules import View, needs


class StrictParser(FlaskParser):
    """Takes a body that is JSON and says so, or none; nothing else is silently ignored."""

    def _raw_load_json(self, req: flask.Request) -> Any:
        body = req.get_data(cache=True)
        if not body:
            return missing
        if not is_json(req.mimetype):
            abort(415, message="The body has to be of type application/json.")
        try:
            return parse_json(body)
        # Also integers with thousands of digits and objects in thousands of objects.
        except (ValueError, RecursionError):
            abort(400, errors={"json": ["Invalid JSON body."]})


class Blueprint(flask_smorest.Blueprint):
    """A blueprint whose operations say which scope their tokens need."""

    ARGUMENTS_PARSER = StrictParser()

    def operation(self, operation_id: str, scope: str | None) -> Callable[[View], View]:
        """Names an operation in the OpenAPI document, and declares the scope that it needs; None: no token at all."""
        security = [] if scope is None else [{"oauth2": [scope]}, {"bearer": []}]

        def declare(view: View) -> View:
            documented: View = self.doc(operationId=operation_id, security=security)(view)
            return needs(scope)(documented)

        return declare


class PageQuery(ma.Schema):
    """Which part of a list: at most `limit` items, after the `cursor` that came with the part before."""

    limit = ma.fields.Integer(load_default=20, validate=ma.validate.Range(1, 100))


class NumberPageQuery(PageQuery):
    """A part of a list that is ordered by number."""

    cursor = ma.fields.Integer(load_default=None, validate=ma.validate.Range(0, 2**63 - 1))


class TurnPageQuery(PageQuery):
    """A part of the list of turns."""

    cursor = ma.fields.Integer(load_default=None, validate=ma.validate.Range(0, 2**31 - 1))


def next_page(limit: int, cursor: object, **filters: object) -> str:
    """Where the next part of the list is that this request asked for; `filters` are what else it asked for."""
    return f"{flask.request.path}?{urlencode({**filters, 'limit': limit, 'cursor': cursor})}"


def page(rows: list[Any], limit: int) -> tuple[list[Any], bool]:
    """The items of a page, of which one more than `limit` were read, and whether there are more."""
    return rows[:limit], len(rows) > limit

"""Messages that could not be applied, with the reason, until a superuser replays or discards them."""

from __future__ import annotations

from typing import Any, LiteralString

import marshmallow as ma
from flask.views import MethodView
from flask_smorest import abort

from admin.web.blueprint import Blueprint, NumberPageQuery, next_page, page
from admin.web.queues import worker_database
from admin.web.roles import current_user, superuser_only

blueprint = Blueprint("set-aside", __name__, url_prefix="/trade/set-aside", description=__doc__)


class SetAsideMessage(ma.Schema):
    type = ma.fields.Constant("SetAsideMessage", required=True)
    set_aside_id = ma.fields.Integer(data_key="setAsideId", required=True)
    queue = ma.fields.String(required=True)
    message_type = ma.fields.String(data_key="messageType", required=True, allow_none=True)
    body = ma.fields.Raw(required=True, metadata={"description": "The message."})
    sqlstate = ma.fields.String(required=True)
    error = ma.fields.String(required=True)
    failures = ma.fields.Integer(required=True, metadata={"description": "How often the message has failed."})
    set_aside_at = ma.fields.AwareDateTime(data_key="setAsideAt", required=True)


class SetAsideList(ma.Schema):
    type = ma.fields.Constant("SetAsideList", required=True)
    items = ma.fields.List(ma.fields.Nested(SetAsideMessage), required=True)
    next = ma.fields.String(required=True, allow_none=True)


class SetAsideDecision(SetAsideMessage):
    type = ma.fields.Constant("SetAsideDecision", required=True)
    is_replay = ma.fields.Boolean(data_key="isReplay", required=True, metadata={"description": "Or it was discarded."})
    decided_by = ma.fields.String(data_key="decidedBy", required=True)
    decided_at = ma.fields.AwareDateTime(data_key="decidedAt", required=True)


class SetAsideDecisionsList(ma.Schema):
    type = ma.fields.Constant("SetAsideDecisionsList", required=True)
    items = ma.fields.List(ma.fields.Nested(SetAsideDecision), required=True)
    next = ma.fields.String(required=True, allow_none=True)


@blueprint.route("/<number:workerNumber>/")
class Messages(MethodView):
    @blueprint.operation("getSetAsideMessages", "access.readonly")
    @blueprint.arguments(NumberPageQuery, location="query")
    @blueprint.response(200, SetAsideList)
    def get(self, query: dict[str, Any], workerNumber: int) -> dict[str, Any]:
        """List the messages that wait for a decision, the oldest first."""
        return _page("select * from worker.list_set_aside(%s, %s)", workerNumber, query)


@blueprint.route("/<number:workerNumber>/decisions/")
class Decisions(MethodView):
    @blueprint.operation("getSetAsideDecisions", "access.readonly")
    @blueprint.arguments(NumberPageQuery, location="query")
    @blueprint.response(200, SetAsideDecisionsList)
    def get(self, query: dict[str, Any], workerNumber: int) -> dict[str, Any]:
        """List what was decided, by whom and when; the newest messages first."""
        return _page("select * from worker.list_set_aside_decisions(%s, %s)", workerNumber, query)


@blueprint.route("/<number:workerNumber>/<number:setAsideId>")
class Message(MethodView):
    @blueprint.operation("getSetAsideMessage", "access.readonly")
    @blueprint.response(200, SetAsideMessage)
    @blueprint.alt_response(404, description="No such message is waiting.")
    def get(self, workerNumber: int, setAsideId: int) -> dict[str, Any]:
        """Show one message that waits for a decision."""
        return _find(workerNumber, setAsideId)


@blueprint.route("/<number:workerNumber>/<number:setAsideId>/replay")
class Replay(MethodView):
    @superuser_only
    @blueprint.operation("replaySetAsideMessage", "access")
    @blueprint.response(204)
    @blueprint.alt_response(404, description="No such message is waiting.")
    @blueprint.alt_response(409, description="The message belongs to another shard.")
    def post(self, workerNumber: int, setAsideId: int) -> None:
        """Put a message back into its queue, when the cause of its failure is mended. For superusers.

        The decision, and who took it, is recorded in the log of actions.
        """
        if not _decide("select worker.replay_set_aside(%s, %s) as count", workerNumber, setAsideId):
            _find(workerNumber, setAsideId)
            abort(409, message="The message belongs to another shard.")


@blueprint.route("/<number:workerNumber>/<number:setAsideId>/discard")
class Discard(MethodView):
    @superuser_only
    @blueprint.operation("discardSetAsideMessage", "access")
    @blueprint.response(204)
    @blueprint.alt_response(404, description="No such message is waiting.")
    def post(self, workerNumber: int, setAsideId: int) -> None:
        """Give a message up. For superusers.

        The decision, and who took it, is recorded in the log of actions.
        """
        if not _decide("select worker.discard_set_aside(%s, %s) as count", workerNumber, setAsideId):
            abort(404)


def oldest_set_aside(worker: int, limit: int) -> list[dict[str, Any]]:
    """The messages of a worker that have waited longest for a decision."""
    return worker_database(worker).rows("select * from worker.list_set_aside(null, %s)", (limit,))


def _page(function: LiteralString, worker: int, query: dict[str, Any]) -> dict[str, Any]:
    limit = query["limit"]
    items, has_more = page(worker_database(worker).rows(function, (query["cursor"], limit + 1)), limit)
    return {"items": items, "next": next_page(limit, items[-1]["set_aside_id"]) if has_more else None}


def _find(worker: int, message: int) -> dict[str, Any]:
    row = worker_database(worker).row("select * from worker.find_set_aside(%s)", (message,))
    return row or abort(404)


def _decide(function: LiteralString, worker: int, message: int) -> bool:
    row = worker_database(worker).row(function, ([message], current_user()))
    return row is not None and row["count"] > 0

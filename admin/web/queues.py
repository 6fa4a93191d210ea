"""The queues of the worker databases in APP_WORKER_POSTGRES_URLS, numbered from 0 in the order given there."""

from __future__ import annotations

import logging
from typing import Any

import marshmallow as ma
import psycopg
from flask.views import MethodView
from flask_smorest import abort

from admin.web.blueprint import Blueprint
from admin.web.database import Database
from admin.web.services import services
from sql.connections import is_trouble

logger = logging.getLogger(__name__)

blueprint = Blueprint("queues", __name__, url_prefix="/trade/queues", description=__doc__)

COUNT_LIMIT = 100_000
"""Messages of a queue are counted up to this number."""


class Queue(ma.Schema):
    queue = ma.fields.String(required=True)
    kind = ma.fields.String(
        required=True,
        metadata={
            "description": "inbox (a lane), outbox (of one message type), requests (for the solver's database), "
            "unroutable (no queue of the broker wanted them), set_aside (could not be applied), "
            "failed (payments that were given up for good)."
        },
    )
    message_type = ma.fields.String(data_key="messageType", required=True, metadata={"description": "Of an outbox."})
    messages = ma.fields.Integer(required=True, metadata={"description": f"Counted up to {COUNT_LIMIT}."})
    oldest_seconds = ma.fields.Float(
        data_key="oldestSeconds", required=True, metadata={"description": "How long the oldest message has waited."}
    )


class WorkerQueues(ma.Schema):
    type = ma.fields.Constant("WorkerQueues", required=True)
    worker = ma.fields.Integer(required=True)
    is_reachable = ma.fields.Boolean(data_key="isReachable", required=True)
    binding_key = ma.fields.String(data_key="bindingKey", required=True, allow_none=True)
    queues = ma.fields.List(ma.fields.Nested(Queue), required=True)


class WorkerQueuesList(ma.Schema):
    type = ma.fields.Constant("WorkerQueuesList", required=True)
    items = ma.fields.List(ma.fields.Nested(WorkerQueues), required=True)


@blueprint.route("/")
class AllQueues(MethodView):
    @blueprint.operation("getAllQueues", "access.readonly")
    @blueprint.response(200, WorkerQueuesList)
    def get(self) -> dict[str, Any]:
        """Show the queues of all worker databases. One that is down stops no other from being shown."""
        return {"items": all_queues()}


@blueprint.route("/<number:workerNumber>")
class OneWorker(MethodView):
    @blueprint.operation("getQueues", "access.readonly")
    @blueprint.response(200, WorkerQueues)
    @blueprint.alt_response(404, description="There is no such worker.")
    def get(self, workerNumber: int) -> dict[str, Any]:
        """Show the queues of one worker database."""
        return _queues(workerNumber, worker_database(workerNumber))


def worker_database(number: int) -> Database:
    """The worker database with this number; not found if there is none."""
    workers = services().workers
    if number >= len(workers):
        abort(404)
    return workers[number]


def all_queues() -> list[dict[str, Any]]:
    """The queues of every worker database, also of those that are down."""
    items = []
    for number, database in enumerate(services().workers):
        try:
            items.append(_queues(number, database))
        except psycopg.Error as error:
            if not is_trouble(error):
                raise
            logger.warning("worker database %s can not be read: %s", number, error)
            items.append({"worker": number, "is_reachable": False, "binding_key": None, "queues": []})
    return items


def _queues(number: int, database: Database) -> dict[str, Any]:
    with database.transaction() as connection:
        shard = connection.execute("select binding_key from worker.configuration").fetchone() or {}
        queues = connection.execute("select * from worker.queue_figures(%s)", (COUNT_LIMIT,)).fetchall()
    return {"worker": number, "is_reachable": True, "queues": queues, **shard}

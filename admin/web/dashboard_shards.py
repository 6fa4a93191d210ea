"""Pages about shards: all of them, and each worker database with its queues."""

from __future__ import annotations

import flask
import psycopg

from admin.web.access_rules import needs
from admin.web.queues import COUNT_LIMIT, all_queues, worker_database
from admin.web.services import services
from sql.connections import is_trouble

blueprint = flask.Blueprint("shards", __name__, url_prefix="/shards")

KINDS = {
    "inbox": "to be applied",
    "outbox": "to be sent",
    "requests": "for the solver's database",
    "unroutable": "no queue of the broker wanted them",
    "set_aside": "could not be applied",
    "failed": "payments given up",
}
"""What waits in a queue of each kind."""


@blueprint.get("/")
@needs("access.readonly")
def page() -> str:
    """The shards as the solver knows them, and the worker databases that this server looks into."""
    with services().solver.transaction() as connection:
        now = (connection.execute("select solver.now() as now").fetchone() or {})["now"]
        shards = connection.execute("select * from solver.list_shards()").fetchall()
        problems = connection.execute("select * from solver.shard_problems()").fetchall()
    workers = [{**worker, "sums": _sums(worker["queues"])} for worker in all_queues()]
    return flask.render_template(
        "shards.html", is_live=True, now=now, shards=shards, problems=problems, workers=workers, kinds=KINDS
    )


@blueprint.get("/<number:workerNumber>")
@needs("access.readonly")
def shard(workerNumber: int) -> str:
    """A worker database: what it works on, and what waits in each of its queues."""
    try:
        with worker_database(workerNumber).transaction() as connection:
            key = (connection.execute("select binding_key from worker.configuration").fetchone() or {}).get(
                "binding_key"
            )
            queues = connection.execute("select * from worker.queue_figures(%s)", (COUNT_LIMIT,)).fetchall()
            turns = connection.execute("select * from worker.turn_figures()").fetchall()
            accounts = connection.execute("select * from worker.account_figures()").fetchone() or {}
            doubts = connection.execute("select * from worker.doubt_figures()").fetchone() or {}
    except psycopg.Error as error:
        if not is_trouble(error):
            raise
        return flask.render_template("shard.html", is_live=True, worker=workerNumber, is_reachable=False)
    return flask.render_template(
        "shard.html",
        is_live=True,
        worker=workerNumber,
        is_reachable=True,
        key=key,
        turns=turns,
        waiting=[queue for queue in queues if queue["messages"]],
        empty=[queue for queue in queues if not queue["messages"]],
        kinds=KINDS,
        count_limit=COUNT_LIMIT,
        accounts=accounts,
        doubts=doubts,
    )


def _sums(queues: list[dict[str, object]]) -> dict[str, int]:
    sums = dict.fromkeys(KINDS, 0)
    for queue in queues:
        sums[str(queue["kind"])] += int(str(queue["messages"]))
    return sums

"""The page about one queue of a shard: what waits in it, why that matters, who takes from it, and what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import flask
import psycopg

from admin.web.access_rules import needs
from admin.web.blueprint import page as part
from admin.web.queues import COUNT_LIMIT, worker_database
from sql.connections import is_trouble

blueprint = flask.Blueprint("queues", __name__, url_prefix="/shards")

MESSAGES_OF_A_PAGE = 20


@dataclass(frozen=True, slots=True)
class Kind:
    """What is to be said of all queues of a kind. `takers` are the parts of a worker that take from it, by name."""

    meaning: str
    remedy: str
    runbook: str
    takers: Sequence[str] = ()


KINDS = {
    "inbox": Kind(
        "Messages that came by the broker, and that are not applied yet. All messages about an account are in the same "
        "lane, and stay in their order: while a lane stands still, so do its accounts.",
        "Look whether the number gets less: then it is a backlog that ends. If not, look into the log of the consumer: "
        "it names the type that fails, or the lock that it waits for.",
        "SwptTradeQueueAge",
        ("drain",),
    ),
    "outbox": Kind(
        "Messages of one type that are not sent yet.",
        "Look whether the broker answers and takes messages, and into the log of what sends them.",
        "SwptTradeQueueAge",
        ("flush_all",),
    ),
    "requests": Kind(
        "What the solver's database has to be told: collectors that are needed, that are active, or that are disabled. "
        "Until then new currencies are not traded.",
        "Look whether the worker reaches the solver's database, and into its log: a request that fails alone is passed "
        "over and named there.",
        "SwptTradeQueueAge",
        ("handle_pristine_collectors",),
    ),
    "unroutable": Kind(
        "Messages that no queue of the broker wanted. They are offered again every minute, and hold up no others; a "
        "FinalizeTransfer among them is money that waits.",
        "A binding is missing at the broker: run swpt-trade subscribe for the shard that they are for, or have the "
        "gateway of the authority bind its queue.",
        "SwptTradeUnroutable",
        ("flush_all",),
    ),
    "set_aside": Kind(
        "Messages that could not be applied. They hold up no others, and wait until somebody decides about them.",
        "Mend the cause, then replay them; discard what is worth nothing.",
        "SwptTradeSetAside",
    ),
    "failed": Kind(
        "No messages, but payments that an authority has refused for good. Their money lies on the collector's "
        "account, and who was to be paid was not.",
        "Ask the authority, and settle with the recipient by hand. They are counted until the attempts are forgotten.",
        "SwptTradeFailedTransfers",
    ),
}

MEANINGS = {
    "ConfigureAccount": "They ask accounting authorities for accounts of collectors, or to delete them.",
    "PrepareTransfer": "They ask accounting authorities to lock money, of traders and of collectors: no trade, and no "
    "payment, begins without.",
    "FinalizeTransfer": "They tell accounting authorities to pay what is locked, or to let it go.",
    "FetchDebtorInfo": "They ask a shard to fetch the document of a currency.",
    "StoreDocument": "They bring documents of currencies to the shard that keeps them.",
    "DiscoverDebtor": "They tell the shard of a currency that somebody trades it.",
    "ConfirmDebtor": "They say which document the debtor of a currency names himself.",
    "ActivateCollector": "They tell that a collector has an account.",
    "CandidateOffer": "They are bids which become offers once the account is locked; late ones miss the turn.",
    "NeededCollector": "They ask for a collector of a currency that has none.",
    "ReviseAccountLock": "They bring the result of the turn to the locks of traders.",
    "TriggerTransfer": "They have a payment of a collector tried (again).",
    "AccountIdRequest": "They ask how an account is called that a collector has to pay to.",
    "AccountIdResponse": "They say how an account is called that a collector has to pay to.",
    "StartSending": "They have a collector pay other collectors.",
    "StartDispatching": "They have a collector pay buyers.",
}
"""What outgoing messages are for, by their type."""

WHOLE = ("set_aside", "failed")
"""Kinds of queues of whose messages everything is shown: people decide about them."""

_LANE = re.compile(r"inbox_([0-9]+)")


@blueprint.get("/<number:workerNumber>/queues/<queue:queue>")
@needs("access.readonly")
def page(workerNumber: int, queue: str) -> str:
    """A queue, with the messages that were put in first, or those after the ID `after` in the address."""
    after = flask.request.args.get("after", "")
    after_id = int(after) if re.fullmatch("[0-9]{1,18}", after) else None
    try:
        with worker_database(workerNumber).transaction() as connection:
            now = (connection.execute("select worker.now() as now").fetchone() or {})["now"]
            state = connection.execute("select * from worker.queue_state(%s, %s)", (queue, COUNT_LIMIT)).fetchone()
            if state is None or state["kind"] is None:
                flask.abort(404)
            rows = connection.execute(
                "select * from worker.queue_messages(%s, %s, %s)", (queue, after_id, MESSAGES_OF_A_PAGE + 1)
            ).fetchall()
            processes = connection.execute("select * from worker.connected_processes()").fetchall()
    except psycopg.Error as error:
        if not is_trouble(error):
            raise
        return flask.render_template("queue.html", is_live=True, worker=workerNumber, queue=queue, state=None)
    shown, has_more = part(rows, MESSAGES_OF_A_PAGE)
    kind = KINDS[state["kind"]]
    lane = _LANE.fullmatch(queue)
    # There is a command for each type, too.
    takers = [*kind.takers, *([f"flush_{queue.removeprefix('out_')}s"] if state["kind"] == "outbox" else [])]
    return flask.render_template(
        "queue.html",
        is_live=after_id is None,
        worker=workerNumber,
        queue=queue,
        now=now,
        state=state,
        kind=kind,
        meaning=MEANINGS.get(state["message_type"], ""),
        count_limit=COUNT_LIMIT,
        messages=[{**row, "text": json.dumps(row["body"] or {}, indent=2, ensure_ascii=False)} for row in shown],
        is_whole=state["kind"] in WHOLE,
        after=after_id,
        further=shown[-1]["message_id"] if has_more else None,
        takers=takers,
        connected=[row for row in processes if row["process"] in takers],
        is_at_work=lane is not None and any(int(lane[1]) in (row["lanes"] or ()) for row in processes),
        lane=lane and int(lane[1]),
    )

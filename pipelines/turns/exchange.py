"""Rows between a worker's database and the solver's, as one binary COPY each; no row becomes a Python object.

Every direction is one transaction on each side, and the receiving side commits first. A crash between the two commits
is repaired by repetition: rows that are there already are a duplicate of what an earlier run shipped. Connections are
in autocommit mode. The steps of turns run inside the transaction that the caller opened in the worker's database, which
keeps the record of the step; the other functions open their own.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg

from pipelines import hook
from pipelines.batches import Sizes, is_too_much

logger = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]

_BLOCK = 64 * 1024
_PASSED_OVER = 3
_NEXT_REQUEST: LiteralString = (
    "select q.msg_id, q.message from pgmq.q_solver_request as q where q.msg_id > %s order by q.msg_id limit 1"
)


def register_currencies(worker: Connection, solver: Connection, turn_id: int) -> None:
    """Phase 1: this shard's documents and locator claims go to the solver."""
    _ship(
        worker,
        "select * from worker.documents_to_register(%s)",
        solver,
        "solver.debtor_info (turn_id, debtor_info_locator, debtor_id, peg_debtor_info_locator, peg_debtor_id,"
        " peg_exchange_rate, name, abbreviation)",
        turn_id,
    )
    _ship(
        worker,
        "select * from worker.claims_to_register(%s)",
        solver,
        "solver.confirmed_debtor (turn_id, debtor_id, debtor_info_locator)",
        turn_id,
    )


def load_currencies(worker: Connection, solver: Connection, turn_id: int) -> bool:
    """Phase 2: currencies and collectors come from the solver, prices are made. Ends with the stamp for the lanes.

    Returns True: they can always be had.
    """
    worker.execute("select worker.clear_staging(%s, 2), worker.clear_active_collectors()", (turn_id,))
    count = _pipe(
        solver,
        "select turn_id, debtor_info_locator, debtor_id, peg_debtor_info_locator, peg_debtor_id, peg_exchange_rate,"
        " is_confirmed from solver.list_currencies(%s)",
        (turn_id,),
        worker,
        "worker.staged_currency (turn_id, debtor_info_locator, debtor_id, peg_debtor_info_locator, peg_debtor_id,"
        " peg_exchange_rate, is_confirmed)",
    )
    _pipe(
        solver,
        "select debtor_id, collector_id, account_id from solver.active_collectors()",
        (),
        worker,
        "worker.active_collector (debtor_id, collector_id, account_id)",
    )
    _pipe(
        solver,
        "select %s::integer, debtor_id from solver.alive_collector_debtors()",
        (turn_id,),
        worker,
        "worker.staged_alive_collector (turn_id, debtor_id)",
    )
    (problem,) = _row(worker, "select worker.price_currencies(%s)", (turn_id,))
    if problem is not None:
        logger.error("turn %d runs empty, it has no base currency: %s", turn_id, problem)
    worker.execute("select worker.stamp_staging(%s, 2, %s)", (turn_id, count))
    return True


def ship_offers(worker: Connection, solver: Connection, turn_id: int) -> None:
    """End of phase 2: what the traders of this shard have prepared goes to the solver."""
    _ship(
        worker,
        "select * from worker.sell_offers_to_ship(%s)",
        solver,
        "solver.sell_offer (turn_id, creditor_id, debtor_id, amount, collector_id)",
        turn_id,
    )
    _ship(
        worker,
        "select * from worker.buy_offers_to_ship(%s)",
        solver,
        "solver.buy_offer (turn_id, creditor_id, debtor_id, amount)",
        turn_id,
    )


def load_results(worker: Connection, solver: Connection, turn_id: int) -> bool:
    """Phase 3: what the solver arranged for this shard's accounts and collectors. Ends with the stamp for the lanes.

    False, and nothing is loaded: the result that this shard was told of is not to be had, not now or never again.
    """
    # One snapshot, so that nothing is read of another result.
    with solver.transaction():
        solver.execute("set transaction isolation level repeatable read, read only")
        (collection_started_at,) = _row(
            worker, "select collection_started_at from worker.worker_turn where turn_id = %s", (turn_id,)
        )
        if _row(solver, "select solver.has_results(%s, %s)", (turn_id, collection_started_at)) != (True,):
            return False
        _load_results(worker, solver, turn_id)
    return True


def _load_results(worker: Connection, solver: Connection, turn_id: int) -> None:
    worker.execute("select worker.clear_staging(%s, 3)", (turn_id,))
    first_hash, last_hash, *_ = _hash_range(worker)
    participations = _pipe(
        solver,
        "select %s::integer, creditor_id, debtor_id, amount, collector_id from solver.shard_participations(%s, %s, %s)",
        (turn_id, turn_id, first_hash, last_hash),
        worker,
        "worker.staged_participation (turn_id, creditor_id, debtor_id, amount, collector_id)",
    )
    payments = _pipe(
        solver,
        "select %s::integer, kind, collector_id, debtor_id, other_id, amount"
        " from solver.shard_collector_payments(%s, %s, %s)",
        (turn_id, turn_id, first_hash, last_hash),
        worker,
        "worker.staged_collector_payment (turn_id, kind, collector_id, debtor_id, other_id, amount)",
    )
    worker.execute("select worker.stamp_staging(%s, 3, %s)", (turn_id, participations + payments))


def delete_results(worker: Connection, solver: Connection, turn_id: int) -> None:
    """End of phase 3: the solver's copy of what this shard has taken over goes away."""
    first_hash, last_hash, *_ = _hash_range(worker)
    solver.execute("select solver.delete_shard_results(%s, %s, %s)", (turn_id, first_hash, last_hash))


def send_requests(worker: Connection, solver: Connection, limit: int, sizes: Sizes | None = None) -> int:
    """Carries out what handlers of this shard asked of the solver database, oldest first; returns how many requests.

    One that is too much for a server even alone is told and stays; those behind it have their turn.
    """
    batches = (sizes or Sizes()).of("requests to the solver", limit)
    floor = 0

    def send(size: int) -> int:
        return _send_requests(worker, solver, size, floor)

    for passed_over in range(_PASSED_OVER + 1):
        try:
            return batches.run(send)
        except psycopg.Error as error:
            if not is_too_much(error) or passed_over == _PASSED_OVER:
                raise
            row = worker.execute(_NEXT_REQUEST, (floor,)).fetchone()
            if row is None:
                raise
            floor, request = row
            logger.error("the request %s to the solver is too much even alone: %s %s", floor, error.sqlstate, request)
            hook.tell("passed_over")
    return 0


def _send_requests(worker: Connection, solver: Connection, limit: int, floor: int) -> int:
    with worker.transaction():
        count, requests, messages, *parameters = _row(
            worker,
            "select count(*), array_agg(r.msg_id)::text, jsonb_agg(r.message order by r.msg_id)::text,"
            " (select c.min_collector_id from worker.configuration as c),"
            " (select c.max_collector_id from worker.configuration as c),"
            " (select c.default_collector_count from worker.configuration as c)"
            " from worker.take_solver_requests(%s, %s) as r",
            (limit, floor),
        )
        if count > 0:
            solver.execute("select solver.apply_worker_requests(%s::jsonb, %s, %s, %s)", (messages, *parameters))
            worker.execute("select worker.delete_solver_requests(%s::bigint[])", (requests,))
    return int(count)


def reconcile_collectors(worker: Connection, solver: Connection, page: int, sizes: Sizes | None = None) -> int:
    """Compares the solver's catalogue with this shard's collectors, so that neither lacks one; returns how many it did.

    Either database may have been restored from a backup, or be new. `page`: rows at a time.
    """
    _, _, *realm = _hash_range(worker)
    batches = (sizes or Sizes()).of("collectors to compare", page)
    restored, after = 0, (None, None)

    def compare(page: int) -> tuple[int, bool, tuple[Any, Any]]:
        count, *catalogue, last_debtor_id, last_collector_id = _row(
            solver,
            "select count(*), coalesce(array_agg(c.debtor_id), '{}')::text,"
            " coalesce(array_agg(c.collector_id), '{}')::text, coalesce(array_agg(c.status), '{}')::text,"
            " (array_agg(c.debtor_id order by c.debtor_id desc, c.collector_id desc))[1],"
            " (array_agg(c.collector_id order by c.debtor_id desc, c.collector_id desc))[1]"
            " from solver.shard_collectors(%s, %s, %s, %s, %s) as c",
            (*realm, *after, page),
        )
        is_last = count < page
        missing, *lacking = _row(
            worker,
            "select count(*), array_agg(r.debtor_id)::text, array_agg(r.collector_id)::text, array_agg(r.status)::text,"
            " array_agg(r.account_id)::text from worker.reconcile_collectors(%s::bigint[], %s::bigint[],"
            " %s::smallint[], %s, %s, %s) as r",
            (*catalogue, *after, is_last),
        )
        added = 0
        if missing:
            (added,) = _row(
                solver,
                "select solver.restore_collectors(%s::bigint[], %s::bigint[], %s::smallint[], %s::text[])",
                lacking,
            )
            if added:
                logger.warning("put %s collectors back into the solver's catalogue: was it restored?", added)
        return added, is_last, (last_debtor_id, last_collector_id)

    while True:
        added, is_last, after = batches.run(compare)
        restored += added
        if is_last:
            return restored


def judge_unknown_accounts(worker: Connection, solver: Connection, limit: int) -> int:
    """Decides about accounts that authorities report and nobody asked for; returns how many are held from now on."""
    count, *accounts = _collectors(worker, "worker.unknown_accounts_to_judge(%s)", (limit,))
    if count == 0:
        return 0
    if _row(worker, "select worker.is_suspiciously_empty()", ()) == (True,):
        logger.error(
            "authorities report %s accounts of collectors, and this worker database, which is new, knows none: was it "
            "to be imported, or restored? Nothing is decided about them until it is two weeks old; if it may be "
            "empty, say so with `swpt-trade configure worker --accept-empty`",
            count,
        )
    (known,) = _row(solver, "select solver.are_known(%s::bigint[], %s::bigint[])::text", accounts)
    held = worker.execute(
        "select debtor_id, collector_id, principal, reason"
        " from worker.judge_unknown_accounts(%s::bigint[], %s::bigint[], %s::boolean[])",
        (*accounts, known),
    ).fetchall()
    for debtor_id, collector_id, principal, reason in held:
        logger.error(
            "nobody knows account %s of currency %s, and %s: use `swpt-trade collectors held`, `adopt`, `discard`",
            collector_id,
            debtor_id,
            f"there are {principal} tokens on it" if reason == "money" else "it belongs to a customer",
        )
    if held:
        hook.tell("held_account", amount=len(held))
    return len(held)


def configure_pristine_collectors(worker: Connection, solver: Connection, limit: int) -> int:
    """Has the accounts of this shard's new collectors created; returns how many collectors there were."""
    _, _, *realm = _hash_range(worker)
    count, *collectors = _collectors(solver, "solver.pristine_collectors(%s, %s, %s)", (*realm, limit))
    if count > 0:
        worker.execute("select worker.configure_collectors(%s::bigint[], %s::bigint[])", collectors)
        solver.execute("select solver.mark_collectors_requested(%s::bigint[], %s::bigint[])", collectors)
    return count


def revive_overdue_collectors(worker: Connection, solver: Connection, limit: int) -> int:
    """Makes collectors new again that were requested long ago and still have no account; returns how many."""
    _, _, *realm = _hash_range(worker)
    (delay,) = _row(worker, "select extreme_message_delay from worker.configuration", ())
    count, *overdue = _collectors(solver, "solver.list_overdue_collectors(%s, %s, %s, %s)", (*realm, delay, limit))
    if count == 0:
        return 0
    count, *missing = _collectors(worker, "worker.find_missing_accounts(%s::bigint[], %s::bigint[])", overdue)
    if count > 0:
        solver.execute("select solver.mark_collectors_pristine(%s::bigint[], %s::bigint[])", missing)
    return count


def remove_collectors(worker: Connection, solver: Connection, limit: int) -> int:
    """Takes this shard's disabled collectors a step further once the slack periods are over; returns how many are gone.

    Their money goes to other collectors, their accounts are deleted, and last of all their rows in the solver. `limit`:
    as many at once, so that lanes are not held for long.
    """
    _, _, *realm = _hash_range(worker)
    (slack,) = _row(worker, "select worker.collector_slack(c) from worker.configuration as c", ())
    total = left = 0
    while True:
        count, *disabled = _row(
            solver,
            "select count(*), array_agg(c.debtor_id)::text, array_agg(c.collector_id)::text, array_agg(c.heir_id)::text"
            " from solver.collectors_to_remove(%s, %s, %s, %s, %s) as c",
            (*realm, slack, left, limit),
        )
        if count == 0:
            return total
        states = _row(
            worker,
            "select coalesce(array_agg(r.debtor_id), '{}')::text, coalesce(array_agg(r.collector_id), '{}')::text,"
            " coalesce(array_agg(r.state), '{}')::text"
            " from worker.remove_collectors(%s::bigint[], %s::bigint[], %s::bigint[]) as r",
            disabled,
        )
        (gone,) = _row(solver, "select solver.note_removals(%s::bigint[], %s::bigint[], %s::text[])", states)
        total += gone
        left += count - gone


def _collectors(connection: Connection, source: LiteralString, parameters: Sequence[Any]) -> tuple[int, str, str]:
    """Number, debtor IDs and collector IDs of what a function lists; the IDs as array literals."""
    count, debtor_ids, collector_ids = _row(
        connection,
        "select count(*), coalesce(array_agg(f.debtor_id), '{}')::text, coalesce(array_agg(f.collector_id), '{}')::text"
        " from " + source + " as f",
        parameters,
    )
    return count, debtor_ids, collector_ids


def _ship(worker: Connection, query: LiteralString, solver: Connection, target: LiteralString, turn_id: int) -> None:
    """Copies rows to the solver in a transaction of its own; an earlier run may have committed them already."""
    try:
        with solver.transaction():
            _pipe(worker, query, (turn_id,), solver, target)
    except psycopg.errors.UniqueViolation as error:
        logger.warning("turn %d: the rows were shipped before: %s", turn_id, error.diag.table_name)


def _pipe(
    source: Connection, query: LiteralString, parameters: tuple[int, ...], target: Connection, table: LiteralString
) -> int:
    """Copies the rows of a query on `source` into a table of `target`; returns how many.

    The types of the columns have to be the same on both sides. Raises what the servers raise; `source` stays usable
    when `target` refuses the rows, because it is read to its end first.
    """
    with source.cursor() as reader, target.cursor() as writer:
        with writer.copy("copy " + table + " from stdin (format binary)") as rows_in:
            block = bytearray()
            with reader.copy("copy (" + query + ") to stdout (format binary)", parameters) as rows_out:
                for piece in rows_out:
                    block += piece
                    if len(block) >= _BLOCK:
                        rows_in.write(bytes(block))
                        block.clear()
            rows_in.write(bytes(block))
        return writer.rowcount


def _hash_range(worker: Connection) -> tuple[int, int, int, int]:
    """The 16-bit hashes of this shard's keys: first, last; the same as mask and masked value."""
    first, last, mask, prefix = _row(
        worker, "select first_hash, last_hash, hash_mask, hash_prefix from worker.hash_range()", ()
    )
    return first, last, mask, prefix


def _row(connection: Connection, query: LiteralString, parameters: Sequence[Any]) -> tuple[Any, ...]:
    """The only row of a query."""
    row: tuple[Any, ...] | None = connection.execute(query, parameters).fetchone()
    assert row is not None
    return row

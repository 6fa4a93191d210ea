"""What a database may have lost when it comes back from an old copy."""

from __future__ import annotations

import random
from typing import Any, LiteralString

import psycopg
from psycopg import sql

_IN_FLIGHT: LiteralString = """
select exists (select from worker.dispatching_status)
  or exists (select from worker.transfer_attempt)
  or exists (select from worker.account_lock where released_at is null)
  or exists (select from worker.worker_turn where worker_turn_subphase < 10 or phase < 3)
  or exists (select from outbox.prepare_transfer)
  or exists (select from outbox.finalize_transfer)
"""


def lose_collectors(worker: psycopg.Connection[Any], dice: random.Random) -> int:
    """Deletes what a shard knows of some collectors, between turns. Returns of how many; 0 when money is moving."""
    row = worker.execute(_IN_FLIGHT).fetchone()
    if row is None or row[0]:
        return 0
    known = worker.execute("select creditor_id, debtor_id from worker.needed_worker_account order by 1, 2").fetchall()
    lost = [account for account in known if dice.random() < 0.5]
    for creditor_id, debtor_id in lost:
        for table in ("interest_rate_change", "worker_account", "needed_worker_account"):
            worker.execute(
                sql.SQL("delete from worker.{} where creditor_id = %s and debtor_id = %s").format(
                    sql.Identifier(table)
                ),
                (creditor_id, debtor_id),
            )
    return len(lost)


_OPEN_TURN: LiteralString = "select exists (select from solver.turn where phase < 4)"


def lose_catalogue(solver: psycopg.Connection[Any], dice: random.Random) -> int:
    """Deletes some collectors from the solver's catalogue, between turns. Returns how many; 0 during a turn."""
    row = solver.execute(_OPEN_TURN).fetchone()
    if row is None or row[0]:
        return 0
    known = solver.execute("select debtor_id, collector_id from solver.collector_account order by 1, 2").fetchall()
    lost = [collector for collector in known if dice.random() < 0.5]
    for collector in lost:
        solver.execute("delete from solver.collector_account where debtor_id = %s and collector_id = %s", collector)
    return len(lost)

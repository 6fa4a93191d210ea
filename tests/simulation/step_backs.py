"""The solver's database becomes what it was at an earlier moment, and what came in for lost turns is paid back."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from tests.simulation.payments import Payments

Connection = psycopg.Connection[Any]

_TABLES = """
select c.relname
from pg_class as c
where c.relnamespace = 'solver'::regnamespace and c.relkind = 'r' and c.relname <> 'applied_file'
-- Others refer to it.
order by c.relname <> 'turn', c.relname
"""
_SEQUENCES = """
select c.relname from pg_class as c where c.relnamespace = 'solver'::regnamespace and c.relkind = 'S' order by 1
"""
_LOST = """
select turn_id, debtor_id, collector_id, other_id, amount from worker.lost_payments()
where refunded_at is null and paid_out = 0
"""


class SolverCopy:
    """Everything that the solver's database holds at one moment."""

    def __init__(self, solver: Connection) -> None:
        self._rows: dict[str, bytes] = {}
        for (table,) in solver.execute(_TABLES).fetchall():
            with solver.cursor() as cursor:
                statement = sql.SQL("copy solver.{} to stdout").format(sql.Identifier(table))
                with cursor.copy(statement) as rows:
                    self._rows[table] = b"".join(bytes(block) for block in rows)
        self._sequences = {
            name: solver.execute(
                sql.SQL("select last_value, is_called from solver.{}").format(sql.Identifier(name))
            ).fetchone()
            for (name,) in solver.execute(_SEQUENCES).fetchall()
        }

    @property
    def is_alive(self) -> bool:
        """Has the loop over turns ever looked?"""
        return bool(self._rows["life"])

    def restore(self, solver: Connection) -> None:
        """Puts it back, on another server as it were."""
        with solver.transaction():
            names = sql.SQL(", ").join(sql.SQL("solver.{}").format(sql.Identifier(table)) for table in self._rows)
            solver.execute(sql.SQL("truncate {}").format(names))
            for table, rows in self._rows.items():
                with solver.cursor() as cursor:
                    statement = sql.SQL("copy solver.{} from stdin").format(sql.Identifier(table))
                    with cursor.copy(statement) as copy:
                        copy.write(rows)
            for name, state in self._sequences.items():
                assert state is not None
                solver.execute("select setval(%s::text::regclass, %s, %s)", (f"solver.{name}", *state))
            solver.execute("update solver.life set database_id = 0")


def lost_turns(worker: Connection) -> list[int]:
    """Those that this shard has given up."""
    return [row[0] for row in worker.execute("select turn_id from worker.worker_turn where is_lost").fetchall()]


def refund_lost_payments(worker: Connection, payments: Payments) -> int:
    """What an operator does who has looked at the list; returns how many payments go back."""
    lost = worker.execute(_LOST).fetchall()
    for turn_id, debtor_id, collector_id, payer_id, amount in lost:
        payments.expect_refund(turn_id, debtor_id, collector_id, payer_id, amount)
    for turn_id in sorted({row[0] for row in lost}):
        worker.execute("select worker.refund_lost_payments(%s, 'simulation')", (turn_id,))
    return len(lost)

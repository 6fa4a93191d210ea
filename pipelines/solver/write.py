"""Writes an answer: to a directory of parquet files, or to the solver database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import psycopg
from psycopg import sql

from pipelines.solver.binary_copy import write_integers
from pipelines.solver.market import Solution, Trades


def write_directory(directory: Path, solution: Solution) -> None:
    """Writes takings, givings, collector_transfers, untraded_offers (.parquet). The directory is made when missing."""
    trades = solution.trades
    directory.mkdir(parents=True, exist_ok=True)
    trades.takings.write_parquet(directory / "takings.parquet")
    trades.givings.write_parquet(directory / "givings.parquet")
    trades.collector_transfers.write_parquet(directory / "collector_transfers.parquet")
    solution.untraded.write_parquet(directory / "untraded_offers.parquet")


def write_turn(connection: psycopg.Connection[Any], turn_id: int, trades: Trades) -> bool:
    """Writes the six result tables and the statistics of the turn and begins phase 3, in one transaction.

    Returns False, and writes nothing, when somebody else advanced the turn already. Each trade is written twice: for
    the creditor's shard and for the collector's.
    """
    with connection.transaction():
        row = connection.execute("select solver.begin_phase3(%s)", (turn_id,)).fetchone()
        if row is None or not row[0]:
            return False
        for table, frame in (
            ("creditor_taking", trades.takings),
            ("collector_collecting", trades.takings),
            ("creditor_giving", trades.givings),
            ("collector_dispatching", trades.givings),
            ("collector_sending", trades.collector_transfers),
            ("collector_receiving", trades.collector_transfers),
        ):
            rows = frame.select(pl.lit(turn_id, dtype=pl.Int32).alias("turn_id"), pl.all())
            write_integers(connection, sql.Identifier("solver", table), rows)
        connection.execute("select solver.record_statistics(%s)", (turn_id,))
    return True

"""Writes an answer: to a directory of parquet files, or to the solver database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
from psycopg import sql

from pipelines.solver.binary_copy import write_integers
from pipelines.solver.market import Market, MarketError, Solution, Trades
from pipelines.solver.peg_paths import peg_paths
from pipelines.solver.statistics import USUAL, MostBought


class NotWritten(Exception):
    """A file could not be written, because the disk is full or for whatever reason the message says."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Whatever goes wrong with this file is NotWritten."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        problem = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise NotWritten(f"{path}: cannot be written: {problem}") from error


def write_frame(path: Path, frame: pl.DataFrame) -> None:
    """Writes CSV, or parquet, whichever the suffix says. Raises MarketError for another suffix, and NotWritten."""
    check_kind(path)
    with writing(path):
        if path.suffix == ".csv":
            frame.write_csv(path)
        else:
            frame.write_parquet(path)


def check_kind(path: Path) -> None:
    """Raises MarketError when the suffix is not that of a frame's file."""
    if path.suffix not in (".csv", ".parquet"):
        raise MarketError(f"{path}: call it .parquet or .csv, whichever it shall be")


def write_directory(directory: Path, market: Market, solution: Solution) -> None:
    """Writes takings, givings, collector_transfers, untraded_offers, and prices (.parquet).

    The directory is made when missing. Raises NotWritten.
    """
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
    for name, frame in answer_frames(market, solution):
        write_frame(directory / f"{name}.parquet", frame)


def answer_frames(market: Market, solution: Solution) -> Iterator[tuple[str, pl.DataFrame]]:
    """What is told of an answer, by the names of the files."""
    yield "takings", solution.trades.takings
    yield "givings", solution.trades.givings
    yield "collector_transfers", solution.trades.collector_transfers
    yield "untraded_offers", solution.untraded
    prices = peg_paths(market.currencies, market.parameters)
    yield "prices", prices.join(market.names, on="debtor_id", how="left", maintain_order="left")


def write_turn(
    connection: psycopg.Connection[Any], turn_id: int, trades: Trades, most_bought: MostBought = USUAL
) -> bool:
    """Writes the six result tables and the statistics of the turn, and begins phase 3, in one transaction.

    Returns False, and writes nothing, when somebody else advanced the turn already. Each trade is written twice: for
    the creditor's shard and for the collector's.
    """
    with connection.transaction():
        # They are deleted when phase 3 begins.
        confirmed = connection.execute(
            "select array_agg(debtor_id), array_agg(debtor_info_locator) from solver.currency_info"
            " where turn_id = %s and is_confirmed",
            (turn_id,),
        ).fetchone()
        assert confirmed is not None
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
        connection.execute(
            "select solver.record_most_bought_currencies(%s, %s, %s, %s, %s)",
            (turn_id, most_bought.turns, most_bought.currencies, *confirmed),
        )
    return True

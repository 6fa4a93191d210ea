"""What a turn traded and why, kept in the solver database after its offers are gone.

An archive is the directory that `swpt-trade solve` reads, with what it writes beside it, the figures of currencies, and
the flow of value before it was rounded, for circles. Nothing waits for it, and no turn fails with it.

Rows of traders and of currencies are sorted by their IDs, in parts that are parquet files of their own: what one trader
has is in a few parts of SORTED_ROWS rows, whatever the size of the turn (see archived_rows.py). That costs a sort, and
no space; rows in a table with an index would take five times as much of both, and a second copy as compressed text,
which needs no library to be read, as much again as all the rest.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

import polars as pl
import psycopg

from pipelines.solver.currency_figures import currency_figures
from pipelines.solver.load import FRAMES
from pipelines.solver.market import Market, Solution
from pipelines.solver.report import Report
from pipelines.solver.write import answer_frames

logger = logging.getLogger(__name__)

PART_BYTES = 8 * 2**20
SORTED_ROWS = 32_768
"""Of a part whose rows are sorted: at most 2 MB before it is compressed."""
SORTED_BY = {
    **dict.fromkeys(("sell_offers", "buy_offers", "takings", "givings", "untraded_offers"), "creditor_id"),
    **dict.fromkeys(("currency_figures", "names"), "debtor_id"),
}
_COMPRESSION_LEVEL = 1
"""IDs and amounts hardly get smaller with more, but take twice as long."""


def archive_turn(
    connection: psycopg.Connection[Any], turn_id: int, market: Market, solution: Solution, report: Report
) -> bool:
    """Writes the archive of a turn that has been solved, in a transaction of its own; returns whether it was written.

    It is not where there is no table for it. Whatever fails is an error in the log, and raises nothing.
    """
    try:
        with connection.transaction():
            row = connection.execute("select solver.begin_archive(%s)", (turn_id,)).fetchone()
            started_at = None if row is None else row[0]
            if started_at is None:
                return False
            for name, parts in _files(turn_id, started_at, market, solution, report):
                for part, (first_id, body) in enumerate(parts):
                    connection.execute(
                        "select solver.archive_part(%s, %s, %s, %s, %b, %s)",
                        (turn_id, started_at, name, part, body, first_id),
                    )
    except Exception:
        logger.exception("turn %s goes on, but is not archived: `swpt-trade export_turn` will not have it", turn_id)
        return False
    return True


Parts = Iterator[tuple[int | None, bytes]]
"""The parts of a file, each with the ID that it begins with, if its rows are sorted by ID."""


def _files(
    turn_id: int, started_at: datetime, market: Market, solution: Solution, report: Report
) -> Iterator[tuple[str, Parts]]:
    """One after the other, so that only one is in memory."""
    meta = {
        **asdict(market.parameters),
        "turn_id": turn_id,
        "started_at": started_at.isoformat(),
        "time_limit_reached": solution.time_limit_reached,
    }
    yield "meta.json", _pieces((json.dumps(meta, indent=2) + "\n").encode())
    yield "report.json", _pieces(report.as_json().encode())
    for name in FRAMES:
        yield _frame(name, getattr(market, name))
    if market.names.height:
        yield _frame("names", market.names)
    for name, frame in answer_frames(market, solution):
        yield _frame(name, frame)
        if name == "prices":
            yield _frame("currency_figures", currency_figures(market, solution.trades, frame))
    if solution.flow is not None:
        yield _frame("flow", solution.flow)


def _frame(name: str, frame: pl.DataFrame) -> tuple[str, Parts]:
    key = SORTED_BY.get(name)
    return f"{name}.parquet", _pieces(_parquet(frame)) if key is None or not frame.height else _sorted(frame, key)


def _sorted(frame: pl.DataFrame, key: str) -> Parts:
    rows = frame.sort(key, maintain_order=True)
    for start in range(0, rows.height, SORTED_ROWS):
        part = rows[start : start + SORTED_ROWS]
        yield part[key][0], _parquet(part)


def _pieces(body: bytes) -> Parts:
    for start in range(0, len(body), PART_BYTES):
        yield None, body[start : start + PART_BYTES]


def _parquet(frame: pl.DataFrame) -> bytes:
    body = io.BytesIO()
    frame.write_parquet(body, compression="zstd", compression_level=_COMPRESSION_LEVEL)
    return body.getvalue()

"""What can be found out about an archived turn beyond its answer: its circles, and what would have let more trade.

The first who asks waits for the answer; it is kept with the archive.
"""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

import polars as pl
import psycopg

from pipelines.solver.archived import NotArchived
from pipelines.solver.archived_frames import archived_frame, archived_market
from pipelines.solver.bottlenecks import bottlenecks
from pipelines.solver.circles import LARGEST, circles

CIRCLES, HELP = "circles", "what_would_help"


def circles_of_turn(
    connection: psycopg.Connection[Any],
    turn_id: int,
    started_at: datetime,
    largest: int = LARGEST,
    *,
    creditor_id: int | None = None,
    debtor_id: int | None = None,
) -> pl.DataFrame:
    """The largest circles of a turn, at most LARGEST, or those through a trader or a currency (see circles.py).

    With a million offers the first question about the largest takes a second or two, and each one about somebody about
    three. Raises NotArchived.
    """
    largest = min(largest, LARGEST)
    is_about_all = creditor_id is None and debtor_id is None
    found = archived_frame(connection, turn_id, started_at, CIRCLES) if is_about_all else None
    if found is None:
        flow = archived_frame(connection, turn_id, started_at, "flow")
        if flow is None:
            raise NotArchived(f"the archive of turn {turn_id} has no flow of value, so its circles are not known")
        if not is_about_all:
            return circles(flow, largest, creditor_id=creditor_id, debtor_id=debtor_id)
        found = circles(flow, LARGEST)
        _keep(connection, turn_id, started_at, CIRCLES, found)
    return found.filter(pl.col("circle") <= largest)


def what_would_help(
    connection: psycopg.Connection[Any], turn_id: int, started_at: datetime, time_limit: float | None = None
) -> pl.DataFrame:
    """For the ten currencies with most unserved value what one more trader would have changed (see bottlenecks.py).

    Raises NoTimeLeft after `time_limit` seconds, and NotArchived.
    """
    kept = archived_frame(connection, turn_id, started_at, HELP)
    if kept is not None:
        return kept
    found = bottlenecks(archived_market(connection, turn_id, started_at), time_limit=time_limit)
    _keep(connection, turn_id, started_at, HELP, found)
    return found


def _keep(
    connection: psycopg.Connection[Any], turn_id: int, started_at: datetime, name: str, frame: pl.DataFrame
) -> None:
    body = io.BytesIO()
    frame.write_parquet(body)
    connection.execute(
        "select solver.keep_beside_archive(%s, %s, %s, %b)", (turn_id, started_at, f"{name}.parquet", body.getvalue())
    )

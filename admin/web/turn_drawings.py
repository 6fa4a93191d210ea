"""Drawings of a turn's result, from its archive. Values are in base tokens.

What is read of the whole archive is kept for the few turns that people look at: an archive does not change.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl
import psycopg
from cachetools import LRUCache
from markupsafe import Markup

from admin.web.dashboard_words import number
from admin.web.identifiers import to_unsigned
from admin.web.turn_results import TurnResult
from pipelines.names import archived_names
from pipelines.solver.archived import NotArchived, archive_of
from pipelines.solver.archived_frames import archived_frame
from pipelines.solver.archived_insight import circles_of_turn
from pipelines.solver.market import Trades
from reports.circle_drawing import Giving, circle_drawing
from reports.currency_labels import currency_labels, unnamed
from reports.flow_chart import flow_chart
from reports.flow_matrix import flow_matrix
from reports.peg_tree import Peg, peg_tree
from reports.solution_tables import flows_between_currencies
from reports.waterfall import Step, waterfall

Connection = psycopg.Connection[Any]

CURRENCIES_DRAWN = 200
FLOWS_SHOWN = 12
LARGEST_RING = 8
"""People in a circle that is drawn."""

_KEPT = 16


@dataclass(frozen=True, slots=True)
class TurnDrawings:
    """The tree of pegs, and the flows between currencies: as a drawing, and in numbers.

    These are a matrix where the currencies are few, and otherwise (`matrix` is None) the largest flows as rows (given,
    got, value), in words.
    """

    pegs: Markup
    chart: Markup
    matrix: Markup | None
    flows: list[tuple[str, str, str]]
    names: dict[int, str]


@dataclass(frozen=True, slots=True)
class Ring:
    """A circle of trades: its drawing (None: of too many people to draw), its value, and a sentence for each step."""

    drawing: Markup | None
    value: str
    sentences: list[str]


_lock = threading.Lock()
_drawings: LRUCache[tuple[Any, ...], TurnDrawings] = LRUCache(_KEPT)


def turn_drawings(connection: Connection, turn_id: int) -> TurnDrawings:
    """The drawings of a turn. Raises NotArchived."""
    started_at = archive_of(connection, turn_id)
    key = (connection.info.host, connection.info.port, connection.info.dbname, turn_id, started_at)
    with _lock:
        if (kept := _drawings.get(key)) is not None:
            return kept

    def frame(name: str) -> pl.DataFrame:
        found = archived_frame(connection, turn_id, started_at, name)
        if found is None:
            raise NotArchived(f"the archive of turn {turn_id} has no {name}")
        return found

    figures = frame("currency_figures").with_columns(
        value=pl.col("traded_amount").cast(pl.Float64) * pl.col("price").fill_null(0.0)
    )
    locators = dict(figures.select("debtor_id", "debtor_info_locator").iter_rows())
    labels = currency_labels(archived_names(connection, turn_id, started_at, locators.keys()), locators)
    names = {debtor_id: labels.get(debtor_id, unnamed(debtor_id)) for debtor_id in locators}
    trades = Trades(frame("takings"), frame("givings"), frame("collector_transfers"))
    flows = flows_between_currencies(figures.drop_nulls("price").select("debtor_id", "price"), trades)
    bands = {(names[a], names[b]): value for a, b, value in flows.select("given", "got", "value").iter_rows()}
    made = TurnDrawings(
        _pegs(figures, names),
        flow_chart(bands, written=lambda value: f"{number(value)} base tokens"),
        flow_matrix(bands, written=number),
        [(start, end, number(value)) for (start, end), value in list(bands.items())[:FLOWS_SHOWN]],
        names,
    )
    with _lock:
        _drawings[key] = made
    return made


def largest_rings(connection: Connection, turn_id: int, names: dict[int, str], most: int, **of: int) -> list[Ring]:
    """The largest circles of a turn; of a trader with `creditor_id`, of a currency with `debtor_id`.

    Raises NotArchived.
    """
    circles = circles_of_turn(connection, turn_id, archive_of(connection, turn_id), most, **of)
    return [_ring(steps, names) for steps in circles.partition_by("circle", maintain_order=True)]


def value_waterfall(result: TurnResult, meanings: Callable[[str], str]) -> Markup | None:
    """From the value that was offered to what was traded; None: some of it is beyond doubles, or there was nothing."""
    offered, traded = result.offered_sell_value, result.traded_value
    values = [reason.sell_value for reason in result.reasons]
    if not offered or traded is None or any(value is None for value in values):
        return None
    steps = [
        Step(
            reason.reason, reason.sell_value or 0.0, f"{number(reason.sell_value)} base tokens", meanings(reason.reason)
        )
        for reason in sorted(result.reasons, key=lambda reason: -(reason.sell_value or 0.0))
        if reason.sell_value
    ]
    rest = offered - traded - sum(step.size for step in steps)
    if rest > 0.5:
        meaning = "of offers that were traded in part: there was no more to exchange it for"
        steps.append(Step("left over", rest, f"{number(rest)} base tokens", meaning))
    return waterfall(
        Step("offered", offered, f"{number(offered)} base tokens"),
        steps,
        Step("traded", traded, f"{number(traded)} base tokens"),
    )


def _pegs(figures: pl.DataFrame, names: dict[int, str]) -> Markup:
    """The currencies with a price, those of most value, and all that are on their way to the base."""
    priced = figures.drop_nulls("price").sort(["value", "debtor_id"], descending=[True, False])
    wanted: set[int] = set()
    for path in priced["path"].head(CURRENCIES_DRAWN):
        wanted |= set(path if path is not None else [])
    rows = priced.filter(pl.col("debtor_id").is_in(list(wanted)) | (pl.int_range(pl.len()) < CURRENCIES_DRAWN))
    return peg_tree(
        [
            Peg(
                row["debtor_id"],
                row["peg_debtor_id"],
                names[row["debtor_id"]],
                "the base currency"
                if row["path"] is not None and len(row["path"]) == 1
                else f"1 token = {row['peg_exchange_rate']:,.6g} of {names.get(row['peg_debtor_id'], 'its peg')}",
                f"{number(row['value'])} base tokens traded",
                row["value"],
            )
            for row in rows.iter_rows(named=True)
            if row["peg_exchange_rate"] is not None or (row["path"] is not None and len(row["path"]) == 1)
        ]
    )


def _ring(steps: pl.DataFrame, names: dict[int, str]) -> Ring:
    rows = steps.sort("step").select("creditor_id", "given_amount", "given_debtor_id", "value").rows()
    said = [
        (f"trader {to_unsigned(giver)}", f"{number(amount)} of {names.get(debtor, to_unsigned(debtor))}")
        for giver, amount, debtor, _ in rows
    ]
    drawing = None
    if len(rows) <= LARGEST_RING:
        # A whole ID is too long for a drawing.
        drawing = circle_drawing(
            [Giving(f"trader …{to_unsigned(row[0])[-6:]}", amount) for row, (_, amount) in zip(rows, said, strict=True)]
        )
    sentences = [
        f"{giver[0].upper()}{giver[1:]} gives {amount} to {taker}."
        for (giver, amount), (taker, _) in zip(said, [*said[1:], *said[:1]], strict=True)
    ]
    return Ring(drawing, f"{number(rows[0][3])} base tokens", sentences)

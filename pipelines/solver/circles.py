"""The circles that a turn's value goes round in: trader -> currency -> trader -> …, back to the first one.

They are those of the value flow before it is rounded to whole tokens, in which every trader gives as much value as they
take. Collectors have no part in it. A flow can be taken apart in many ways; this one takes wide circles first: with a
level that starts above the greatest flow and is halved again and again, it takes out circles of at least this value
until none is left. So whatever is not among the first circles was, when these were taken out, part of no circle of
twice the value of the last one. The answer depends on nothing but the flow: not on the order of rows, nor on chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.solver.widest import Circulation, circles_of, circles_through

LARGEST = 1000
FEW_OFFERS = 100_000
"""Up to so many offers that trade, all circles are found unless asked otherwise."""

FLOW: dict[str, type[pl.DataType]] = {
    "part": pl.Int32,
    "creditor_id": pl.Int64,
    "debtor_id": pl.Int64,
    "is_sell": pl.Boolean,
    "flow": pl.Int64,
    "unit": pl.Float64,
    "price": pl.Float64,
}
CIRCLES: dict[str, type[pl.DataType]] = {
    "circle": pl.Int64,
    "value": pl.Float64,
    "step": pl.Int64,
    "creditor_id": pl.Int64,
    "given_debtor_id": pl.Int64,
    "given_amount": pl.Float64,
    "taken_debtor_id": pl.Int64,
    "taken_amount": pl.Float64,
}


def value_flow(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The flow of matched offers (the parts of a Match) as FLOW says.

    `flow` is in units, which are `unit` base tokens each; every part is a circulation of its own.
    """
    frames = [pl.DataFrame(schema=FLOW)]
    for number, offers in enumerate(parts):
        widest = offers.sort("flow", "debtor_id", descending=[True, False])[:1]
        unit = widest.select(
            pl.col("denominator").cast(pl.Float64) / pl.col("numerator").cast(pl.Float64) * pl.col("price")
        )
        frames.append(
            offers.select(
                pl.lit(number, dtype=pl.Int32).alias("part"),
                "creditor_id",
                "debtor_id",
                "is_sell",
                "flow",
                pl.lit(unit.item() if unit.height else 0.0).alias("unit"),
                "price",
            )
        )
    return pl.concat(frames)


@dataclass(frozen=True)
class _Circle:
    value: float
    part: int
    edges: list[int]


def circles(
    flow: pl.DataFrame, largest: int | None = None, *, creditor_id: int | None = None, debtor_id: int | None = None
) -> pl.DataFrame:
    """The circles of a flow, largest first, as CIRCLES says: a row for each trader in a circle.

    In each step a trader gives one currency and takes another, for `value` base tokens; amounts are in tokens, with
    fractions. The next step's trader takes what is given, and the first one's what is given last. `largest` is how many
    circles to find at most; None: all of up to FEW_OFFERS offers that trade, else LARGEST. With `creditor_id` or
    `debtor_id` they are those through this trader or this currency, for which there is a search of its own; with
    both, those of the trader's which have the currency, too.
    """
    if largest is None:
        largest = LARGEST if flow.height > FEW_OFFERS else flow.height
    found: list[_Circle] = []
    graphs: list[tuple[pl.DataFrame, Circulation]] = []
    for number, offers in enumerate(flow.sort("part", "creditor_id", "debtor_id").partition_by("part")):
        graph, traders = _graph(offers)
        graphs.append((offers, graph))
        if creditor_id is None and debtor_id is None:
            taken = circles_of(graph, largest)
        else:
            name, wanted, first = ("creditor_id", creditor_id, 0)
            if creditor_id is None:
                name, wanted, first = ("debtor_id", debtor_id, traders)
            node = np.flatnonzero((offers[name].unique().sort() == wanted).to_numpy())
            taken = circles_through(graph, first + int(node[0]), largest) if node.size else []
        unit = float(offers["unit"][0])
        found += [_Circle(value * unit, number, _from_least(edges, graph)) for value, edges in taken]
    if debtor_id is not None and creditor_id is not None:
        found = [circle for circle in found if _has_currency(circle, graphs, debtor_id)]
    found.sort(key=lambda circle: (-circle.value, circle.part, circle.edges))
    return _frame(found[:largest], graphs)


def _graph(offers: pl.DataFrame) -> tuple[Circulation, int]:
    """Nodes are the traders, by their IDs, and then the currencies. Value goes from sellers, and to buyers."""
    trader = (offers["creditor_id"].rank("dense").to_numpy() - 1).astype(np.int64)
    currency = (offers["debtor_id"].rank("dense").to_numpy() - 1).astype(np.int64)
    traders = int(trader.max(initial=-1)) + 1
    is_sell = offers["is_sell"].to_numpy()
    currency = currency + traders
    nodes = int(currency.max(initial=-1)) + 1
    tail, head = np.where(is_sell, trader, currency), np.where(is_sell, currency, trader)
    return Circulation(tail, head, offers["flow"].to_numpy().copy(), nodes), traders


def _from_least(edges: list[int], graph: Circulation) -> list[int]:
    """The same circle, begun by the sale of its first trader: the least edge's trader is that (rows are sorted)."""
    tails = graph.tail[edges]
    start = int(np.argmin(tails))
    return edges[start:] + edges[:start]


def _has_currency(circle: _Circle, graphs: list[tuple[pl.DataFrame, Circulation]], debtor_id: int) -> bool:
    return bool((graphs[circle.part][0]["debtor_id"][circle.edges] == debtor_id).any())


def _frame(found: list[_Circle], graphs: list[tuple[pl.DataFrame, Circulation]]) -> pl.DataFrame:
    """A circle's edges are sale, purchase, sale, purchase …: who sells has bought by the edge before."""
    frames = [pl.DataFrame(schema=CIRCLES)]
    for part, (offers, _) in enumerate(graphs):
        chosen = [(number, circle) for number, circle in enumerate(found, 1) if circle.part == part]
        if not chosen:
            continue
        sizes = np.array([len(circle.edges) // 2 for _, circle in chosen])
        given = np.concatenate([circle.edges[::2] for _, circle in chosen])
        taken = np.concatenate([[circle.edges[-1], *circle.edges[1:-1:2]] for _, circle in chosen])
        sales, purchases = offers[given], offers[taken]
        value = pl.Series(np.repeat([circle.value for _, circle in chosen], sizes), dtype=pl.Float64)
        starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
        frames.append(
            pl.DataFrame(
                {
                    "circle": np.repeat([number for number, _ in chosen], sizes),
                    "value": value,
                    "step": np.arange(given.size) - starts + 1,
                    "creditor_id": sales["creditor_id"],
                    "given_debtor_id": sales["debtor_id"],
                    "given_amount": value / sales["price"],
                    "taken_debtor_id": purchases["debtor_id"],
                    "taken_amount": value / purchases["price"],
                },
                schema=CIRCLES,
            )
        )
    return pl.concat(frames).sort("circle", "step")

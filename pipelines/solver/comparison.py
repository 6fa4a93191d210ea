"""What is different between two answers of the solver: in total, and for whom."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.solver.market import MarketError

OFFER = ["creditor_id", "debtor_id", "is_sell"]
TRADED = "traded"
NOT_OFFERED = "not offered"
MOST = sys.float_info.max
"""Values beyond it are shown as this."""
TOTALS = (
    "traded_value",
    "upper_bound",
    "share_of_bound",
    "traders_served",
    "traders",
    "offers",
    "takings",
    "givings",
    "collector_transfers",
)
"""Figures of a report. Values are in base tokens."""


@dataclass(frozen=True)
class Change:
    """Something that has a value (base tokens) in both answers: a trader (`id`), or a currency.

    `name` and `abbreviation` are what the currency calls itself, whatever that is, `locator` is where its document is.
    """

    id: int
    before: float
    after: float
    locator: str | None = None
    name: str | None = None
    abbreviation: str | None = None


@dataclass(frozen=True)
class Turnabout:
    """So many offers that fared in one way (`traded`, `not offered`, or a reason), and now fare in another."""

    before: str
    after: str
    offers: int


@dataclass(frozen=True)
class Comparison:
    """Two answers, side by side.

    `served`, `lost`, `more`, `less`: how many traders trade only in the second, only in the first, more than in the
    first, less. `winners` and `losers` are those for whom the value of what they give changed most, `currencies` those
    whose traded value did. `resized`: offers that trade in both, but not the same amount. `notes` are sentences about
    what makes the two hard to compare.
    """

    totals: dict[str, tuple[float | None, float | None]]
    reasons: dict[str, tuple[int, int]]
    served: int
    lost: int
    more: int
    less: int
    winners: list[Change]
    losers: list[Change]
    currencies: list[Change]
    turnabouts: list[Turnabout]
    resized: int
    is_same: bool
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Answer:
    """What `solve` writes into a directory, or `export_turn`. Only prices that are new have names."""

    report: dict[str, Any]
    prices: pl.DataFrame
    trades: pl.DataFrame
    untraded: pl.DataFrame
    collector_transfers: pl.DataFrame


def load_answer(directory: Path) -> Answer:
    """Reads the answer in a directory. Raises MarketError when a file is missing or wrong."""
    try:
        report = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise MarketError(f"{directory / 'report.json'}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise MarketError(f"{directory / 'report.json'}: not JSON: {error}") from error
    if not isinstance(report, dict):
        raise MarketError(f"{directory / 'report.json'}: not a report")
    frames = {}
    for name, columns in (
        ("prices", ["debtor_id", "price", "debtor_info_locator"]),
        ("takings", ["creditor_id", "debtor_id", "amount", "collector_id"]),
        ("givings", ["creditor_id", "debtor_id", "amount", "collector_id"]),
        ("untraded_offers", [*OFFER, "reason"]),
        ("collector_transfers", ["debtor_id", "from_collector_id", "to_collector_id", "amount"]),
    ):
        path = directory / f"{name}.parquet"
        if not path.is_file():
            raise MarketError(f"{path}: there is no such file: give a directory that solve or export_turn has written")
        try:
            known = pl.read_parquet_schema(path) if name == "prices" else {}
            also = [column for column in ("name", "abbreviation") if column in known]
            frames[name] = pl.read_parquet(path, columns=[*columns, *also])
        except (OSError, pl.exceptions.PolarsError) as error:
            raise MarketError(f"{path}: not a file of an answer: {error}") from error
    trades = pl.concat(
        [frames[name].with_columns(is_sell=pl.lit(name == "takings")) for name in ("takings", "givings")]
    )
    untraded = frames["untraded_offers"].with_columns(pl.col("reason").cast(pl.String))
    return Answer(report, frames["prices"], trades, untraded, frames["collector_transfers"])


def compare(first: Answer, second: Answer, most: int = 10) -> Comparison:
    """What changed from the first to the second. Lists have at most `most` entries, the largest changes first."""
    traders = _changes(_values(first, "creditor_id"), _values(second, "creditor_id"))
    currencies = _changes(_values(first, "debtor_id"), _values(second, "debtor_id"))
    fates = offer_changes(first, second)
    turnabouts = (
        fates.filter(pl.col("fate") != pl.col("fate_after"))
        .group_by("fate", "fate_after")
        .len()
        .sort(["len", "fate", "fate_after"], descending=[True, False, False])
    )
    counts = [answer.report.get("untraded") or {} for answer in (first, second)]
    before, after = pl.col("before"), pl.col("after")
    change = after - before
    served, lost, more, less = traders.select(
        ((before == 0) & (after > 0)).sum().alias("served"),
        ((before > 0) & (after == 0)).sum().alias("lost"),
        ((before > 0) & (change > 0)).sum().alias("more"),
        ((after > 0) & (change < 0)).sum().alias("less"),
    ).row(0)
    known = known_currencies(first, second)
    by_change = currencies.filter(change != 0).sort(change.abs(), "id", descending=[True, False]).head(most)
    return Comparison(
        totals={name: (first.report.get(name), second.report.get(name)) for name in TOTALS},
        reasons=_reasons(*counts),
        served=served,
        lost=lost,
        more=more,
        less=less,
        winners=[Change(*row) for row in _first(traders.filter(change > 0), -change, most)],
        losers=[Change(*row) for row in _first(traders.filter(change < 0), change, most)],
        currencies=[Change(*row, *known.get(row[0], ())) for row in by_change.rows()],
        turnabouts=[Turnabout(*row) for row in turnabouts.rows()],
        resized=fates.filter((pl.col("fate") == TRADED) & (pl.col("amount") != pl.col("amount_after"))).height,
        is_same=_is_same(first, second),
        notes=_notes(first, second),
    )


def known_currencies(first: Answer, second: Answer) -> dict[int, tuple[str | None, str | None, str | None]]:
    """Locator, name and abbreviation of the currencies with a price, by debtor; the second answer has the last word."""
    columns = ("debtor_id", "debtor_info_locator", "name", "abbreviation")
    texts = [
        answer.prices.select(
            pl.col(name) if name in answer.prices.columns else pl.lit(None, dtype=pl.String).alias(name)
            for name in columns
        )
        for answer in (first, second)
    ]
    return {debtor_id: (locator, *names) for debtor_id, locator, *names in pl.concat(texts).iter_rows()}


def trader_changes(first: Answer, second: Answer) -> pl.DataFrame:
    """(id, before, after): the value that each trader gives, in base tokens; the largest changes come first."""
    traders = _changes(_values(first, "creditor_id"), _values(second, "creditor_id"))
    return traders.sort((pl.col("after") - pl.col("before")).abs(), "id", descending=[True, False])


def offer_changes(first: Answer, second: Answer) -> pl.DataFrame:
    """(creditor_id, debtor_id, is_sell, fate, amount, fate_after, amount_after): a row for each offer of either."""
    fates = _fates(first).join(_fates(second), on=OFFER, how="full", coalesce=True, suffix="_after")
    return fates.with_columns(pl.col("fate", "fate_after").fill_null(NOT_OFFERED))


def _reasons(before: dict[str, int], after: dict[str, int]) -> dict[str, tuple[int, int]]:
    """How many offers have each reason, the most frequent one first."""
    pairs = {reason: (before.get(reason, 0), after.get(reason, 0)) for reason in sorted({*before, *after})}
    return dict(sorted(pairs.items(), key=lambda item: -sum(item[1])))


def _values(answer: Answer, key: str) -> pl.DataFrame:
    """(id, value): what was given, in base tokens."""
    return (
        answer.trades.filter("is_sell")
        .join(answer.prices, on="debtor_id", how="left")
        .group_by(id=key)
        .agg(value=(pl.col("amount").cast(pl.Float64) * pl.col("price")).sum())
    )


def _changes(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """(id, before, after); 0 where there is nothing."""
    joined = before.join(after, on="id", how="full", coalesce=True, suffix="_after")
    values = (pl.col(name).fill_null(0.0).clip(upper_bound=MOST) for name in ("value", "value_after"))
    return joined.select("id", *(value.alias(name) for value, name in zip(values, ("before", "after"), strict=True)))


def _first(traders: pl.DataFrame, order: pl.Expr, most: int) -> list[tuple[int, float, float]]:
    return traders.sort(order, "id").head(most).rows()


def _fates(answer: Answer) -> pl.DataFrame:
    """(creditor_id, debtor_id, is_sell, fate, amount): one row for each offer; an account may have sent several."""
    traded = answer.trades.select(*OFFER, fate=pl.lit(TRADED), amount="amount")
    left = answer.untraded.select(*OFFER, fate="reason", amount=pl.lit(None, dtype=pl.Int64))
    return pl.concat([traded, left]).unique(OFFER, keep="first", maintain_order=True)


def _is_same(first: Answer, second: Answer) -> bool:
    """Whether the same is paid by the same to the same."""
    pairs = ((first.trades, second.trades), (first.collector_transfers, second.collector_transfers))
    return all(a.sort(a.columns).equals(b.select(a.columns).sort(a.columns)) for a, b in pairs)


def _notes(first: Answer, second: Answer) -> list[str]:
    notes = []
    for which, answer in (("first", first), ("second", second)):
        if answer.report.get("time_limit_reached"):
            notes.append(f"the time limit ended the search for the {which} answer: another run may find another one")
    both = first.prices.join(second.prices, on="debtor_id", suffix="_after")
    repriced = both.filter(pl.col("price") != pl.col("price_after")).height
    if repriced:
        notes.append(f"{repriced} currencies have another price: each value is in the base tokens of its own answer")
    for count, words in (
        (first.prices.height - both.height, "can be traded only in the first answer"),
        (second.prices.height - both.height, "can be traded only in the second answer"),
    ):
        if count:
            notes.append(f"{count} currencies {words}")
    return notes

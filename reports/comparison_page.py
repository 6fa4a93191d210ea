"""A page about what is different between two answers of the solver: in total, and for any trader."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from pathlib import Path

import polars as pl
from markupsafe import Markup

from pipelines.names import CurrencyName
from pipelines.solver.comparison import (
    TRADED,
    Answer,
    Change,
    Comparison,
    known_currencies,
    offer_changes,
    trader_changes,
)
from reports.comparison_text import FIGURES, number
from reports.currency_labels import both_ids, currency_labels, unnamed
from reports.page import TEMPLATES
from reports.strip import strip
from reports.trader_search import Found, trader_search

TRADERS_SHOWN = 5000

Row = tuple[str | Markup, ...]


def write_comparison_page(path: Path, comparison: Comparison, first: Answer, second: Answer) -> None:
    """Writes the page as HTML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(comparison_page(comparison, first, second), encoding="utf-8")


def comparison_page(comparison: Comparison, first: Answer, second: Answer) -> str:
    """The page as HTML."""
    names = _names(first, second)
    return TEMPLATES.get_template("comparison.html.j2").render(
        is_same=comparison.is_same,
        notes=comparison.notes,
        totals=[
            _row(FIGURES[name], *pair, is_share=name == "share_of_bound") for name, pair in comparison.totals.items()
        ],
        reasons=[_row(reason, *pair) for reason, pair in comparison.reasons.items()],
        traders={
            "newly served": f"{comparison.served:,} traders",
            "no longer served": f"{comparison.lost:,} traders",
            "give more": f"{comparison.more:,} traders",
            "give less": f"{comparison.less:,} traders",
        },
        winners=[_change(f"Trader {change.id % 2**64}", change) for change in comparison.winners],
        losers=[_change(f"Trader {change.id % 2**64}", change) for change in comparison.losers],
        currencies=[_currency(names, change) for change in comparison.currencies],
        turnabouts=[(turn.before, turn.after, f"{turn.offers:,} offers") for turn in comparison.turnabouts],
        search=_search(first, second, names),
    )


def _names(first: Answer, second: Answer) -> dict[int, str]:
    known = known_currencies(first, second)
    names = {debtor_id: CurrencyName.of(*texts) for debtor_id, (_, *texts) in known.items()}
    return currency_labels(names, {debtor_id: locator for debtor_id, (locator, *_) in known.items()})


def _currency(names: dict[int, str], change: Change) -> Row:
    return _change(f"{names.get(change.id, unnamed(change.id))}, ID {both_ids(change.id)}", change)


def _row(name: str, before: float | None, after: float | None, is_share: bool = False) -> Row:
    change = None if before is None or after is None else after - before
    return (name, number(before, is_share), number(after, is_share), number(change, is_share, is_change=True))


def _change(name: str, change: Change) -> Row:
    whole = max(change.before, change.after)
    bars = strip(0.0, change.before, whole, "cpale") + strip(0.0, change.after, whole)
    return (name, bars, *_row("", change.before, change.after)[1:])


def _search(first: Answer, second: Answer, names: dict[int, str]) -> Markup:
    """Traders who fare differently, the largest changes first."""
    traders = trader_changes(first, second)
    is_other = (pl.col("fate") != pl.col("fate_after")) | pl.col("amount").ne_missing(pl.col("amount_after"))
    offers = offer_changes(first, second).filter(is_other)
    whole = offers["creditor_id"].n_unique()
    rows = (
        offers.join(traders.with_row_index("rank"), left_on="creditor_id", right_on="id", how="left")
        .sort("rank", "creditor_id", "is_sell", "debtor_id", descending=[False, False, True, False], nulls_last=True)
        .select(
            "creditor_id", "before", "after", "is_sell", "debtor_id", "fate", "amount", "fate_after", "amount_after"
        )
    )
    chosen = rows["creditor_id"].unique(maintain_order=True).head(TRADERS_SHOWN)
    found = groupby(rows.filter(pl.col("creditor_id").is_in(chosen.implode())).iter_rows(), itemgetter(0, 1, 2))
    return trader_search(
        ("offer", "first", "second"),
        (
            Found(
                f"Trader {creditor_id % 2**64}",
                f"Gave {number(before or 0.0)} base tokens in the first answer, {number(after or 0.0)} in the second. "
                f"Signed ID {creditor_id}.",
                [
                    (
                        f"{'sells' if is_sell else 'buys'} {names.get(debtor_id, unnamed(debtor_id))}",
                        _fate(fate, amount),
                        _fate(fate_after, amount_after),
                    )
                    for _, _, _, is_sell, debtor_id, fate, amount, fate_after, amount_after in rows
                ],
            )
            for (creditor_id, before, after), rows in found
        ),
        (),
        whole,
    )


def _fate(fate: str, amount: int | None) -> str:
    return f"{amount:,} tokens" if fate == TRADED and amount is not None else fate

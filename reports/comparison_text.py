"""What changed between two answers of the solver, in words."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.names import CurrencyName
from pipelines.solver.comparison import Change, Comparison
from pipelines.texts import shown

FIGURES = {
    "traded_value": "traded value",
    "upper_bound": "upper bound",
    "share_of_bound": "share of bound",
    "traders_served": "traders served",
    "traders": "traders",
    "offers": "offers",
    "takings": "takings",
    "givings": "givings",
    "collector_transfers": "between collectors",
}


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """For the terminal, at most 80 characters wide as long as numbers and names are."""
    if comparison.is_same:
        yield "the same is paid in both: nothing changed"
    yield f"{'':20}{'first':>18}{'second':>18}{'change':>18}"
    for name, (before, after) in comparison.totals.items():
        yield _line(FIGURES[name], before, after, is_share=name == "share_of_bound")
    if comparison.reasons:
        yield "untraded offers"
        for reason, counts in comparison.reasons.items():
            yield _line(f"  {reason}", *counts)
    if not comparison.is_same:
        yield (
            f"traders: {comparison.served:,} newly served, {comparison.lost:,} no longer, "
            f"{comparison.more:,} give more, {comparison.less:,} give less"
        )
        yield from _changes("biggest winners (value given, base tokens)", comparison.winners)
        yield from _changes("biggest losers", comparison.losers)
        yield from _changes("currencies (value traded)", comparison.currencies)
    if comparison.turnabouts or comparison.resized:
        yield "offers that fare differently"
        for turn in comparison.turnabouts:
            yield f"  {turn.offers:>10,}  {turn.before} -> {turn.after}"
        if comparison.resized:
            yield f"  {comparison.resized:>10,}  trade another amount"
    for note in comparison.notes:
        yield f"note: {note}"


def _changes(title: str, changes: list[Change]) -> Iterator[str]:
    if changes:
        yield title
    for change in changes:
        yield _line(f"  {change.id % 2**64}", change.before, change.after)
        name = CurrencyName.of(change.name, change.abbreviation).in_words()
        if name or change.locator:
            yield f"    {name or shown(change.locator)}"


def _line(name: str, before: float | None, after: float | None, is_share: bool = False) -> str:
    change = None if before is None or after is None else after - before
    cells = (number(before, is_share), number(after, is_share), number(change, is_share, is_change=True))
    return f"{name:<22}{cells[0]:>16}" + "".join(f"{cell:>18}" for cell in cells[1:])


def number(figure: float | None, is_share: bool = False, is_change: bool = False) -> str:
    """A figure; None is one beyond doubles, or a share of nothing."""
    if figure is None:
        return "unknown"
    sign = "+" if is_change and figure else ""
    return f"{figure:{sign}.4%}" if is_share else f"{figure:{sign},.0f}"

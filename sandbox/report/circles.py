"""Tells the trades of a turn as circles: who gave what to whom, until it came round.

A turn settles everybody against everybody; which seller's tokens reach which buyer of the same currency is a matter of
telling, not of money. The circles are the solver's, see pipelines/solver/circles.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from sandbox.economy.economy import Economy
from sandbox.report.wording import amount

EASY = (3, 4)
"""So many people are in a circle that is easy to look at."""


@dataclass(frozen=True, slots=True)
class Circle:
    """Each step is (creditor who gives, currency given to the next one, tokens). `value`: base tokens that go round."""

    steps: tuple[tuple[int, int, int], ...]
    value: float


def told_circles(frame: pl.DataFrame) -> list[Circle]:
    """The circles in a frame of the solver's, largest first."""
    found: list[Circle] = []
    for _, rows in frame.group_by("circle", maintain_order=True):
        steps = tuple(
            (creditor_id, debtor_id, round(tokens))
            for creditor_id, debtor_id, tokens in rows.select("creditor_id", "given_debtor_id", "given_amount").rows()
        )
        found.append(Circle(steps, float(rows["value"][0])))
    return found


def easiest(circles: Sequence[Circle]) -> Circle | None:
    """The largest circle of three or four people; else the one of the fewest; None: there is no circle."""
    easy = [circle for circle in circles if len(circle.steps) in EASY]
    if easy:
        return max(easy, key=lambda circle: circle.value)
    return min(circles, key=lambda circle: (len(circle.steps), -circle.value), default=None)


def sentences(economy: Economy, circle: Circle) -> list[str]:
    """`Bakery Sofia gives 30.50 EUR to Anna Petrova.`, one for each step."""
    names = [economy.trader_by_id[creditor_id].name for creditor_id, _, _ in circle.steps]
    amounts = [amount(economy.currency_by_id[debtor_id], tokens) for _, debtor_id, tokens in circle.steps]
    followers = [*names[1:], names[0]]
    return [f"{giver} gives {given} to {taker}." for giver, given, taker in zip(names, amounts, followers, strict=True)]

"""Tells the trades of a turn as circles: who gave to whom, until it came round.

A turn settles everybody against everybody; which seller's tokens reach which buyer of the same currency is a matter of
telling, not of money. The circles here are one way to tell it, largest first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.economy.economy import Economy
from sandbox.report.outcome import Flow
from sandbox.report.wording import amount


@dataclass(frozen=True, slots=True)
class Circle:
    """Each step is (creditor who gives, currency given to the next one). `value`: base tokens that go round."""

    steps: tuple[tuple[int, int], ...]
    value: float


def find_circles(economy: Economy, flows: Iterable[Flow], most: int) -> list[Circle]:
    """Up to `most` circles, by always following what is largest; each uses up what it tells."""
    giving: dict[int, dict[int, float]] = {}
    getting: dict[int, dict[int, float]] = defaultdict(dict)
    for flow in flows:
        giving[flow.creditor_id] = {d: t * economy.currency_by_id[d].price for d, t in flow.given.items()}
        for debtor_id, tokens in flow.received.items():
            getting[debtor_id][flow.creditor_id] = tokens * economy.currency_by_id[debtor_id].price
    circles = []
    # Some walks end at a trader whose giving is used up; those tell nothing, so look at more than are wanted.
    for _ in range(3 * most):
        circle = _walk(giving, getting)
        if circle is None:
            break
        for index, (creditor_id, debtor_id) in enumerate(circle.steps):
            receiver = circle.steps[(index + 1) % len(circle.steps)][0]
            giving[creditor_id][debtor_id] -= circle.value
            getting[debtor_id][receiver] -= circle.value
        circles.append(circle)
    return sorted(circles, key=lambda circle: -circle.value)[:most]


def _walk(giving: dict[int, dict[int, float]], getting: dict[int, dict[int, float]]) -> Circle | None:
    """Follows the largest amounts from the trader who gives most until somebody is met again."""
    current = max(giving, key=lambda c: (max(giving[c].values(), default=0.0), c), default=None)
    path: list[tuple[int, int, float]] = []
    position: dict[int, int] = {}
    while current is not None and current not in position:
        position[current] = len(path)
        debtor_id, given = max(giving.get(current, {}).items(), key=lambda item: (item[1], item[0]), default=(0, 0.0))
        others = [(value, creditor) for creditor, value in getting[debtor_id].items() if creditor != current]
        received, following = max(others, default=(0.0, None))
        step = min(given, received)
        if step < 1.0 or following is None:
            return None
        path.append((current, debtor_id, step))
        current = following
    if current is None:
        return None
    loop = path[position[current] :]
    return Circle(tuple((creditor, debtor) for creditor, debtor, _ in loop), min(step for _, _, step in loop))


def tell(economy: Economy, circle: Circle) -> str:
    """`Bakery Sofia -> 1,200 bread coins -> Anna Petrova -> 30.50 EUR -> Bakery Sofia`."""
    parts = []
    for creditor_id, debtor_id in circle.steps:
        currency = economy.currency_by_id[debtor_id]
        parts += [economy.trader_by_id[creditor_id].name, amount(currency, round(circle.value / currency.price))]
    return " \u2192 ".join([*parts, economy.trader_by_id[circle.steps[0][0]].name])

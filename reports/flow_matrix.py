"""What was given and what was got for it as a table of few currencies: shaded, in one order on both sides."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping

from markupsafe import Markup

from reports.flow_chart import OTHERS

SHADES = 5
"""From the palest to the darkest, which is that of the largest value: classes s1 to s5."""

_FOLDED_SHARE = 0.1


def flow_matrix(
    flows: Mapping[tuple[str, str], float], most: int = 12, written: Callable[[float], str] = "{:,.0f}".format
) -> Markup | None:
    """A table of values by (name given, name got), a row for each name given: the busiest names first.

    Of more than `most` names, those that are less busy are folded into one; None: that would hide more than a tenth of
    all value, or there is nothing to show. `written` makes a text of a value.
    """
    busy: dict[str, float] = defaultdict(float)
    for pair, value in flows.items():
        for name in pair:
            busy[name] += value
    order = sorted(busy, key=lambda name: (-busy[name], name))
    total = sum(flows.values())
    if not 0.0 < total < math.inf:
        return None
    if len(order) > most:
        shown = set(order[: most - 1])
        if sum(value for pair, value in flows.items() if not shown.issuperset(pair)) > _FOLDED_SHARE * total:
            return None
        order = [*order[: most - 1], OTHERS]
    known = set(order)
    cells: dict[tuple[str, str], float] = defaultdict(float)
    for (given, got), value in flows.items():
        cells[given if given in known else OTHERS, got if got in known else OTHERS] += value
    return _table(order, cells, written)


def _table(order: list[str], cells: Mapping[tuple[str, str], float], written: Callable[[float], str]) -> Markup:
    highest = max(cells.values())

    def cell(given: str, got: str) -> Markup:
        value = cells.get((given, got), 0.0)
        if value <= 0.0:
            # Nobody gives a currency for itself.
            return Markup('<td class="n same"></td>') if given == got else Markup('<td class="n"></td>')
        shade = math.ceil(SHADES * value / highest)
        return Markup('<td class="n s{}">{}</td>').format(max(shade, 1), written(value))

    def total(values: list[float]) -> Markup:
        return Markup('<td class="n">{}</td>').format(written(sum(values)))

    head = Markup("").join(Markup('<th scope="col" class="n">{}</th>').format(name) for name in order)
    rows = [
        Markup('<tr><th scope="row">{}</th>{}{}</tr>').format(
            given,
            Markup("").join(cell(given, got) for got in order),
            total([cells.get((given, got), 0.0) for got in order]),
        )
        for given in order
    ]
    last = Markup('<tr><th scope="row">All that was got</th>{}{}</tr>').format(
        Markup("").join(total([cells.get((given, got), 0.0) for given in order]) for got in order),
        total(list(cells.values())),
    )
    return Markup(
        '<div class="scroll" tabindex="0" role="region" aria-label="Flows between currencies, as a table">'
        '<table class="matrix"><thead><tr><th scope="col">Given, for what</th>{}'
        '<th scope="col" class="n">All that was given</th></tr></thead><tbody>{}{}</tbody></table></div>'
    ).format(head, Markup("").join(rows), last)

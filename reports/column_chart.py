"""A row of columns, one for each turn or day: how something went over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Column:
    """A column: what stands below it, its parts from the bottom up (none: nothing is known), and all that in words."""

    name: str
    parts: Sequence[float]
    written: str


def column_chart(title: str, columns: Sequence[Column], top: str, highest: float | None = None) -> Markup:
    """Draws columns to the scale of `highest`, or of the highest one; `top` is that with its unit.

    Parts have the colours c0, c1, … A chart for wide pages and one for phones; a style shows one of them.
    """
    sums = [sum(column.parts) for column in columns]
    whole = max(sums, default=0.0) if highest is None else highest
    if not 0.0 < whole < math.inf:
        return Markup('<p class="note">There is nothing to draw.</p>')
    return Markup('<div class="wide">{}</div><div class="narrow">{}</div>').format(
        _chart(title, columns, top, whole, 560.0), _chart(title, columns, top, whole, 340.0)
    )


_HEIGHT, _ABOVE, _BELOW = 120.0, 20.0, 20.0


def _chart(title: str, columns: Sequence[Column], top: str, whole: float, width: float) -> Markup:
    place = width / len(columns)
    thick = min(place * 0.75, 48.0)
    foot = _ABOVE + _HEIGHT
    parts = [
        Markup('<path class="axis" d="M0 {0:.0f}H{2:.0f}M0 {1:.0f}H{2:.0f}"/>').format(_ABOVE, foot, width),
        Markup('<text x="0" y="{:.0f}">{}</text>').format(_ABOVE - 6.0, top),
    ]
    for number, column in enumerate(columns):
        x = place * number + (place - thick) / 2.0
        bars, y = [], foot
        for index, part in enumerate(column.parts):
            height = min(max(part, 0.0) / whole, 1.0) * _HEIGHT
            y -= height
            bars.append(
                Markup('<rect class="c{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
                    index % 10, x, y, thick, height
                )
            )
        parts.append(
            Markup("<g><title>{}</title>{}</g>").format(f"{column.name}: {column.written}", Markup("").join(bars))
        )
    # Names that touch each other are left out; the first and the last one stay.
    longest = max(len(column.name) for column in columns) * 8.0 + 8.0
    every = max(1, math.ceil(longest / place))
    last = len(columns) - 1
    for number in range(last, -1, -every):
        parts.append(
            Markup('<text x="{:.1f}" y="{:.0f}" text-anchor="middle">{}</text>').format(
                min(max(place * (number + 0.5), longest / 2.0), width - longest / 2.0),
                foot + _BELOW - 4.0,
                columns[number].name,
            )
        )
    said = "; ".join(f"{column.name}: {column.written}" for column in columns)
    return Markup(
        '<svg class="drawing columns" viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">{}</svg>'
    ).format(width, foot + _BELOW, f"{title}. {said}", Markup("").join(parts))

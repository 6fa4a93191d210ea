"""A circle of trades as a ring of people: who gives what to whom, up to a step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT = 360.0, 300.0
_MIDDLE = (180.0, 150.0)
_RING, _NODE = 96.0, 14.0
_LINE, _LETTER = 18.0, 9.2
_LONGEST = 18


@dataclass(frozen=True, slots=True)
class Giving:
    """One step: who gives, and how much (`amount` with its unit). The next step's giver receives it."""

    giver: str
    amount: str


def circle_drawing(steps: Sequence[Giving], shown: int | None = None) -> Markup:
    """The ring with the first `shown` steps drawn, and the last one's amount in the middle; None: all, with numbers."""
    count = len(steps)
    drawn = range(count if shown is None else shown)
    parts = [_arrow(number, count, is_new=shown is None or number == drawn[-1]) for number in drawn]
    for number, step in enumerate(steps):
        x, y = _node(number, count)
        is_met = shown is None or number <= shown
        circle = Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{}"/>')
        parts.append(circle.format("c0" if is_met else "cpale", x, y, _NODE))
        lines = broken(step.giver, _LONGEST)
        # Away from the ring, so that neighbours and arrows have room.
        side = math.sin(2.0 * math.pi * _turn(number, count))
        x += math.copysign(max(_NODE, _half(lines) - 20.0), side) if abs(side) > 0.1 else 0.0
        above = y < _MIDDLE[1]
        first = y - _NODE - 8.0 - (len(lines) - 1) * _LINE if above else y + _NODE + 17.0
        parts.append(_text(lines, x, first, "strong"))
    if shown is None:
        for number in drawn:
            x, y = _at(_turn(number + 0.5, count), _RING)
            parts.append(Markup('<circle class="badge" cx="{:.1f}" cy="{:.1f}" r="11"/>').format(x, y))
            parts.append(_text([str(number + 1)], x, y + 5.0, "strong"))
    elif shown:
        lines = broken(steps[shown - 1].amount, _LONGEST - 2, 3)
        parts.append(_text(lines, _MIDDLE[0], _MIDDLE[1] + 5.0 - (len(lines) - 1) * _LINE / 2.0, "strong"))
    said = "; ".join(f"{steps[n].giver} gives {steps[n].amount} to {steps[(n + 1) % count].giver}" for n in drawn)
    return Markup('<svg class="drawing ring" viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, said, Markup("").join(parts)
    )


def _turn(number: float, count: int) -> float:
    """A step's part of the whole turn, so that nobody is at the very left or right, where names find no room."""
    return (number - (0.5 if count % 4 == 0 else 0.0)) / count


def _node(number: int, count: int) -> tuple[float, float]:
    return _at(_turn(number, count), _RING)


def _at(turn: float, radius: float) -> tuple[float, float]:
    """A point at a part of a whole turn, clockwise from the top."""
    angle = 2.0 * math.pi * turn
    return _MIDDLE[0] + radius * math.sin(angle), _MIDDLE[1] - radius * math.cos(angle)


def _arrow(number: int, count: int, is_new: bool) -> Markup:
    """Along the ring, from one to the next."""
    gap = (_NODE + 5.0) / (2.0 * math.pi * _RING)
    start, end = _turn(number, count) + gap, _turn(number + 1, count) - gap
    points = (_at(start, _RING), _at(end - 0.012, _RING))
    tip = (_at(end + 0.004, _RING), _at(end - 0.02, _RING - 7.0), _at(end - 0.02, _RING + 7.0))
    (x1, y1), (x2, y2) = points
    return Markup(
        '<path class="arc{}" d="M{:.1f} {:.1f}A{} {} 0 {} 1 {:.1f} {:.1f}"/><path class="{}" d="M{}Z"/>'
    ).format(
        " new" if is_new else "",
        x1,
        y1,
        _RING,
        _RING,
        int(end - start > 0.5),
        x2,
        y2,
        "c0" if is_new else "cpale",
        "L".join(f"{x:.1f} {y:.1f}" for x, y in tip),
    )


def _text(lines: Sequence[str], x: float, y: float, kind: str) -> Markup:
    """Lines around `x`, the first one's foot at `y`, kept within the drawing."""
    half = _half(lines)
    x = min(max(x, half + 2.0), WIDTH - half - 2.0)
    spans = [
        Markup('<tspan x="{:.1f}" y="{:.1f}">{}</tspan>').format(x, y + index * _LINE, line)
        for index, line in enumerate(lines)
    ]
    return Markup('<text text-anchor="middle" class="{}">{}</text>').format(kind, Markup("").join(spans))


def _half(lines: Sequence[str]) -> float:
    """Half the width of lines, about."""
    return max(map(len, lines)) * _LETTER / 2.0


def broken(text: str, longest: int, most: int = 2) -> list[str]:
    """A text in lines of at most `longest` characters where words allow it; at most `most`, what is too long is cut."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines) < most and len(lines[-1]) + 1 + len(word) > longest:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return [line if len(line) <= longest + 5 else line[: longest + 4] + "\u2026" for line in lines]

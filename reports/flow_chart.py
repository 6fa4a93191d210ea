"""A chart of what was given and what was got for it, as SVG: currencies on both sides, bands of value between them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from reports.page import Html, escape

WIDTH, GAP, BLOCK = 960.0, 10.0, 14.0
LABELS = 230.0
COLOURS = ("#0f4c81", "#2a7f9e", "#58a55c", "#d9a441", "#c1666b", "#7d5ba6", "#4a6572", "#a3527b", "#6b8e23", "#8a6d3b")
OTHERS = "others"


def flow_chart(flows: Mapping[tuple[str, str], float], most: int = 9) -> Html:
    """Draws values by (name given, name got). On each side the `most` largest names; the rest becomes `others`."""
    merged: dict[tuple[str, str], float] = {}
    shown = [_largest(flows, side, most) for side in (0, 1)]
    for pair, value in flows.items():
        left, right = (name if name in shown[side] else OTHERS for side, name in enumerate(pair))
        merged[left, right] = merged.get((left, right), 0.0) + value
    total = sum(merged.values())
    if not 0.0 < total < math.inf:
        return Html("<p>There is nothing to draw.</p>")
    sides = [_largest(merged, side, most + 1) for side in (0, 1)]
    height = 34.0 * max(map(len, sides))
    scale = [(height - GAP * (len(names) - 1)) / total for names in sides]
    tops = [_stack(names, scale[side]) for side, names in enumerate(sides)]

    parts = []
    used: list[dict[str, float]] = [{}, {}]
    order = sorted(merged.items(), key=lambda item: tuple(list(sides[side]).index(item[0][side]) for side in (0, 1)))
    for (left, right), value in order:
        start = tops[0][left] + used[0].get(left, 0.0)
        end = tops[1][right] + used[1].get(right, 0.0)
        thick = value * scale[0], value * scale[1]
        used[0][left] = used[0].get(left, 0.0) + thick[0]
        used[1][right] = used[1].get(right, 0.0) + thick[1]
        a, b, middle = LABELS + BLOCK, WIDTH - LABELS - BLOCK, WIDTH / 2
        parts.append(
            f'<path fill="{_colour(left, sides[0])}" fill-opacity=".35" d="M{a:.1f} {start:.1f}'
            f"C{middle:.1f} {start:.1f} {middle:.1f} {end:.1f} {b:.1f} {end:.1f}V{end + thick[1]:.1f}"
            f'C{middle:.1f} {end + thick[1]:.1f} {middle:.1f} {start + thick[0]:.1f} {a:.1f} {start + thick[0]:.1f}Z">'
            f"<title>{escape(left)} \u2192 {escape(right)}: {value:,.0f}</title></path>"
        )
    for side, names in enumerate(sides):
        x, label, anchor = (
            (LABELS, LABELS - 8, "end") if side == 0 else (WIDTH - LABELS - BLOCK, WIDTH - LABELS + 8, "start")
        )
        for name, value in names.items():
            top, thickness = tops[side][name], value * scale[side]
            parts.append(
                f'<rect x="{x:.1f}" y="{top:.1f}" width="{BLOCK}" height="{max(1.0, thickness):.1f}" '
                f'fill="{_colour(name, sides[0])}"/><text x="{label:.1f}" y="{top + thickness / 2 + 4:.1f}" '
                f'text-anchor="{anchor}">{escape(name)}</text>'
            )
    return Html(f'<svg viewBox="0 -8 {WIDTH:.0f} {height + 16:.0f}" role="img">{"".join(parts)}</svg>')


def _largest(flows: Mapping[tuple[str, str], float], side: int, most: int) -> dict[str, float]:
    """The names of one side with the largest sums, `others` last."""
    sums: dict[str, float] = {}
    for names, value in flows.items():
        sums[names[side]] = sums.get(names[side], 0.0) + value
    return dict(sorted(sums.items(), key=lambda item: (item[0] == OTHERS, -item[1], item[0]))[:most])


def _stack(names: Mapping[str, float], scale: float) -> dict[str, float]:
    """Where each name's block begins, from the top."""
    tops, top = {}, 0.0
    for name, value in names.items():
        tops[name] = top
        top += value * scale + GAP
    return tops


def _colour(name: str, left: Mapping[str, float]) -> str:
    if name == OTHERS or name not in left:
        return "#98a4b0"
    return COLOURS[list(left).index(name) % len(COLOURS)]

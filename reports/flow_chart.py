"""A chart of what was given and what was got for it, as SVG: currencies on both sides, bands of value between them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from reports.page import TEMPLATES

WIDTH, GAP, BLOCK = 960.0, 10.0, 14.0
LABELS = 230.0
COLOURS = ("#0f4c81", "#2a7f9e", "#58a55c", "#d9a441", "#c1666b", "#7d5ba6", "#4a6572", "#a3527b", "#6b8e23", "#8a6d3b")
PALE = "#98a4b0"
OTHERS = "others"


@dataclass(frozen=True, slots=True)
class _Band:
    colour: str
    outline: str
    text: str


@dataclass(frozen=True, slots=True)
class _Block:
    name: str
    colour: str
    x: float
    top: float
    width: float
    height: float
    label_x: float
    label_y: float
    anchor: str


def flow_chart(
    flows: Mapping[tuple[str, str], float],
    most: int = 9,
    colours: Mapping[str, str] | None = None,
    written: Callable[[float], str] = "{:,.0f}".format,
) -> Markup:
    """Draws values by (name given, name got). On each side the `most` largest names; the rest becomes `others`.

    Without `colours` by name, each name that was given gets its own. `written` makes a text of a value.
    """
    merged: dict[tuple[str, str], float] = {}
    shown = [_largest(flows, side, most) for side in (0, 1)]
    for pair, value in flows.items():
        left, right = (name if name in shown[side] else OTHERS for side, name in enumerate(pair))
        merged[left, right] = merged.get((left, right), 0.0) + value
    total = sum(merged.values())
    if not 0.0 < total < math.inf:
        return Markup("<p>There is nothing to draw.</p>")
    sides = [_largest(merged, side, most + 1) for side in (0, 1)]
    height = 34.0 * max(map(len, sides))
    scale = [(height - GAP * (len(names) - 1)) / total for names in sides]
    tops = [_stack(names, scale[side]) for side, names in enumerate(sides)]
    own = {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(sides[0]) if name != OTHERS}
    chosen = own if colours is None else colours

    bands = []
    used: list[dict[str, float]] = [{}, {}]
    order = sorted(merged.items(), key=lambda item: tuple(list(sides[side]).index(item[0][side]) for side in (0, 1)))
    for (left, right), value in order:
        start = tops[0][left] + used[0].get(left, 0.0)
        end = tops[1][right] + used[1].get(right, 0.0)
        thick = value * scale[0], value * scale[1]
        used[0][left] = used[0].get(left, 0.0) + thick[0]
        used[1][right] = used[1].get(right, 0.0) + thick[1]
        a, b, middle = LABELS + BLOCK, WIDTH - LABELS - BLOCK, WIDTH / 2
        outline = (
            f"M{a:.1f} {start:.1f}C{middle:.1f} {start:.1f} {middle:.1f} {end:.1f} {b:.1f} {end:.1f}"
            f"V{end + thick[1]:.1f}C{middle:.1f} {end + thick[1]:.1f} {middle:.1f} {start + thick[0]:.1f}"
            f" {a:.1f} {start + thick[0]:.1f}Z"
        )
        bands.append(_Band(chosen.get(left, PALE), outline, f"{left} \u2192 {right}: {written(value)}"))
    blocks = []
    for side, names in enumerate(sides):
        x, label_x, anchor = (
            (LABELS, LABELS - 8, "end") if side == 0 else (WIDTH - LABELS - BLOCK, WIDTH - LABELS + 8, "start")
        )
        for name, value in names.items():
            top, thickness = tops[side][name], value * scale[side]
            label_y = top + thickness / 2 + 4
            blocks.append(
                _Block(name, chosen.get(name, PALE), x, top, BLOCK, max(1.0, thickness), label_x, label_y, anchor)
            )
    template = TEMPLATES.get_template("flow_chart.html.j2")
    return Markup(template.render(width=WIDTH, height=height, bands=bands, blocks=blocks))


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

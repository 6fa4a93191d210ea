"""A chart of what was given and what was got for it, as SVG: currencies on both sides, bands of value between them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup

OTHERS = "all others"
_GAP, _BLOCK = 8.0, 12.0


def flow_chart(
    flows: Mapping[tuple[str, str], float],
    most: int = 8,
    colours: Mapping[str, str] | None = None,
    written: Callable[[float], str] = "{:,.0f}".format,
) -> Markup:
    """Draws values by (name given, name got): the `most` busiest names, in one order on both sides; others are folded.

    What goes between two of the others is left out, and said below. A chart for wide pages and one for phones; a style
    shows one of them. Each name has a colour of its own (c0 to c9), or that of `colours`. `written` makes a text of a
    value.
    """
    busy: dict[str, float] = defaultdict(float)
    for pair, value in flows.items():
        for name in pair:
            busy[name] += value
    shown = sorted(busy, key=lambda name: (-busy[name], name))[:most]
    folded: dict[tuple[str, str], float] = defaultdict(float)
    for (left, right), value in flows.items():
        folded[left if left in shown else OTHERS, right if right in shown else OTHERS] += value
    unseen = folded.pop((OTHERS, OTHERS), 0.0)
    total = sum(folded.values())
    if not 0.0 < total < math.inf:
        return Markup("<p>There is nothing to draw.</p>")
    own = {name: f"c{index % 10}" for index, name in enumerate(shown)} if colours is None else colours
    order = [*shown, OTHERS]
    parts = [
        Markup('<div class="wide">{}</div>').format(_chart(folded, order, own, written, 900.0, 250.0, 40)),
        Markup('<div class="narrow">{}</div>').format(_chart(folded, order, own, written, 360.0, 112.0, 14)),
    ]
    if unseen:
        rest = len(busy) - len(shown)
        parts.append(
            Markup('<p class="note">Not drawn: {} that went between two of the {} other currencies.</p>').format(
                written(unseen), rest
            )
        )
    return Markup("").join(parts)


def _chart(
    flows: Mapping[tuple[str, str], float],
    order: Sequence[str],
    colours: Mapping[str, str],
    written: Callable[[float], str],
    width: float,
    labels: float,
    longest: int,
) -> Markup:
    sums: list[dict[str, float]] = []
    for side in (0, 1):
        found: dict[str, float] = defaultdict(float)
        for pair, value in flows.items():
            found[pair[side]] += value
        sums.append({name: found[name] for name in order if name in found})
    total = sum(flows.values())
    height = 34.0 * max(map(len, sums))
    scale = min((height - _GAP * (len(names) - 1)) / total for names in sums)
    tops = [_stack(names, scale) for names in sums]
    used: list[dict[str, float]] = [defaultdict(float), defaultdict(float)]
    start_x, end_x = labels + _BLOCK, width - labels - _BLOCK
    middle = width / 2
    parts = []
    for left in sums[0]:
        for right in sums[1]:
            if (value := flows.get((left, right), 0.0)) <= 0.0:
                continue
            thick = value * scale
            start, end = tops[0][left] + used[0][left], tops[1][right] + used[1][right]
            used[0][left] += thick
            used[1][right] += thick
            parts.append(
                Markup('<path class="band {}" d="{}"><title>{}</title></path>').format(
                    colours.get(left, "cpale"),
                    f"M{start_x:.1f} {start:.1f}C{middle:.1f} {start:.1f} {middle:.1f} {end:.1f} {end_x:.1f} {end:.1f}"
                    f"V{end + thick:.1f}C{middle:.1f} {end + thick:.1f} {middle:.1f} {start + thick:.1f}"
                    f" {start_x:.1f} {start + thick:.1f}Z",
                    f"{left} \u2192 {right}: {written(value)}",
                )
            )
    for side, names in enumerate(sums):
        x, label_x, anchor = (labels, labels - 7, "end") if side == 0 else (end_x, end_x + _BLOCK + 7, "start")
        for name, value in names.items():
            top, thick = tops[side][name], value * scale
            parts.append(
                Markup(
                    '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{}" height="{:.1f}"/>'
                    '<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>'
                ).format(
                    colours.get(name, "cpale"),
                    x,
                    top,
                    _BLOCK,
                    max(1.0, thick),
                    label_x,
                    top + thick / 2 + 4,
                    anchor,
                    name if len(name) <= longest else name[: longest - 1] + "\u2026",
                )
            )
    deepest = max(tops[side][name] + value * scale for side, names in enumerate(sums) for name, value in names.items())
    return Markup('<svg class="drawing" viewBox="0 -12 {:.0f} {:.0f}" role="img" aria-label="{}">{}</svg>').format(
        width, deepest + 24, "Value given on the left, got for it on the right", Markup("").join(parts)
    )


def _stack(names: Mapping[str, float], scale: float) -> dict[str, float]:
    """Where each name's block begins, from the top; labels do not touch each other."""
    tops, top = {}, 0.0
    for name, value in names.items():
        tops[name] = top
        top += max(value * scale + _GAP, 17.0)
    return tops

"""Drawings as files of their own: what a document shows, in light and dark, without a page around it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from markupsafe import Markup

from reports.circle_drawing import HEIGHT, WIDTH, Giving, circle_drawing
from reports.page import DRAWING_STYLE
from reports.peg_tree import Peg

_COLOURS = "svg { color: #1f2933 } @media (prefers-color-scheme: dark) { svg { color: #e4eaf0 } }"
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_VIEW = re.compile(r'viewBox="0 0 (\d+) (\d+)"')
_ROW, _INDENT, _DOT, _LINE = 44.0, 44.0, 7.0, 24.0


def picture(drawing: Markup) -> str:
    """An SVG drawing of `reports` as a file. Raises ValueError when it has no size."""
    size = _VIEW.search(drawing)
    if size is None:
        raise ValueError("a drawing needs a viewBox that begins at 0 0")
    opening, rest = drawing.split(">", 1)
    width, height = size.groups()
    head = f'{opening} xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
    return f"{head}\n<style>\n{_COLOURS}\n{_style(drawing)}\n</style>\n{rest}\n"


def _style(drawing: str) -> str:
    """The colours, and the rules of all drawings that this one needs."""
    classes = {name for names in re.findall(r'class="([^"]*)"', drawing) for name in names.split()}
    colours = [
        line for line in DRAWING_STYLE.splitlines() if line.startswith((":root", "@media (prefers-color-scheme"))
    ]
    rules = []
    for line in DRAWING_STYLE.splitlines():
        if not line.startswith((":", "@", "/*")):
            for selector, rule in _RULE.findall(line):
                wanted = set(re.findall(r"\.([\w-]+)", selector))
                if wanted and wanted <= classes:
                    rules.append(f"{selector.strip()} {{{rule}}}")
    used = set(re.findall(r"var\((--[\w-]+)\)", " ".join(rules)))
    return "\n".join([*(_only(colour, used) for colour in colours), *rules])


def _only(colours: str, used: set[str]) -> str:
    """A line that sets colours, without those that nobody uses."""
    return re.sub(r"(--[\w-]+): [^;}]+?(; |(?= \}))", lambda match: match[0] if match[1] in used else "", colours)


def told_circle(steps: Sequence[Giving]) -> Markup:
    """A circle with its numbers, and below it what each of them means."""
    drawing = str(circle_drawing(steps)).removesuffix("</svg>")
    takers = [*(step.giver for step in steps[1:]), steps[0].giver]
    lines = [
        Markup('<text x="{:.0f}" y="{:.0f}" text-anchor="middle">{}. {} gives {} to {}</text>').format(
            WIDTH / 2.0, HEIGHT + number * _LINE, number + 1, step.giver, step.amount, taker
        )
        for number, (step, taker) in enumerate(zip(steps, takers, strict=True))
    ]
    height = HEIGHT + len(steps) * _LINE
    sized = drawing.replace(f'viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}"', f'viewBox="0 0 {WIDTH:.0f} {height:.0f}"')
    return Markup(sized) + Markup("").join(lines) + Markup("</svg>")


def peg_drawing(currencies: Sequence[Peg]) -> Markup:
    """The tree of pegs as a drawing, for a few currencies: each below the one that it is pegged to, with its rate."""
    rows: list[tuple[Peg, int]] = []
    below: dict[int | None, list[Peg]] = defaultdict(list)
    known = {peg.key for peg in currencies}
    for peg in currencies:
        below[peg.peg if peg.peg in known else None].append(peg)

    def walk(key: int | None, depth: int) -> None:
        for peg in below[key]:
            rows.append((peg, depth))
            walk(peg.key, depth + 1)

    walk(None, 0)
    places = {peg.key: (20.0 + depth * _INDENT, 24.0 + row * _ROW) for row, (peg, depth) in enumerate(rows)}
    parts = []
    for peg, _ in rows:
        x, y = places[peg.key]
        if peg.peg in places:
            above_x, above_y = places[peg.peg]
            parts.append(
                Markup('<path class="arc" d="M{:.0f} {:.0f}V{:.0f}H{:.0f}"/>').format(
                    above_x, above_y + _DOT, y, x - _DOT
                )
            )
        parts.append(Markup('<circle class="c0" cx="{:.0f}" cy="{:.0f}" r="{:.0f}"/>').format(x, y, _DOT))
        text = Markup('<text x="{:.0f}" y="{:.0f}"><tspan class="strong">{}</tspan><tspan dx="10">{}</tspan></text>')
        parts.append(text.format(x + 16.0, y + 5.0, peg.name, peg.rate))
    said = "; ".join(f"{peg.name}: {peg.rate}" for peg, _ in rows)
    height = len(rows) * _ROW + 8.0
    return Markup(
        '<svg class="drawing" viewBox="0 0 460 {:.0f}" role="img" aria-label="{}" font-size="15">{}</svg>'
    ).format(height, said, Markup("").join(parts))

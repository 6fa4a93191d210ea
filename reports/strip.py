"""A bar in a table: a strip as wide as its cell."""

from __future__ import annotations

from markupsafe import Markup


def strip(start: float, end: float, whole: float, colour: str = "c0") -> Markup:
    """A bar from `start` to `end` in a strip that stands for 0 to `whole`; what is there is seen, however small.

    `colour` is a class of drawing.css: c0 to c9, cpale, cgood or cbad.
    """
    scale = 100.0 / whole if whole > 0 else 0.0
    x, width = start * scale, (end - start) * scale
    if end > start:
        width = max(width, 0.4)
        x = min(x, 100.0 - width)
    return Markup(
        '<svg class="strip" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="{}" x="{:.2f}" width="{:.2f}" height="1"/></svg>'
    ).format(colour, x, width)

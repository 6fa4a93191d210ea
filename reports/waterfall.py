"""From all there was to what is left: each step takes something away, and says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports.strip import strip


@dataclass(frozen=True, slots=True)
class Step:
    """What a step takes away: its name, how much, that as a text with its unit, and a sentence about it."""

    name: str
    size: float
    written: str
    meaning: str = ""


def waterfall(whole: Step, steps: Sequence[Step], rest: Step) -> Markup:
    """A table of bars: the whole, what each step takes away from it, and the rest."""
    rows = [_row(whole, 0.0, whole.size, whole.size, "cpale", "whole")]
    left = whole.size
    for step in steps:
        rows.append(_row(step, left - step.size, left, whole.size, "c3", "step"))
        left -= step.size
    rows.append(_row(rest, 0.0, rest.size, whole.size, "c0", "whole"))
    return Markup('<table class="falls"><tbody>{}</tbody></table>').format(Markup("").join(rows))


def _row(step: Step, start: float, end: float, whole: float, colour: str, kind: str) -> Markup:
    meaning = Markup("<small>{}</small>").format(step.meaning) if step.meaning else ""
    return Markup('<tr class="{}"><td>{}{}</td><td class="strip">{}</td><td class="n">{}</td></tr>').format(
        kind, step.name, meaning, strip(max(start, 0.0), end, whole, colour), step.written
    )

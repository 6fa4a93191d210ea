"""The tree of pegs: each currency below the one that its value is fixed in, with the rate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Peg:
    """A currency: `peg` is the key of the one above it, `rate` says its value in that, `written` is at the right.

    `weight` decides who is shown first, and who is folded away.
    """

    key: int
    peg: int | None
    name: str
    rate: str
    written: str = ""
    weight: float = 0.0


def peg_tree(currencies: Sequence[Peg], most_children: int = 8, most: int = 300) -> Markup:
    """Nested lists. Of each currency the `most_children` heaviest are open, the others folded; at most `most` in all.

    Whose peg is not among the currencies is a root.
    """
    heaviest = sorted(currencies, key=lambda peg: (-peg.weight, peg.name, peg.key))
    known = {peg.key for peg in currencies}
    below: dict[int | None, list[Peg]] = defaultdict(list)
    for peg in heaviest:
        below[peg.peg if peg.peg in known and peg.peg != peg.key else None].append(peg)
    left = [most]
    return Markup('<ul class="tree">{}</ul>').format(_items(below[None], below, left, most_children))


def _items(pegs: list[Peg], below: dict[int | None, list[Peg]], left: list[int], most_children: int) -> Markup:
    """Items of a list, none once `left` are used up."""
    shown, folded = pegs[:most_children], pegs[most_children:]
    if len(folded) == 1:
        shown, folded = pegs, []
    items = [_item(peg, below, left, most_children) for peg in shown]
    if folded:
        inner = Markup("").join(_item(peg, below, left, most_children) for peg in folded)
        if inner:
            items.append(
                Markup("<li><details><summary>{:,} more</summary><ul>{}</ul></details></li>").format(len(folded), inner)
            )
    return Markup("").join(items)


def _item(peg: Peg, below: dict[int | None, list[Peg]], left: list[int], most_children: int) -> Markup:
    if left[0] <= 0:
        return Markup("")
    left[0] -= 1
    children = _items(below[peg.key], below, left, most_children) if peg.key in below else Markup("")
    return Markup("<li><div><b>{}</b><span>{}</span>{}</div>{}</li>").format(
        peg.name,
        peg.rate,
        Markup('<span class="n">{}</span>').format(peg.written) if peg.written else "",
        Markup("<ul>{}</ul>").format(children) if children else "",
    )

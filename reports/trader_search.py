"""A search for any trader within a page: the data are in it, and a script of a few lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports.page import SCRIPT

LARGEST = 450_000
"""Characters of the data; a page has at most 1 MB."""


@dataclass(frozen=True, slots=True)
class Found:
    """A trader: what it is called, a sentence about it (with its ID), and the rows of its table."""

    name: str
    about: str
    rows: Sequence[Sequence[str]]


def trader_search(
    head: Sequence[str], traders: Iterable[Found], numeric: Sequence[int] = (), whole: int | None = None
) -> Markup:
    """A field to search in, and the table of whom is chosen; the first trader is shown at the start.

    The columns in `numeric` stand to the right. As many traders as there is room for, in this order; `whole` is how
    many there are, which is said when some are missing.
    """
    texts: list[str] = []
    size = missing = 0
    for trader in traders:
        text = json.dumps([trader.name, trader.about, trader.rows], separators=(",", ":"), ensure_ascii=False)
        if size + len(text) > LARGEST:
            missing += 1
            continue
        size += len(text)
        texts.append(text)
    whole = len(texts) + missing if whole is None else whole
    start = json.dumps({"head": head, "right": list(numeric)}, separators=(",", ":"))
    data = f'{start[:-1]},"traders":[{",".join(texts)}]}}'
    # Nothing in it may end the element.
    data = data.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    note = (
        Markup('<p class="note">This page has room for {:,} of the {:,} traders: the largest.</p>').format(
            len(texts), whole
        )
        if whole > len(texts)
        else ""
    )
    return Markup(
        '<p><label>Name or ID: <input type="search" id="search" autocomplete="off"></label></p>{}'
        '<div id="found"></div><div id="shown" class="card" aria-live="polite"></div>'
        '<script type="application/json" id="traders">{}</script><script>{}</script>'
    ).format(note, Markup(data), Markup(SCRIPT))

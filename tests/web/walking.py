"""Somebody follows all links of the dashboard."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from tests.web.browser_tab import Tab

_LINKS = "[...document.querySelectorAll('a[href]')].map((a) => a.href.split('#')[0])"


def follow_all_links(tab: Tab, start: str, look: Callable[[bool], None]) -> Counter[str]:
    """Opens `start` and every page below it that a link leads to; returns how many there were of each kind.

    Of pages that differ by a number only, two are looked at. `look` is called when one is open, with all its details
    unfolded, and hears whether it is the first of its kind.
    """
    kinds: Counter[str] = Counter()
    to_visit, met = [start], set()
    while to_visit:
        address = to_visit.pop(0)
        kind = re.sub(r"queues/\w+", "queues/Q", re.sub(r"\d+", "N", address.removeprefix(start)))
        if address in met or kinds[kind] == 2 or not address.startswith(start):
            continue
        met.add(address)
        kinds[kind] += 1
        tab.go(address)
        to_visit += tab.run(_LINKS)
        tab.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        look(kinds[kind] == 1)
    return kinds

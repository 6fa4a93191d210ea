"""Pages in a real browser: whether anything is cut off, or can not be used by everybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.web.browser import browser
from tests.web.browser_tab import opened

_LOOK = """
(() => {
  const cut = [...document.querySelectorAll(".scroll, .card, p, h1, h2, h3, td, li")]
    .filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.className || e.tagName);
  return {
    width: document.documentElement.scrollWidth, cut,
    back: getComputedStyle(document.body).backgroundColor,
    found: document.querySelectorAll("#found button").length,
    trader: (document.querySelector("#shown h3") || {}).textContent || "",
  };
})()
"""


def looked_at(page: Path, width: int, profile: Path, is_dark: bool = False) -> dict[str, Any]:
    """How wide a page is in a window of this width, which of its elements hide something, what its search found, and
    what is wrong with it (`faults`).
    """
    program = browser()
    assert program is not None
    with opened(program, profile) as tab:
        tab.look_like(width, is_dark)
        tab.go(page.as_uri())
        seen: dict[str, Any] = tab.run(_LOOK)
        return {**seen, "faults": tab.faults()}

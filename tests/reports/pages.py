"""Pages in a real browser: whether anything is cut off."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.web.browser import browser, visit

WIDTHS = (390, 1440)
DARK = ("--force-dark-mode", "--blink-settings=preferredColorScheme=0")

_FRAME = """<!doctype html><html><body style="margin:0">
<iframe id="page" src="{name}" style="border:0;width:{width}px;height:900px"></iframe>
<pre id="result">nothing</pre>
<script>
document.getElementById("page").addEventListener("load", (event) => {{
  const page = event.target.contentDocument, view = event.target.contentWindow;
  const cut = [...page.querySelectorAll(".scroll, .card, p, h1, h2, h3, td, li")]
    .filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.className || e.tagName);
  document.getElementById("result").textContent = JSON.stringify({{
    width: page.documentElement.scrollWidth, cut,
    back: view.getComputedStyle(page.body).backgroundColor,
    found: page.querySelectorAll("#found button").length,
    trader: (page.querySelector("#shown h3") || {{}}).textContent || "",
  }});
}});
</script></body></html>
"""


def looked_at(page: Path, width: int, profile: Path, *arguments: str) -> dict[str, Any]:
    """How wide a page is in a window of this width, which of its elements hide something, and what its search found.

    A window of the browser can not be as narrow as a phone, but a frame in it can.
    """
    frame = page.with_name(f"frame-{width}.html")
    frame.write_text(_FRAME.format(name=page.name, width=width))
    program = browser()
    assert program is not None
    document = visit(
        program,
        frame.as_uri(),
        profile,
        "--allow-file-access-from-files",
        f"--window-size={width + 600},1000",
        *arguments,
    )
    found = re.search(r'<pre id="result">(.*?)</pre>', document, re.DOTALL)
    assert found is not None, document[:1000]
    result: dict[str, Any] = json.loads(found[1].replace("&amp;", "&"))
    return result

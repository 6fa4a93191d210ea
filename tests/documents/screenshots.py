"""Takes the screenshots of the documents, in a world that trades: `python -m tests.documents.screenshots`."""

from __future__ import annotations

import base64
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from admin.commands.demo_dashboard import dashboard
from sandbox.demo import Databases, Scene, run_demo
from tests.documents.pictures import FOLDER
from tests.web.browser import browser
from tests.web.browser_tab import Tab, opened

WIDTH, HEIGHT = 1200, 1000
SCREENSHOTS = ("dashboard.png", "dashboard-turn.png", "dashboard-trader.png", "demo.png")
"""All that are in docs/pictures."""
TURNS = 3
"""That trade after the demo's: a history worth a look."""


def take_screenshots(folder: Path, scene: Scene, turns: int = TURNS) -> bool:
    """Writes the pictures into the folder. Returns whether the turns went well, as `run_demo` does.

    Raises BrowserError when a page is not there, and AssertionError when it has not what is to be seen on it.
    """
    program = browser()
    if program is None:
        raise FileNotFoundError("no browser on this machine: install chromium")

    with tempfile.TemporaryDirectory(prefix="swpt-screenshots-") as scratch:
        report = Path(scratch) / "report"

        @contextmanager
        def watched(databases: Databases) -> Iterator[str]:
            """The dashboard, whose pictures are taken when the last turn is over."""
            with dashboard(databases) as address:
                yield address
                with opened(program, Path(scratch) / "profile") as tab:
                    _take_all(tab, address, report / "index.html", folder)

        return run_demo(scene, report, watched, turns)


def _take_all(tab: Tab, address: str, report: Path, folder: Path) -> None:
    tab.look_like(WIDTH, is_dark=False)
    tab.go(address)
    _take(tab, folder / "dashboard.png", "Turn ")
    tab.go(f"{address}turns/")
    tab.click("tbody tr:first-child a")
    _take(tab, folder / "dashboard-turn.png", "Flows between currencies")
    trader = re.search(r"Trader (\d+) gives", tab.run("document.body.textContent"))
    assert trader is not None
    tab.go(f"{tab.run('location.origin + location.pathname')}/trader?id={trader[1]}")
    _take(tab, folder / "dashboard-trader.png", trader[1])
    tab.go(report.as_uri())
    _take(tab, folder / "demo.png", "turn")


def _take(tab: Tab, path: Path, content: str) -> None:
    """The upper part of a page on which this can be read."""
    assert content in tab.text(), tab.text()[:2000]
    # What moves has to come to rest.
    tab.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    clip = {"x": 0, "y": 0, "width": WIDTH, "height": HEIGHT, "scale": 1}
    shot = tab.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
    path.write_bytes(base64.b64decode(shot["data"]))


if __name__ == "__main__":
    sys.exit(not take_screenshots(FOLDER, Scene()))

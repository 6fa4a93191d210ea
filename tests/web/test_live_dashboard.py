"""The dashboard while a world trades."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from admin.commands.demo_dashboard import dashboard
from sandbox.demo import Databases, Scene, run_demo
from tests.conftest import skip_or_fail
from tests.web.browser import browser
from tests.web.browser_tab import opened
from tests.web.walking import follow_all_links

LOOKS = [(390, True), (1440, False)]

pytestmark = pytest.mark.slow


def test_whoever_walks_through_live_turns_finds_every_page_as_it_should_be(tmp_path: Path) -> None:
    """One walks while the turns go on, again and again, and once more when they are over."""
    program = browser()
    if program is None:
        skip_or_fail("no browser")
        return
    walks: list[Counter[str]] = []
    faults: list[str] = []

    @contextmanager
    def watched(databases: Databases) -> Iterator[str]:
        is_over = threading.Event()

        def walk(address: str) -> None:
            with opened(program, tmp_path / "profile") as tab:

                def look(is_first: bool) -> None:
                    for width, is_dark in LOOKS if is_first else LOOKS[:1]:
                        tab.look_like(width, is_dark)
                        where = tab.run("location.pathname")
                        faults.extend(f"{where} {width} {fault}" for fault in tab.faults())

                is_last = False
                while not is_last:
                    is_last = is_over.is_set()
                    walks.append(follow_all_links(tab, address, look))
                faults.extend(tab.complaints)

        with dashboard(databases) as address:
            walker = threading.Thread(target=walk, args=(address,))
            walker.start()
            yield address
            is_over.set()
            walker.join()

    assert run_demo(Scene(traders=60, currencies=8, shards=1), tmp_path / "report", watched, 1)
    assert len(walks) >= 2
    assert faults == []
    last = {kind.partition("?")[0] for kind in walks[-1]}
    assert last >= {"", "turns/", "turns/N", "currencies/", "currencies/N", "collectors/N/N", "shards/", "shards/N"}

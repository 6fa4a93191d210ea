"""That the pages of the other tests are really looked at by axe-core."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import skip_or_fail
from tests.web import axe_core
from tests.web.browser import browser
from tests.web.browser_tab import opened

BROKEN = """<!doctype html>
<html><head><title>Broken</title>
<style>p { color: #999; background: #ccc } </style></head>
<body><main><h1>A page</h1><h4>A part</h4><p>Hardly to be read</p><input><button></button>
<svg width="9" height="9"></svg></main></body></html>
"""


@pytest.mark.slow
def test_a_broken_page_has_faults(tmp_path: Path) -> None:
    if (program := browser()) is None:
        skip_or_fail("no browser")
    if not axe_core.PROGRAM.exists():
        skip_or_fail(axe_core.MISSING)
    (tmp_path / "page.html").write_text(BROKEN)
    with opened(program or "", tmp_path / "profile") as tab:
        tab.look_like(390, is_dark=False)
        tab.go((tmp_path / "page.html").as_uri())
        faults = tab.faults()
    rules = {fault.partition(":")[0] for fault in faults}
    assert rules == {
        "a drawing that nobody can hear of",
        "button-name",
        "color-contrast",
        "heading-order",
        "html-has-lang",
        "label",
        "target-size",
    }
    (contrast,) = (fault for fault in faults if fault.startswith("color-contrast"))
    assert ": p: " in contrast
    assert "1.77" in contrast


def test_in_ci_axe_core_has_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(axe_core, "_program", lambda: None)
    monkeypatch.delenv("CI", raising=False)
    assert axe_core.violations(lambda _script: None) == []
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no axe-core"):
        axe_core.violations(lambda _script: None)

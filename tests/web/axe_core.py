"""axe-core, which knows the rules of WCAG, let loose on the page of a browser's tab. It is part of no release."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).with_name("axe")
PROGRAM = FOLDER / "node_modules" / "axe-core" / "axe.min.js"
MISSING = "no axe-core: run `make system`, with npm"

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
"""The rules that pages are held to."""

# It would ask for the style sheets once more, which the policy of a page may forbid.
_OPTIONS = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"], "preload": False}


@functools.cache
def _program() -> str | None:
    return PROGRAM.read_text() if PROGRAM.exists() else None


def violations(run: Callable[[str], Any]) -> list[str]:
    """What axe-core finds on a page, a line for each rule that is broken: the rule, where, and what is wrong.

    `run` gives the value of a JavaScript expression in the page. Without axe-core nothing is found; in CI that is a
    failure, and elsewhere the tests of this module skip and say so.
    """
    program = _program()
    if program is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        return []
    if not run("typeof axe === 'object'"):
        run(f"{program}; true")
    found = run(f"axe.run(document, {json.dumps(_OPTIONS)}).then((r) => r.violations)")
    return [_in_words(violation) for violation in found]


def _in_words(violation: dict[str, Any]) -> str:
    nodes = violation["nodes"]
    places = ", ".join(" ".join(map(str, node["target"])) for node in nodes[:5])
    more = f" and {len(nodes) - 5} more" if len(nodes) > 5 else ""
    return f"{violation['id']}: {violation['help']}: {places}{more}: {nodes[0]['failureSummary']}"

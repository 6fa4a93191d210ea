"""HTML pages by templates: `templates/page.html.j2` is the frame, `parts.html.j2` what they consist of."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reports.strip import strip


def _text(name: str) -> str:
    return files("reports").joinpath("templates", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


DRAWING_STYLE = _text("drawing.css")
"""What all drawings need of a style."""
STYLE = DRAWING_STYLE + _text("page.css")
SCRIPT = _text("search.js")
POLICY = f"default-src 'none'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}"
"""Nothing is loaded, and no other script runs, whatever the names in a page are."""


def environment(*packages: str) -> Environment:
    """The templates of these packages, and those of `reports`. Every text is escaped where it enters a page."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in (*packages, "reports")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(strip=strip, style=Markup(STYLE), policy=POLICY)
    return made


TEMPLATES = environment()

"""HTML pages by templates: `templates/page.html.j2` is the frame, `parts.html.j2` what they consist of."""

from __future__ import annotations

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined


def environment(*packages: str) -> Environment:
    """The templates of these packages, and those of `reports`. Every text is escaped where it enters a page."""
    return Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in (*packages, "reports")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


TEMPLATES = environment()
